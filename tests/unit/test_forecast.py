"""Hours and dollars before a run, and while it goes on."""

from __future__ import annotations

from dataclasses import replace

import pytest

from reindex.domain.options import RunOptions
from reindex.domain.run_records import RunRecord
from reindex.domain.states import Phase, State
from reindex.reports.cost import PerImage
from reindex.reports.forecast import StageCapacity, bill, forecast
from reindex.steps.gates import OVER_BUDGET
from reindex.steps.tick import Outcome
from tests.unit.steps.world import World

CAPACITY = StageCapacity(workers=1, projection_concurrency=32, bulks=4)
MILLION = 1_000_000


def record(**fields: object) -> RunRecord:
    base = RunRecord(
        run_id="r", execution="r", alias="images", started_at=0.0, progressed_at=0.0, total=MILLION
    )
    return replace(base, **fields)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("capacity", "seconds", "bound_by"),
    [
        (CAPACITY, 0.016, "workers"),
        (CAPACITY, 0.5, "projection"),
        (replace(CAPACITY, workers=5), 0.016, "indexer"),
    ],
)
def test_the_slowest_part_bounds_it(capacity: StageCapacity, seconds: float, bound_by: str) -> None:
    found = forecast(MILLION, MILLION, MILLION, capacity, PerImage(projection_seconds=seconds))

    assert found.bound_by == bound_by


def test_it_grows_with_the_images_and_with_what_one_takes() -> None:
    one = forecast(MILLION, MILLION, MILLION, CAPACITY)
    two = forecast(2 * MILLION, 2 * MILLION, 2 * MILLION, CAPACITY)
    slow = forecast(MILLION, MILLION, MILLION, CAPACITY, PerImage(projection_seconds=0.5))

    assert two.hours == pytest.approx(2 * one.hours)
    assert two.dollars == pytest.approx(2 * one.dollars, rel=0.01)
    assert slow.hours > one.hours
    assert slow.dollars > one.dollars


def test_what_a_run_costs_in_all_stays_as_it_goes_on() -> None:
    start = bill(record(), 0.0, CAPACITY)
    half = MILLION // 2
    counts = {State.ENQUEUED: MILLION, State.VERIFIED: half}
    later = bill(record(counts=counts, phase=Phase.CHECK), 1_130.0, CAPACITY)

    assert start.so_far < 0.01
    assert later.so_far > later.to_come
    assert later.total == pytest.approx(start.total, rel=0.1)


def test_a_run_that_is_over_has_nothing_to_come() -> None:
    assert bill(record(status="succeeded", ended_at=60.0), 1e9, CAPACITY).to_come == 0


def test_a_run_over_its_budget_is_held_and_counts_no_attempt() -> None:
    world = World()
    world.add("a")
    world.upload(["a"])
    world.preflight(options={"budget": 0.000001})
    world.open_phase(Phase.INDEX)

    for _ in range(5):
        assert world.tick(Phase.INDEX).outcome is Outcome.WORKED
    assert world.run.held_by == OVER_BUDGET
    assert (world.state("a"), world.table.rows["a"].attempts) == (State.QUEUED, 0)

    world.runs.update("run-1", {"budget": 10.0})
    world.work()

    assert world.state("a") is State.VERIFIED


@pytest.mark.parametrize("budget", [0, -1, float("inf"), float("nan")])
def test_a_budget_is_an_amount(budget: float) -> None:
    assert [*RunOptions(budget=budget).problems()] == ["budget must be an amount of dollars"]
