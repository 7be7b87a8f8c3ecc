"""Requests to a table whose key is ``id``."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from reindex.stores.attributes import Plain, from_attributes, to_attribute, to_attributes
from reindex.stores.aws import error_code, was_retried

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import (
        AttributeValueTypeDef,
        UpdateTypeDef,
    )


@dataclass(frozen=True, slots=True)
class ItemTable:
    """A table whose key is ``id``, over DynamoDB's own client (which threads may share).

    Attributes:
        client: Of DynamoDB.
        name: Of the table.
    """

    client: DynamoDBClient
    name: str

    def get(self, item_id: str) -> dict[str, AttributeValueTypeDef]:
        """Read an item consistently; empty if there is none."""
        key = {"id": to_attribute(item_id)}
        return self.client.get_item(TableName=self.name, Key=key, ConsistentRead=True).get(
            "Item", {}
        )

    def items(self, prefix: str) -> Iterator[Mapping[str, AttributeValueTypeDef]]:
        """Yield the items whose id begins with a prefix, by a consistent scan."""
        pages = self.client.get_paginator("scan").paginate(
            TableName=self.name,
            ConsistentRead=True,
            FilterExpression="begins_with(id, :prefix)",
            ExpressionAttributeValues={":prefix": to_attribute(prefix)},
        )
        for page in pages:
            yield from page["Items"]

    def change(
        self, item_id: str, changes: Mapping[str, Plain], condition: str, **values: Plain
    ) -> dict[str, Any] | None:
        """Set attributes of an item, or remove those given as None, on a condition.

        Args:
            item_id: Of the item; it is created if it is missing and the condition allows it.
            changes: By attribute.
            condition: With ``#name`` for an attribute, and ``:name`` for one of the values.
            values: Of the condition.

        Returns:
            The item's plain values afterwards; None, with nothing changed, if the condition is
            false.
        """
        assigned = {name: value for name, value in changes.items() if value is not None}
        clauses = {
            "SET": [f"#{name} = :new_{name}" for name in assigned],
            "REMOVE": [f"#{name}" for name in changes if name not in assigned],
        }
        names = {*changes, *re.findall(r"#(\w+)", condition)}
        try:
            answer = self.client.update_item(
                TableName=self.name,
                Key={"id": to_attribute(item_id)},
                UpdateExpression=" ".join(
                    f"{verb} {', '.join(targets)}" for verb, targets in clauses.items() if targets
                ),
                ConditionExpression=condition,
                ExpressionAttributeNames={f"#{name}": name for name in names},
                ExpressionAttributeValues=to_attributes(
                    {f":new_{name}": value for name, value in assigned.items()}
                    | {f":{name}": value for name, value in values.items()}
                ),
                ReturnValues="ALL_NEW",
            )
        except ClientError as error:
            expect_failed_condition(error)
            if not was_retried(error.response):
                return None
            found = from_attributes(self.get(item_id))
            ours = all(found.get(name) == value for name, value in changes.items())
            return found if ours else None
        return from_attributes(answer["Attributes"])


def addition(
    table: str, item_id: str, more: Mapping[str, int], fixed: Mapping[str, Plain]
) -> UpdateTypeDef:
    """Return the part of a transaction that adds to attributes of an item, or creates it.

    Args:
        table: Its table.
        item_id: Of the item.
        more: Numbers to add, by attribute.
        fixed: Values of other attributes to set.
    """
    adds = ", ".join(f"#{name} :{name}" for name in more)
    sets = ", ".join(f"#{name} = :{name}" for name in fixed)
    values: dict[str, Plain] = {**more, **fixed}
    return {
        "TableName": table,
        "Key": {"id": to_attribute(item_id)},
        "UpdateExpression": f"ADD {adds} SET {sets}" if sets else f"ADD {adds}",
        "ExpressionAttributeNames": {f"#{name}": name for name in values},
        "ExpressionAttributeValues": to_attributes({f":{n}": v for n, v in values.items()}),
    }


def expect_failed_condition(error: ClientError) -> None:
    """Raise an error again, unless it says that a condition was false."""
    if error_code(error) != "ConditionalCheckFailedException":
        raise error
