"""The state machine, run by a local Step Functions: its lambdas are stubs, the rest is real."""

import io
import json
import time
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
import pytest

from reindex.reports import footprint
from tests.local.deploy import CREDENTIALS, REGION
from tests.local.ministack import ministack
from tests.stack.readable import readable
from tests.stack.templates import Stage

#: The run's id says what the stubs do; the file has their inputs.
STUBS = """
import json, os

def note(event):
    with open(os.environ["NOTES"], "a") as notes:
        print(json.dumps(event), file=notes)

def gather(event, context):
    note(event)
    match event["step"]:
        case "plan":
            run_id = event["execution"].rpartition(":")[2]
            if run_id.startswith("busy"):
                raise RuntimeError("run other is open: abort it, or let it end")
            bounds = [("", "b"), ("b", None)] if run_id.startswith("gathers") else []
            return {"parts": [{"after": a, "until": b} for a, b in bounds]}
        case "part":
            if event["run_id"].startswith("gathers-in-vain"):
                raise RuntimeError("S3 does not answer")
            more = event["part"]["until"] is None and event["cursor"] is None
            return {"next": {"after": {"after": "c"}, "taken": 3} if more else None}

def preflight(event, context):
    note(event)
    run_id = event["execution"].rpartition(":")[2]
    if run_id.startswith("refused"):
        raise RuntimeError("nothing is queued")
    work = not run_id.startswith("nothing")
    order = run_id.startswith("long")
    return {
        "run_id": run_id, "index": "images-1", "segments": [0, 1], "work": work, "order": order
    }

def tally(event, context):
    note(event)
    match event["step"]:
        case "segment":
            more = event["segment"] == 1 and event["cursor"] is None
            return {"next": {"part": 1} if more else None}
        case "decide":
            again = event["run_id"].startswith("again") and event["round"] == 0
            return {"again": again, "round": event["round"] + again, "order": False}
        case "plan":
            return {"groups": [0, 1], "ranges": [0, 1, 2]}
        case "group" | "range" | "replace":
            return {"next": None}
        case "report":
            if event["run_id"].startswith("broken"):
                raise RuntimeError("the bucket is gone")
            bad = event["run_id"].startswith("unsuccessful")
            return {
                "run_id": event["run_id"],
                "status": "failed" if bad else "succeeded",
                "report": "reports/x.json",
                "problems": ["the alias has moved", "an upload never ended"] if bad else [],
            }
"""

SUCCEED = "succeed"
FALL_SILENT = "fall silent"
FAIL = "fail"
ABORT = "abort"

ONE_ROUND = [SUCCEED, SUCCEED]

#: Steps that put the work list in order.
ORDERING = {"plan", "group", "range", "replace"}


@dataclass
class Ended:
    """An execution that has ended.

    Attributes:
        rules: Which rules were on each time a phase waited, by phase.
        record: The run record at the end.
        inputs: Of the stubs.
        states: Names of the states it went through, in order.
    """

    status: str
    output: Any
    error: str | None
    cause: str | None
    rules: list[tuple[str, list[str]]]
    record: Mapping[str, Any]
    inputs: list[dict[str, Any]]
    states: list[str] = field(default_factory=list)


