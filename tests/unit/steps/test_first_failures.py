"""The first failures of a run, which are grouped while it is open."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from reindex.domain.failures import Failure, StoreUnavailable
from reindex.domain.states import Phase, State
from reindex.domain.tally import FIRST_FAILURES, Kind
from tests.unit.steps.world import World


def opened(*ids: str) -> World:
    world = World.in_phase(Phase.INDEX, *ids)
    world.projector.failing["a"] = Failure("not_an_image", "the bytes are of no image")
    return world


def grouped(world: World) -> dict[str, list[str]]:
    """The ids of the first failures, by code."""
    kinds = world.runs.first_failures(world.run.run_id).values()
    assert all(kind.count == len(kind.examples) for kind in kinds)
    return {kind.code: kind.examples for kind in kinds}


def test_failures_of_both_phases_and_of_the_indexer_are_grouped() -> None:
    world = opened("a", "b", "c", "d")
    world.index.refused["b"] = "mapper_parsing_exception"
    del world.library.originals["c"], world.projector.truth["c"]
    world.tick_until_drained(Phase.INDEX)
    world.drain()
    assert grouped(world) == {"not_an_image": ["a"], "index_refused": ["b"]}

    world.open_phase(Phase.CHECK)
    world.tick_until_drained(Phase.CHECK)

    assert grouped(world) == {
        "not_an_image": ["a"],
        "index_refused": ["b"],
        "not_found": ["c"],
    }
    assert world.state("d") is State.VERIFIED


def test_what_is_to_be_tried_again_has_not_failed_yet() -> None:
    world = opened("b")
    world.projector.failing["b"] = Failure("source_unavailable", "S3 is slow", retryable=True)
    world.tick(Phase.INDEX)
    assert world.run.counts == {"retried": 1}
    assert grouped(world) == {}


def test_a_run_with_many_failures_writes_no_more_of_them() -> None:
    world = opened("a")
    counts: dict[str, int] = {State.KNOWN_ERROR: FIRST_FAILURES - 1, State.UNKNOWN_ERROR: 1}
    world.runs.record_progress(world.run.run_id, counts, None)
    world.tick_until_drained(Phase.INDEX)
    assert world.state("a") is State.KNOWN_ERROR
    assert grouped(world) == {}


def test_failures_that_cannot_be_grouped_keep_no_tick_from_its_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world = opened("a", "b")

    def unanswered(run_id: str, kinds: Mapping[str, Kind]) -> None:
        raise StoreUnavailable("DynamoDB does not answer")

    monkeypatch.setattr(world.runs, "record_failures", unanswered)
    world.tick_until_drained(Phase.INDEX)
    assert world.states() == {"known_error": 1, "enqueued": 1}
    assert world.run.held_by is None
