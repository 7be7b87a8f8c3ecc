"""What our own work costs, with neighbours that answer at once.

    python -m tests.bench.own_work [--images N] [--rounds N] [--json FILE]

- Both phases over tables in memory: the steps alone.
- Both phases over DynamoDB Local, with Lambda and SQS answering at once on the wire: the steps,
  the stores and the SDK. Processor time is that of our process, so the table's is not in it.
- upload-ids against boto3's batch_writer, and scan-states against a plain scan loop, each on
  the same DynamoDB Local. They do more: an upload overwrites nothing and keeps its ledger, a
  scan reads every row as what it is. The local engine takes about three times as long for a
  conditional INSERT as for an unconditional put, on the cores that both sides share: a script that
  inserts by the same statements shows how much of an upload's time is the engine's.
- upload-ids against batch_writer once more, over services that take the model's latencies and none
  of this machine's processor, as AWS's do.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import boto3
from botocore.config import Config

from reindex.batches import in_batches
from reindex.domain.progress import ProgressRow
from reindex.domain.tally import Tally
from reindex.settings import Pace
from reindex.steps.scanning import scan_all
from reindex.stores.aws import client_config
from reindex.stores.interfaces.progress_table import ProgressTable
from reindex.stores.progress_table import MAX_STATEMENTS, DynamoProgressTable, insertion
from reindex.stores.runs.store import DynamoRuns
from reindex.stores.work_list import DynamoWorkList
from reindex.wiring.clients import CONNECTIONS
from tests.bench.model import ASSUMED
from tests.bench.one_worker import slow
from tests.bench.projection import Row
from tests.bench.results import (
    Result,
    Spent,
    alternating,
    median_processor,
    median_ratio,
    median_seconds,
    parser_of,
    report,
    spent,
)
from tests.bench.servers import KEY, REGION, dynamodb
from tests.bench.wire import accept_writes_after, access, instant_backlog, instant_projector
from tests.bench.workload import NOW, InstantProjector, Reindex, image_ids
from tests.contract.conftest import create_progress_table, create_runs_table, create_work_table
from tests.twins.progress_table import MemoryProgressTable
from tests.twins.run_files import MemoryRunFiles

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.service_resource import DynamoDBServiceResource, Table
    from mypy_boto3_dynamodb.type_defs import BatchStatementRequestTypeDef

SEGMENTS = 8
"""Parts of the table that scan-states reads concurrently, by default."""

UPLOAD_BUDGET = 0.9
"""The least that an upload's rate may be of batch_writer's, over services that are elsewhere."""

#: Calls in flight at once: as the store has them.
_AT_ONCE = 4


@dataclass(slots=True)
class Phases:
    """Takes new images through both phases; the index phase must come first."""

    images: Sequence[str]
    new: Callable[[], Reindex]
    checking: Reindex | None = None

    def index(self) -> Spent:
        """Upload images, then run the index phase, which alone counts."""
        reindex = self.new()
        reindex.upload(self.images)
        reindex.open(self.images)
        taken = spent(partial(reindex.index, self.images))
        reindex.written(self.images)
        self.checking = reindex
        return taken

    def check(self) -> Spent:
        """Run the check phase of what was indexed last."""
        assert self.checking
        return spent(partial(self.checking.check, self.images))


def phases(name: str, found: Phases, rounds: int, figures: dict[str, float]) -> list[Row]:
    """Measure both phases."""
    taken: dict[str, list[Spent]] = {"index": [], "check": []}
    for turn in range(rounds + 1):
        one = {"index": found.index(), "check": found.check()}
        for phase, side in one.items() if turn else ():
            taken[phase].append(side)
    rows = []
    for phase, sides in taken.items():
        rate = len(found.images) / median_seconds(sides)
        processor = median_processor(sides) / len(found.images)
        figures[f"batch-{phase}, {name}: images per second"] = rate
        figures[f"batch-{phase}, {name}: processor seconds per image"] = processor
        text = f"{rate:,.0f} ({processor * 1e6:,.0f} us of processor each)"
        rows.append(Row(f"batch-{phase}, {name}: images/s", text))
    return rows


def in_memory(images: Sequence[str]) -> Phases:
    """A reindex in which nothing leaves the process."""
    return Phases(images, lambda: Reindex(MemoryProgressTable(), InstantProjector(images)))


def over_dynamodb(images: Sequence[str], client: DynamoDBClient) -> Phases:
    """A reindex whose tables are real, and whose calls are those it makes on AWS."""
    projector = instant_projector(images, Pace().projection_concurrency)
    backlog = instant_backlog()

    def new() -> Reindex:
        table = DynamoProgressTable(client, create_progress_table(client))
        runs = DynamoRuns(client, create_runs_table(client))
        work_list = DynamoWorkList(client, create_work_table(client), MemoryRunFiles())
        return Reindex(table, projector, runs, work_list, backlog)

    return Phases(images, new)


@dataclass(frozen=True, slots=True)
class Uploading:
    """Two ways to put the same new ids into the same kind of table."""

    images: Sequence[str]
    client: DynamoDBClient

    def ours(self) -> Spent:
        """As upload-ids does."""
        table = DynamoProgressTable(self.client, create_progress_table(self.client))
        runs = DynamoRuns(self.client, create_runs_table(self.client))
        work_list = DynamoWorkList(self.client, create_work_table(self.client), MemoryRunFiles())
        return _upload(self.images, table, runs, work_list)

    def guarded(self) -> Spent:
        """As a script does that overwrites nothing: the same statements, and nothing else."""
        name = create_progress_table(self.client)
        rows = [ProgressRow.new(image_id, "upload-1", NOW) for image_id in self.images]
        statements = [insertion(name, row) for row in rows]

        def insert(batch: Sequence[BatchStatementRequestTypeDef]) -> None:
            answer = self.client.batch_execute_statement(Statements=batch)
            assert not any("Error" in response for response in answer["Responses"])

        def work() -> None:
            with ThreadPoolExecutor(_AT_ONCE) as pool:
                list(pool.map(insert, in_batches(statements, MAX_STATEMENTS)))

        return spent(work)

    def theirs(self) -> Spent:
        """As a script does: rows of the same attributes, by boto3's batch_writer."""
        resource: DynamoDBServiceResource = boto3.resource(
            "dynamodb",
            endpoint_url=self.client.meta.endpoint_url,
            region_name=REGION,
            aws_access_key_id=KEY,
            aws_secret_access_key=KEY,
        )
        return _put_all(self.images, resource.Table(create_progress_table(self.client)))


