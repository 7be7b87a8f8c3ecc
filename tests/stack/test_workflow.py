"""The state machine's definition, for what local clouds do not check."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from cdk.workflow import GATHERERS
from reindex.domain.run_records import RunRecord
from reindex.domain.states import Phase
from reindex.reports import footprint
from reindex.steps.gather import MAX_PARTS, PART_SECONDS
from reindex.steps.ordering import GROUP_ROWS, RANGE_ROWS
from tests.stack.readable import readable
from tests.stack.templates import Stage

State = Mapping[str, Any]

#: Variables of the language itself, and the functions we use of it.
BUILT_IN = {"states", "exists", "count", "string", "floor", "millis", "substring", "join"}


@pytest.fixture(scope="module")
def definition(stage: Stage) -> Mapping[str, Any]:
    machine = stage.properties("AWS::StepFunctions::StateMachine")["<WorkflowRun>"]
    parsed: Mapping[str, Any] = json.loads(readable(machine["DefinitionString"]))
    return parsed


def machines(definition: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """The machine, and those within its maps."""
    yield definition
    for state in definition["States"].values():
        if "ItemProcessor" in state:
            yield from machines(state["ItemProcessor"])


def states(definition: Mapping[str, Any]) -> dict[str, State]:
    return {name: s for machine in machines(definition) for name, s in machine["States"].items()}


def following(state: State) -> set[str]:
    rules = [*state.get("Choices", ()), *state.get("Catch", ())]
    steps = {state.get("Next"), state.get("Default"), *(rule["Next"] for rule in rules)}
    return {step for step in steps if step}


def texts(value: Any) -> Iterator[str]:
    match value:
        case str():
            yield value
        case Mapping():
            for part in value.values():
                yield from texts(part)
        case list():
            for part in value:
                yield from texts(part)


def test_every_step_leads_somewhere_and_is_led_to(definition: Mapping[str, Any]) -> None:
    for machine in machines(definition):
        reached, left = set(), {machine["StartAt"]}
        while left:
            name = left.pop()
            reached.add(name)
            left |= following(machine["States"][name]) - reached
        assert reached == machine["States"].keys()
        for name, state in machine["States"].items():
            assert following(state) or state.get("End") or state["Type"] in {"Succeed", "Fail"}, (
                name
            )


def test_a_segment_of_the_tally_is_as_many_transitions_as_its_cost_is_reckoned_with(
    definition: Mapping[str, Any],
) -> None:
    segment = states(definition)["Tally"]["ItemProcessor"]["States"]

    assert len(segment) == footprint.SEGMENT_TRANSITIONS


def test_what_a_run_goes_through(definition: Mapping[str, Any]) -> None:
    name, path = definition["StartAt"], []
    while True:
        path.append(name)
        state = definition["States"][name]
        name = state.get("Next") or state.get("Default")
        if path[-1] == "Anything listed?":
            name = state["Choices"][0]["Next"]
        if not name or name == "Run did not succeed":
            break
    assert path == [
        "Plan",
        "Gather",
        "Preflight",
        "Anything listed?",
        "Put in order?",
        "Open index phase",
        "Turn index rule on",
        "Index phase",
        "Open check phase",
        "Turn check rule on",
        "Check phase",
        "Anything sent back?",
        "Tally",
        "Decide",
        "Another round?",
        "Report",
        "Succeeded?",
    ]


def test_a_run_has_no_time_limit_but_a_heartbeat(
    stage: Stage, definition: Mapping[str, Any]
) -> None:
    machine = stage.properties("AWS::StepFunctions::StateMachine")["<WorkflowRun>"]
    assert machine["StateMachineType"] == "STANDARD"
    assert machine["LoggingConfiguration"]["Level"] == "ALL"
    assert machine["LoggingConfiguration"]["IncludeExecutionData"]
    assert "TimeoutSeconds" not in definition
    waiting = {
        name
        for name, s in states(definition).items()
        if "waitForTaskToken" in s.get("Resource", "")
    }
    assert waiting == {"Index phase", "Check phase"}
    for name, state in states(definition).items():
        assert state.get("HeartbeatSeconds") == (300 if name in waiting else None)
        assert "TimeoutSeconds" not in state


def test_every_error_is_caught(definition: Mapping[str, Any]) -> None:
    tidying = {
        "Let go of phase": "Make sure index rule is off",
        "Make sure index rule is off": "Make sure check rule is off",
        "Make sure check rule is off": "Close run record",
        "Close run record": "Run failed",
    }
    for name, state in definition["States"].items():
        if state["Type"] in {"Task", "Map"}:
            last = state["Catch"][-1]
            assert last["ErrorEquals"] == ["States.ALL"]
            assert last["Next"] == tidying.get(name, "Let go of phase")
            if name in tidying:
                assert state["Next"] == tidying[name]


def test_a_record_that_is_not_ours_is_left_alone(definition: Mapping[str, Any]) -> None:
    first = definition["States"]["Let go of phase"]["Catch"][0]
    assert first["ErrorEquals"] == ["DynamoDb.ConditionalCheckFailedException"]
    assert first["Next"] == "Run failed"


@pytest.mark.parametrize("phase", Phase)
def test_a_silent_phase_is_turned_off_and_opened_again(
    definition: Mapping[str, Any], phase: Phase
) -> None:
    found = definition["States"]
    caught = found[f"{phase.capitalize()} phase"]["Catch"][0]
    assert caught["ErrorEquals"] == ["States.HeartbeatTimeout"]
    turn_off = found[caught["Next"]]
    assert turn_off["Resource"].endswith("aws-sdk:eventbridge:disableRule")
    choice = found[turn_off["Next"]]
    assert [(c["Condition"], c["Next"]) for c in choice["Choices"]] == [
        ("{% $reopened <= 3 %}", f"Open {phase} phase")
    ]
    assert choice["Default"] == "Let go of phase"


def test_the_run_record_is_written_in_its_own_words(definition: Mapping[str, Any]) -> None:
    fields = RunRecord.__dataclass_fields__.keys()
    updates = [s for s in states(definition).values() if "updateItem" in s.get("Resource", "")]
    assert len(updates) == 6
    for state in updates:
        arguments = state["Arguments"]
        assert arguments["TableName"] == "<TablesRuns>"
        assert arguments["Key"] == {"id": {"S": "current"}}
        assert arguments["ConditionExpression"] == "#run_id = :run AND #status = :open"
        names, values = (
            arguments["ExpressionAttributeNames"],
            arguments["ExpressionAttributeValues"],
        )
        assert set(names.values()) <= fields
        said = arguments["UpdateExpression"] + arguments["ConditionExpression"]
        # DynamoDB refuses a name or value that is declared and not used, and the other way round.
        assert set(re.findall(r"#\w+", said)) == names.keys()
        assert set(re.findall(r":\w+", said)) == values.keys()
        bare = set(re.findall(r"(?<![#:\w])[A-Za-z]\w*", said))
        assert bare <= {"SET", "REMOVE", "AND"}


def test_the_phases_and_states_are_the_codes(definition: Mapping[str, Any]) -> None:
    phases = {
        state["Arguments"]["ExpressionAttributeValues"][":phase"]["S"]
        for name, state in definition["States"].items()
        if name.startswith("Open ") and state["Type"] == "Task"
    }
    assert phases == set(Phase)


def test_every_variable_is_assigned_and_hides_no_function(definition: Mapping[str, Any]) -> None:
    every = states(definition).values()
    assigned = {
        name
        for state in every
        for holder in (state, *state.get("Catch", ()), *state.get("Choices", ()))
        for name in holder.get("Assign", ())
    }
    used = {
        name
        for text in texts(definition)
        if text.startswith("{%")
        for name in re.findall(r"\$(\w+)", text)
    }
    assert used - BUILT_IN == assigned
    # Functions of JSONata that a variable of the name would hide.
    assert not assigned & {"round", "error", "count", "sum", "now", "length", "type", "map", "each"}


#: What our functions raise when a service does not answer, and how Lambda names their deaths.
PASSING = {
    "StoreUnavailable",
    "Lambda.Unknown",
    "Runtime.ExitError",
    "Sandbox.Timedout",
    "States.Timeout",
}


def test_only_what_may_pass_is_tried_again(definition: Mapping[str, Any]) -> None:
    for state in states(definition).values():
        for retrier in state.get("Retry", ()):
            for error in set(retrier["ErrorEquals"]) - PASSING:
                assert re.fullmatch(r"(Lambda|DynamoDb|EventBridge)\.\w+Exception", error)
                assert "ConditionalCheckFailed" not in error


def test_a_passing_fault_costs_no_step_its_run(definition: Mapping[str, Any]) -> None:
    steps = {
        n: s for n, s in states(definition).items() if "lambda:invoke" in s.get("Resource", "")
    }
    assert len(steps) == 10
    for name, state in steps.items():
        tried = {error: r["MaxAttempts"] for r in state["Retry"] for error in r["ErrorEquals"]}
        assert tried.keys() >= PASSING, name
        # No caller waits for the later steps, and their work would be lost.
        assert (tried["StoreUnavailable"] < 3) == (name == "Plan"), name
        # Other parts may work for ten minutes each; a function in a VPC wakes up in minutes.
        for error in (
            "TooManyRequestsException",
            "ResourceNotReadyException",
            "ENINotReadyException",
        ):
            assert tried[f"Lambda.{error}"] >= 60, name


def test_parts_are_gathered_side_by_side_but_not_all_at_once(
    definition: Mapping[str, Any],
) -> None:
    gather = definition["States"]["Gather"]
    assert gather["MaxConcurrency"] == 16
    # Within the execution: its history must hold every part's events, and its state the parts.
    assert gather["ItemProcessor"]["ProcessorConfig"]["Mode"] == "INLINE"
    # A new table takes 4,000 writes a second at least.
    seconds = GATHERERS * 40_000_000 / 4_000
    events = 11 * MAX_PARTS + 7 * seconds / PART_SECONDS
    assert events < 25_000 / 2


def test_a_long_list_is_put_in_order_within_the_executions_history(
    definition: Mapping[str, Any],
) -> None:
    for name in ("Cut", "Sort"):
        state = definition["States"][name]
        assert state["MaxConcurrency"] == 16
        assert state["ItemProcessor"]["ProcessorConfig"]["Mode"] == "INLINE"
    invocations = 40_000_000 / GROUP_ROWS + 40_000_000 / RANGE_ROWS
    assert 11 * invocations < 25_000 / 4


def test_state_stays_small(definition: Mapping[str, Any]) -> None:
    outputs = {
        name: state["Output"] for name, state in definition["States"].items() if state.get("Output")
    }
    assert outputs.keys() == {"Check phase", "Decide", "Report"}