class Machine:
    """The state machine of the synthesized stack, on a local cloud."""

    def __init__(self, url: str, stage: Stage, notes: Path) -> None:
        session = boto3.Session(
            CREDENTIALS["AWS_ACCESS_KEY_ID"],
            CREDENTIALS["AWS_SECRET_ACCESS_KEY"],
            region_name=REGION,
        )
        self._notes = notes
        self._dynamodb = session.resource("dynamodb", endpoint_url=url)
        self._events = session.client("events", endpoint_url=url)
        self._stepfunctions = session.client("stepfunctions", endpoint_url=url)
        self._lambda = session.client("lambda", endpoint_url=url)
        self._runs = self._dynamodb.create_table(
            TableName="runs",
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
        )
        for phase in ("index", "check"):
            self._events.put_rule(Name=phase, ScheduleExpression="rate(1 minute)", State="DISABLED")
        definition = readable(
            stage.properties("AWS::StepFunctions::StateMachine")["<WorkflowRun>"][
                "DefinitionString"
            ]
        )
        for placeholder, name in {
            "<Partition>": "aws",
            "<TablesRuns>": "runs",
            "<PhasesIndex>": "index",
            "<PhasesCheck>": "check",
            "<FunctionsGather.Arn>": self._stub("gather"),
            "<FunctionsPreflight.Arn>": self._stub("preflight"),
            "<FunctionsTally.Arn>": self._stub("tally"),
        }.items():
            definition = definition.replace(placeholder, name)
        self._arn = self._stepfunctions.create_state_machine(
            name="run", definition=definition, roleArn="arn:aws:iam::000000000000:role/any"
        )["stateMachineArn"]

    def _stub(self, name: str) -> str:
        code = io.BytesIO()
        with zipfile.ZipFile(code, "w") as archive:
            archive.writestr("stubs.py", STUBS)
        return self._lambda.create_function(
            FunctionName=name,
            Runtime="python3.13",
            Handler=f"stubs.{name}",
            Code={"ZipFile": code.getvalue()},
            Role="arn:aws:iam::000000000000:role/any",
            Environment={"Variables": {"NOTES": str(self._notes)}},
        )["FunctionArn"]

    def run(self, run_id: str, answers: Sequence[str] = (), of: str | None = None) -> Ended:
        """Run to the end; each phase that waits is given the next of the answers.

        Args:
            run_id: Names the execution.
            answers: What the last tick of each phase does.
            of: Whose record there is when it starts; this run's, as preflight leaves it, if None.
        """
        self._notes.write_text("")
        self._runs.put_item(
            Item={"id": "current", "run_id": of or run_id, "status": "open", "held_by": "a gate"}
        )
        execution = self._stepfunctions.start_execution(
            stateMachineArn=self._arn, name=run_id, input='{"any": "input"}'
        )["executionArn"]
        rules = []
        left, answered = list(answers), None
        deadline = time.monotonic() + 60
        while True:
            found = self._stepfunctions.describe_execution(executionArn=execution)
            if found["status"] != "RUNNING":
                break
            assert time.monotonic() < deadline, "the execution does not end"
            record = self._record()
            token = record.get("task_token")
            if token and token != answered and not record["opening"]:
                answered = token
                rules.append((record["phase"], self._enabled()))
                self._answer(left.pop(0), token, record["phase"])
            time.sleep(0.02)
        assert not left
        history = self._stepfunctions.get_paginator("get_execution_history")
        return Ended(
            status=found["status"],
            output=json.loads(found["output"]) if found["status"] == "SUCCEEDED" else None,
            error=found.get("error"),
            cause=found.get("cause"),
            rules=rules,
            record=self._record(),
            inputs=[json.loads(line) for line in self._notes.read_text().splitlines()],
            states=[
                event["stateEnteredEventDetails"]["name"]
                for page in history.paginate(executionArn=execution)
                for event in page["events"]
                if "stateEnteredEventDetails" in event
            ],
        )

    def rules_on(self) -> list[str]:
        return self._enabled()

    def turn_on(self, phase: str) -> None:
        self._events.enable_rule(Name=phase)

    def turn_off(self, phase: str) -> None:
        self._events.disable_rule(Name=phase)

    def _answer(self, answer: str, token: str, phase: str) -> None:
        match answer:
            case "succeed":
                # As a tick does that finds its phase drained: the rule first.
                self.turn_off(phase)
                self._stepfunctions.send_task_success(taskToken=token, output="{}")
            case "fall silent":
                self._stepfunctions.send_task_failure(
                    taskToken=token, error="States.HeartbeatTimeout"
                )
            case "fail":
                self._stepfunctions.send_task_failure(
                    taskToken=token, error="HeldTooLong", cause="the live queue is deep"
                )
            case "abort":
                self._runs.update_item(
                    Key={"id": "current"},
                    UpdateExpression="SET #status = :aborted",
                    ExpressionAttributeNames={"#status": "status"},
                    ExpressionAttributeValues={":aborted": "aborted"},
                )
                self._stepfunctions.send_task_failure(taskToken=token, error="Aborted")

    def _record(self) -> Mapping[str, Any]:
        found: Mapping[str, Any] = self._runs.get_item(Key={"id": "current"}, ConsistentRead=True)[
            "Item"
        ]
        return found

    def _enabled(self) -> list[str]:
        rules = self._events.list_rules()["Rules"]
        return sorted(rule["Name"] for rule in rules if rule["State"] == "ENABLED")


