"""How soon a small run begins in a large table.

    python -m tests.bench.first_document [--rows N] [--json FILE]

Ten ids are uploaded, and a run is begun: from Preflight's look at the work list to the first
document on its way to the queue. In a progress table that is empty, and in one that holds a
million finished rows; both are in DynamoDB Local and take turns. The projection and the queue
answer at once on the wire, and the run record is in memory.
"""

from __future__ import annotations

import itertools
import json
import sys
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from http.client import HTTPConnection
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from reindex.batches import in_batches
from reindex.domain.progress import ProgressRow
from reindex.domain.states import Phase
from reindex.stores.progress_table import DynamoProgressTable, to_item
from reindex.stores.work_list import DynamoWorkList
from tests.bench.projection import Row
from tests.bench.results import (
    Result,
    Spent,
    alternating,
    median_ratio,
    median_seconds,
    parser_of,
    report,
    spent,
)
from tests.bench.servers import KEY, REGION, dynamodb
from tests.bench.wire import instant_backlog, instant_projector
from tests.bench.workload import NOW, Reindex, image_ids
from tests.contract.conftest import create_progress_table, create_work_table
from tests.twins.run_files import MemoryRunFiles
from tests.twins.runs import MemoryRuns

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

IDS = 10
ROUNDS = 31
BUDGET = 1.5


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


def finished(count: int) -> Iterator[ProgressRow]:
    """Rows of images that were verified long ago."""
    for image_id in image_ids(0, count):
        row = ProgressRow.new(image_id, "upload", NOW)
        sent = row.enqueued(digest="0" * 32, created=False, run_id="run", check_at=NOW, now=NOW)
        yield sent.verified(NOW)


class Beginning:
    """Begins run after run in one table.

    Args:
        client: Of DynamoDB Local.
        table: Name of the progress table.
        first: Number of the first image that is not in the table.
    """

    def __init__(self, client: DynamoDBClient, table: str, first: int) -> None:
        self._table = DynamoProgressTable(client, table)
        self._work_list = DynamoWorkList(client, create_work_table(client), MemoryRunFiles())
        self._numbers = itertools.count(first, IDS)

    def run(self) -> Spent:
        """Upload ids, which does not count; then work until all are enqueued."""
        start = next(self._numbers)
        images = list(image_ids(start, start + IDS))
        reindex = Reindex(
            self._table,
            instant_projector(images, 4),
            MemoryRuns(),
            self._work_list,
            instant_backlog(),
        )
        reindex.upload(images)
        reindex.open(images)

        def begin() -> None:
            assert self._work_list.count(Phase.INDEX) == IDS
            reindex.index(images)

        return spent(begin)


def measure(rows: int) -> Result:
    """Measure beside a table of so many finished rows."""
    with dynamodb() as client:
        empty, full = create_progress_table(client), create_progress_table(client)
        loader = Loader(client)
        made = finished(rows)
        while part := list(itertools.islice(made, 50_000)):
            loader.load(full, iter(part))
        sides = {
            "empty": Beginning(client, empty, rows).run,
            "full": Beginning(client, full, rows).run,
        }
        taken = alternating(sides, ROUNDS)
    ratio = median_ratio(taken["full"], taken["empty"])
    seconds = median_seconds(taken["full"])
    what = f"a run of {IDS} ids, until they are enqueued: beside {rows:,} rows / in an empty table"
    return Result(
        [Row(what, f"{ratio:.2f} x ({seconds * 1000:.0f} ms)", f"<= {BUDGET} x", ratio <= BUDGET)],
        {"ratio": ratio, "seconds": seconds},
    )


def main() -> int:
    """Measure, print, and return 1 when the budget is missed."""
    parser = parser_of("first_document", __doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    arguments = parser.parse_args()
    return report(measure(arguments.rows), arguments.json)


if __name__ == "__main__":
    sys.exit(main())
