"""The work list in DynamoDB and S3: the chunks of unfinished rows.

Each chunk is an item (key: its phase, and when it is due) and a file in the run's bucket with its
rows. Items are read consistently, so an empty answer means that there is no chunk.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import ClientError

from reindex.batches import in_batches
from reindex.domain.chunks import Chunk, ListedChunk, TakenChunk, UnreadableChunk, rows_of, to_text
from reindex.domain.progress import ProgressRow
from reindex.domain.states import Phase
from reindex.stores.attributes import Plain, from_attributes, to_attributes
from reindex.stores.aws import error_code, persist, unavailable, was_retried
from reindex.stores.interfaces.run_files import RunFiles
from reindex.stores.interfaces.work_list import LONGEST_SKEW

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import (
        AttributeValueTypeDef,
        QueryInputTypeDef,
        TransactWriteItemTypeDef,
    )

#: Prefix of the files in the run's bucket.
PREFIX: Final = "work/"

#: Most chunks that one transaction adds: it may have 100 actions.
#: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/transaction-apis.html
MAX_AT_ONCE: Final = 99

#: Number of chunks among which a worker chooses its first by its name, so that concurrent workers
#: do not all try the same one.
_SPREAD: Final = 16

#: Chunks that a worker reads in one request: more than five workers with six lanes each can lease.
#: A larger page would cost more for each chunk that is taken.
_LOOK: Final = 40

#: The attributes that show if a chunk can be taken.
_HOLDING: Final = ("chunk", "holder", "until")

#: Deletions of one BatchWriteItem, and seconds for which unprocessed ones are retried.
#: https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchWriteItem.html
_REMOVALS: Final = 25
_PATIENCE_SECONDS: Final = 20.0

_SERVICE = "DynamoDB"


def file_key(phase: Phase, name: str) -> str:
    """Return the key of a chunk's file in the run's bucket."""
    return f"{PREFIX}{phase}/{name}.json.gz"


class DynamoWorkList:
    """The work list, over DynamoDB's own client (which threads may share).

    Args:
        client: Of DynamoDB.
        table_name: Its key is ``phase`` and ``chunk``.
        files: The run's bucket.
    """

    def __init__(self, client: DynamoDBClient, table_name: str, files: RunFiles) -> None:
        self._client = client
        self._table = table_name
        self._files = files

    @unavailable(_SERVICE)
    def add(self, chunks: Sequence[Chunk]) -> None:
        """Add chunks; one of the same name and due time is replaced.

        Raises:
            StoreUnavailable: Any of them may have been added.
        """
        for chunk in chunks:
            self._put_file(chunk)
        for chunk in chunks:
            self._client.put_item(TableName=self._table, Item=_item(chunk))

    @unavailable(_SERVICE)
    def take(self, phase: Phase, holder: str, now: float, until: float) -> TakenChunk | None:
        """Lease one of the chunks that have been due longest and are not leased.

        A lease that expired before ``now`` does not count, nor does one that ends much later than
        the new one would: a clock was wrong, or the item was edited.

        Args:
            phase: Of the chunk.
            holder: Unique name of the worker.
            now: Epoch seconds.
            until: Epoch seconds at which the lease expires.

        Returns:
            The chunk; None if none is available now.
        """
        for page in self._pages(phase, f"{math.floor(now):012d}~", limit=_LOOK, only=_HOLDING):
            free = [item for item in page if _is_free(item, now, until + LONGEST_SKEW)]
            start = zlib.crc32(holder.encode()) % min(len(free), _SPREAD) if free else 0
            for item in [*free[start:], *free[:start]]:
                if taken := self._claim(phase, item["chunk"], holder, now, until):
                    return taken
        return None

    def rows(self, taken: TakenChunk) -> Sequence[ProgressRow]:
        """Read the rows of a chunk, as they were when it was made.

        Raises:
            UnreadableChunk: Its file is gone, or has an unexpected form.
            StoreUnavailable: S3 does not answer.
        """
        key = file_key(taken.phase, taken.name)
        try:
            return rows_of(self._files.get(key))
        except KeyError as error:
            raise UnreadableChunk(f"there is no file {key}") from error

    @unavailable(_SERVICE)
    def mark(self, taken: TakenChunk, start: int, end: int) -> bool:
        """Record which rows are in progress, replacing the previous record.

        Args:
            taken: The chunk.
            start: Position of the first, from 0.
            end: Position after the last; ``start`` for none.

        Returns:
            False if another worker has taken over the chunk.
        """
        return self._update(taken, "SET #start = :start, #end = :end", {"start": start, "end": end})

    @unavailable(_SERVICE)
    def settle(self, taken: TakenChunk, following: Sequence[Chunk]) -> bool:
        """Remove a chunk and add the chunks that follow from it, in one transaction.

        If there are more chunks than fit in a transaction, the others are added before it.

        Returns:
            False, without removing the chunk, if another worker has taken it over.
        """
        self.add(following[MAX_AT_ONCE:])
        for chunk in following[:MAX_AT_ONCE]:
            self._put_file(chunk)
        removal: TransactWriteItemTypeDef = {
            "Delete": {
                "TableName": self._table,
                "Key": _key(taken.phase, _sort_key(taken)),
                "ConditionExpression": "#holder = :ours",
                "ExpressionAttributeNames": {"#holder": "holder"},
                "ExpressionAttributeValues": to_attributes({":ours": taken.holder}),
            }
        }
        additions: list[TransactWriteItemTypeDef] = [
            {"Put": {"TableName": self._table, "Item": _item(chunk)}}
            for chunk in following[:MAX_AT_ONCE]
        ]
        try:
            # botocore adds an idempotency token, so a retry does not repeat the transaction.
            self._client.transact_write_items(TransactItems=[removal, *additions])
        except ClientError as error:
            if error_code(error) != "TransactionCanceledException":
                raise
            reasons: Sequence[Mapping[str, Any]] = error.response.get("CancellationReasons", [])
            if any(reason.get("Code") == "ConditionalCheckFailed" for reason in reasons[:1]):
                return False
            raise
        return True

    @unavailable(_SERVICE)
    def release(self, taken: TakenChunk) -> None:
        """Return a chunk to the list unchanged, if it is still leased by this worker."""
        self._update(taken, "REMOVE #holder, #until, #start, #end", {})

    @unavailable(_SERVICE)
    def earliest(self, phase: Phase) -> int | None:
        """Return the first due time of all chunks, leased or not (epoch seconds); None if none."""
        for page in self._pages(phase, "~", limit=1):
            for item in page:
                return _due_at(item["chunk"])
        return None

    def free(self, phase: Phase, now: float) -> Iterator[ListedChunk]:
        """List the chunks that are due at a time and were never leased, in no order.

        Raises:
            StoreUnavailable: DynamoDB does not answer.
        """
        with unavailable(_SERVICE):
            for page in self._pages(phase, f"{math.floor(now):012d}~"):
                for item in page:
                    if "holder" not in item:
                        due_at, _, name = item["chunk"].partition("#")
                        first, last = item.get("first", ""), item.get("last", "")
                        yield ListedChunk(name, int(due_at), item["count"], first, last)

    @unavailable(_SERVICE)
    def remove(self, phase: Phase, chunks: Sequence[ListedChunk]) -> None:
        """Remove chunks; one that is not on the list is skipped.

        Raises:
            StoreUnavailable: Any of them may have been removed.
        """
        for some in in_batches(chunks, _REMOVALS):
            waiting: Any = {
                self._table: [
                    {"DeleteRequest": {"Key": _key(phase, _sort_key(chunk))}} for chunk in some
                ]
            }

            def attempt(_: int) -> str | None:
                nonlocal waiting
                waiting = self._client.batch_write_item(RequestItems=waiting)["UnprocessedItems"]
                return "unprocessed items" if waiting else None

            persist(attempt, seconds=_PATIENCE_SECONDS, service=_SERVICE)

    @unavailable(_SERVICE)
    def count(self, phase: Phase) -> int:
        """Return the number of rows that the chunks of a phase had when they were created."""
        return sum(item["count"] for page in self._pages(phase, "~") for item in page)

    def _pages(
        self,
        phase: Phase,
        before: str,
        limit: int | None = None,
        only: Sequence[str] = (),
    ) -> Iterator[list[dict[str, Any]]]:
        """Yield pages of the items of a phase, read consistently, the longest due first.

        Args:
            phase: Of the chunks.
            before: Only items whose sort key is smaller.
            limit: Items of a page; None for as many as DynamoDB returns.
            only: The attributes to read; all if empty.
        """
        request: QueryInputTypeDef = {
            "TableName": self._table,
            "ConsistentRead": True,
            "KeyConditionExpression": "#phase = :phase AND #chunk < :before",
            "ExpressionAttributeNames": {"#phase": "phase", "#chunk": "chunk"},
            "ExpressionAttributeValues": to_attributes({":phase": phase.value, ":before": before}),
        }
        if limit:
            request["Limit"] = limit
        if only:
            names = {f"#{name}": name for name in only}
            request["ProjectionExpression"] = ", ".join(names)
            request["ExpressionAttributeNames"] = {
                **request["ExpressionAttributeNames"],
                **names,
            }
        while True:
            answer = self._client.query(**request)
            yield [from_attributes(item) for item in answer["Items"]]
            if not (end := answer.get("LastEvaluatedKey")):
                return
            request["ExclusiveStartKey"] = end

    def _claim(
        self, phase: Phase, sort_key: str, holder: str, now: float, until: float
    ) -> TakenChunk | None:
        condition = (
            "attribute_exists(#chunk) AND "
            "(attribute_not_exists(#holder) OR #until < :now OR #until > :longest)"
        )
        values: dict[str, Plain] = {"holder": holder, "until": until}
        try:
            answer = self._client.update_item(
                TableName=self._table,
                Key=_key(phase, sort_key),
                UpdateExpression="SET #holder = :holder, #until = :until",
                ConditionExpression=condition,
                ExpressionAttributeNames={
                    "#chunk": "chunk",
                    "#holder": "holder",
                    "#until": "until",
                },
                ExpressionAttributeValues=to_attributes(
                    {f":{name}": value for name, value in values.items()}
                    | {":now": now, ":longest": until + LONGEST_SKEW}
                ),
                ReturnValues="ALL_OLD",
            )
        except ClientError as error:
            if error_code(error) != "ConditionalCheckFailedException":
                raise
            if not was_retried(error.response):
                return None
            found = self._item_of(phase, sort_key)
            if found is None or found.get("holder") != holder:
                return None
            # The answer to our claim was lost, and with it the previous state, so the chunk is
            # treated as abandoned.
            return _taken(phase, sort_key, holder, found, abandoned=True)
        before = from_attributes(answer["Attributes"])
        return _taken(phase, sort_key, holder, before, abandoned="holder" in before)

    def _item_of(self, phase: Phase, sort_key: str) -> dict[str, Any] | None:
        answer = self._client.get_item(
            TableName=self._table, Key=_key(phase, sort_key), ConsistentRead=True
        )
        return from_attributes(answer["Item"]) if "Item" in answer else None

    def _update(self, taken: TakenChunk, expression: str, values: Mapping[str, Plain]) -> bool:
        """Change a chunk's item if it is still leased by this worker."""
        names = {name.strip("#, ") for name in expression.split() if name.startswith("#")}
        try:
            self._client.update_item(
                TableName=self._table,
                Key=_key(taken.phase, _sort_key(taken)),
                UpdateExpression=expression,
                ConditionExpression="#holder = :ours",
                ExpressionAttributeNames={f"#{name}": name for name in names | {"holder"}},
                ExpressionAttributeValues=to_attributes(
                    {f":{name}": value for name, value in values.items()} | {":ours": taken.holder}
                ),
            )
        except ClientError as error:
            if error_code(error) != "ConditionalCheckFailedException":
                raise
            return False
        return True

    def _put_file(self, chunk: Chunk) -> None:
        self._files.put(file_key(chunk.phase, chunk.name), to_text(chunk), "application/gzip")


