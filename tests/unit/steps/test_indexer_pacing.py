"""The ticks pace the indexers by what the run record says of their bulks."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.stub import Stubber

from reindex.domain.failures import StoreUnavailable
from reindex.domain.indexer_pace import LOOK_SECONDS, SetBy
from reindex.domain.states import Phase, State
from reindex.stores.indexer_concurrency import MappingConcurrency
from tests.unit.aws import SESSION
from tests.unit.steps.world import World

MAPPING = "01234567-89ab-cdef-0123-456789abcdef"


def running(*ids: str, **settings: Any) -> World:
    """A run in its index phase whose indexers are switched off."""
    world = World.in_phase(Phase.INDEX, *ids, **settings)
    world.indexing = False
    world.tick(Phase.INDEX)
    return world


def test_a_run_says_how_many_bulks_go_on_side_by_side() -> None:
    world = running("a")

    assert world.indexers.allowed == [4]
    assert (world.run.indexer_pace["concurrency"], world.run.indexer_pace["set_by"]) == (
        4,
        SetBy.STARTING,
    )


def test_the_indexers_count_what_they_send() -> None:
    world = running("a", "b")
    write = world.index.write

    def slow(*args: Any) -> Any:
        world.clock.time += 2.5
        return write(*args)

    world.index.write = slow  # type: ignore[method-assign,assignment]
    world.index.overloaded = {"b"}
    world.settle(world.deliver())

    assert world.run.bulks["bulks"] >= 1
    assert world.run.bulks["documents"] == 1
    assert world.run.bulks["refused"] >= 1
    assert world.run.bulks["milliseconds"] >= 2_500


def test_a_cluster_that_refuses_is_given_half_as_many() -> None:
    world = running("a")
    world.runs.record_bulks("run-1", {"bulks": 50, "documents": 100, "refused": 900})
    world.clock.time += LOOK_SECONDS

    world.run_steps.index_phase.capacity(world.run)

    assert world.indexers.allowed == [4, 2]
    assert world.run.indexer_pace["set_by"] == SetBy.REFUSALS


def test_a_deep_live_queue_slows_it_down_long_before_it_holds_it() -> None:
    world = running("a")
    for number in range(world.pace.live_queue_max // 2 + 1):
        world.live_queue.put_raw(str(number))
    world.clock.time += LOOK_SECONDS

    world.run_steps.index_phase.capacity(world.run)

    assert world.indexers.allowed == [4, 2]
    assert world.run.indexer_pace["set_by"] == SetBy.LIVE_QUEUE
    assert world.run_steps.index_phase.capacity(world.run).held_by is None


def test_workers_that_look_at_once_decide_the_same() -> None:
    world = running("a")
    world.runs.record_bulks("run-1", {"bulks": 50, "documents": 100, "refused": 900})
    world.clock.time += LOOK_SECONDS
    seen = world.run

    for _ in range(3):
        world.run_steps.pacing.look(seen, 0)

    assert world.indexers.allowed == [4, 2]
    assert (world.run.indexer_pace["concurrency"], world.run.indexer_pace["is_applied"]) == (
        2,
        True,
    )


def test_a_worker_that_saw_an_older_decision_changes_nothing() -> None:
    world = running("a")
    seen = world.run
    world.runs.record_bulks("run-1", {"bulks": 50, "documents": 100, "refused": 900})
    world.clock.time += LOOK_SECONDS
    world.run_steps.pacing.look(world.run, 0)
    world.clock.time += LOOK_SECONDS

    world.run_steps.pacing.look(seen, 20_000)

    assert world.indexers.allowed == [4, 2]
    assert world.run.indexer_pace["concurrency"] == 2


def test_a_mapping_that_does_not_answer_holds_no_image_and_is_asked_again() -> None:
    world = World.in_phase(Phase.INDEX, "a")
    world.indexers.fail_next()

    world.tick(Phase.INDEX)

    assert world.state("a") is State.ENQUEUED
    assert world.run.indexer_pace["is_applied"] is False
    world.clock.time += LOOK_SECONDS
    world.run_steps.index_phase.capacity(world.run)
    assert world.indexers.allowed == [4], "asked again at the next look"
    assert world.run.indexer_pace["is_applied"] is True


def test_the_check_phase_paces_what_is_left_on_the_queue() -> None:
    world = World.in_phase(Phase.CHECK, "a")
    world.runs.record_bulks("run-1", {"bulks": 50, "documents": 100, "refused": 900})
    world.clock.time += LOOK_SECONDS

    world.tick(Phase.CHECK)

    assert world.indexers.allowed[-1] == 2


@pytest.mark.parametrize(
    "stored",
    [
        {"at": 1.5},
        {"at": 1.5, "concurrency": 4, "set_by": "of an older release", "counts": {}},
        {"at": "monday", "concurrency": "many", "set_by": SetBy.CEILING, "counts": {}},
        {"concurrency": 4, "set_by": SetBy.CEILING, "counts": None},
    ],
)
def test_a_pace_that_cannot_be_read_is_replaced(stored: dict[str, Any]) -> None:
    world = running("a")
    world.runs.update("run-1", {"indexer_pace": stored})

    world.run_steps.pacing.look(world.run, 0)

    assert world.run.indexer_pace["set_by"] == SetBy.STARTING
    assert world.run.indexer_pace["at"] == world.clock.now()


def test_the_mapping_is_changed_by_its_uuid() -> None:
    client = SESSION.client("lambda")
    request = {"UUID": MAPPING, "ScalingConfig": {"MaximumConcurrency": 7}}
    with Stubber(client) as stub:
        stub.add_response("update_event_source_mapping", {}, request)
        MappingConcurrency(client, MAPPING).allow(7)
        stub.add_client_error("update_event_source_mapping", "ResourceInUseException", "busy", 400)
        with pytest.raises(StoreUnavailable, match="event source mapping"):
            MappingConcurrency(client, MAPPING).allow(8)
        stub.assert_no_pending_responses()


def test_whether_the_mapping_gives_messages_to_the_indexer_at_all() -> None:
    client = SESSION.client("lambda")
    with Stubber(client) as stub:
        for state in ("Enabled", "Updating", "Disabling", "Disabled"):
            stub.add_response("get_event_source_mapping", {"State": state}, {"UUID": MAPPING})
        mapping = MappingConcurrency(client, MAPPING)
        assert [mapping.is_enabled() for _ in range(4)] == [True, True, False, False]
