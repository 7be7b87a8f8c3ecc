"""Simulated time: who goes on when, and what a run in it comes to."""

from __future__ import annotations

from functools import partial

import pytest

from tests.bench.simulated_time import SimulatedPool, SimulatedTime, as_completed
from tests.bench.simulation import Played, play


def test_whoever_wakes_first_goes_on() -> None:
    clock = SimulatedTime(0)
    order: list[tuple[str, float]] = []

    def steps(name: str, seconds: float) -> None:
        for _ in range(3):
            clock.sleep(seconds)
            order.append((name, clock.now()))

    with SimulatedPool(clock, 2) as pool:
        pool.submit(steps, "slow", 3)
        pool.submit(steps, "fast", 2)
    assert order == [
        ("fast", 2),
        ("slow", 3),
        ("fast", 4),
        ("slow", 6),
        ("fast", 6),
        ("slow", 9),
    ]
    assert clock.now() == 9


def test_a_pool_has_so_many_threads_and_no_more() -> None:
    clock = SimulatedTime(100)

    def ended(seconds: float) -> float:
        clock.sleep(seconds)
        return clock.now()

    with SimulatedPool(clock, 2) as pool:
        assert list(pool.map(ended, [5, 1, 1])) == [105, 101, 102]


def test_answers_come_in_the_order_of_time_and_errors_with_them() -> None:
    clock = SimulatedTime(0)

    def broken() -> None:
        clock.sleep(1)
        raise ValueError("broken")

    with SimulatedPool(clock, 3) as pool:
        late = pool.submit(clock.sleep, 2)
        early = pool.submit(broken)
        done = list(as_completed([late, early]))
    assert done == [early, late]
    with pytest.raises(ValueError, match="broken"):
        early.result()


def test_threads_that_all_wait_for_each_other_are_reported() -> None:
    with pytest.raises(RuntimeError, match="nobody is left"):
        SimulatedTime(0).pass_on()


def test_a_run_is_the_same_each_time() -> None:
    def without_what_is_measured(played: Played) -> object:
        return played.phases, played.calls

    first, second = map(partial(play, 1_500), (2, 2))
    assert without_what_is_measured(first) == without_what_is_measured(second)
    # Each row is written as new, enqueued and verified, by a unit each; the rest is of the run.
    assert 3 <= first.per_image()["DynamoDB", "write units"] < 4
    assert first.calls["Lambda", "Invoke projection"] >= 15
