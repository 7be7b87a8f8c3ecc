"""What a run over some images will take: hours and dollars, before it begins or on its way.

The rates are those of the model in docs/cost.md, or measured by a rehearsal. A cluster that takes
less than the indexer may send, a backlog that is full and a gate that holds all make it longer.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from reindex.domain.states import Phase, State
from reindex.reports.cost import PerImage, estimate
from reindex.reports.footprint import INDEXER_BATCH
from reindex.reports.samples import Sample

#: Images a second that one worker's own processor allows in each phase (docs/cost.md).
WORKER_RATES: Final[Mapping[Phase, float]] = {Phase.INDEX: 1_300.0, Phase.CHECK: 1_400.0}

#: Assumed seconds of one bulk of :data:`~reindex.reports.footprint.INDEXER_BATCH` documents.
BULK_SECONDS: Final = 1.15

#: Times that the table is scanned: for the report, if all goes well.
_ROUNDS: Final = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Strength:
    """What a stage has to work with.

    Attributes:
        workers: Of each phase.
        projection_concurrency: Projection calls that one worker waits on at once.
        bulks: Bulks that the indexer sends side by side.
    """

    workers: int
    projection_concurrency: int
    bulks: int


@dataclass(frozen=True, slots=True)
class Forecast:
    """What a run will take.

    Attributes:
        images: That have work left.
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
    images: int, rows: int, strength: Strength, per_image: PerImage | None = None
) -> Forecast:
    """Forecast a run.

    Args:
        images: To be reindexed.
        rows: Of the progress table when they are in it, which is scanned.
        strength: Of the stage.
        per_image: What one image takes, where that was measured.
    """
    per_image = per_image or PerImage()
    calls = strength.workers * strength.projection_concurrency
    rates = {
        "workers": strength.workers * WORKER_RATES[Phase.INDEX],
        "projection": calls / per_image.projection_seconds,
        "indexer": strength.bulks * INDEXER_BATCH / BULK_SECONDS,
    }
    bound_by = min(rates, key=lambda name: rates[name])
    seconds = {
        Phase.INDEX: images / rates[bound_by],
        Phase.CHECK: images / (strength.workers * WORKER_RATES[Phase.CHECK]),
    }
    ticks = [Sample(0, strength.workers * taken, phase, 0) for phase, taken in seconds.items()]
    moved: Mapping[str, int] = {State.ENQUEUED: images, State.VERIFIED: images}
    cost = estimate(moved, ticks, rows, _ROUNDS, per_image)
    return Forecast(images, sum(seconds.values()) / 3600, cost["total"], bound_by)
