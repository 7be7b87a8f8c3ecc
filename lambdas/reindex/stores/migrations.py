"""The record of the latest migration, in the runs table: item ``migration``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from reindex.domain.migration import Migration
from reindex.stores.attributes import (
    MalformedItem,
    Plain,
    from_attributes,
    to_attribute,
    to_attributes,
)
from reindex.stores.aws import error_code, unavailable

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import PutItemInputTypeDef

_SERVICE = "DynamoDB"
_ITEM = "migration"


class DynamoMigrations:
    """The migration's item of the runs table.

    Args:
        client: Of DynamoDB.
        table_name: Of the runs table; its key is ``id``.
    """

    def __init__(self, client: DynamoDBClient, table_name: str) -> None:
        self._client = client
        self._table = table_name

    @unavailable(_SERVICE)
    def current(self) -> Migration | None:
        """Return the latest migration's record, read consistently; None before the first.

        Raises:
            MalformedItem: The record has an unexpected form.
            StoreUnavailable: DynamoDB does not answer.
        """
        answer = self._client.get_item(
            TableName=self._table, Key={"id": to_attribute(_ITEM)}, ConsistentRead=True
        )
        if "Item" not in answer:
            return None
        try:
            return Migration.from_json(from_attributes(answer["Item"])["record"])
        except (KeyError, TypeError, ValueError) as error:
            raise MalformedItem(str(error)) from error

    @unavailable(_SERVICE)
    def save(self, migration: Migration, instead_of: Migration | None) -> bool:
        """Replace the record that was read.

        Args:
            migration: The new record.
            instead_of: The record that was read; None if there was none.

        Returns:
            False, with nothing changed, if another process changed the record. True also for a
            write that is repeated because its answer was lost.

        Raises:
            StoreUnavailable: DynamoDB does not answer.
        """
        values: dict[str, Plain] = {
            "id": _ITEM,
            "migration_id": migration.id,
            "rev": migration.rev,
            "record": migration.to_json(),
        }
        request: PutItemInputTypeDef = {
            "TableName": self._table,
            "Item": to_attributes(values),
            "ConditionExpression": "attribute_not_exists(id)",
        }
        if instead_of:
            request["ConditionExpression"] = "migration_id = :id AND rev = :rev"
            request["ExpressionAttributeValues"] = to_attributes(
                {":id": instead_of.id, ":rev": instead_of.rev}
            )
        try:
            self._client.put_item(**request)
        except ClientError as error:
            if error_code(error) != "ConditionalCheckFailedException":
                raise
            return self.current() == migration
        return True
