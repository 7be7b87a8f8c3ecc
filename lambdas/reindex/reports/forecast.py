"""A forecast of a run's hours and dollars, before it begins or while it runs.

The rates are rounded from those of the model in docs/cost.md, or measured by a rehearsal. A cluster
that takes less than the indexer may send, a full backlog and a closed gate all make it longer.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from reindex.domain.run_records import RunRecord
from reindex.domain.states import Phase, State
from reindex.reports.cost import PerImage, estimate
from reindex.reports.footprint import INDEXER_BATCH
from reindex.reports.run_estimate import finished, to_index
from reindex.reports.samples import Sample

#: Images a second that one worker's own processor allows in each phase: below what the benchmarks
#: measure on one machine (docs/cost.md), so that a forecast is rather too long.
WORKER_RATES: Final[Mapping[Phase, float]] = {Phase.INDEX: 1_300.0, Phase.CHECK: 1_400.0}

#: Assumed seconds of one bulk of :data:`~reindex.reports.footprint.INDEXER_BATCH` documents, with
#: the indexer's own work on them.
BULK_SECONDS: Final = 1.15

#: Times that the table is scanned: for the report, if all goes well.
_ROUNDS: Final = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class StageCapacity:
    """The concurrency of a stage.

    Attributes:
        workers: Of each phase.
        projection_concurrency: Projection calls that one worker waits on at once.
        bulks: Bulks that the indexer sends concurrently.
    """

    workers: int
    projection_concurrency: int
    bulks: int


@dataclass(frozen=True, slots=True)
class Forecast:
    """The forecast of a run.

    Attributes:
        images: That are to be verified.
        hours: In both phases.
        dollars: As :func:`reindex.reports.cost.estimate` counts them.
        bound_by: What the index phase waits for: ``workers``, ``projection`` or ``indexer``.
    """

    images: int
    hours: float
    dollars: float
    bound_by: str

    def to_json(self) -> dict[str, Any]:
        """Return it as it is printed and stored."""
        return {
            "images": self.images,
            "hours": round(self.hours, 2),
            "dollars": round(self.dollars, 2),
            "bound_by": self.bound_by,
        }


def forecast(
    indexing: int,
    checking: int,
    rows: int,
    capacity: StageCapacity,
    per_image: PerImage | None = None,
) -> Forecast:
    """Forecast a run, or what is left of one.

    Args:
        indexing: Images that the index phase has before it.
        checking: Images that the check phase has before it.
        rows: Of the progress table, which is scanned at the end.
        capacity: Of the stage.
        per_image: What one image takes, where that was measured.
    """
    per_image = per_image or PerImage()
    calls = capacity.workers * capacity.projection_concurrency
    rates = {
        "workers": capacity.workers * WORKER_RATES[Phase.INDEX],
        "projection": calls / per_image.projection_seconds,
        "indexer": capacity.bulks * INDEXER_BATCH / BULK_SECONDS,
    }
    bound_by = min(rates, key=lambda name: rates[name])
    seconds = {
        Phase.INDEX: indexing / rates[bound_by],
        Phase.CHECK: checking / (capacity.workers * WORKER_RATES[Phase.CHECK]),
    }
    ticks = [Sample(0, capacity.workers * taken, phase, 0) for phase, taken in seconds.items()]
    moved: Mapping[str, int] = {State.ENQUEUED: indexing, State.VERIFIED: checking}
    cost = estimate(moved, ticks, rows, _ROUNDS, per_image)
    return Forecast(checking, sum(seconds.values()) / 3600, cost["total"], bound_by)


@dataclass(frozen=True, slots=True)
class Bill:
    """The estimated cost of an open run, in US dollars.

    Attributes:
        so_far: Until now.
        to_come: From now to its end, if no image is tried again.
    """

    so_far: float
    to_come: float

    @property
    def total(self) -> float:
        """The cost when it has ended."""
        return self.so_far + self.to_come


def bill(run: RunRecord, now: float, capacity: StageCapacity) -> Bill:
    """Estimate what an open run has cost and will cost, from its record.

    Args:
        run: The record.
        now: Epoch seconds.
        capacity: Of the stage.
    """
    ticking = max(0.0, (run.ended_at or now) - run.started_at) * capacity.workers
    ticks = [Sample(run.started_at, ticking, run.phase or Phase.INDEX, 0)]
    spent = estimate(run.counts, ticks, run.total, run.round)["total"]
    if not run.is_open:
        return Bill(spent, 0.0)
    left = run.total - finished(run)
    return Bill(spent, forecast(to_index(run), left, run.total, capacity).dollars)
