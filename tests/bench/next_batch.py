"""What finding the next batch costs in a small table and in a large one.

    python -m tests.bench.next_batch [--rows N] [--json FILE]

A tick's first page (500 ids over a worker's shards, as the ticks ask for them) in a table that
grows to 10,000, 100,000 and a million rows, against a second table that keeps 10,000. Both are
in DynamoDB Local and take turns, so that what else the machine does counts for both. Once most
rows are finished, which is how a run ends; once all are queued, which is how it begins.
"""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from http.client import HTTPConnection
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from reindex.batches import in_batches
from reindex.progress import ProgressRow
from reindex.states import Phase, shards_of_worker
from reindex.steps.ambient import SystemClock
from reindex.steps.shift import PAGE_SIZE, due_pages
from reindex.stores.interfaces import ProgressTable
from reindex.stores.progress_table import DynamoProgressTable, to_item
from tests.bench.projection import Row
from tests.bench.results import (
    Result,
    alternating,
    median_ratio,
    median_seconds,
    parser_of,
    report,
    spent,
)
from tests.bench.servers import KEY, REGION, dynamodb
from tests.bench.workload import NOW, image_ids
from tests.contract.conftest import create_progress_table

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

SMALL = 10_000
"""Rows of the table that the others are held against."""

SIZES = (SMALL, 100_000, 1_000_000)

QUEUED = 2_000
"""Rows with work left where most are finished: four pages, over all shards."""

ROUNDS = 61
BUDGET = 1.2

_Rows = Callable[[int, int], Iterator[ProgressRow]]


def mostly_finished(start: int, end: int) -> Iterator[ProgressRow]:
    """Rows number ``start`` to ``end``, of which only the very first are queued."""
    for number, row in enumerate(all_queued(start, end), start):
        yield row if number < QUEUED else _finished(row)


def all_queued(start: int, end: int) -> Iterator[ProgressRow]:
    """Rows number ``start`` to ``end``, all queued."""
    for image_id in image_ids(start, end):
        yield ProgressRow.new(image_id, "upload", NOW)


def _finished(row: ProgressRow) -> ProgressRow:
    enqueued = row.enqueued(digest="0" * 32, created=False, run_id="run", check_at=NOW, now=NOW)
    return enqueued.verified(NOW)


class Loader:
    """Writes rows without the SDK, which would take four times the processor of both sides.

    Args:
        client: Of DynamoDB Local, which looks at no signature's value.
    """

    AT_ONCE = 8
    BATCH = 25

    def __init__(self, client: DynamoDBClient) -> None:
        self._host = urlsplit(client.meta.endpoint_url).netloc
        self._own = threading.local()

    def load(self, table: str, rows: Iterator[ProgressRow]) -> None:
        """Put rows into a table."""
        with ThreadPoolExecutor(self.AT_ONCE) as pool:
            batches = in_batches(list(rows), self.BATCH)
            for _ in pool.map(partial(self._put, table), batches):
                pass

    def _put(self, table: str, rows: Sequence[ProgressRow]) -> None:
        puts = [{"PutRequest": {"Item": to_item(row)}} for row in rows]
        if not hasattr(self._own, "connection"):
            self._own.connection = HTTPConnection(self._host)
        connection: HTTPConnection = self._own.connection
        scope = f"{KEY}/20260101/{REGION}/dynamodb/aws4_request"
        connection.request(
            "POST",
            "/",
            json.dumps({"RequestItems": {table: puts}}),
            {
                "X-Amz-Target": "DynamoDB_20120810.BatchWriteItem",
                "X-Amz-Date": "20260101T000000Z",
                "Content-Type": "application/x-amz-json-1.0",
                "Authorization": (
                    f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0"
                ),
            },
        )
        answer = connection.getresponse()
        text = answer.read()
        if answer.status != 200 or json.loads(text)["UnprocessedItems"]:
            raise RuntimeError(f"DynamoDB Local: {answer.status}: {text.decode()}")


def next_page(table: ProgressTable) -> None:
    """Find the ids of a full page, as a tick of the only worker does."""
    ids = next(due_pages(table, Phase.INDEX, shards_of_worker(0, 1), SystemClock()))
    assert len(ids) == PAGE_SIZE


def measure(largest: int) -> Result:
    """Measure tables of up to ``largest`` rows."""
    rows: list[Row] = []
    figures: dict[str, float] = {}
    sizes = [size for size in SIZES if size <= largest]
    kinds: dict[str, _Rows] = {"most finished": mostly_finished, "all queued": all_queued}
    for kind, made in kinds.items():
        with dynamodb() as client:
            for size, (seconds, ratio) in growing(client, made, sizes).items():
                is_last = size == sizes[-1]
                rows.append(
                    Row(
                        f"next {PAGE_SIZE} of {size:,} rows, {kind} / of {SMALL:,}",
                        f"{ratio:.2f} x ({seconds * 1000:.1f} ms)",
                        f"<= {BUDGET} x" if is_last else "",
                        ratio <= BUDGET if is_last else None,
                    )
                )
                figures[f"{kind}, {size}: ratio"] = ratio
                figures[f"{kind}, {size}: seconds"] = seconds
    return Result(rows, figures)


def growing(
    client: DynamoDBClient, made: _Rows, sizes: Sequence[int]
) -> dict[int, tuple[float, float]]:
    """Let a table grow; at each size return the seconds of a page, and how many times as long
    it took as in the small table."""
    loader = Loader(client)
    small, large = create_progress_table(client), create_progress_table(client)
    loader.load(small, made(0, SMALL))
    sides = {
        name: partial(spent, partial(next_page, DynamoProgressTable(client, table)))
        for name, table in (("small", small), ("large", large))
    }
    found: dict[int, tuple[float, float]] = {}
    there = 0
    for size in sizes:
        loader.load(large, made(there, size))
        there = size
        taken = alternating(sides, ROUNDS)
        ratio = median_ratio(taken["large"], taken["small"])
        found[size] = median_seconds(taken["large"]), ratio
    return found


def main() -> int:
    """Measure, print, and return 1 when the budget is exceeded."""
    parser = parser_of("next_batch", __doc__)
    parser.add_argument("--rows", type=int, default=SIZES[-1], help="of the largest table")
    arguments = parser.parse_args()
    return report(measure(arguments.rows), arguments.json)


if __name__ == "__main__":
    sys.exit(main())
