"""How many bulks the cluster takes side by side, found by trying: additive increase, and half.

The indexers count what they send; a tick looks at the counters once in a while and decides. One
more bulk side by side as long as the queue keeps all of them busy and each document takes no
longer for it; half as many when the cluster refuses, when documents take much longer than they
did at its best, or when the library's own ingestion has to wait. It is how TCP shares a line whose
width nobody knows (Chiu and Jain, 1989; RFC 5681).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any, Final, Self

#: The fewest: SQS takes no less (``ScalingConfig.MaximumConcurrency``).
#: https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-scaling.html
LEAST: Final = 2

#: Where a run begins, if its ceiling is not lower.
START: Final = 4

#: Seconds between decisions: the mapping takes some to follow, and a few bulks say little.
LOOK_SECONDS: Final = 45.0

#: Bulks of a look, for each that goes on side by side, below which their times say nothing.
BULKS_EACH: Final = 2

#: Share of a full bulk that the bulks of a look must have on average for the same.
_FULL: Final = 0.8

#: Times the seconds of a document at its best that are too many. Above what the cluster can do at
#: once, its time per bulk grows with their number: so the excess stays within half of that.
TOO_SLOW: Final = 1.5

#: How fast the best is forgotten, for each look: documents may be larger later in a run.
FORGET: Final = 1.005

#: Share of bulks in a look that may be refused: one in a hundred is no sign of a full cluster.
_REFUSED_SHARE: Final = 0.01


class SetBy(StrEnum):
    """What decides how many bulks go on side by side, as ``reindex status`` shows it."""

    STARTING = "default: too few full bulks so far to measure the cluster"
    GROWING = "trial: one more is allowed while the cluster keeps up"
    REFUSALS = "the cluster: it refuses documents (429 or 503)"
    LATENCY = "the cluster: documents take longer"
    LIVE_QUEUE = "the library's own ingestion: its queue is half as deep as it may be"
    PROJECTION = "the projection: the indexer waits for documents"
    CEILING = "the ceiling: indexer_concurrency"


@dataclass(frozen=True, slots=True)
class BulkCounts:
    """What the indexers sent, summed over a run.

    Attributes:
        bulks: Requests.
        documents: In them.
        milliseconds: From a bulk's begin to its answer, in sum.
        refused: Documents that the cluster did not take, for it was busy.
    """

    bulks: int = 0
    documents: int = 0
    milliseconds: int = 0
    refused: int = 0

    @classmethod
    def of(cls, counts: Mapping[str, int]) -> Self:
        """Read them from the run record; what is missing there is 0."""
        return cls(**{name: int(counts.get(name, 0)) for name in cls.__dataclass_fields__})

    def since(self, before: BulkCounts) -> BulkCounts:
        """Return what was sent between two looks."""
        return BulkCounts(
            self.bulks - before.bulks,
            self.documents - before.documents,
            self.milliseconds - before.milliseconds,
            self.refused - before.refused,
        )

    @property
    def seconds_per_document(self) -> float | None:
        """How long a document took; None without any."""
        return self.milliseconds / 1000 / self.documents if self.documents else None


@dataclass(frozen=True, slots=True)
class IndexerPace:
    """What was decided at the last look.

    Attributes:
        concurrency: Bulks that may go on side by side.
        set_by: What decided it.
        at: When, epoch seconds.
        best: The least seconds that a document took, with :data:`FORGET`; None before any.
        counts: The counters then.
        is_applied: Whether the mapping was told so.
    """

    concurrency: int
    set_by: SetBy
    at: float
    best: float | None = None
    counts: BulkCounts = BulkCounts()
    is_applied: bool = True

    @classmethod
    def of(cls, stored: Mapping[str, Any]) -> Self | None:
        """Read it from the run record.

        Returns:
            None before the first look, and of a record that another release wrote or somebody
            edited: the search begins anew.
        """
        try:
            best = stored.get("best")
            return cls(
                concurrency=int(stored["concurrency"]),
                set_by=SetBy(stored["set_by"]),
                at=float(stored["at"]),
                best=None if best is None else float(best),
                counts=BulkCounts.of(stored["counts"]),
                is_applied=bool(stored.get("is_applied", True)),
            )
        except (KeyError, TypeError, ValueError, AttributeError):
            return None

    def to_json(self) -> dict[str, Any]:
        """Return it as the run record holds it."""
        return {name: value for name, value in asdict(self).items() if value is not None}


@dataclass(frozen=True, slots=True)
class Conditions:
    """What else a decision is made of.

    Attributes:
        backlog: Messages on the low-priority queue.
        batch: Messages of a full bulk.
        live_queue_is_deep: Whether the library's own queue is half as deep as it may be.
        ceiling: The most bulks that the stage allows.
    """

    backlog: int
    batch: int
    live_queue_is_deep: bool
    ceiling: int


def next_pace(
    before: IndexerPace | None, counts: BulkCounts, conditions: Conditions, now: float
) -> IndexerPace | None:
    """Decide how many bulks go on side by side from now on.

    Args:
        before: The last decision; None at the beginning of a run.
        counts: The counters now.
        conditions: What else matters.
        now: Epoch seconds.

    Returns:
        The decision; None when it is too early for one.
    """
    ceiling = max(LEAST, conditions.ceiling)
    if before is None:
        return IndexerPace(min(START, ceiling), SetBy.STARTING, now, None, counts, is_applied=False)
    if now - before.at < LOOK_SECONDS:
        return None
    seen = counts.since(before.counts)
    # A bulk has a cost of its own: in small ones, a document's time says nothing of the cluster.
    is_representative = (
        seen.bulks >= BULKS_EACH * before.concurrency
        and seen.documents + seen.refused >= _FULL * conditions.batch * seen.bulks
    )
    took = seen.seconds_per_document if is_representative else None
    best = before.best and before.best * FORGET
    if took is not None:
        best = min(took, best or took)
    concurrency, set_by = _decided(before.concurrency, seen, took, best, conditions)
    concurrency = min(max(LEAST, concurrency), ceiling)
    is_applied = before.is_applied and concurrency == before.concurrency
    return IndexerPace(concurrency, set_by, now, best, counts, is_applied)


def _decided(
    concurrency: int,
    seen: BulkCounts,
    took: float | None,
    best: float | None,
    conditions: Conditions,
) -> tuple[int, SetBy]:
    if overload := _overload(seen, took, best, conditions):
        return max(LEAST, concurrency // 2), overload
    if conditions.backlog < concurrency * conditions.batch:
        return concurrency, SetBy.PROJECTION
    if concurrency >= conditions.ceiling:
        return concurrency, SetBy.CEILING
    if took is None:
        # The mapping has not followed yet, or the cluster answers too slowly to tell.
        return concurrency, SetBy.STARTING
    return concurrency + 1, SetBy.GROWING


def _overload(
    seen: BulkCounts, took: float | None, best: float | None, conditions: Conditions
) -> SetBy | None:
    if seen.refused > _REFUSED_SHARE * (seen.documents + seen.refused):
        return SetBy.REFUSALS
    if conditions.live_queue_is_deep:
        return SetBy.LIVE_QUEUE
    if took is not None and best is not None and took > TOO_SLOW * best:
        return SetBy.LATENCY
    return None