@pytest.fixture(scope="module")
def machine(stage: Stage, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    notes = tmp_path_factory.mktemp("workflow") / "notes"
    with ministack() as running:
        yield Machine(running.url, stage, notes)


def test_a_run_from_start_to_report(machine: Machine) -> None:
    ended = machine.run("good", ONE_ROUND)
    assert ended.status == "SUCCEEDED"
    assert ended.output == {
        "run_id": "good",
        "status": "succeeded",
        "report": "reports/x.json",
        "problems": [],
    }
    assert ended.rules == [("index", ["index"]), ("check", ["check"])]
    assert machine.rules_on() == []
    # The local cloud does not show the states within the Tally's segments.
    assert len(ended.states) == footprint.transitions(rounds=1, segments=0)
    assert float(ended.record["progressed_at"]) == pytest.approx(time.time(), abs=60)
    assert "held_by" not in ended.record


def test_the_inputs_of_the_functions(machine: Machine) -> None:
    plan, preflight, *tally = machine.run("told", ONE_ROUND).inputs
    execution = plan["execution"]
    assert execution.endswith(":run:told")
    assert plan == {"step": "plan", "execution": execution, "input": {"any": "input"}}
    assert preflight == {"execution": execution}
    common = {"run_id": "told", "round": 0}
    segments = [given for given in tally if given["step"] == "segment"]
    assert sorted(segments, key=lambda given: (given["segment"], given["cursor"] is not None)) == [
        {**common, "step": "segment", "segment": 0, "segments": 2, "cursor": None},
        {**common, "step": "segment", "segment": 1, "segments": 2, "cursor": None},
        {**common, "step": "segment", "segment": 1, "segments": 2, "cursor": {"part": 1}},
    ]
    assert tally[len(segments) :] == [
        {**common, "step": "decide", "segments": 2, "input": {"any": "input"}},
        {**common, "step": "report"},
    ]


def test_a_long_list_is_put_in_order_before_it_is_worked_on(machine: Machine) -> None:
    ended = machine.run("long", ONE_ROUND)
    assert ended.status == "SUCCEEDED"
    common = {"run_id": "long", "round": 0}
    ordering = [
        given for given in ended.inputs if given.get("step") in ORDERING and "round" in given
    ]
    parts = [{**common, "cursor": None, "step": "group", "group": n} for n in range(2)]
    parts += [{**common, "cursor": None, "step": "range", "range": n} for n in range(3)]
    assert ordering[0] == {**common, "step": "plan"}
    assert sorted(ordering[1:-1], key=str) == sorted(parts, key=str)
    assert ordering[-1] == {**common, "step": "replace"}
    states = [ended.states.index(name) for name in ("Cut", "Sort", "Replace", "Open index phase")]
    assert states == sorted(states)


def test_a_run_with_nothing_to_do_counts_and_reports(machine: Machine) -> None:
    ended = machine.run("nothing")
    assert ended.status == "SUCCEEDED"
    assert ended.rules == []
    assert [given["step"] for given in ended.inputs if "round" in given][-2:] == [
        "decide",
        "report",
    ]


def test_every_part_of_the_source_is_gathered_to_its_end(machine: Machine) -> None:
    ended = machine.run("gathers", ONE_ROUND)
    assert ended.status == "SUCCEEDED"
    _, *parts = [given for given in ended.inputs if given.get("step") in {"plan", "part"}]
    first, last = {"after": "", "until": "b"}, {"after": "b", "until": None}
    common = {"step": "part", "run_id": "gathers", "input": {"any": "input"}}
    assert sorted(parts, key=lambda given: (given["part"]["after"], str(given["cursor"]))) == [
        {**common, "part": first, "cursor": None},
        {**common, "part": last, "cursor": None},
        {**common, "part": last, "cursor": {"after": {"after": "c"}, "taken": 3}},
    ]
    preflight = next(n for n, given in enumerate(ended.inputs) if "step" not in given)
    assert preflight == 4, "what is to be done must be there before it is counted"


@pytest.mark.parametrize(
    ("run_id", "why"),
    [("busy", "run other is open"), ("gathers-in-vain", "S3 does not answer")],
)
def test_a_run_that_cannot_gather_fails_and_touches_nothing(
    machine: Machine, run_id: str, why: str
) -> None:
    ended = machine.run(run_id, of="another")
    assert ended.status == "FAILED"
    assert ended.cause is not None
    assert why in ended.cause
    assert ended.record["run_id"] == "another"
    assert ended.record["status"] == "open"


def test_the_tally_sends_a_run_round_again(machine: Machine) -> None:
    ended = machine.run("again", ONE_ROUND * 2)
    assert ended.status == "SUCCEEDED"
    assert [phase for phase, _ in ended.rules] == ["index", "check"] * 2
    assert len(ended.states) == footprint.transitions(rounds=2, segments=0)
    assert [given["round"] for given in ended.inputs if given.get("step") == "decide"] == [0, 1]
    assert ended.inputs[-1]["round"] == 1


def test_a_run_whose_report_says_it_failed(machine: Machine) -> None:
    ended = machine.run("unsuccessful", ONE_ROUND)
    assert ended.status == "FAILED"
    assert (ended.error, ended.cause) == (
        "RunFailed",
        "the alias has moved; an upload never ended",
    )


def test_what_preflight_found_is_the_cause_and_nothing_is_touched(machine: Machine) -> None:
    machine.turn_on("check")
    try:
        ended = machine.run("refused", of="another")
        assert ended.status == "FAILED"
        assert ended.cause is not None
        assert "nothing is queued" in ended.cause
        assert ended.record == {
            "id": "current",
            "run_id": "another",
            "status": "open",
            "held_by": "a gate",
        }
        assert machine.rules_on() == ["check"]
    finally:
        machine.turn_off("check")


def test_a_phase_that_falls_silent_is_opened_again_three_times(machine: Machine) -> None:
    ended = machine.run("silent-3", [FALL_SILENT] * 3 + [SUCCEED] + [FALL_SILENT] * 3 + [SUCCEED])
    assert ended.status == "SUCCEEDED"
    assert ended.rules == [("index", ["index"])] * 4 + [("check", ["check"])] * 4


def test_a_phase_that_stays_silent_fails_loudly(machine: Machine) -> None:
    ended = machine.run("silent-4", [SUCCEED] + [FALL_SILENT] * 4)
    assert ended.status == "FAILED"
    assert ended.error == "States.HeartbeatTimeout"
    assert ended.cause == (
        "no tick of the check phase was heard for 300 s, and opening it again did not help"
    )
    assert machine.rules_on() == []
    assert ended.record["status"] == "failed"
    assert ended.record["reason"] == f"{ended.error}: {ended.cause}"


def test_a_tick_that_gives_up_fails_the_run(machine: Machine) -> None:
    ended = machine.run("held", [FAIL])
    assert (ended.status, ended.error, ended.cause) == (
        "FAILED",
        "HeldTooLong",
        "the live queue is deep",
    )
    assert machine.rules_on() == []
    assert ended.record["status"] == "failed"
    assert ended.record["reason"] == "HeldTooLong: the live queue is deep"
    assert float(ended.record["ended_at"]) == pytest.approx(time.time(), abs=60)
    assert not ended.record.keys() & {"phase", "task_token"}


def test_a_broken_report_fails_the_run(machine: Machine) -> None:
    ended = machine.run("broken", ONE_ROUND)
    assert ended.status == "FAILED"
    assert "the bucket is gone" in ended.record["reason"]
    assert ended.record["status"] == "failed"


def test_a_run_that_was_aborted_stays_aborted(machine: Machine) -> None:
    ended = machine.run("aborted", [ABORT])
    assert (ended.status, ended.error) == ("FAILED", "Aborted")
    assert ended.record["status"] == "aborted"
    assert "reason" not in ended.record
    machine.turn_off("index")


def test_a_run_whose_record_was_taken_opens_nothing(machine: Machine) -> None:
    ended = machine.run("late", of="another")
    assert ended.status == "FAILED"
    assert ended.error == "DynamoDb.ConditionalCheckFailedException"
    assert ended.record["run_id"] == "another"
    assert machine.rules_on() == []