@dataclass(frozen=True, slots=True)
class RemoteUploading:
    """The same two ways, over services that answer after the model's latencies."""

    images: Sequence[str]

    def ours(self) -> Spent:
        """As upload-ids does."""
        client = boto3.client("dynamodb", **access(client_config(max_pool_connections=CONNECTIONS)))
        accept_writes_after(client, ASSUMED["dynamodb"].value)
        files = slow(MemoryRunFiles(), lambda *_: ASSUMED["s3"].value)
        table = DynamoProgressTable(client, "progress")
        work_list = DynamoWorkList(client, "work", files)
        return _upload(self.images, table, DynamoRuns(client, "runs"), work_list)

    def theirs(self) -> Spent:
        """As a script does, by boto3's batch_writer."""
        resource: DynamoDBServiceResource = boto3.resource("dynamodb", **access(Config()))
        accept_writes_after(resource.meta.client, ASSUMED["dynamodb"].value)
        return _put_all(self.images, resource.Table("progress"))


def _upload(
    images: Sequence[str], table: ProgressTable, runs: DynamoRuns, work_list: DynamoWorkList
) -> Spent:
    reindex = Reindex(table, InstantProjector(()), runs, work_list)
    return spent(partial(reindex.upload, images))


def _put_all(images: Sequence[str], table: Table) -> Spent:
    """Put rows of the attributes that an upload writes, over whatever is there."""

    def work() -> None:
        with table.batch_writer() as batch:
            for image_id in images:
                row = {
                    "id": image_id,
                    "upload": "upload-1",
                    "state": "queued",
                    "rev": 1,
                    "attempts": 0,
                    "updated_at": "2026-01-01T00:00:00.000Z",
                    "due_at": 0,
                }
                batch.put_item(Item=row)

    return spent(work)


