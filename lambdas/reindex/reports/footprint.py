"""The AWS resources of a run: the size of its functions, its steps, and the calls for one image.

The stack is made by it, and costs are estimated with it. What one image asks for was measured on
the sample library, in which most images have all that an image can have: docs/cost.md names the
benchmarks.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from reindex.settings import IndexerFeed

#: No input may need more.
_LEAST_MB: Final = 512

#: Lambda gives processor time in proportion to memory, and at this a whole core.
#: https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html
CORE_MB: Final = 1769

#: Memory of each function. The ticks' own processor time bounds how fast a worker is, and is a
#: small part of the bill; an original is decoded on a whole core; an audit holds a partition of all
#: listings in memory; everything else goes on many times concurrently.
MEMORY_MB: Final[Mapping[str, int]] = {
    "gather": _LEAST_MB,
    "batch_index": CORE_MB,
    "batch_check": CORE_MB,
    "image_projection": _LEAST_MB,
    "indexer": _LEAST_MB,
    "preflight": _LEAST_MB,
    "tally": _LEAST_MB,
    "ingest": CORE_MB,
    "live_indexer": _LEAST_MB,
    "follow": _LEAST_MB,
    "audit": CORE_MB,
    "notices": _LEAST_MB,
}

#: The most bulks that the indexer sends concurrently, and the messages of each, if the stage does
#: not say otherwise.
INDEXER_CONCURRENCY: Final = IndexerFeed("").indexer_concurrency
INDEXER_BATCH: Final = IndexerFeed("").indexer_batch_size

#: Most images that one projection call builds.
PROJECTION_BATCH: Final = 100

#: Parts of an audit's listings, and its partitions, that are worked concurrently.
AUDITORS: Final = 32

#: GETs of the original and the thumbnail, with HEADs of crops.
S3_READS: Final = 2.5

#: LISTs of crops: one for each call, where its images lie close together in the bucket, as they do
#: in all runs but small ones. At most 1, where they lie far apart.
S3_LISTINGS: Final = 0.01

#: Read units: rows of four tables by key, consistently, and of two by secondary index.
USER_DATA_UNITS: Final = 5.0

#: Write units of the work list and the run record, for each row that moves.
NOTING_UNITS: Final = 0.01

#: State transitions of a run: once, in each round, and in each of a round's segments of the Tally.
RUN_TRANSITIONS: Final = 7
ROUND_TRANSITIONS: Final = 11
SEGMENT_TRANSITIONS: Final = 3


def transitions(rounds: int, segments: int) -> int:
    """Return the state transitions of a run whose ids are in the table already.

    Args:
        rounds: How often the table was scanned.
        segments: Parts that each scan had, each worked by one invocation.
    """
    return RUN_TRANSITIONS + rounds * (ROUND_TRANSITIONS + segments * SEGMENT_TRANSITIONS)


def gb(function: str) -> float:
    """Memory of a function in GB, as AWS bills it."""
    return MEMORY_MB[function] / 1024
