"""Conversion between DynamoDB's attribute values and plain values."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any, cast

from reindex.domain.failures import InternalFailure

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.type_defs import AttributeValueTypeDef

Plain = str | bool | int | float | list["Plain"] | dict[str, "Plain"] | None
"""A value in one of our own tables: JSON only."""


class MalformedItem(InternalFailure):
    """An item of one of our own tables has another form than the one that we write."""


def to_attribute(value: Plain) -> AttributeValueTypeDef:
    """Return the attribute value of a plain value."""
    match value:
        case None:
            return {"NULL": True}
        case bool():
            return {"BOOL": value}
        case str():
            return {"S": value}
        case int() | float():
            return {"N": repr(value)}
        case list():
            return {"L": [to_attribute(member) for member in value]}
        case dict():
            return {"M": {name: to_attribute(member) for name, member in value.items()}}


def from_attribute(attribute: AttributeValueTypeDef) -> Plain:
    """Return the plain value of an attribute; a number is an int if it is whole.

    Raises:
        ValueError: Its type is not used in our own tables.
    """
    # Matched by the kind alone: mapping patterns are slow, and a scan reads every row.
    [(kind, value)] = cast("Mapping[str, Any]", attribute).items()
    match kind:
        case "S" | "BOOL":
            return cast("str | bool", value)
        case "N":
            return _number(value)
        case "M":
            return {name: from_attribute(member) for name, member in value.items()}
        case "L":
            return [from_attribute(member) for member in value]
        case "NULL":
            return None
        case _:
            raise ValueError(f"an attribute of type {kind}")


def _number(digits: str) -> int | float:
    try:
        return int(digits)
    except ValueError:
        number = Decimal(digits)
        return int(number) if number == number.to_integral_value() else float(number)


def to_attributes(values: Mapping[str, Plain]) -> dict[str, AttributeValueTypeDef]:
    """Return the item that holds these values; None is an absent attribute."""
    return {name: to_attribute(value) for name, value in values.items() if value is not None}


def from_attributes(item: Mapping[str, AttributeValueTypeDef]) -> dict[str, Any]:
    """Return the plain values of an item.

    Raises:
        MalformedItem: An attribute's type is not used in our own tables.
    """
    try:
        return {
            # Most attributes are text: this saves a call for each of them, in every scan.
            name: attribute["S"] if "S" in attribute else from_attribute(attribute)
            for name, attribute in item.items()
        }
    except ValueError as error:
        raise MalformedItem(f"item {item.get('id')}: {error}") from error
