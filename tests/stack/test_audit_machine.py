"""The state machine of audits."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest

from reindex.domain.audit_classes import Listing
from reindex.reports.footprint import AUDITORS
from reindex.steps.audit import MAX_PARTITIONS, MAX_PARTS
from tests.stack.readable import readable
from tests.stack.templates import Stage

#: https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html
HISTORY = 25_000

#: Of an iteration of a map whose part takes one invocation.
EVENTS = 11


@pytest.fixture(scope="module")
def states(stage: Stage) -> Mapping[str, Any]:
    machine = stage.properties("AWS::StepFunctions::StateMachine")["<AuditMachine>"]
    definition = json.loads(readable(machine["DefinitionString"]))
    assert definition["StartAt"] == "Plan"
    found: Mapping[str, Any] = definition["States"]
    return found


def test_it_lists_compares_waits_and_reports(states: Mapping[str, Any]) -> None:
    following = {name: state.get("Next") for name, state in states.items()}
    assert following == {
        "Plan": "List",
        "List": "Compare",
        "Compare": "Settle",
        "Settle": "Report",
        "Report": None,
    }


def test_a_deep_audit_has_no_more_projections_at_once_than_a_worker(
    states: Mapping[str, Any], stage: Stage
) -> None:
    assert states["List"]["MaxConcurrency"] == AUDITORS
    calls = stage.settings.tuning.get("projection_concurrency", 32)
    assert states["Compare"]["MaxConcurrency"] == min(AUDITORS, calls)


def test_the_largest_audit_fits_an_executions_history() -> None:
    assert (len(Listing) * MAX_PARTS + MAX_PARTITIONS) * EVENTS < HISTORY
