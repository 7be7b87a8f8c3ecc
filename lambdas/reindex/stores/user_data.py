"""What people said of images, in the library's DynamoDB tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from boto3.dynamodb.types import TypeDeserializer

from reindex.batches import in_batches
from reindex.failures import Failure, ReindexFailure, SourceUnavailable, StoreUnavailable
from reindex.image.truth import Row, UserData
from reindex.settings import LibrarySettings
from reindex.stores.aws import persist
from reindex.stores.sources import reading

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import (
        KeysAndAttributesOutputTypeDef,
        KeysAndAttributesTypeDef,
    )

#: Keys of one BatchGetItem, of all its tables together.
#: https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchGetItem.html
MAX_KEYS = 100

#: Calls in flight at once, of all callers together.
READS_AT_ONCE = 16

#: How long keys that DynamoDB leaves unprocessed are asked for again.
_PATIENCE_SECONDS = 5.0

_SERVICE = "DynamoDB"

_plain = TypeDeserializer().deserialize


class DynamoUserData:
    """The library's tables; safe to use from several threads.

    Args:
        client: Of DynamoDB, for :data:`READS_AT_ONCE` calls at once.
        library: The names of the tables; those it does not name are not asked.
    """

    def __init__(self, client: DynamoDBClient, library: LibrarySettings) -> None:
        self._dynamodb = client
        self._usages_table = library.usages_table
        self._leases_table = library.leases_table
        tables_by_part = {
            "collections": library.collections_table,
            "edits": library.edits_table,
            "syndication": library.syndication_table,
            "status": library.status_table,
        }
        #: Of the tables whose key is the image id: the part of the user data each holds.
        self._parts = {table: part for part, table in tables_by_part.items() if table}
        self._reads = ThreadPoolExecutor(READS_AT_ONCE, thread_name_prefix="user-data")

    def user_data(self, ids: Sequence[str]) -> Mapping[str, UserData | Failure]:
        """Read the user data of images, all but the crops.

        Rows found by image id are read consistently; usages and leases are found by secondary
        index, which may be a moment behind.

        Returns:
            One entry per id; a failure to read one image's stands in its place.
        """
        usages = self._query_each(ids, self._usages_table, "media_id")
        leases = self._query_each(ids, self._leases_table, "mediaId")
        keyed = self._get_each(ids)
        found: dict[str, UserData | Failure] = {}
        for image_id in ids:
            try:
                rows = keyed[image_id].result()[image_id] if image_id in keyed else {}
                found[image_id] = UserData(
                    usages=usages[image_id].result() if image_id in usages else (),
                    leases=leases[image_id].result() if image_id in leases else (),
                    collections=rows.get("collections"),
                    edits=rows.get("edits"),
                    syndication=rows.get("syndication"),
                    status=rows.get("status"),
                )
            except ReindexFailure as failure:
                found[image_id] = failure.as_failure()
        return found

    def _query_each(
        self, ids: Sequence[str], table: str | None, attribute: str
    ) -> dict[str, Future[list[Row]]]:
        """Begin to read each image's rows of a table that is keyed by something else."""
        if not table:
            return {}
        return {i: self._reads.submit(self._query, table, attribute, i) for i in ids}

    def _query(self, table: str, attribute: str, image_id: str) -> list[Row]:
        pages = self._dynamodb.get_paginator("query")
        with reading(_SERVICE):
            return [
                _row(item)
                for page in pages.paginate(
                    TableName=table,
                    # The index is named for the attribute it is on.
                    IndexName=attribute,
                    KeyConditionExpression="#id = :id",
                    ExpressionAttributeNames={"#id": attribute},
                    ExpressionAttributeValues={":id": {"S": image_id}},
                )
                for item in page["Items"]
            ]

    def _get_each(self, ids: Sequence[str]) -> dict[str, Future[Mapping[str, dict[str, Row]]]]:
        """Begin to read the rows keyed by image id: for each image, the batch it is read in."""
        futures: dict[str, Future[Mapping[str, dict[str, Row]]]] = {}
        if self._parts:
            for batch in in_batches(list(dict.fromkeys(ids)), MAX_KEYS // len(self._parts)):
                futures.update(dict.fromkeys(batch, self._reads.submit(self._get_rows, batch)))
        return futures

    def _get_rows(self, ids: Sequence[str]) -> Mapping[str, dict[str, Row]]:
        """Read a batch of images' rows from all tables: by image, by part of the user data."""
        found: dict[str, dict[str, Row]] = {image_id: {} for image_id in ids}
        waiting: Mapping[str, KeysAndAttributesTypeDef | KeysAndAttributesOutputTypeDef] = {
            table: {"Keys": [{"id": {"S": image_id}} for image_id in ids], "ConsistentRead": True}
            for table in self._parts
        }

        def attempt(_: int) -> str | None:
            nonlocal waiting
            answer = self._dynamodb.batch_get_item(RequestItems=waiting)
            for table, items in answer["Responses"].items():
                for item in items:
                    row = _row(item)
                    found[row["id"]][self._parts[table]] = row
            waiting = answer["UnprocessedKeys"]
            return "unprocessed keys" if waiting else None

        with reading(_SERVICE):
            try:
                persist(attempt, seconds=_PATIENCE_SECONDS, service=_SERVICE)
            except StoreUnavailable as error:
                raise SourceUnavailable(f"{_SERVICE} did not answer.", str(error)) from error
        return found


def _row(item: Mapping[str, Any]) -> Row:
    """An item as boto3's resource layer would give it."""
    return {name: _plain(value) for name, value in item.items()}
