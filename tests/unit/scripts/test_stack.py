from __future__ import annotations

import pytest

from reindex.domain.failures import StoreUnavailable
from reindex.settings import COMMAND, variables
from scripts.stack import NoSuchStack, stack_environment, variable_of
from tests.unit.aws import SESSION, Calls


def test_a_stacks_outputs_are_its_settings() -> None:
    client = SESSION.client("cloudformation")
    calls = Calls(client, "DescribeStacks")
    outputs = [
        {"OutputKey": "ProgressTable", "OutputValue": "rows"},
        {"OutputKey": "StateMachineArn", "OutputValue": "arn:aws:states"},
    ]
    calls.answer({"Stacks": [{"StackName": "image-reindex-TEST", "Outputs": outputs}]})
    assert stack_environment(client, "TEST") == {
        "PROGRESS_TABLE": "rows",
        "STATE_MACHINE_ARN": "arn:aws:states",
    }
    assert calls.parameters == [{"StackName": "image-reindex-TEST"}]


def test_an_unknown_stage_is_one_clear_line() -> None:
    client = SESSION.client("cloudformation")
    Calls(client, "DescribeStacks").refuse("ValidationError")
    with pytest.raises(NoSuchStack, match=r"^no stack image-reindex-PROOD in us-east-1: is it"):
        stack_environment(client, "PROOD")


def test_a_refusal_is_no_unknown_stage() -> None:
    client = SESSION.client("cloudformation")
    Calls(client, "DescribeStacks").refuse("AccessDenied", 403)
    with pytest.raises(StoreUnavailable, match="CloudFormation: DescribeStacks: AccessDenied"):
        stack_environment(client, "TEST")


@pytest.mark.parametrize("variable", variables(COMMAND))
def test_every_setting_survives_the_way_through_an_output(variable: str) -> None:
    output = "".join(part.capitalize() for part in variable.split("_"))
    assert variable_of(output) == variable