def _item(chunk: Chunk) -> dict[str, AttributeValueTypeDef]:
    return {
        **_key(chunk.phase, _sort_key(chunk)),
        **to_attributes(
            {"count": len(chunk.rows), "first": chunk.rows[0].id, "last": chunk.rows[-1].id}
        ),
    }


def _key(phase: Phase, sort_key: str) -> dict[str, AttributeValueTypeDef]:
    return to_attributes({"phase": phase.value, "chunk": sort_key})


def _sort_key(chunk: Chunk | ListedChunk | TakenChunk) -> str:
    return f"{chunk.due_at:012d}#{chunk.name}"


def _due_at(sort_key: str) -> int:
    return int(sort_key.partition("#")[0])


def _is_free(item: Mapping[str, Any], now: float, longest: float) -> bool:
    until = item.get("until")
    return "holder" not in item or not isinstance(until, int | float) or not now <= until <= longest


def _taken(
    phase: Phase, sort_key: str, holder: str, before: Mapping[str, Any], *, abandoned: bool
) -> TakenChunk:
    due_at, _, name = sort_key.partition("#")
    start, end = before.get("start"), before.get("end")
    window = (start, end) if isinstance(start, int) and isinstance(end, int) else None
    return TakenChunk(name, phase, int(due_at), holder, abandoned, window if abandoned else None)
