"""The progress table in DynamoDB: one row per image to reindex.

Every write is conditional. Writes are sent in batches, whose statements succeed or fail one by one.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, TypeVar

from reindex.batches import in_batches
from reindex.domain.failures import StoreUnavailable
from reindex.domain.progress import ProgressRow, from_values, to_values
from reindex.stores.attributes import MalformedItem, from_attributes, to_attributes
from reindex.stores.aws import TRANSIENT, persist, unavailable, was_retried
from reindex.stores.interfaces.paging import Cursor
from reindex.stores.interfaces.progress_table import Change, FoundRows, RowPage
from reindex.time_limit import TimeLimit

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import (
        AttributeValueTypeDef,
        BatchStatementRequestTypeDef,
        ScanInputTypeDef,
    )

#: Most statements in one BatchExecuteStatement.
MAX_STATEMENTS = 25

#: Most keys in one BatchGetItem.
MAX_KEYS = 100

#: Most rows of a page of a scan. A megabyte of response holds 6,000, which take 20 MB while they
#: are read, and a command reads eight parts of the table at once.
PAGE_ROWS = 2_000

_SERVICE = "DynamoDB"
_Input = TypeVar("_Input")
_Result = TypeVar("_Result")


def to_item(row: ProgressRow) -> dict[str, AttributeValueTypeDef]:
    """Return the item that holds a row.

    Raises:
        ValueError: The row has work left but is never due, or the reverse.
    """
    return to_attributes(to_values(row))


def from_item(item: Mapping[str, AttributeValueTypeDef]) -> ProgressRow:
    """Read a row.

    Raises:
        MalformedItem: Names the row, and what is wrong with it.
    """
    values = from_attributes(item)
    try:
        return from_values(values)
    except ValueError as error:
        raise MalformedItem(f"progress row {values.get('id')!r}: {error}") from error


def _rows(
    items: Iterable[Mapping[str, AttributeValueTypeDef]],
) -> tuple[list[ProgressRow], dict[str, str]]:
    """Return the items as rows, and a description of each item that is not a row, by id."""
    rows: list[ProgressRow] = []
    unreadable: dict[str, str] = {}
    for item in items:
        try:
            rows.append(from_item(item))
        except MalformedItem as error:
            unreadable[item["id"]["S"]] = str(error)
    return rows, unreadable


def insertion(table: str, row: ProgressRow) -> BatchStatementRequestTypeDef:
    """Return the PartiQL statement that writes a row unless its id has one."""
    item = to_item(row)
    members = ", ".join(f"'{name}': ?" for name in item)
    return {
        "Statement": f'INSERT INTO "{table}" VALUE {{{members}}}',
        "Parameters": list(item.values()),
    }


def update(table: str, change: Change) -> BatchStatementRequestTypeDef:
    """Return the PartiQL statement that changes a row, on condition that it is as it was read.

    Only the attributes that differ are set or removed. Every write increments ``rev``, so if the
    stored ``rev`` is as it was read, all other attributes are too.

    Raises:
        ValueError: The rows are of different images, or ``rev`` does not rise.
    """
    if change.before.id != change.after.id or change.before.rev >= change.after.rev:
        raise ValueError(f"{change.before} may not become {change.after}")
    before, after = to_item(change.before), to_item(change.after)
    changed = {name: value for name, value in after.items() if before.get(name) != value}
    clauses = [f'SET "{name}"=?' for name in changed]
    clauses += [f'REMOVE "{name}"' for name in before if name not in after]
    condition = 'WHERE "id"=? AND "state"=? AND "rev"=?'
    return {
        "Statement": " ".join([f'UPDATE "{table}"', *clauses, condition]),
        "Parameters": [*changed.values(), before["id"], before["state"], before["rev"]],
    }


class DynamoProgressTable:
    """The progress table, over DynamoDB's own client (which threads may share).

    Args:
        client: Of DynamoDB.
        table_name: Its key is ``id``.
        concurrency: Concurrent batches of one call.
        patience: Seconds for which one call repeats throttled entries, in addition to the client's
            own retries.
        time_limit: No retry begins after it.
    """

    def __init__(
        self,
        client: DynamoDBClient,
        table_name: str,
        *,
        concurrency: int = 4,
        patience: float = 20,
        time_limit: TimeLimit | None = None,
    ) -> None:
        self._client = client
        self._table = table_name
        self._concurrency = concurrency
        self._patience = patience
        self._time_limit = time_limit or TimeLimit()

    @unavailable(_SERVICE)
    def insert(self, rows: Sequence[ProgressRow]) -> set[str]:
        """Write each row unless its id has one: a write unit per row under 1 KB.

        If the answer to an INSERT is lost, the stored row's ``upload`` shows if this call inserted
        it, even if the row has changed since: the ledger must count it exactly once.

        Returns:
            The ids that were new.

        Raises:
            ValueError: An id comes twice.
            StoreUnavailable: Any of the rows may have been written.
        """
        uploads = {row.id: row.upload for row in rows}
        statements = [insertion(self._table, row) for row in rows]
        inserted, doubtful = self._execute([row.id for row in rows], statements, "DuplicateItem")
        found = self.read(list(doubtful)).rows
        return inserted | {id_ for id_, row in found.items() if row.upload == uploads[id_]}

    @unavailable(_SERVICE)
    def read(self, ids: Sequence[str]) -> FoundRows:
        """Read rows consistently (a read unit each)."""
        rows, unreadable = _rows(self._items(ids).values())
        return FoundRows({row.id: row for row in rows}, unreadable)

    @unavailable(_SERVICE)
    def write(self, changes: Sequence[Change]) -> set[str]:
        """Write each row on condition that ``state`` and ``rev`` are as read.

        A row under 1 KB costs one write unit.

        Returns:
            The ids of the written rows. Another process has changed the others.

        Raises:
            ValueError: An id comes twice, or a ``rev`` does not rise.
            StoreUnavailable: Any of the rows may have been written.
        """
        after = {change.after.id: change.after for change in changes}
        statements = [update(self._table, change) for change in changes]
        ids = [change.after.id for change in changes]
        written, doubtful = self._execute(ids, statements, "ConditionalCheckFailed")
        found = self.read(list(doubtful)).rows
        return written | {id_ for id_, row in found.items() if row == after[id_]}

    @unavailable(_SERVICE)
    def scan(self, segment: int, segments: int, after: Cursor | None) -> RowPage:
        """Page through one of ``segments`` disjoint parts of the table, consistently.

        A page has up to :data:`PAGE_ROWS`, of at most 1 MB, and may be empty before the end.

        Args:
            segment: From 0.
            segments: At most 1,000,000; the same for all pages of all segments.
            after: The previous page's ``next``; None for the first page.
        """
        request: ScanInputTypeDef = {
            "TableName": self._table,
            "ConsistentRead": True,
            "Limit": PAGE_ROWS,
            "Segment": segment,
            "TotalSegments": segments,
        }
        if after:
            request["ExclusiveStartKey"] = after
        answer = self._client.scan(**request)
        rows, unreadable = _rows(answer["Items"])
        return RowPage(rows, answer.get("LastEvaluatedKey"), unreadable)

    def _execute(
        self, ids: Sequence[str], statements: Iterable[BatchStatementRequestTypeDef], refusal: str
    ) -> tuple[set[str], set[str]]:
        """Execute one conditional statement per id.

        Returns:
            The ids whose statement succeeded, and the ids whose statement failed in a retry: its
            condition may have failed because the first attempt had succeeded.
        """
        by_id = dict(zip(ids, statements, strict=True))
        # BatchExecuteStatement refuses a batch in which an id comes twice.
        if len(by_id) != len(ids):
            raise ValueError("an id comes twice")
        outcomes = self._concurrently(
            lambda batch, end: self._execute_batch(dict(batch), refusal, end),
            list(in_batches(list(by_id.items()), MAX_STATEMENTS)),
        )
        accepted = {image_id for outcome in outcomes for image_id in outcome[0]}
        doubtful = {image_id for outcome in outcomes for image_id in outcome[1]}
        return accepted, doubtful

    def _execute_batch(
        self, left: dict[str, BatchStatementRequestTypeDef], refusal: str, end: float
    ) -> tuple[list[str], list[str]]:
        accepted: list[str] = []
        doubtful: list[str] = []

        def attempt(number: int) -> str | None:
            answer = self._client.batch_execute_statement(Statements=list(left.values()))
            unclear = number > 0 or was_retried(answer)
            throttled: str | None = None
            for image_id, response in zip(list(left), answer["Responses"], strict=True):
                error = response.get("Error")
                code = error.get("Code") if error else None
                if code in TRANSIENT:
                    throttled = code
                    continue
                del left[image_id]
                if error is None:
                    accepted.append(image_id)
                elif code != refusal:
                    problem = f"{code}: {error.get('Message', '')}"
                    raise StoreUnavailable(f"{_SERVICE}: BatchExecuteStatement: {problem}")
                elif unclear:
                    doubtful.append(image_id)
            return throttled

        persist(attempt, seconds=end - time.monotonic(), service=_SERVICE)
        return accepted, doubtful

    def _items(self, ids: Iterable[str]) -> dict[str, dict[str, AttributeValueTypeDef]]:
        batches = list(in_batches(list(dict.fromkeys(ids)), MAX_KEYS))
        items = self._concurrently(self._get_batch, batches)
        return {item["id"]["S"]: item for batch in items for item in batch}

    def _get_batch(self, ids: Sequence[str], end: float) -> list[dict[str, AttributeValueTypeDef]]:
        items: list[dict[str, AttributeValueTypeDef]] = []
        keys: list[Mapping[str, Any]] = [{"id": {"S": image_id}} for image_id in ids]

        def attempt(_number: int) -> str | None:
            answer = self._client.batch_get_item(
                RequestItems={self._table: {"Keys": keys, "ConsistentRead": True}}
            )
            items.extend(answer["Responses"].get(self._table, []))
            unprocessed = answer["UnprocessedKeys"].get(self._table)
            keys[:] = unprocessed["Keys"] if unprocessed else []
            return "keys unprocessed" if keys else None

        persist(attempt, seconds=end - time.monotonic(), service=_SERVICE)
        return items

    def _concurrently(
        self,
        work: Callable[[Sequence[_Input], float], _Result],
        batches: Collection[Sequence[_Input]],
    ) -> list[_Result]:
        """Return the result of each batch. All get the same monotonic time at which to give up."""
        end = time.monotonic() + self._time_limit.at_most(self._patience)
        if len(batches) <= 1:
            return [work(batch, end) for batch in batches]
        with ThreadPoolExecutor(min(self._concurrency, len(batches))) as pool:
            return list(pool.map(lambda batch: work(batch, end), batches))
