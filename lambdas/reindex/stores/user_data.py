"""The user data in the library's DynamoDB tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from boto3.dynamodb.types import TypeDeserializer

from reindex.batches import in_batches
from reindex.domain.failures import Failure, ReindexFailure, SourceUnavailable, StoreUnavailable
from reindex.image.truth import Row, UserData
from reindex.settings import LibrarySettings, UserTable, user_tables
from reindex.stores.aws import persist
from reindex.stores.sources import reading

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import (
        ExecuteStatementInputTypeDef,
        KeysAndAttributesOutputTypeDef,
        KeysAndAttributesTypeDef,
    )

#: Keys of one BatchGetItem, of all its tables together.
#: https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchGetItem.html
MAX_KEYS = 100

#: Values of an index's partition key in one statement. It may name 50, but is answered in pages of
#: ten, one after the other, while statements can be executed concurrently.
#: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/ql-operators.html
MAX_VALUES = 10

#: Concurrent calls, of all callers together.
READS_AT_ONCE = 16

#: Seconds for which keys that DynamoDB leaves unprocessed are requested again.
_PATIENCE_SECONDS = 5.0

_SERVICE = "DynamoDB"

_plain = TypeDeserializer().deserialize


_Batches = dict[str, Future[Mapping[str, list[Row]]]]
"""By image id, the result of the batch in which its rows are read: again by image id."""


class DynamoUserData:
    """The library's tables; safe to use from several threads.

    Args:
        client: Of DynamoDB, for :data:`READS_AT_ONCE` calls at once.
        library: The names of the tables; a table without a name is not read.
    """

    def __init__(self, client: DynamoDBClient, library: LibrarySettings) -> None:
        self._dynamodb = client
        tables = user_tables(library)
        self._by_index = [table for table in tables if table.index]
        #: By the table's name, as in the answers to BatchGetItem.
        self._by_key = {table.name: table for table in tables if not table.index}
        self._reads = ThreadPoolExecutor(READS_AT_ONCE, thread_name_prefix="user-data")

    def user_data(self, ids: Sequence[str]) -> Mapping[str, UserData | Failure]:
        """Read the user data of images, except the crops.

        Rows whose key is the image id are read consistently. Usages and leases are found by
        secondary index, which may lag.

        Returns:
            One entry per id: its user data, or the failure to read them. Ten images share a
            statement, and more share a batch; if DynamoDB rejects it, all of its images fail.
        """
        indexed = {table.part: self._select_each(ids, table) for table in self._by_index}
        keyed = self._get_each(ids)
        found: dict[str, UserData | Failure] = {}
        for image_id in ids:
            try:
                parts: dict[str, Any] = {
                    part: batches[image_id].result()[image_id] for part, batches in indexed.items()
                }
                if image_id in keyed:
                    parts |= keyed[image_id].result()[image_id]
                found[image_id] = UserData(**parts)
            except ReindexFailure as failure:
                found[image_id] = failure.as_failure()
        return found

    def _select_each(self, ids: Sequence[str], table: UserTable) -> _Batches:
        """Start reading images' rows by secondary index; return each image's batch."""
        futures: _Batches = {}
        for batch in in_batches(list(dict.fromkeys(ids)), MAX_VALUES):
            futures.update(dict.fromkeys(batch, self._reads.submit(self._select, table, batch)))
        return futures

    def _select(self, table: UserTable, ids: Sequence[str]) -> Mapping[str, list[Row]]:
        """Read a batch of images' rows by secondary index.

        A query takes one value of the partition key; a PartiQL statement takes several. It reads no
        other rows, because its only condition is on that key.
        """
        found: dict[str, list[Row]] = {image_id: [] for image_id in ids}
        statement: ExecuteStatementInputTypeDef = {
            "Statement": _statement(table, len(ids)),
            "Parameters": [{"S": image_id} for image_id in ids],
        }
        with reading(_SERVICE):
            while True:
                answer = self._dynamodb.execute_statement(**statement)
                for item in answer["Items"]:
                    row = _row(item)
                    found[row[table.attribute]].append(row)
                if "NextToken" not in answer:
                    return found
                statement["NextToken"] = answer["NextToken"]

    def _get_each(self, ids: Sequence[str]) -> dict[str, Future[Mapping[str, dict[str, Row]]]]:
        """Start reading the rows whose key is the image id; return each image's batch."""
        futures: dict[str, Future[Mapping[str, dict[str, Row]]]] = {}
        if self._by_key:
            for batch in in_batches(list(dict.fromkeys(ids)), MAX_KEYS // len(self._by_key)):
                futures.update(dict.fromkeys(batch, self._reads.submit(self._get_rows, batch)))
        return futures

    def _get_rows(self, ids: Sequence[str]) -> Mapping[str, dict[str, Row]]:
        """Read a batch of images' rows from all tables: by image, by part of the user data."""
        found: dict[str, dict[str, Row]] = {image_id: {} for image_id in ids}
        waiting: Mapping[str, KeysAndAttributesTypeDef | KeysAndAttributesOutputTypeDef] = {
            name: {
                "Keys": [{table.attribute: {"S": image_id}} for image_id in ids],
                "ConsistentRead": True,
            }
            for name, table in self._by_key.items()
        }

        def attempt(_: int) -> str | None:
            nonlocal waiting
            answer = self._dynamodb.batch_get_item(RequestItems=waiting)
            for name, items in answer["Responses"].items():
                table = self._by_key[name]
                for item in items:
                    row = _row(item)
                    found[row[table.attribute]][table.part] = row
            waiting = answer["UnprocessedKeys"]
            return "unprocessed keys" if waiting else None

        with reading(_SERVICE):
            try:
                persist(attempt, seconds=_PATIENCE_SECONDS, service=_SERVICE)
            except StoreUnavailable as error:
                raise SourceUnavailable(f"{_SERVICE} did not answer.", str(error)) from error
        return found


def _statement(table: UserTable, count: int) -> str:
    """Return the statement that selects the rows of so many image ids, its parameters."""
    values = ", ".join("?" * count)
    # The names are settings of the stack, not input.
    where = f'WHERE "{table.attribute}" IN [{values}]'
    return f'SELECT * FROM "{table.name}"."{table.index}" {where}'  # noqa: S608


def _row(item: Mapping[str, Any]) -> Row:
    """Return an item's plain values, as boto3's resource layer does."""
    return {name: _plain(value) for name, value in item.items()}
