"""A deployment over a running reindex: what CloudFormation would touch, and what it leaves.

CloudFormation changes a resource only if its part of the template did. A rule that is changed
would be disabled (as in the template), a resource that is renamed would be replaced.
"""

import json
from collections.abc import Mapping
from typing import Any

import pytest

from cdk.bundling import Asset
from cdk.stage_loading import load
from reindex.domain.states import Phase
from tests.stack import templates
from tests.stack.readable import readable
from tests.stack.templates import CDK_JSON, EXAMPLE, Stage

TUNING = {
    "max_backlog": 500,
    "projection_concurrency": 8,
    "settle_seconds": 1,
    "tick_seconds": 40,
    "function_seconds": 110,
    "max_attempts": 2,
    "preserve": ["embedding"],
}

#: What may differ after new code and new tuning, and in what.
MAY_CHANGE = {"AWS::Lambda::Function": {"Code", "Environment", "Timeout"}}

#: Also: how many projections an audit requests concurrently. An execution keeps the definition that
#: it was started with.
AUDIT_MACHINE = "<AuditMachine>"


@pytest.fixture(scope="module")
def later(asset: Asset) -> Stage:
    """The stage of every setting, with other code and tuning."""
    entry = {**EXAMPLE, "tuning": {**EXAMPLE["tuning"], **TUNING}}
    return templates.synthesize(load({"PROD": entry}, "PROD"), Asset(asset.path, "1" * 64))


def changed(before: Mapping[str, Any], after: Mapping[str, Any]) -> set[str]:
    return {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}


def test_rules_are_left_as_they_are(prod: Stage, later: Stage) -> None:
    assert prod.of_type("AWS::Events::Rule") == later.of_type("AWS::Events::Rule")
    states = {rule["Name"]: rule["State"] for rule in prod.properties("AWS::Events::Rule").values()}
    for phase in Phase:
        assert states[f"image-reindex-prod-{phase}-phase"] == "DISABLED"


def test_only_functions_change_with_code_and_tuning(prod: Stage, later: Stage) -> None:
    before, after = prod.template["Resources"], later.template["Resources"]
    assert before.keys() == after.keys()
    for name in changed(before, after):
        kind = before[name]["Type"]
        differing = changed(before[name]["Properties"], after[name]["Properties"])
        may_change = MAY_CHANGE.get(kind, set())
        if readable({"Ref": name}) == AUDIT_MACHINE:
            may_change = {"DefinitionString"}
        assert differing <= may_change, name
    codes = {json.dumps(f["Code"]) for f in later.properties("AWS::Lambda::Function").values()}
    assert not codes & {
        json.dumps(f["Code"]) for f in prod.properties("AWS::Lambda::Function").values()
    }


def test_nothing_that_runs_is_replaced(prod: Stage, later: Stage) -> None:
    # Each has a name of its own or a template that stays; none is deleted and made anew.
    for kind, field in (
        ("AWS::Lambda::Function", "FunctionName"),
        ("AWS::StepFunctions::StateMachine", "StateMachineName"),
        ("AWS::Events::Rule", "Name"),
    ):
        names = {key: p[field] for key, p in prod.properties(kind).items()}
        assert names == {key: p[field] for key, p in later.properties(kind).items()}


def test_synthesizing_again_changes_nothing(asset: Asset, prod: Stage) -> None:
    again = templates.synthesize(templates.example_stage(), asset)
    assert again.template == prod.template


def test_another_number_of_workers_does_touch_the_rules(asset: Asset, stage: Stage) -> None:
    # Then they are turned off, and the run's heartbeat opens the phase again.
    overrides = json.dumps({"tuning": {"workers": 2}})
    wider = templates.synthesize(load(CDK_JSON["context"]["stages"], "TEST", overrides), asset)
    assert wider.of_type("AWS::Events::Rule") != stage.of_type("AWS::Events::Rule")