@dataclass(frozen=True, slots=True)
class Scanning:
    """Two ways to count the same table's rows by state."""

    client: DynamoDBClient
    name: str
    expected: Counter[str]

    def ours(self) -> Spent:
        """As scan-states does."""
        table = DynamoProgressTable(self.client, self.name)

        def work() -> None:
            pages = scan_all(table, SEGMENTS)
            counts = Counter(str(row.state) for page in pages for row in page.rows)
            assert counts == self.expected

        return spent(work)

    def theirs(self) -> Spent:
        """As a script does: page after page, looking at nothing but the state."""
        pages = self.client.get_paginator("scan")

        def work() -> None:
            found = pages.paginate(TableName=self.name, ConsistentRead=True)
            counts = Counter(item["state"]["S"] for page in found for item in page["Items"])
            assert counts == self.expected

        return spent(work)

    def tally(self) -> Spent:
        """As one segment of the Tally does, which counts more and hashes every id."""
        table: ProgressTable = DynamoProgressTable(self.client, self.name)

        def work() -> None:
            found = Tally()
            for rows in scan_all(table, segments=1):
                found.count(rows.rows, rows.unreadable)
            assert found.states == self.expected

        return spent(work)


def comparison(
    name: str, taken: dict[str, Sequence[Spent]], rows: int, figures: dict[str, float]
) -> list[Row]:
    """Say how two sides compare."""
    ratio = median_ratio(taken["theirs"], taken["ours"])
    figures[f"{name}: ratio"] = ratio
    figures[f"{name}: rows per second"] = rows / median_seconds(taken["ours"])
    figures[f"{name}: processor seconds per row"] = median_processor(taken["ours"]) / rows
    return [
        Row(f"{name}: rows/s", f"{rows / median_seconds(taken['ours']):,.0f}"),
        Row(f"{name}, the plain way: rows/s", f"{rows / median_seconds(taken['theirs']):,.0f}"),
        Row(f"{name} / the plain way", f"{ratio:.2f} x"),
    ]


def remote_uploads(images: Sequence[str], rounds: int, figures: dict[str, float]) -> Sequence[Row]:
    """Compare uploads over services that take none of this machine's processor."""
    remote = RemoteUploading(images)
    taken = alternating({"ours": remote.ours, "theirs": remote.theirs}, rounds)
    ratio = median_ratio(taken["theirs"], taken["ours"])
    rate = len(images) / median_seconds(taken["ours"])
    processor = median_processor(taken["ours"]) / median_processor(taken["theirs"])
    figures["upload-ids, remote: ratio"] = ratio
    figures["upload-ids, remote: rows per second"] = rate
    figures["upload-ids, remote: processor ratio"] = processor
    budget = f">= {UPLOAD_BUDGET} x"
    return [
        Row("upload-ids, remote services: rows/s", f"{rate:,.0f}"),
        Row(
            "upload-ids, remote services / batch_writer",
            f"{ratio:.2f} x",
            budget,
            ratio >= UPLOAD_BUDGET,
        ),
        Row("upload-ids, its processor / batch_writer's", f"{processor:.2f} x"),
    ]


def measure(count: int, rounds: int) -> Result:
    """Measure everything, with so many images."""
    images = list(image_ids(0, count))
    figures: dict[str, float] = {}
    rows = phases("tables in memory", in_memory(images), rounds, figures)
    with dynamodb() as client:
        real = over_dynamodb(images, client)
        rows += phases("DynamoDB Local", real, rounds, figures)
        uploading = Uploading(images, client)
        taken = alternating(
            {"ours": uploading.ours, "theirs": uploading.theirs, "guarded": uploading.guarded},
            rounds,
        )
        rows += comparison("upload-ids", dict(taken), count, figures)
        guarded = median_ratio(taken["guarded"], taken["ours"])
        figures["upload-ids: ratio to bare inserts"] = guarded
        rows.append(Row("upload-ids / bare conditional inserts", f"{guarded:.2f} x"))
        rows += remote_uploads(images, rounds, figures)
        name = create_progress_table(client)
        Reindex(DynamoProgressTable(client, name), InstantProjector(())).upload(images)
        scanning = Scanning(client, name, Counter({"queued": count}))
        sides = {"ours": scanning.ours, "theirs": scanning.theirs, "tally": scanning.tally}
        taken = alternating(sides, rounds)
        rows += comparison("scan-states", dict(taken), count, figures)
        tallying = median_processor(taken["tally"]) / count
        figures["tally: processor seconds per row"] = tallying
        rows.append(Row("tally: processor per row", f"{tallying * 1e6:,.0f} us"))
    return Result(rows, figures)


def main() -> int:
    """Measure and print."""
    parser = parser_of("own_work", __doc__)
    parser.add_argument("--images", type=int, default=5_000, help="in one round")
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    return report(measure(arguments.images, arguments.rounds), arguments.json)


if __name__ == "__main__":
    sys.exit(main())
