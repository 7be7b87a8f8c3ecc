"""An estimate of what a run costs on AWS, from its counts.

What a run's own counters know is counted: rows, messages, ticks. What only the bill knows is
assumed, and marked so: how long a projection takes, how many requests it makes. Not in it are
what is paid without a run (storage, the cluster), logs and metrics, data transfer, free tiers,
and the price of another region.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from reindex.domain.run_records import UNCHANGED
from reindex.domain.states import Phase, State
from reindex.reports import footprint, prices
from reindex.reports.samples import Sample
from reindex.settings import Rounds

#: Read units of a row in the Tally's scan: most have some 300 bytes, of 4 KB for a unit.
_SCAN_UNITS = 0.1

#: Requests per message that is sent, received and deleted in batches of ten.
_REQUESTS_PER_MESSAGE = 3 / 10


@dataclass(frozen=True, slots=True)
class PerImage:
    """The resources that one image is assumed to take, according to the model in docs/cost.md.

    Attributes:
        projection_seconds: Of the projection's time.
        indexer_seconds: Of the indexer's.
        reads: GETs and HEADs of S3.
    """

    projection_seconds: float = 0.016
    indexer_seconds: float = 0.0023
    reads: float = footprint.S3_READS


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the bill.

    Attributes:
        service: Of AWS.
        what: Is paid for.
        quantity: How much of it.
        unit_price: US dollars.
        assumed: True if the quantity is assumed, and not counted.
    """

    service: str
    what: str
    quantity: float
    unit_price: float
    assumed: bool = False

    @property
    def dollars(self) -> float:
        """Its cost in US dollars."""
        return self.quantity * self.unit_price


def estimate(
    moved: Mapping[str, int],
    samples: Sequence[Sample],
    images: int,
    rounds: int,
    per_image: PerImage = PerImage(),
) -> dict[str, Any]:
    """Estimate what a run cost.

    Args:
        moved: Rows that the run moved, by what they became.
        samples: Of its ticks.
        images: Rows of the progress table.
        rounds: How often they were scanned.
        per_image: What is assumed of each.

    Returns:
        ``currency``, ``region``, the ``total``, and its ``lines``.
    """
    lines = list(_lines(moved, samples, images, rounds, per_image))
    return {
        "currency": "USD",
        "region": prices.REGION,
        "total": round(sum(line.dollars for line in lines), 6),
        "lines": [
            asdict(line) | {"quantity": round(line.quantity, 1), "dollars": round(line.dollars, 6)}
            for line in lines
        ],
    }


def _lines(
    moved: Mapping[str, int],
    samples: Sequence[Sample],
    images: int,
    rounds: int,
    per_image: PerImage,
) -> Iterator[Line]:
    rows = sum(moved.values())
    sent = moved.get(State.ENQUEUED, 0)
    failed = (State.KNOWN_ERROR, State.UNKNOWN_ERROR)
    projected = sum(moved.get(kind, 0) for kind in (State.ENQUEUED, UNCHANGED, "retried", *failed))
    # A row under 1 KB takes one unit, whatever it becomes.
    writes = rows * (1 + footprint.NOTING_UNITS)
    yield Line("DynamoDB", "write units: progress", writes, prices.WRITE_UNIT)
    yield Line("DynamoDB", "read units: tally", images * rounds * _SCAN_UNITS, prices.READ_UNIT)
    yield Line(
        "DynamoDB",
        "read units: user data",
        projected * footprint.USER_DATA_UNITS,
        prices.READ_UNIT,
        assumed=True,
    )
    yield Line("SQS", "requests", sent * _REQUESTS_PER_MESSAGE, prices.QUEUE_REQUEST)
    for phase in Phase:
        seconds = sum(sample.seconds for sample in samples if sample.phase is phase)
        gb_seconds = seconds * footprint.gb(f"batch_{phase}")
        yield Line("Lambda", f"GB-seconds: {phase} ticks", gb_seconds, prices.GB_SECOND)
    for what, function, seconds in (
        ("projection", "image_projection", projected * per_image.projection_seconds),
        ("indexer", "indexer", sent * per_image.indexer_seconds),
    ):
        gb_seconds = seconds * footprint.gb(function)
        yield Line("Lambda", f"GB-seconds: {what}", gb_seconds, prices.GB_SECOND, assumed=True)
    calls = len(samples) + projected / footprint.PROJECTION_BATCH + sent / footprint.INDEXER_BATCH
    yield Line("Lambda", "invocations", calls, prices.INVOCATION)
    yield Line("S3", "reads", projected * per_image.reads, prices.S3_READ, assumed=True)
    yield Line(
        "S3", "listings of crops", projected * footprint.S3_LISTINGS, prices.S3_WRITE, assumed=True
    )
    yield Line("S3", "writes: samples", len(samples), prices.S3_WRITE)
    transitions = footprint.transitions(rounds, Rounds().tally_segments)
    yield Line("Step Functions", "transitions", transitions, prices.TRANSITION)
