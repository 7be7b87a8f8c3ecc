"""A deployment over a reindex that is under way."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields
from typing import Any

import pytest

from reindex.domain.states import Phase
from reindex.settings import Pace, PhaseRules, Rounds
from tests.e2e.runs import eventually, record, upload
from tests.local.deploy import deploy
from tests.local.sample_library import SampleLibrary
from tests.local.stack import LocalStack, local_stack

pytestmark = pytest.mark.e2e

#: What the phases' schedules are called is the stack's own to say.
RULES = {"index_rule", "check_rule"}


@pytest.fixture
def held() -> Iterator[LocalStack]:
    """A deployment whose runs find no room on the queue, however long it takes to deploy again."""
    with local_stack(tuning={"max_backlog": 0}) as running:
        prepared = running.reindex("prepare-index")
        assert prepared.returncode == 0, prepared.stderr
        yield running


def tuning(stack: LocalStack, **changes: Any) -> Mapping[str, Any]:
    """The tuning as it was deployed, with changes."""
    deployed = {
        field.name: getattr(stack.settings[group], field.name)
        for group in (Pace, PhaseRules, Rounds)
        for field in fields(group)
        if field.name not in RULES
    }
    return {name: v for name, v in {**deployed, **changes}.items() if v is not None}


def test_a_deployment_leaves_a_running_phase_alone(held: LocalStack) -> None:
    library = SampleLibrary.generate(12)
    held.fill(library)
    upload(held, library.ids)
    assert held.reindex("start").returncode == 0
    eventually(lambda: record(held).task_token is not None, "the phase waits for its ticks")
    before, on = record(held), held.phases_on()
    assert before.phase is Phase.INDEX
    assert len(on) == 1
    # The local cloud kills what runs of a function that is replaced, and a killed tick's lease
    # would hold for a minute and a half. On AWS it ends in peace.
    assert held.reindex("pause").returncode == 0

    overrides = {"elasticsearch_url": held.index.url, "tuning": tuning(held, max_backlog=500)}
    deploy(held.stage, held.endpoint_url, overrides)

    assert held.phases_on() == on
    assert record(held).task_token == before.task_token
    assert held.reindex("resume").returncode == 0
    # There is room now, and nothing was lost on the way.
    eventually(lambda: not record(held).is_open, "the run is over")
    after = record(held)
    assert (after.run_id, after.status) == (before.run_id, "succeeded")
    assert not library.deviations(held.outcomes())
    assert held.phases_on() == []
    function = f"image-reindex-{held.stage.lower()}-batch-index"
    found = held.client("lambda").get_function_configuration(FunctionName=function)
    assert found["Environment"]["Variables"]["MAX_BACKLOG"] == "500"
