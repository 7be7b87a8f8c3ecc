"""The switches of a run, in EventBridge and Step Functions."""

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from moto import mock_aws

from reindex.domain.failures import StoreUnavailable
from reindex.domain.states import Phase
from reindex.stores.aws import client_config
from reindex.stores.interfaces.phases import Phases
from reindex.stores.phases import AwsPhases
from tests.unit.aws import SESSION, Calls

if TYPE_CHECKING:
    from mypy_boto3_events import EventBridgeClient
    from mypy_boto3_stepfunctions import SFNClient

CONFIG = client_config(attempts=1)


@pytest.fixture(autouse=True)
def _aws() -> Iterator[None]:
    with mock_aws():
        yield


@pytest.fixture
def events() -> "EventBridgeClient":
    client = SESSION.client("events", config=CONFIG)
    for name in ("index-rule", "check-rule"):
        client.put_rule(Name=name, ScheduleExpression="rate(1 minute)", State="ENABLED")
    return client


@pytest.fixture
def stepfunctions() -> "SFNClient":
    return SESSION.client("stepfunctions", config=CONFIG)


@pytest.fixture
def phases(events: "EventBridgeClient", stepfunctions: "SFNClient") -> Phases:
    rules = {Phase.INDEX: "index-rule", Phase.CHECK: "check-rule"}
    return AwsPhases(events, stepfunctions, rules)


def test_turning_a_phase_off_leaves_the_other_on(phases: Phases) -> None:
    phases.turn_off(Phase.INDEX)

    assert not phases.is_on(Phase.INDEX)
    assert phases.is_on(Phase.CHECK)


def test_turning_a_phase_off_twice_is_harmless(phases: Phases) -> None:
    phases.turn_off(Phase.INDEX)
    phases.turn_off(Phase.INDEX)

    assert not phases.is_on(Phase.INDEX)


def test_a_rule_that_does_not_exist_is_never_taken_for_one_that_is_off(
    phases: Phases, events: "EventBridgeClient"
) -> None:
    events.delete_rule(Name="check-rule")

    with pytest.raises(StoreUnavailable, match="ResourceNotFound"):
        phases.is_on(Phase.CHECK)


def test_an_execution_runs_until_it_is_stopped(phases: Phases, stepfunctions: "SFNClient") -> None:
    machine = stepfunctions.create_state_machine(
        name="run",
        definition=json.dumps({"StartAt": "End", "States": {"End": {"Type": "Succeed"}}}),
        roleArn="arn:aws:iam::123456789012:role/states",
    )["stateMachineArn"]
    execution = stepfunctions.start_execution(stateMachineArn=machine)["executionArn"]

    assert phases.is_running(execution)
    stepfunctions.stop_execution(executionArn=execution)
    assert not phases.is_running(execution)


def test_an_unknown_execution_does_not_run(phases: Phases) -> None:
    assert not phases.is_running("arn:aws:states:us-east-1:123456789012:execution:run:gone")


def test_an_execution_that_cannot_be_asked_for_is_never_taken_for_dead(
    phases: Phases, stepfunctions: "SFNClient"
) -> None:
    Calls(stepfunctions, "DescribeExecution").refuse("AccessDeniedException")

    with pytest.raises(StoreUnavailable):
        phases.is_running("arn:aws:states:us-east-1:123456789012:execution:run:there")


OPERATIONS = ["SendTaskHeartbeat", "SendTaskSuccess", "SendTaskFailure"]


def _send(phases: Phases, operation: str) -> bool:
    match operation:
        case "SendTaskHeartbeat":
            return phases.heartbeat("token")
        case "SendTaskSuccess":
            return phases.succeed("token", again=True)
        case _:
            return phases.fail("token", "Held", "x" * 40_000)


@pytest.mark.parametrize("operation", OPERATIONS)
def test_a_token_that_an_execution_waits_for_is_recognised(
    phases: Phases, stepfunctions: "SFNClient", operation: str
) -> None:
    calls = Calls(stepfunctions, operation)
    calls.answer({})

    assert _send(phases, operation)

    assert calls.parameters[0]["taskToken"] == "token"


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("code", ["TaskTimedOut", "TaskDoesNotExist", "InvalidToken"])
def test_a_token_that_no_execution_waits_for_is_refused(
    phases: Phases, stepfunctions: "SFNClient", operation: str, code: str
) -> None:
    Calls(stepfunctions, operation).refuse(code)

    assert not _send(phases, operation)


@pytest.mark.parametrize("operation", OPERATIONS)
def test_a_token_whose_state_is_unknown_is_not_taken_for_dead(
    phases: Phases, stepfunctions: "SFNClient", operation: str
) -> None:
    Calls(stepfunctions, operation).refuse("ServiceUnavailable", 503)

    with pytest.raises(StoreUnavailable):
        _send(phases, operation)


def test_a_cause_is_cut_to_what_step_functions_takes(
    phases: Phases, stepfunctions: "SFNClient"
) -> None:
    calls = Calls(stepfunctions, "SendTaskFailure")
    calls.answer({})

    phases.fail("token", "Held", "x" * 40_000)

    assert len(calls.parameters[0]["cause"]) == 32_768
