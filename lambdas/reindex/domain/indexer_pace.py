"""Adapts the number of concurrent bulks to the cluster: additive increase, multiplicative decrease.

The indexers count what they send; a tick reads the counters periodically and decides. The
concurrency rises by one while the queue keeps all bulks busy and the time per document does not
grow. It is halved when the cluster rejects documents, when the time per document is far above its
best, or when the library's own ingestion has to wait. This is the algorithm with which TCP shares
a connection of unknown capacity (Chiu and Jain, 1989; RFC 5681).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any, Final, Self

#: Least concurrency, which is the minimum of SQS (``ScalingConfig.MaximumConcurrency``).
#: https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-scaling.html
LEAST: Final = 2

#: Concurrency at the start of a run, if its ceiling is not lower.
START: Final = 4

#: Seconds between decisions: the event source mapping adapts slowly, and a few bulks are too small
#: a sample.
LOOK_SECONDS: Final = 45.0

#: Least number of bulks between two decisions, per unit of concurrency, for their times to count.
BULKS_EACH: Final = 2

#: Least average size of these bulks, as a share of a full bulk, for their times to count.
_FULL: Final = 0.8

#: Multiple of the best time per document that counts as overload. Above the cluster's capacity the
#: time grows in proportion to the concurrency, so the excess stays within half of the capacity.
TOO_SLOW: Final = 1.5

#: Factor by which the best time is raised at each decision, because later documents may be larger.
FORGET: Final = 1.005

#: Share of documents that may be rejected: one in a hundred does not indicate an overload.
_REFUSED_SHARE: Final = 0.01


class SetBy(StrEnum):
    """The reason for the current concurrency, as ``reindex status`` shows it."""

    STARTING = "default: too few full bulks so far to measure the cluster"
    GROWING = "trial: one more is allowed while the cluster keeps up"
    REFUSALS = "the cluster: it refuses documents (429 or 503)"
    LATENCY = "the cluster: documents take longer"
    LIVE_QUEUE = "the library's own ingestion: its queue is half as deep as it may be"
    PROJECTION = "the projection: the indexer waits for documents"
    CEILING = "the ceiling: indexer_concurrency"


@dataclass(frozen=True, slots=True)
class BulkCounts:
    """Counts of the indexers' bulks, summed over a run.

    Attributes:
        bulks: Number of bulk requests.
        documents: Number of documents in them.
        milliseconds: Total time from request to response.
        refused: Number of documents that the cluster rejected because it was busy.
    """

    bulks: int = 0
    documents: int = 0
    milliseconds: int = 0
    refused: int = 0

    @classmethod
    def of(cls, counts: Mapping[str, int]) -> Self:
        """Read the counts from the run record; a missing count is 0."""
        return cls(**{name: int(counts.get(name, 0)) for name in cls.__dataclass_fields__})

    def since(self, before: BulkCounts) -> BulkCounts:
        """Return the difference to the counts of an earlier decision."""
        return BulkCounts(
            self.bulks - before.bulks,
            self.documents - before.documents,
            self.milliseconds - before.milliseconds,
            self.refused - before.refused,
        )

    @property
    def seconds_per_document(self) -> float | None:
        """Average seconds per document; None without any documents."""
        return self.milliseconds / 1000 / self.documents if self.documents else None


@dataclass(frozen=True, slots=True)
class IndexerPace:
    """The last decision on the concurrency.

    Attributes:
        concurrency: Number of concurrent bulks.
        set_by: The reason for it.
        at: Time of the decision, epoch seconds.
        best: The best seconds per document, raised by :data:`FORGET`; None before the first.
        counts: The counters at that time.
        is_applied: True if the event source mapping has been updated.
    """

    concurrency: int
    set_by: SetBy
    at: float
    best: float | None = None
    counts: BulkCounts = BulkCounts()
    is_applied: bool = True

    @classmethod
    def of(cls, stored: Mapping[str, Any]) -> Self | None:
        """Read the decision from the run record.

        Returns:
            None before the first decision, or if the record cannot be read because another
            release wrote it or an operator edited it; then the search restarts.
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
        """Return the values that the run record stores."""
        return {name: value for name, value in asdict(self).items() if value is not None}


@dataclass(frozen=True, slots=True)
class Conditions:
    """Further inputs of a decision.

    Attributes:
        backlog: Number of messages on the low-priority queue.
        batch: Number of messages in a full bulk.
        live_queue_is_deep: True if the library's own queue has reached half of its limit.
        ceiling: Largest concurrency that the stage allows.
    """

    backlog: int
    batch: int
    live_queue_is_deep: bool
    ceiling: int


def next_pace(
    before: IndexerPace | None, counts: BulkCounts, conditions: Conditions, now: float
) -> IndexerPace | None:
    """Decide the number of concurrent bulks.

    Args:
        before: The last decision; None at the beginning of a run.
        counts: The current counters.
        conditions: Further inputs.
        now: Current time in epoch seconds.

    Returns:
        The decision; None when it is too early for one.
    """
    ceiling = max(LEAST, conditions.ceiling)
    if before is None:
        return IndexerPace(min(START, ceiling), SetBy.STARTING, now, None, counts, is_applied=False)
    if now - before.at < LOOK_SECONDS:
        return None
    seen = counts.since(before.counts)
    # A bulk has a fixed cost, so the time per document is only comparable between large bulks.
    is_representative = (
        seen.bulks >= BULKS_EACH * before.concurrency
        and seen.documents + seen.refused >= _FULL * conditions.batch * seen.bulks
    )
    took = seen.seconds_per_document if is_representative else None
    best = before.best and before.best * FORGET
    if took is not None:
        best = min(took, best or took)
    concurrency, set_by = _decision(before.concurrency, seen, took, best, conditions)
    concurrency = min(max(LEAST, concurrency), ceiling)
    is_applied = before.is_applied and concurrency == before.concurrency
    return IndexerPace(concurrency, set_by, now, best, counts, is_applied)


def _decision(
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
        # The event source mapping has not adapted yet, or too few bulks were answered.
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
