"""What a run's samples tell: rates, gates and cost; and how ticks leave them."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reindex.domain.chunks import chunks_of
from reindex.domain.failures import Failure, StoreUnavailable
from reindex.domain.indexer_pace import SetBy
from reindex.domain.states import Phase
from reindex.reports import cost, timeline
from reindex.reports.samples import Sample, kept
from reindex.steps.tick import Admission, Outcome
from tests.unit.steps.world import START, World

# Rates


def sampled(at: float, seconds: float, **moved: int) -> Sample:
    return Sample(START + at, seconds, Phase.INDEX, 0, moved)


def images(rates: Mapping[str, Any], series: str, seconds: float) -> float:
    """The number of images in a series: its last step ends when the run does."""
    points, step = rates["images_per_second"][series], rates["step_seconds"]
    last = seconds - step * (len(points) - 1)
    return float(step * sum(points[:-1]) + last * points[-1])


def test_a_ticks_work_is_spread_over_its_time() -> None:
    found = timeline.rates([sampled(2, 5, enqueued=50)], START, START + 10)
    assert found["step_seconds"] == 1
    assert found["images_per_second"]["enqueued"] == [0, 0, 10, 10, 10, 10, 10, 0, 0, 0]


def test_unchanged_images_are_verified_and_every_kind_of_failure_failed() -> None:
    sample = sampled(0, 1, verified=1, unchanged=2, not_found=3, inconsistent=4, retried=9)
    found = timeline.rates([sample], START, START + 1)
    assert found["images_per_second"] == {"enqueued": [0], "verified": [3], "failed": [7]}


def test_the_last_step_may_be_shorter_and_its_rate_is_still_one() -> None:
    found = timeline.rates([sampled(0, 2.5, enqueued=25)], START, START + 2.5)
    assert found["images_per_second"]["enqueued"] == [10, 10, 10]


@given(
    # Eighths: a last point that is next to nothing long would be all rounding of the clock.
    st.integers(1, 80_000_000).map(lambda eighths: eighths / 8),
    st.lists(st.tuples(st.floats(0, 1), st.floats(0, 90), st.integers(0, 10_000)), min_size=1),
)
def test_no_image_is_lost_between_the_points(
    seconds: float, ticks: list[tuple[float, float, int]]
) -> None:
    samples = [sampled(part * seconds, lasts, enqueued=n) for part, lasts, n in ticks]
    found = timeline.rates(samples, START, START + seconds)
    total = images(found, "enqueued", max(1.0, seconds))
    # Half a thousandth of an image a second for each point, and floats add up inexactly.
    rounding = 0.002 * max(1.0, seconds)
    assert total == pytest.approx(sum(n for *_, n in ticks), rel=1e-5, abs=rounding)


@pytest.mark.parametrize(
    ("seconds", "step"),
    [(0.2, 1), (120, 1), (500, 5), (600, 60), (7_200, 60), (7_201, 120), (86_400, 900)],
)
def test_points_are_as_close_as_a_plot_can_show_and_ticks_can_tell(
    seconds: float, step: int
) -> None:
    found = timeline.rates([sampled(0, 1)], START, START + seconds)
    assert found["step_seconds"] == step
    assert len(found["held"]) <= timeline.MAX_POINTS


def test_without_samples_there_are_no_points() -> None:
    assert timeline.rates([], START, START + 10)["images_per_second"] == {}


# Bulks


def with_bulks(at: float, bulks: int, set_by: str) -> Sample:
    return Sample(START + at, 50, Phase.INDEX, 0, bulks=bulks, bulks_set_by=set_by)


def test_the_cause_of_the_number_of_bulks_is_shown_with_its_range_and_time() -> None:
    samples = [
        sampled(0, 50),
        with_bulks(60, 4, SetBy.GROWING),
        with_bulks(120, 9, SetBy.LATENCY),
        with_bulks(180, 5, SetBy.GROWING),
    ]
    growing, latency = timeline.bulk_limits(samples)
    assert growing == {
        "set_by": SetBy.GROWING,
        "fewest": 4,
        "most": 5,
        "first_at": "2026-03-01T18:01:50.000Z",
        "last_at": "2026-03-01T18:03:50.000Z",
    }
    assert (latency["fewest"], latency["most"]) == (9, 9)


def test_each_point_has_the_most_bulks_of_its_time() -> None:
    samples = [with_bulks(600, 4, ""), with_bulks(620, 7, ""), with_bulks(1200, 5, "")]
    found = timeline.rates(samples, START, START + 1_260)
    assert found["step_seconds"] == 60
    assert [(n, bulks) for n, bulks in enumerate(found["bulks"]) if bulks] == [
        (10, 7),
        (11, 7),
        (20, 5),
    ]


def test_a_tick_leaves_the_number_of_bulks_and_what_set_it() -> None:
    world = World.in_phase(Phase.INDEX, "a")
    world.tick(Phase.INDEX)
    [sample] = kept(world.files, "run-1")
    assert (sample.bulks, sample.bulks_set_by) == (4, SetBy.STARTING)


# Gates


def test_a_gate_counts_for_the_worker_it_held_longest() -> None:
    samples = [
        Sample(START, 50, Phase.INDEX, 0, held={"red": 40.0}),
        Sample(START, 50, Phase.INDEX, 1, held={"red": 30.0, "full": 5.0}),
        Sample(START + 60, 50, Phase.INDEX, 1, held={"red": 20.0}),
    ]
    assert timeline.gates(samples) == [
        {
            "gate": "red",
            "seconds": 50.0,
            "first_at": "2026-03-01T18:00:00.000Z",
            "last_at": "2026-03-01T18:01:50.000Z",
        },
        {
            "gate": "full",
            "seconds": 5.0,
            "first_at": "2026-03-01T18:00:00.000Z",
            "last_at": "2026-03-01T18:00:50.000Z",
        },
    ]
    held = timeline.rates(samples, START, START + 120)["held"]
    assert held[0] == pytest.approx((40 + 35) / 100)


def test_a_pause_lasts_until_the_workers_next_tick() -> None:
    paused: dict[str, float] = {Admission.PAUSED: 0}
    samples = [
        Sample(START, 0, Phase.INDEX, 0, held=paused),
        Sample(START + 60, 0, Phase.INDEX, 0, held=paused),
        Sample(START + 100, 50, Phase.INDEX, 0, {"enqueued": 1}),
    ]
    [gate] = timeline.gates(samples)
    assert (gate["gate"], gate["seconds"]) == ("paused", 100)


def test_of_too_many_gates_those_that_held_longest_are_reported() -> None:
    samples = [
        Sample(START, 50, Phase.INDEX, 0, held={f"unavailable: {n}": float(n)}) for n in range(50)
    ]
    found = timeline.gates(samples)
    assert len(found) == timeline.MAX_GATES
    assert found[0]["gate"] == "unavailable: 49"


# Cost


def test_the_happy_path_costs_its_write_units() -> None:
    moved = {"enqueued": 1_000_000, "verified": 1_000_000}
    found = cost.estimate(moved, [], images=1_000_000, rounds=1)
    writes = found["lines"][0]
    assert writes["what"] == "write units: progress"
    # One to enqueue and one to verify; the work list and the run record come beside them.
    assert 2_000_000 < writes["quantity"] < 2_100_000
    assert found["total"] == pytest.approx(sum(line["dollars"] for line in found["lines"]))
    assert {line["what"] for line in found["lines"] if line["assumed"]} == {
        "read units: user data",
        "GB-seconds: projection",
        "GB-seconds: indexer",
        "reads",
        "listings of crops",
    }


def test_a_run_without_changes_costs_next_to_nothing() -> None:
    assert cost.estimate({}, [], images=0, rounds=1)["total"] < 0.01


# Ticks


def opened(*ids: str) -> World:
    world = World()
    world.add(*ids)
    world.upload(ids)
    world.preflight()
    world.open_phase(Phase.INDEX)
    return world


def test_a_tick_leaves_a_sample() -> None:
    world = opened("a", "b", "c")
    world.projector.failing["c"] = Failure("not_an_image", "the bytes are of no image")

    world.tick(Phase.INDEX)

    [sample] = kept(world.files, "run-1")
    assert (sample.phase, sample.worker, sample.at) == (Phase.INDEX, 0, START)
    assert sample.moved == {"enqueued": 2, "known_error": 1}
    assert sample.held == {}
    assert sample.ended_at <= world.clock.now()


def test_a_sample_says_how_long_which_gate_held() -> None:
    world = opened("a")
    world.index.status = "red"

    world.tick(Phase.INDEX)

    [sample] = kept(world.files, "run-1")
    assert sample.held == {"the cluster is red": pytest.approx(world.rules.tick_seconds, abs=1)}
    assert sample.moved == {}


def test_waiting_for_what_is_due_later_is_no_gates_doing() -> None:
    world = opened("a")
    world.runs.update("run-1", {"held_by": "the backlog is full"})
    row = world.table.rows["a"] = world.table.rows["a"].waiting(START + 3600, START)
    world.work_list.listed.clear()
    world.work_list.add(chunks_of([row], "later"))

    report = world.tick(Phase.INDEX)

    [sample] = kept(world.files, "run-1")
    assert report.outcome is Outcome.WORKED
    assert sample.held == {}
    assert world.run.held_by is None


def test_an_outage_is_a_gate_by_its_name() -> None:
    world = opened("a")
    world.index.fail_next(3)

    world.tick(Phase.INDEX)

    [sample] = kept(world.files, "run-1")
    [gate] = sample.held
    assert gate.startswith("unavailable: ")


def test_a_tick_of_a_paused_run_says_so() -> None:
    world = opened("a")
    world.runs.update("run-1", {"paused": True})
    world.tick(Phase.INDEX)
    world.clock.time += 60
    world.runs.update("run-1", {"paused": False})
    world.tick_until_drained(Phase.INDEX)

    [gate] = timeline.gates(kept(world.files, "run-1"))
    assert (gate["gate"], gate["seconds"]) == ("paused", 60)


def test_a_sample_that_cannot_be_kept_fails_no_tick(caplog: pytest.LogCaptureFixture) -> None:
    world = opened("a")
    world.files.fail_next(1)

    with caplog.at_level(logging.WARNING):
        report = world.tick(Phase.INDEX)

    assert report.outcome is Outcome.DRAINED
    assert "the sample cannot be kept" in caplog.messages
    assert kept(world.files, "run-1") == []


# The report


def test_the_report_tells_the_run_over_time_and_is_a_page_too() -> None:
    world = World()
    ids = [f"image-{n:03d}" for n in range(60)]
    world.add(*ids)
    world.upload(ids)

    result = world.reindex()

    report = json.loads(world.files.files[result["report"]])
    for series, count in (("enqueued", 60), ("verified", 60), ("failed", 0)):
        told = images(report["rates"], series, report["duration_seconds"])
        assert told == pytest.approx(count, abs=0.1)
    assert report["cost"]["total"] > 0
    html = world.files.files["reports/run-1.html"].decode()
    assert world.files.content_types["reports/run-1.html"] == "text/html; charset=utf-8"
    assert "Reindex succeeded" in html


def test_a_report_without_its_samples_is_still_a_report(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    world = World()
    world.add("a")
    world.upload(["a"])

    def unavailable(_prefix: str) -> list[str]:
        raise StoreUnavailable("S3 does not list")

    monkeypatch.setattr(world.files, "keys", unavailable)

    with caplog.at_level(logging.WARNING):
        result = world.reindex()

    assert result["status"] == "succeeded"
    assert "the samples cannot be read" in caplog.messages
    assert "No tick left a sample" in world.files.files["reports/run-1.html"].decode()
