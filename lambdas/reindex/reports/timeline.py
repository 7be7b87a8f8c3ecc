"""A run over time, made of its ticks' samples: how fast it went, and what held it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any

from reindex.domain.progress import iso
from reindex.domain.run_records import UNCHANGED
from reindex.domain.states import State
from reindex.reports.samples import PAUSED, Sample

#: Points of a series at most: as many as a plot can show.
MAX_POINTS = 120

#: Most gates with a name of their own: an outage's name has its error, and there can be many.
MAX_GATES = 20

#: Seconds between the points of a series: what a clock face can be divided by.
_STEPS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 28800, 86400)

#: A run at least so long is not looked at more closely than its ticks come: workers rest
#: between two ticks, and that would be all there is to see.
_LONG = 600
_TICK_PERIOD = 60

#: The series, and what they count.
_SERIES: Mapping[str, frozenset[str]] = {
    "enqueued": frozenset({State.ENQUEUED}),
    "verified": frozenset({State.VERIFIED, UNCHANGED}),
    "failed": frozenset(
        {State.NOT_FOUND, State.KNOWN_ERROR, State.UNKNOWN_ERROR, State.INCONSISTENT}
    ),
}


def rates(samples: Sequence[Sample], started_at: float, ended_at: float) -> dict[str, Any]:
    """Return the images per second in each state, from a run's start to its end.

    Returns:
        ``started_at``; ``step_seconds`` between points; ``images_per_second``, a list of
        points for each series; ``held``, the part of the workers' time that a gate held, from
        0 to 1, for each point; ``bulks``, the most bulks that might go on concurrently, for each
        point, 0 where that is not known. Without samples, no points.
    """
    if not samples:
        return {"started_at": iso(started_at), "step_seconds": 0, "images_per_second": {}}
    axis = _Axis.over(started_at, ended_at)
    workers = len({sample.worker for sample in samples})
    moved = {name: axis.empty() for name in _SERIES}
    held = axis.empty()
    bulks = [0] * len(held)
    for sample in _with_pauses(samples):
        for name, kinds in _SERIES.items():
            count = sum(n for kind, n in sample.moved.items() if kind in kinds)
            axis.spread(moved[name], sample, count)
        axis.spread(held, sample, sum(sample.held.values()))
        for n in axis.steps_of(sample, len(bulks)):
            bulks[n] = max(bulks[n], sample.bulks)
    return {
        "started_at": iso(started_at),
        "step_seconds": axis.step,
        "images_per_second": {
            name: [round(v / w, 3) for v, w in zip(values, axis.widths, strict=True)]
            for name, values in moved.items()
        },
        "held": [
            round(min(1.0, v / (w * workers)), 3) for v, w in zip(held, axis.widths, strict=True)
        ],
        "bulks": bulks,
    }


def gates(samples: Sequence[Sample]) -> list[dict[str, Any]]:
    """Return the gates that held, those that held longest first.

    Most gates hold all workers at once: what counts is how long the worker waited that it
    held longest, not the sum over workers.

    Returns:
        For each its name, the seconds, and when it held first and last.
    """
    found: dict[str, _Gate] = {}
    for sample in _with_pauses(samples):
        for name, seconds in sample.held.items():
            found.setdefault(name, _Gate(sample.at)).held(sample, seconds)
    ranked = sorted(found.items(), key=lambda pair: (-pair[1].seconds, pair[0]))
    return [
        {
            "gate": name,
            "seconds": round(gate.seconds, 1),
            "first_at": iso(gate.first_at),
            "last_at": iso(gate.last_at),
        }
        for name, gate in ranked[:MAX_GATES]
    ]


def bulk_limits(samples: Sequence[Sample]) -> list[dict[str, Any]]:
    """Return the reasons for the number of concurrent bulks, in the order of their first effect.

    Returns:
        For each what it was, the fewest and the most bulks under it, and when it set their number
        first and last.
    """
    found: dict[str, dict[str, Any]] = {}
    for sample in samples:
        if not sample.bulks:
            continue
        at = iso(sample.ended_at)
        limit = found.setdefault(
            sample.bulks_set_by,
            {
                "set_by": sample.bulks_set_by,
                "fewest": sample.bulks,
                "most": sample.bulks,
                "first_at": at,
                "last_at": at,
            },
        )
        limit["fewest"] = min(limit["fewest"], sample.bulks)
        limit["most"] = max(limit["most"], sample.bulks)
        limit["last_at"] = max(limit["last_at"], at)
    return [*found.values()]


@dataclass(slots=True)
class _Gate:
    """When a gate held, and for how long which worker."""

    first_at: float
    last_at: float = 0
    by_worker: dict[int, float] = field(default_factory=lambda: defaultdict(float))

    def held(self, sample: Sample, seconds: float) -> None:
        self.by_worker[sample.worker] += seconds
        self.last_at = max(self.last_at, sample.ended_at)

    @property
    def seconds(self) -> float:
        return max(self.by_worker.values())


@dataclass(frozen=True, slots=True)
class _Axis:
    """The time of a run, cut into steps of one length; the last may be shorter."""

    start: float
    end: float
    step: int

    @classmethod
    def over(cls, start: float, end: float) -> _Axis:
        seconds = max(1.0, end - start)
        least = _TICK_PERIOD if seconds >= _LONG else 1
        fits = (step for step in _STEPS if step >= least and seconds <= step * MAX_POINTS)
        return cls(start, start + seconds, next(fits, _STEPS[-1]))

    @property
    def widths(self) -> list[float]:
        """The length of each step, in seconds."""
        whole, rest = divmod(self.end - self.start, self.step)
        return [float(self.step)] * int(whole) + ([rest] if rest else [])

    def empty(self) -> list[float]:
        """Return a series of nothing."""
        return [0.0] * len(self.widths)

    def spread(self, series: list[float], sample: Sample, amount: float) -> None:
        """Add what a sample tells, evenly over the time it tells of."""
        if not amount:
            return
        begin, until = self._span(sample)
        if until == begin:
            series[self.steps_of(sample, len(series))[0]] += amount
            return
        for n in self.steps_of(sample, len(series)):
            overlap = min(until, (n + 1) * self.step) - max(begin, n * self.step)
            series[n] += amount * overlap / (until - begin)

    def steps_of(self, sample: Sample, count: int) -> range:
        """Which of ``count`` steps a sample tells of: at least one."""
        begin, until = (min(int(at // self.step), count - 1) for at in self._span(sample))
        return range(begin, until + 1)

    def _span(self, sample: Sample) -> tuple[float, float]:
        """When a sample begins and ends, in seconds after the axis does, and within it."""
        begin = min(max(sample.at - self.start, 0.0), self.end - self.start)
        return begin, min(max(sample.ended_at - self.start, begin), self.end - self.start)


def _with_pauses(samples: Sequence[Sample]) -> Iterator[Sample]:
    """Yield the samples, those of a paused run stretched to their worker's next tick."""
    by_worker: dict[int, list[Sample]] = defaultdict(list)
    for sample in samples:
        by_worker[sample.worker].append(sample)
    for own in by_worker.values():
        for sample, following in pairwise([*own, own[-1]]):
            if PAUSED in sample.held:
                seconds = following.at - sample.at
                yield replace(sample, seconds=seconds, held={PAUSED: seconds})
            else:
                yield sample
