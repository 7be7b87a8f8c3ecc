"""Whole nights: the effect of a permanent or transient fault on a run without an operator."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest

from reindex.domain.failures import (
    Failure,
    IndexGone,
    ReindexFailure,
    SourceArchived,
    SourceForbidden,
)
from reindex.domain.outcomes import PROBE
from reindex.domain.states import Phase
from reindex.settings import Pace
from tests.twins.wrapped import Call, Faults, plain
from tests.unit.steps.declared import Fault, faults
from tests.unit.steps.night import HOUR, Night, RunFailed
from tests.unit.steps.world import World

IDS = [f"image-{n:02d}" for n in range(14)]

#: A phase that can no longer be heard of is opened three times again, then fails.
SILENCE = "States.HeartbeatTimeout"


def a_world() -> World:
    """Some images, of which the index holds half already.

    Ticks look at a gate once: a night of them is played faster.
    """
    world = World(max_attempts=5, tick_seconds=5)
    world.add(*IDS, title="true")
    for image_id in IDS[:7]:
        world.index.live_write(image_id, {"id": image_id, "title": "drifted"})
    world.upload(IDS)
    return world


def always(fault: Fault, call: Call) -> BaseException | None:
    return fault.error if (call.port, call.method) == fault[:2] else None


def named(fault: Fault, reason: str) -> bool:
    """Whether a reason names a fault, or the silence that it ends in."""
    return str(fault.error) in reason or SILENCE in reason


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    """A night logs the same line hundreds of times."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


@pytest.mark.parametrize("phase", Phase, ids=str)
@pytest.mark.parametrize("fault", faults(), ids=str)
def test_a_permanent_fault_ends_the_phase_by_its_name(fault: Fault, phase: Phase) -> None:
    world = a_world()
    night = Night(world)
    world.preflight()
    if phase is Phase.CHECK:
        night.phase(Phase.INDEX)
    broken = Faults.over(world)
    broken.raising = lambda call: always(fault, call)

    reason = ""
    try:
        night.phase(phase, hours=14)
    except RunFailed as failed:
        reason = str(failed)

    assert not reason or named(fault, reason) or _is_charged(world, fault), reason


def _is_charged(world: World, fault: Fault) -> bool:
    """Whether images remember a fault as theirs."""
    code = fault.error.code if isinstance(fault.error, ReindexFailure) else "unexpected"
    return any(row.failure and row.failure.code == code for row in world.table.rows.values())


#: Faults that say something of each image, for good: that is what the image is then charged with.
#: And an index that only writes find gone is none that there is: every read would find it gone.
_NO_OUTAGE = {
    ("library", "exists", SourceForbidden),
    ("library", "exists", SourceArchived),
    ("index", "write", IndexGone),
}


@pytest.mark.parametrize(
    "fault",
    [f for f in faults(undeclared=False) if (f.port, f.method, type(f.error)) not in _NO_OUTAGE],
    ids=str,
)
def test_an_hour_of_any_declared_fault_counts_no_attempt(fault: Fault) -> None:
    world = a_world()
    night = Night(world)
    broken = Faults.over(world)
    began = world.clock.now() + 90
    broken.raising = lambda call: (
        always(fault, call) if began <= world.clock.now() < began + HOUR else None
    )

    try:
        result = night.run("run-1", hours=14)
        reason = "; ".join(result["problems"])
    except RunFailed as failed:
        result, reason = {"status": "failed"}, str(failed)
    if result["status"] == "failed" and plain(world.runs).current().is_reported:
        # The last step alone: the report is written again.
        assert named(fault, reason), reason
        world.clock.time = began + HOUR
        result = world.run_steps.tallying.report_again("run-1", segments=3)
    elif result["status"] == "failed":
        # Loudly, and to be started again: an operator does so when the fault has passed.
        assert named(fault, reason), reason
        world.clock.time = max(world.clock.time, began + HOUR)
        world.clock.sleep(130)
        result = night.run("run-2", hours=14)

    assert result["status"] == "succeeded", result
    assert world.states() == {"verified": len(IDS)}


def test_most_images_failing_for_one_cause_outside_of_them_holds_the_run() -> None:
    world = World(tick_seconds=5)
    ids = [f"image-{n:05d}" for n in range(6_000)]
    world.add(*ids)
    world.projector.seconds = 0.01
    forbidden = Failure("source_forbidden", "S3 refused us.", "KMS")
    world.projector.failing = dict.fromkeys(ids, forbidden)
    world.upload(ids)
    world.preflight()

    with pytest.raises(RunFailed, match=r"ReindexHeld.*most images fail: source_forbidden"):
        Night(world).phase(Phase.INDEX, hours=14)

    assert world.states()["queued"] > 500


def test_a_run_held_for_a_cause_that_is_mended_goes_on_by_itself() -> None:
    world = World(tick_seconds=5)
    ids = [f"image-{n:05d}" for n in range(3_000)]
    world.add(*ids)
    world.projector.seconds = 0.01
    world.projector.failing = dict.fromkeys(ids, Failure("source_forbidden", "S3 refused us."))
    world.upload(ids)
    night = Night(world)
    mended = world.clock.now() + HOUR
    night.minutes = lambda: world.projector.failing.clear() if world.clock.now() > mended else None

    night.run("run-1")

    assert world.clock.now() < mended + HOUR / 2, "as soon as a probe succeeds"
    states = world.states()
    assert states["known_error"] < 1_500 + 62 * PROBE
    assert states["verified"] == 3_000 - states["known_error"]


def test_an_outage_of_the_truth_while_images_are_projected_counts_no_attempt() -> None:
    world = a_world()
    unavailable = Failure("source_unavailable", "S3 did not answer.", "SlowDown", retryable=True)
    world.projector.failing = dict.fromkeys(IDS, unavailable)
    night = Night(world)
    back = world.clock.now() + HOUR
    night.minutes = lambda: world.projector.failing.clear() if world.clock.now() > back else None

    night.run("run-1")

    assert world.states() == {"verified": len(IDS)}


def test_images_that_fail_for_causes_of_their_own_hold_nothing() -> None:
    world = World()
    ids = [f"image-{n:05d}" for n in range(2_500)]
    world.add(*ids)
    world.projector.seconds = 0.01
    world.projector.failing = dict.fromkeys(ids, Failure("truncated", "It ends too early."))
    world.upload(ids)

    Night(world).run("run-1")

    assert world.states() == {"known_error": 2_500}


def test_documents_that_the_index_refuses_for_one_cause_hold_the_run() -> None:
    world = World(pace=Pace(max_backlog=500, projection_concurrency=1), tick_seconds=5)
    ids = [f"image-{n:05d}" for n in range(6_000)]
    world.add(*ids)
    world.projector.seconds = 0.01
    world.index.refused = dict.fromkeys(ids, "Limit of total fields [1000] has been exceeded")
    world.upload(ids)
    world.preflight()

    with pytest.raises(RunFailed, match=r"ReindexHeld.*most images fail: index_refused"):
        Night(world).phase(Phase.INDEX, hours=14)
