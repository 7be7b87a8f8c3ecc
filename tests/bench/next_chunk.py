"""What finding the next work costs beside a small work list and beside a large one.

    python -m tests.bench.next_chunk [--rows N] [--json FILE]

A worker's next chunk (taken, its rows read, and given back) of a list that grows to 10,000,
100,000 and a million rows, against a second list that keeps 10,000. Both are in DynamoDB Local
and take turns, so that what else the machine does counts for both. The small list holds five
chunks, fewer than the page of items that a worker asks for; a longer one fills that page, and what
is beyond it is never read. The rows' own table plays no part: its size cannot matter.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

from reindex.domain.chunks import MAX_ROWS, chunks_of
from reindex.domain.progress import ProgressRow
from reindex.domain.states import Phase
from reindex.stores.work_list import DynamoWorkList
from tests.bench.projection import Row
from tests.bench.results import (
    Result,
    alternating,
    median_processor,
    median_ratio,
    median_seconds,
    parser_of,
    report,
    spent,
)
from tests.bench.servers import dynamodb
from tests.bench.workload import NOW, image_ids
from tests.contract.conftest import create_work_table
from tests.twins.run_files import MemoryRunFiles

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

SMALL = 10_000
"""Rows of the list that the others are compared with."""

SIZES = (SMALL, 100_000, 1_000_000)

ROUNDS = 61
BUDGET = 1.1


def grow(work_list: DynamoWorkList, start: int, end: int) -> None:
    """Put the images number ``start`` to ``end`` on a list."""
    for first in range(start, end, MAX_ROWS):
        ids = image_ids(first, min(end, first + MAX_ROWS))
        rows = [ProgressRow.new(image_id, "upload", NOW) for image_id in ids]
        work_list.add(chunks_of(rows, f"upload-{first:08d}"))


def next_chunk(work_list: DynamoWorkList) -> None:
    """Take a chunk as a worker does, and give it back."""
    taken = work_list.take(Phase.INDEX, "worker", NOW, NOW + 125)
    assert taken is not None
    assert len(work_list.rows(taken)) == MAX_ROWS
    work_list.release(taken)


def measure(largest: int) -> Result:
    """Measure lists of up to ``largest`` rows."""
    rows: list[Row] = []
    figures: dict[str, float] = {}
    sizes = [size for size in SIZES if size <= largest]
    with dynamodb() as client:
        for size, (seconds, ratio, processor) in growing(client, sizes).items():
            is_last = size == sizes[-1]
            rows.append(
                Row(
                    f"next chunk of {size:,} rows / of {SMALL:,}",
                    f"{ratio:.2f} x ({seconds * 1000:.1f} ms), {processor:.2f} x the processor",
                    f"<= {BUDGET} x" if is_last else "",
                    ratio <= BUDGET if is_last else None,
                )
            )
            figures[f"{size}: ratio"] = ratio
            figures[f"{size}: seconds"] = seconds
            figures[f"{size}: processor ratio"] = processor
    return Result(rows, figures)


def growing(client: DynamoDBClient, sizes: Sequence[int]) -> dict[int, tuple[float, float, float]]:
    """Let a list grow, and measure a chunk of it at each size.

    Returns:
        The seconds; how many times as long that is as from the small list; and how many times as
        much of this process's processor it took, which the machine's other work changes least.
    """
    small, large = (
        DynamoWorkList(client, create_work_table(client), MemoryRunFiles()) for _ in range(2)
    )
    grow(small, 0, SMALL)
    sides = {
        name: partial(spent, partial(next_chunk, work_list))
        for name, work_list in (("small", small), ("large", large))
    }
    found: dict[int, tuple[float, float, float]] = {}
    there = 0
    for size in sizes:
        grow(large, there, size)
        there = size
        taken = alternating(sides, ROUNDS)
        ratio = median_ratio(taken["large"], taken["small"])
        processor = median_processor(taken["large"]) / median_processor(taken["small"])
        found[size] = median_seconds(taken["large"]), ratio, processor
    return found


def main() -> int:
    """Measure, print, and return 1 when the budget is exceeded."""
    parser = parser_of("next_chunk", __doc__)
    parser.add_argument("--rows", type=int, default=SIZES[-1], help="of the largest list")
    arguments = parser.parse_args()
    return report(measure(arguments.rows), arguments.json)


if __name__ == "__main__":
    sys.exit(main())
