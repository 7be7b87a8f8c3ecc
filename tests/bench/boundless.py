"""A stage of any number of images that holds none of them: what a command keeps is its own.

Its DynamoDB answers on the wire (:mod:`tests.bench.wire`), so that the stores and the SDK are the
real ones: requests are signed and serialised, pages of a megabyte are parsed. Rows, documents and
dead letters are made when they are asked for.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import IO, TYPE_CHECKING, Any, cast

import boto3
from botocore.awsrequest import AWSPreparedRequest

from reindex.domain.digest import sum_of_ids
from reindex.domain.ledger import Ledger
from reindex.domain.messages import OutgoingMessage
from reindex.domain.progress import ProgressRow
from reindex.domain.run_records import RunRecord
from reindex.domain.states import State
from reindex.stores.aws import client_config
from reindex.stores.interfaces.queues import DeadLetter, Depth
from reindex.stores.progress_table import DynamoProgressTable, to_item
from reindex.stores.work_list import PREFIX, DynamoWorkList
from reindex.wiring.clients import CONNECTIONS
from tests.bench.wire import Answer, access, answer_at_once, body_of
from tests.bench.workload import projected
from tests.twins.backlog import MemoryDeadLetters
from tests.twins.index import MemoryIndex
from tests.twins.run_files import MemoryRunFiles
from tests.unit.scripts.stage import Stage
from tests.unit.steps.world import ALIAS, INDEX, START

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

RUN_ID = "run-1"

_UPLOAD = "20260301-180000-ab12"

_DIGEST = "0123456789abcdef0123456789abcdef"

#: Of one response to a Scan: https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_Scan.html
_PAGE_BYTES = 1_048_576

#: About as long as SQS's.
_RECEIPT = "r" * 400

_REASON = "it went wrong"

#: The id in place of which another is put.
_ID = "f" * 40

_ID_IN_REQUEST = re.compile(rb'"id": ?\{"S": ?"([^"]+)"\}')


def id_of(number: int) -> str:
    """An id that names its number, and begins as if it were drawn at random."""
    return f"{number * 0x9E3779B97F4A7C15 % 2**64:016x}{number:024x}"


def _number_of(image_id: str) -> int:
    return int(image_id[16:], 16)


def _message(image_id: str) -> str:
    image = projected(image_id)
    return OutgoingMessage(
        id=image_id,
        rev=1,
        run_id="run-0",
        digest=image.digest,
        index=INDEX,
        index_uuid=None,
        guard=None,
        preserved="{}",
        projected_at="2026-03-01T18:00:00.000Z",
        image=image.image,
    ).body()


_MESSAGE = _message(_ID)


class _Rows:
    """The progress table's rows, all of them verified.

    Args:
        count: How many there are.
        known: Whether an id that is uploaded has a row.
    """

    def __init__(self, count: int, *, known: bool) -> None:
        self._count = count
        self._known = known
        row = ProgressRow(
            id="ID",
            upload=_UPLOAD,
            state=State.VERIFIED,
            rev=3,
            updated_at="2026-03-01T18:00:00.000Z",
            run_id=RUN_ID,
            digest=_DIGEST,
        )
        item = to_item(row)
        self._item = json.dumps(item, separators=(",", ":"))
        # An item counts by its names and values, which its JSON is half as long again as.
        values = (next(iter(cast("Mapping[str, Any]", value).values())) for value in item.values())
        size = sum(map(len, item)) + sum(len(str(value)) for value in values) + len(id_of(0))
        self._page = _PAGE_BYTES // size

    def scan(self, request: AWSPreparedRequest) -> Answer:
        """A page of a segment: a run of numbers."""
        asked = json.loads(body_of(request))
        segment, segments = asked.get("Segment", 0), asked.get("TotalSegments", 1)
        end = self._count * (segment + 1) // segments
        after = asked.get("ExclusiveStartKey")
        first = _number_of(after["id"]["S"]) + 1 if after else self._count * segment // segments
        last = min(end, first + min(self._page, asked.get("Limit", self._page)))
        items = ",".join(self._item.replace("ID", id_of(n), 1) for n in range(first, last))
        key = f',"LastEvaluatedKey":{{"id":{{"S":"{id_of(last - 1)}"}}}}' if last < end else ""
        return Answer(f'{{"Items":[{items}]{key}}}'.encode())

    def read(self, request: AWSPreparedRequest) -> Answer:
        """The rows of some ids."""
        [table] = json.loads(body_of(request))["RequestItems"]
        ids = [found.decode() for found in _ID_IN_REQUEST.findall(body_of(request))]
        items = ",".join(self._item.replace("ID", image_id, 1) for image_id in ids)
        return Answer(f'{{"Responses":{{"{table}":[{items}]}},"UnprocessedKeys":{{}}}}'.encode())

    def execute(self, request: AWSPreparedRequest) -> Answer:
        """An INSERT succeeds if its id is new; an UPDATE always."""
        statements = json.loads(body_of(request))["Statements"]
        refused = {"Error": {"Code": "DuplicateItem", "Message": "it exists"}}
        responses = [
            refused if self._known and each["Statement"].startswith("INSERT") else {}
            for each in statements
        ]
        return Answer(json.dumps({"Responses": responses}).encode())


def _client(rows: _Rows) -> DynamoDBClient:
    client = boto3.client("dynamodb", **access(client_config(max_pool_connections=CONNECTIONS)))
    answer_at_once(client, "Scan", rows.scan)
    answer_at_once(client, "BatchGetItem", rows.read)
    answer_at_once(client, "BatchExecuteStatement", rows.execute)
    answer_at_once(client, "Query", lambda _: Answer(b'{"Items":[]}'))
    for operation in ("PutItem", "UpdateItem"):
        answer_at_once(client, operation, lambda _: Answer(b'{"Attributes":{}}'))
    return client


class _Files(MemoryRunFiles):
    """A bucket that forgets the chunks of the work list, and what is uploaded."""

    def put(self, key: str, body: bytes, content_type: str = "application/json") -> None:
        if not key.startswith(PREFIX):
            super().put(key, body, content_type)

    def upload(self, key: str, body: IO[bytes]) -> None:
        while body.read(1 << 20):
            pass


class _Index(MemoryIndex):
    """An index that holds the document of every verified image."""

    def __init__(self, count: int) -> None:
        super().__init__(INDEX, ALIAS)
        self._documents = count

    def scan(self, index: str, fields: Sequence[str]) -> Iterator[tuple[str, Mapping[str, Any]]]:
        for number in range(self._documents):
            provenance = {"digest": _DIGEST, "runId": RUN_ID}
            yield id_of(number), {"esInfo": {"reindex": provenance}}


class _DeadLetters(MemoryDeadLetters):
    """A dead-letter queue that makes each message when it is received."""

    def __init__(self, count: int) -> None:
        super().__init__()
        self._left = range(count)

    def depth(self) -> Depth:
        return Depth(len(self._left), 0, 0)

    def receive(self, seconds: int) -> Sequence[DeadLetter]:
        some, self._left = self._left[:10], self._left[10:]
        return [
            DeadLetter(f"{n:036d}", f"{_RECEIPT}{n}", _MESSAGE.replace(_ID, id_of(n)), _REASON)
            for n in some
        ]

    def release(self, receipts: Sequence[str]) -> None:
        pass

    def remove(self, letters: Sequence[DeadLetter]) -> None:
        pass


def stage_of(count: int, *, known: bool = True) -> Stage:
    """A stage whose only run has verified every image.

    Args:
        count: Images.
        known: Whether an id that is uploaded has a row.
    """
    stage = Stage()
    client = _client(_Rows(count, known=known))
    stage.files = _Files()
    # The stores in place of the twins that a stage is made of.
    parts: Any = stage
    parts.table = DynamoProgressTable(client, "progress")
    parts.work_list = DynamoWorkList(client, "work", stage.files)
    stage.index = _Index(count)
    stage.dead_letters = _DeadLetters(count)
    stage.runs.record = RunRecord(
        run_id=RUN_ID,
        execution=RUN_ID,
        index=INDEX,
        alias=ALIAS,
        status="failed",
        started_at=START,
        progressed_at=START,
    )
    brought = Ledger(count, sum_of_ids(map(id_of, range(count))))
    stage.runs.record_upload(_UPLOAD, brought, done=True)
    stage.stepfunctions.opening = stage.preflight
    return stage
