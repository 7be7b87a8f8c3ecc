"""The user data in the library's DynamoDB tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from boto3.dynamodb.types import TypeDeserializer

from reindex.batches import in_batches
from reindex.domain.failures import Failure, ReindexFailure, SourceUnavailable, StoreUnavailable
from reindex.image.truth import Row, UserData
from reindex.settings import LibrarySettings
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


@dataclass(frozen=True, slots=True)
class _Index:
    """A secondary index by image id.

    Attributes:
        table: That it belongs to.
        name: Of the index.
        attribute: That holds the image id.
    """

    table: str
    name: str
    attribute: str

    @classmethod
    def of(cls, table: str | None, name: str, attribute: str) -> Self | None:
        """Return the index of a table that the library may not have."""
        return cls(table, name, attribute) if table else None


class DynamoUserData:
    """The library's tables; safe to use from several threads.

    Args:
        client: Of DynamoDB, for :data:`READS_AT_ONCE` calls at once.
        library: The names of the tables; a table without a name is not read.
    """

    def __init__(self, client: DynamoDBClient, library: LibrarySettings) -> None:
        self._dynamodb = client
        self._usages = _Index.of(library.usages_table, library.usages_index, library.usages_image)
        self._leases = _Index.of(library.leases_table, library.leases_index, library.leases_image)
        tables_by_part = {
            "collections": library.collections_table,
            "edits": library.edits_table,
            "syndication": library.syndication_table,
            "status": library.status_table,
        }
        #: Of those tables, the attribute that is their key.
        self._keys = {
            table: getattr(library, f"{part}_key")
            for part, table in tables_by_part.items()
            if table
        }
        #: Of the tables whose key is the image id: the part of the user data each holds.
        self._parts = {table: part for part, table in tables_by_part.items() if table}
        self._reads = ThreadPoolExecutor(READS_AT_ONCE, thread_name_prefix="user-data")

    def user_data(self, ids: Sequence[str]) -> Mapping[str, UserData | Failure]:
        """Read the user data of images, except the crops.

        Rows whose key is the image id are read consistently. Usages and leases are found by
        secondary index, which may lag.

        Returns:
            One entry per id: its user data, or the failure to read them. Ten images share a
            statement, and more share a batch; if DynamoDB rejects it, all of its images fail.
        """
        usages = self._select_each(ids, self._usages)
        leases = self._select_each(ids, self._leases)
        keyed = self._get_each(ids)
        found: dict[str, UserData | Failure] = {}
        for image_id in ids:
            try:
                rows = keyed[image_id].result()[image_id] if image_id in keyed else {}
                found[image_id] = UserData(
                    usages=usages[image_id].result()[image_id] if image_id in usages else (),
                    leases=leases[image_id].result()[image_id] if image_id in leases else (),
                    collections=rows.get("collections"),
                    edits=rows.get("edits"),
                    syndication=rows.get("syndication"),
                    status=rows.get("status"),
                )
            except ReindexFailure as failure:
                found[image_id] = failure.as_failure()
        return found

    def _select_each(self, ids: Sequence[str], index: _Index | None) -> _Batches:
        """Start reading images' rows by secondary index; return each image's batch."""
        futures: _Batches = {}
        if index:
            for batch in in_batches(list(dict.fromkeys(ids)), MAX_VALUES):
                futures.update(dict.fromkeys(batch, self._reads.submit(self._select, index, batch)))
        return futures

    def _select(self, index: _Index, ids: Sequence[str]) -> Mapping[str, list[Row]]:
        """Read a batch of images' rows by secondary index.

        A query takes one value of the partition key; a PartiQL statement takes several. It reads no
        other rows, because its only condition is on that key.
        """
        found: dict[str, list[Row]] = {image_id: [] for image_id in ids}
        statement: ExecuteStatementInputTypeDef = {
            "Statement": _statement(index, len(ids)),
            "Parameters": [{"S": image_id} for image_id in ids],
        }
        with reading(_SERVICE):
            while True:
                answer = self._dynamodb.execute_statement(**statement)
                for item in answer["Items"]:
                    row = _row(item)
                    found[row[index.attribute]].append(row)
                if "NextToken" not in answer:
                    return found
                statement["NextToken"] = answer["NextToken"]

    def _get_each(self, ids: Sequence[str]) -> dict[str, Future[Mapping[str, dict[str, Row]]]]:
        """Start reading the rows whose key is the image id; return each image's batch."""
        futures: dict[str, Future[Mapping[str, dict[str, Row]]]] = {}
        if self._parts:
            for batch in in_batches(list(dict.fromkeys(ids)), MAX_KEYS // len(self._parts)):
                futures.update(dict.fromkeys(batch, self._reads.submit(self._get_rows, batch)))
        return futures

    def _get_rows(self, ids: Sequence[str]) -> Mapping[str, dict[str, Row]]:
        """Read a batch of images' rows from all tables: by image, by part of the user data."""
        found: dict[str, dict[str, Row]] = {image_id: {} for image_id in ids}
        waiting: Mapping[str, KeysAndAttributesTypeDef | KeysAndAttributesOutputTypeDef] = {
            table: {"Keys": [{key: {"S": image_id}} for image_id in ids], "ConsistentRead": True}
            for table, key in self._keys.items()
        }

        def attempt(_: int) -> str | None:
            nonlocal waiting
            answer = self._dynamodb.batch_get_item(RequestItems=waiting)
            for table, items in answer["Responses"].items():
                for item in items:
                    row = _row(item)
                    found[row[self._keys[table]]][self._parts[table]] = row
            waiting = answer["UnprocessedKeys"]
            return "unprocessed keys" if waiting else None

        with reading(_SERVICE):
            try:
                persist(attempt, seconds=_PATIENCE_SECONDS, service=_SERVICE)
            except StoreUnavailable as error:
                raise SourceUnavailable(f"{_SERVICE} did not answer.", str(error)) from error
        return found


def _statement(index: _Index, count: int) -> str:
    """Return the statement that selects the rows of so many image ids, its parameters."""
    values = ", ".join("?" * count)
    # The names are settings of the stack, not input.
    where = f'WHERE "{index.attribute}" IN [{values}]'
    return f'SELECT * FROM "{index.table}"."{index.name}" {where}'  # noqa: S608


def _row(item: Mapping[str, Any]) -> Row:
    """Return an item's plain values, as boto3's resource layer does."""
    return {name: _plain(value) for name, value in item.items()}
