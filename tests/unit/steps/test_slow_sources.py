"""A library's loader or function that is slow or fails: the run waits for it, by its name."""

from __future__ import annotations

import pytest

from reindex.domain.failures import LoaderRefused, SourceUnavailable
from reindex.domain.states import Phase
from reindex.settings import LOADER
from tests.unit.steps.night import HOUR, Night, RunFailed
from tests.unit.steps.world import World, library_of


def loader_world(count: int) -> tuple[World, list[str]]:
    world, ids = library_of(count, tick_seconds=5)
    world.projection_by = LOADER
    return world, ids


def test_images_that_no_time_was_left_for_stay_queued_and_are_not_charged() -> None:
    world, ids = loader_world(20)
    world.preflight()
    world.open_phase(Phase.INDEX)
    world.projector.later = set(ids[5:])
    world.tick(Phase.INDEX)
    world.clock.sleep(60)
    world.tick(Phase.INDEX)

    assert world.run.held_by == "unavailable: the image loader: no time was left to wait for it"
    assert world.states() == {"enqueued": 5, "queued": 15}
    assert all(row.attempts == 0 for row in world.table.rows.values())

    world.projector.later = set()
    world.tick_until_drained(Phase.INDEX)
    assert world.states() == {"enqueued": 20}


def test_a_loader_that_is_down_holds_the_run_by_its_name_and_counts_no_attempt() -> None:
    world, ids = loader_world(20)
    world.preflight()
    world.open_phase(Phase.INDEX)
    down = SourceUnavailable("the image loader does not answer", "503 closed").as_failure()
    world.projector.failing = dict.fromkeys(ids[:8], down)
    world.projector.later = set(ids[8:])
    world.tick(Phase.INDEX)

    assert world.run.held_by == (
        "unavailable: the image loader: the image loader does not answer 503 closed"
    )
    assert all(row.attempts == 0 for row in world.table.rows.values())


def test_a_loader_that_refuses_most_images_holds_the_run_by_its_name() -> None:
    world, ids = loader_world(6_000)
    world.projector.seconds = 0.01
    # Some succeed, so that no batch fails as a whole.
    refused = LoaderRefused("the image loader refused the image: status 401", "unknown key")
    failing = [image_id for number, image_id in enumerate(ids) if number % 10]
    world.projector.failing = dict.fromkeys(failing, refused.as_failure())
    world.preflight()

    gate = r"ReindexHeld.*most images fail: loader_refused \(the image loader\)"
    with pytest.raises(RunFailed, match=gate):
        Night(world).phase(Phase.INDEX, hours=14)
    assert world.states()["queued"] > 500


def test_a_run_goes_on_by_itself_when_the_loader_does() -> None:
    world, ids = loader_world(300)
    world.projector.failing = dict.fromkeys(
        ids, SourceUnavailable("the image loader does not answer").as_failure()
    )
    night = Night(world)
    mended = world.clock.now() + HOUR
    night.minutes = lambda: world.projector.failing.clear() if world.clock.now() > mended else None
    night.run("run-1")

    assert world.states() == {"verified": 300}
    assert world.clock.now() < mended + HOUR / 2
