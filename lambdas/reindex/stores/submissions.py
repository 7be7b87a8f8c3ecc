"""The submissions table in DynamoDB: one item per submission, by ``key`` and ``version``."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from reindex.domain.submissions import (
    SubmissionIndex,
    SubmissionRef,
    SubmissionRow,
    SubmissionState,
)
from reindex.stores.attributes import MalformedItem, from_attributes, to_attributes
from reindex.stores.aws import error_code, unavailable, was_retried

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import (
        AttributeValueTypeDef,
        PutItemInputTypeDef,
        QueryInputPaginateTypeDef,
        ScanOutputTypeDef,
    )

_SERVICE = "DynamoDB"
_FAILED_CONDITION = "ConditionalCheckFailedException"

#: Bytes of the longest key of an object, by S3's limits. No id is longer.
_MAX_KEY_BYTES = 1_024


class DynamoSubmissions:
    """The submissions table.

    Every method raises :class:`reindex.domain.failures.StoreUnavailable` when DynamoDB does not
    answer in the end.

    Args:
        client: Of DynamoDB.
        table: The table's name.
    """

    def __init__(self, client: DynamoDBClient, table: str) -> None:
        self._client = client
        self._table = table

    def read(self, ref: SubmissionRef) -> SubmissionRow | None:
        """Read a row consistently; None when there is none.

        Raises:
            MalformedItem: The row has an unexpected form.
        """
        with unavailable(_SERVICE):
            answer = self._client.get_item(
                TableName=self._table, Key=_key(ref), ConsistentRead=True
            )
        return _row(answer["Item"]) if "Item" in answer else None

    def write(self, row: SubmissionRow, before: SubmissionRow | None) -> bool:
        """Write a row, on condition that the stored one has the state and attempts of ``before``.

        Returns:
            False, with nothing changed, if another process wrote it since.
        """
        request: PutItemInputTypeDef = {
            "TableName": self._table,
            "Item": to_attributes({**row.to_json(), **row.index_values()}),
            "ExpressionAttributeNames": {"#key": "key"},
            "ConditionExpression": "attribute_not_exists(#key)",
        }
        if before is not None:
            request["ExpressionAttributeNames"] = {"#state": "state", "#attempts": "attempts"}
            request["ConditionExpression"] = "#state = :state AND #attempts = :attempts"
            request["ExpressionAttributeValues"] = to_attributes(
                {":state": before.state.value, ":attempts": before.attempts}
            )
        with unavailable(_SERVICE):
            try:
                self._client.put_item(**request)
            except ClientError as error:
                if error_code(error) != _FAILED_CONDITION:
                    raise
                # An earlier attempt of this call may have succeeded although its answer was lost.
                return was_retried(error.response) and self.read(row.ref) == row
        return True

    def mark_searchable(self, ref: SubmissionRef, at: str) -> SubmissionRow | None:
        """Record that the index has the document: the row is processed, and has no failure.

        Args:
            ref: Which submission.
            at: When, ISO 8601; the first time counts.

        Returns:
            The row after that; None when there is none.

        Raises:
            MalformedItem: The row has an unexpected form.
        """
        with unavailable(_SERVICE):
            try:
                answer = self._client.update_item(
                    TableName=self._table,
                    Key=_key(ref),
                    UpdateExpression=(
                        "SET searchable_at = if_not_exists(searchable_at, :at), #state = :done "
                        "REMOVE failure, failure_code, is_unexpected"
                    ),
                    ConditionExpression="attribute_exists(#key)",
                    ExpressionAttributeNames={"#key": "key", "#state": "state"},
                    ExpressionAttributeValues={
                        ":at": {"S": at},
                        ":done": {"S": SubmissionState.PROCESSED.value},
                    },
                    ReturnValues="ALL_NEW",
                )
            except ClientError as error:
                if error_code(error) != _FAILED_CONDITION:
                    raise
                return None
        return _row(answer["Attributes"])

    def remove(self, ref: SubmissionRef) -> None:
        """Remove a row; no effect if there is none."""
        with unavailable(_SERVICE):
            self._client.delete_item(TableName=self._table, Key=_key(ref))

    def of_image(self, image_id: str) -> list[SubmissionRow]:
        """Return the rows of an image, from an index that is eventually consistent.

        Raises:
            MalformedItem: A row has an unexpected form.
        """
        return self._read(self._refs(SubmissionIndex.IMAGE.value, image_id, is_index=True))

    def named(self, name: str) -> list[SubmissionRow]:
        """Return the rows of which this is the id, the key or the image id.

        Raises:
            MalformedItem: A row has an unexpected form.
        """
        if not 0 < len(name.encode()) <= _MAX_KEY_BYTES:
            # DynamoDB refuses to look for it.
            return []
        refs = {
            *self._refs("key", name),
            *self._refs(SubmissionIndex.ID.value, name, is_index=True),
            *self._refs(SubmissionIndex.IMAGE.value, name, is_index=True),
        }
        return self._read(refs)

    def failed(self) -> Iterator[SubmissionRow]:
        """Page through the rows that failed, in no order.

        Raises:
            MalformedItem: A row has an unexpected form.
        """
        scan = self._client.get_paginator("scan")
        index = SubmissionIndex.FAILURE.value
        yield from self._rows(scan.paginate(TableName=self._table, IndexName=index))

    def scan(self) -> Iterator[SubmissionRow]:
        """Page through all rows, in no order: this reads the whole table.

        Raises:
            MalformedItem: A row has an unexpected form.
        """
        yield from self._rows(self._client.get_paginator("scan").paginate(TableName=self._table))

    def _refs(self, attribute: str, value: str, *, is_index: bool = False) -> list[SubmissionRef]:
        """Return the submissions with a value, which is the table's or an index's partition key."""
        request: QueryInputPaginateTypeDef = {
            "TableName": self._table,
            "KeyConditionExpression": "#name = :value",
            "ExpressionAttributeNames": {"#name": attribute},
            "ExpressionAttributeValues": {":value": {"S": value}},
        }
        if is_index:
            request["IndexName"] = attribute
        with unavailable(_SERVICE):
            return [
                SubmissionRef(item["key"]["S"], item["version"]["S"])
                for page in self._client.get_paginator("query").paginate(**request)
                for item in page["Items"]
            ]

    def _read(self, refs: Iterable[SubmissionRef]) -> list[SubmissionRow]:
        """Return the rows that are there now: an index may name some that are gone."""
        return [row for ref in refs if (row := self.read(ref))]

    def _rows(self, pages: Iterable[ScanOutputTypeDef]) -> Iterator[SubmissionRow]:
        with unavailable(_SERVICE):
            for page in pages:
                yield from map(_row, page["Items"])


def _key(ref: SubmissionRef) -> dict[str, AttributeValueTypeDef]:
    return {"key": {"S": ref.key}, "version": {"S": ref.version}}


def _row(item: Mapping[str, AttributeValueTypeDef]) -> SubmissionRow:
    values = from_attributes(item)
    try:
        return SubmissionRow.from_json(values)
    except ValueError as error:
        raise MalformedItem(f"submission {values.get('key')}: {error}") from error
