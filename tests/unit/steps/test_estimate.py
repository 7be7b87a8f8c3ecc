"""How far a run is, and how long it takes: true in every run of steady speed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reindex.domain.run_records import RETRIED, UNCHANGED, RunRecord
from reindex.domain.states import Phase, State
from reindex.reports import estimate as estimates
from reindex.reports.estimate import CHECK_COST, Estimate, Known, estimate
from reindex.reports.run_estimate import estimated, images_per_second, known, speeds_with_page
from reindex.settings import Pace
from tests.unit.steps.world import World

#: A tick works for so long, and begins so long after the one before it.
TICK_SECONDS, TICK_PERIOD = 50, 60

#: Moments at which one simulated run is looked at.
LOOKS = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class SteadyRun:
    """A run in which every image takes its phase the same time, and nothing fails.

    Attributes:
        images: To reindex.
        page: Images that the run record counts at once.
        index_cost: Seconds per image.
        check_cost: Seconds per image.
        opening: Seconds from the end of a phase to the first tick of the next.
        has_pauses: Whether workers rest between ticks, as on AWS; else one tick follows another.
    """

    images: int
    page: int
    index_cost: float
    check_cost: float
    opening: float
    has_pauses: bool
    pace: Pace

    @property
    def grain(self) -> float:
        """Seconds that no record tells apart: a page, and the rest between two ticks."""
        pause = TICK_PERIOD - TICK_SECONDS if self.has_pauses else 0
        return self.page * max(self.index_cost, self.check_cost) + pause

    def records(self) -> Iterator[tuple[float, RunRecord]]:
        """The run record after each change, and the time of the change."""
        run = RunRecord(run_id="r", execution="r", alias="a", started_at=0, progressed_at=0)
        run = replace(run, index="a-1", total=self.images, phase=Phase.INDEX)
        yield 0.0, run
        for at, run in self._phase(run, self.opening, State.ENQUEUED, self.index_cost):  # noqa: B020
            yield at, run
        run = replace(run, phase=Phase.CHECK, progressed_at=at)
        yield at, run
        first_tick = at + self.opening
        run = replace(run, quiet_since=first_tick)
        yield first_tick, run
        begins = max(first_tick + self.pace.quiet_seconds, at + self.pace.check_delay_seconds)
        yield from self._phase(run, begins, State.VERIFIED, self.check_cost)

    def _phase(
        self, run: RunRecord, at: float, becomes: State, cost: float
    ) -> Iterator[tuple[float, RunRecord]]:
        assert run.phase
        tick_began, done = at, 0
        while done < self.images:
            page = min(self.page, self.images - done)
            if self.has_pauses and at - tick_began > TICK_SECONDS:
                tick_began += TICK_PERIOD
                at = max(at, tick_began)
            started, at, done = at, at + page * cost, done + page
            run = replace(
                run,
                speeds=speeds_with_page(run, run.phase, started, at),
                counts={**run.counts, becomes: done},
                progressed_at=at,
            )
            yield at, run


@st.composite
def steady_runs(draw: st.DrawFn) -> SteadyRun:
    pace = Pace(
        check_delay_seconds=draw(st.integers(0, 120)), quiet_seconds=draw(st.integers(2, 300))
    )
    page = draw(st.integers(25, 500))
    index_cost = draw(st.floats(0.05, 4.9)) / page
    return SteadyRun(
        images=draw(st.integers(1, 400)) * page - draw(st.integers(0, page - 1)),
        page=page,
        index_cost=index_cost,
        # Before the check has a speed of its own, only the constant is known of it: here that is
        # right to a factor of two, except what the pauses between ticks add to either phase.
        check_cost=index_cost * CHECK_COST * draw(st.floats(0.6, 1.7)),
        # The schedule ticks once a minute, and the wait for a quiet queue begins with a tick.
        opening=draw(st.floats(0, max(pace.check_delay_seconds, pace.quiet_seconds)).map(_minute)),
        has_pauses=draw(st.booleans()),
        pace=pace,
    )


def _minute(seconds: float) -> float:
    return min(60.0, seconds)


def looks(run: SteadyRun) -> Iterator[tuple[float, RunRecord, float]]:
    """Moments from the tenth second of work on: the time, the run record, and the time left."""
    changes = list(run.records())
    begin, end = run.opening + 10, changes[-1][0]
    last = 0
    for n in range(LOOKS):
        now = begin + (end - begin) * n / LOOKS
        while last + 1 < len(changes) and changes[last + 1][0] <= now:
            last += 1
        if now < end:
            yield now, changes[last][1], end - now


@given(steady_runs())
def test_the_time_left_is_right_to_a_factor_of_two_from_the_tenth_second_on(run: SteadyRun) -> None:
    for now, record, left in looks(run):
        found = estimated(record, now, run.pace)
        assert 0 < found.share < 1
        if record.phase is Phase.CHECK and not known(record, now, run.pace).is_quiet:
            assert found == Estimate(found.share, None, "waiting for the queue to be quiet")
            continue
        assert found.seconds_left is not None, (now, found.reason)
        assert left / 2 - run.grain <= found.seconds_left <= 2 * left + run.grain, (now, left)


RECORDED = json.loads(Path(__file__).with_name("recorded_run.json").read_text())


def recorded() -> Iterator[tuple[Known, float]]:
    """What was known of a real run at each look, and how long it still took."""
    for look in RECORDED["looks"]:
        found = Known(**look | {"phase": Phase(look["phase"]) if look["phase"] else None})
        yield found, RECORDED["checked_at"] - found.now


def test_the_time_left_of_a_recorded_run() -> None:
    moments = list(recorded())
    first = next(at for at, _ in moments if at.index_speed)
    assert first.enqueued_at is not None
    assert first.index_speed is not None
    begin = first.enqueued_at - (first.total - first.to_index) / first.index_speed
    for at, left in moments:
        found = estimate(at)
        if at.phase is Phase.CHECK and at.to_check and not at.is_quiet:
            assert found.reason == estimates.WAITS_FOR_QUIET
        elif left <= 0:
            assert found == Estimate(1.0, None, estimates.COUNTING)
        elif at.now > begin + 10:
            assert found.seconds_left is not None
            # Its looks are a second apart.
            assert left / 2 - 1 <= found.seconds_left <= 2 * left + 1


# Rules


def at(**changes: Any) -> Known:
    """A run of a thousand images, in the middle of its index phase."""
    fields: dict[str, Any] = {
        "now": 1000.0,
        "phase": Phase.INDEX,
        "to_index": 500,
        "to_check": 500,
        "finished": 0,
        "index_speed": 10.0,
        "progressed_at": 1000.0,
        "check_delay_seconds": 60,
        "quiet_seconds": 120,
    }
    return Known(**fields | changes)


def test_both_phases_and_the_wait_between_them_are_work() -> None:
    found = estimate(at(check_speed=100.0))
    # 50 s of index phase behind it; 50 more, the wait, and the check of all before it.
    assert found.seconds_left == 50 + 120 + 10
    assert found.share == pytest.approx(50 / (50 + 180))


def test_until_the_check_has_a_speed_it_is_reckoned_from_that_of_the_index_phase() -> None:
    found = estimate(at(to_index=0, to_check=1000))
    assert found.seconds_left == pytest.approx(120 + 1000 * CHECK_COST / 10)


def test_what_the_check_sends_back_is_work_of_another_round() -> None:
    checking = {"phase": Phase.CHECK, "to_index": 100, "to_check": 0, "check_speed": 100.0}
    found = estimate(at(**checking, finished=900, quiet_since=0.0))
    assert found.seconds_left == 100 / 10 + 120 + 100 / 100


def test_images_that_are_enqueued_last_wait_for_their_check_in_a_quiet_queue() -> None:
    checking = {"phase": Phase.CHECK, "to_index": 0, "to_check": 1000, "check_speed": 100.0}
    quiet = {"quiet_seconds": 2, "quiet_since": 990.0}
    assert estimate(at(**checking, **quiet, enqueued_at=980.0)).seconds_left == 40 + 10


@pytest.mark.parametrize(
    ("known", "reason"),
    [
        (at(index_speed=None), "measuring the speed"),
        (at(is_start_up=True), "measuring the speed"),
        (at(is_start_up=True, to_index=0, to_check=1000), None),
        (at(paused=True), "paused"),
        (at(phase=Phase.CHECK), "waiting for the queue to be quiet"),
        (at(phase=Phase.CHECK, quiet_since=900.0), "waiting for the queue to be quiet"),
        (at(phase=Phase.CHECK, quiet_since=880.0), None),
        (at(to_index=0, to_check=0, finished=1000), "counting every image for the report"),
        (at(progressed_at=940.0), None),
        (at(progressed_at=880.0), "no progress for 2 min"),
        (at(to_index=3, progressed_at=989.0), None),
        (at(to_index=3, progressed_at=989.0, postponed=5), "3 images to be tried again later"),
    ],
)
def test_no_minutes_without_a_promise(known: Known, reason: str | None) -> None:
    found = estimate(known)
    assert found.reason == reason
    assert (found.seconds_left is None) is (reason is not None)


def test_a_percent_is_whole_only_when_all_is_done() -> None:
    assert Estimate(0.9999).percent == 99
    assert Estimate(1.0).percent == 100


# Speeds


def working(*pages: tuple[float, float, int]) -> RunRecord:
    """A run whose index phase did pages of images, each from a moment to another."""
    run = RunRecord(run_id="r", execution="r", alias="a", started_at=0, progressed_at=0)
    for started, ended, images in pages:
        speeds = speeds_with_page(run, Phase.INDEX, started, ended)
        done = run.counts.get(State.ENQUEUED, 0) + images
        run = replace(run, counts={"enqueued": done}, speeds=speeds)
    return run


@pytest.mark.parametrize(
    ("pages", "speed"),
    [
        ([(0, 50, 100)], 2),
        # The first page is that of cold starts.
        ([(0, 50, 100), (50, 60, 100)], 10),
        ([(0, 50, 100), (50, 60, 100), (60, 80, 200)], 10),
        # The pause between two ticks belongs to the speed, a hold of an hour does not.
        ([(0, 50, 100), (60, 70, 100), (80, 90, 200)], 10),
        ([(0, 50, 100), (60, 70, 100), (3600, 3610, 100)], 10),
        # Two workers at once.
        ([(0, 50, 100), (60, 70, 100), (60, 71, 120)], 20),
    ],
)
def test_a_speed_is_of_the_time_worked(pages: list[tuple[float, float, int]], speed: float) -> None:
    assert images_per_second(working(*pages), Phase.INDEX) == pytest.approx(speed)


def test_a_speed_forgets() -> None:
    slow = [(10.0 * n, 10.0 * (n + 1), 10) for n in range(1000)]
    fast = [(10.0 * n, 10.0 * (n + 1), 100) for n in range(1000, 1500)]
    assert images_per_second(working(*slow, *fast), Phase.INDEX) == pytest.approx(10, rel=0.1)


def test_the_time_of_the_other_phase_is_no_part_of_a_speed() -> None:
    run = replace(working((0, 10, 100), (10, 20, 100)), phase=Phase.CHECK)
    run = replace(run, speeds=speeds_with_page(run, Phase.CHECK, 30, 31))
    run = replace(run, speeds=speeds_with_page(run, Phase.INDEX, 40, 50))
    run = replace(run, counts={State.ENQUEUED: 300})
    assert images_per_second(run, Phase.INDEX) == 10


# What the run record tells


@pytest.mark.parametrize(
    ("counts", "left"),
    [
        ({}, (10, 0, 0)),
        ({State.ENQUEUED: 4, UNCHANGED: 1, State.KNOWN_ERROR: 1, RETRIED: 3}, (4, 4, 2)),
        ({State.ENQUEUED: 10, State.VERIFIED: 6, State.QUEUED: 3}, (3, 1, 6)),
        ({State.ENQUEUED: 13, State.VERIFIED: 6, State.QUEUED: 3}, (0, 4, 6)),
        # Uploaded during the run: more than it began with.
        ({State.ENQUEUED: 12, State.VERIFIED: 12}, (0, 0, 10)),
    ],
)
def test_where_the_images_of_a_run_are(counts: dict[str, int], left: tuple[int, int, int]) -> None:
    run = RunRecord(
        run_id="r", execution="r", alias="a", started_at=0, progressed_at=0, total=10, counts=counts
    )
    found = known(run, 0, Pace())
    assert (found.to_index, found.to_check, found.finished) == left


def test_a_tick_writes_how_far_the_run_is_and_no_seconds_while_it_waits() -> None:
    pace = Pace(projection_concurrency=1, settle_seconds=0, check_delay_seconds=0)
    world = World(pace=replace(pace, quiet_seconds=600))
    world.add(*map(str, range(100)))
    world.upload(map(str, range(100)))
    world.preflight()
    seconds: list[float] = []
    world.meter.seconds = lambda name, value: (  # type: ignore[method-assign]
        seconds.append(value) if name == "SecondsLeft" else None
    )

    world.open_phase(Phase.INDEX)
    world.tick(Phase.INDEX)
    assert len(seconds) == 1
    assert seconds[0] == estimated(world.run, world.clock.now(), world.pace).seconds_left
    assert world.meter.counts["PercentDone"] == 0 < seconds[0]

    world.open_phase(Phase.CHECK)
    world.tick(Phase.CHECK)
    assert len(seconds) == 1
    assert world.run.held_by == "the queue is not quiet yet"
