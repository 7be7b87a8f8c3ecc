"""What would be refused, or be wrong, at the deployment is found before it, by ``make check``."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest

from tests.stack.lint import findings, rendered
from tests.stack.templates import Stage


def broken(stage: Stage, kind: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """A copy of a stage's template, and its first resource of a type."""
    template = copy.deepcopy(dict(stage.template))
    return template, next(r for r in template["Resources"].values() if r["Type"] == kind)


def test_a_resource_waits_for_its_roles_policy_and_not_for_the_role(prod: Stage) -> None:
    for resource in prod.template["Resources"].values():
        for name in resource.get("DependsOn", []):
            assert prod.template["Resources"][name]["Type"] != "AWS::IAM::Role"


def test_a_property_that_does_not_exist_is_found(prod: Stage) -> None:
    template, function = broken(prod, "AWS::Lambda::Function")
    function["Properties"]["Memory"] = 512
    assert any(found.startswith("E3002 ") and "Memory" in found for found in findings(template))


def test_an_action_that_does_not_exist_is_found(prod: Stage) -> None:
    template, policy = broken(prod, "AWS::IAM::Policy")
    policy["Properties"]["PolicyDocument"]["Statement"][0]["Action"] = "s3:GetObjekt"
    assert any("getobjekt" in found.lower() for found in findings(template))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda states: states["Report"].update(Next="Nowhere"), "Nowhere"),
        (lambda states: states["Report"].update(Type="Tusk"), "Tusk"),
        (lambda states: states.update(Island={"Type": "Succeed"}), "Island is not reachable"),
    ],
)
def test_a_state_machine_that_goes_nowhere_is_found(prod: Stage, change: Any, said: str) -> None:
    template, machine = broken(prod, "AWS::StepFunctions::StateMachine")
    properties = machine["Properties"]
    definition = json.loads(rendered(properties["DefinitionString"]))
    change(definition["States"])
    properties["DefinitionString"] = json.dumps(definition)
    assert any(said in found for found in findings(template))
