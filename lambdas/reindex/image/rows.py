"""Reads and validates rows of user data.

Other services have written the rows over many years. A NULL attribute is treated as absent. An
attribute of an unexpected type is a failure that names the table and the attribute, so that an
operator can repair the row.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from reindex.domain.failures import InvalidUserData
from reindex.image.dates import parse_iso
from reindex.image.names import storable_names
from reindex.text import well_formed

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

#: The largest Elasticsearch ``long`` (64 bits); DynamoDB's numbers have up to 38 digits.
_LONGEST_WHOLE: Final = 2**63 - 1

_TYPE_NAMES: Mapping[type, str] = {
    str: "a string",
    bool: "a boolean",
    int: "a number",
    float: "a number",
    Decimal: "a number",
    list: "a list",
    set: "a set",
    frozenset: "a set",
    dict: "a map",
}


def present(**values: Any) -> dict[str, Any]:
    """Return the values that are neither None nor an empty list.

    An empty dict is kept, because empty usage rights mean that there are none.
    """
    return {name: value for name, value in values.items() if value is not None and value != []}


class Fields:
    """A row, or a map inside a row, with its path for messages.

    Args:
        table: The table's name in messages, such as ``usages``.
        values: The attributes, as boto3's resource layer returns them.
        path: The path of the map in its row; empty for the row itself.
    """

    def __init__(self, table: str, values: Mapping[str, Any], path: str = "") -> None:
        self._table = table
        self._values = values
        self._path = path

    def text(self, name: str) -> str | None:
        """Return a string, or None when it is absent or empty."""
        value = self._typed(name, str, "a string")
        return well_formed(value) if value else None

    def required_text(self, name: str) -> str:
        """Return a required, non-empty string."""
        value = self.text(name)
        if value is None:
            raise self._failure(name, "is missing")
        return value

    def flag(self, name: str) -> bool | None:
        """Return a boolean, or None when it is absent."""
        value: bool | None = self._typed(name, bool, "a boolean")
        return value

    def integer(self, name: str) -> int | None:
        """Return an integer, or None when it is absent."""
        value = self._values.get(name)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int | Decimal):
            raise self._wrong_type(name, value, "a number")
        whole = int(value)
        if value != whole or abs(whole) > _LONGEST_WHOLE:
            raise self._failure(name, "is no whole number of 64 bits", str(value))
        return whole

    def moment(self, name: str) -> datetime | None:
        """Return an ISO 8601 date, or None when it is absent or empty."""
        value = self.text(name)
        if value is None:
            return None
        when = parse_iso(value)
        if when is None:
            raise self._failure(name, "is no ISO 8601 date", value)
        return when

    def epoch_millis(self, name: str) -> datetime | None:
        """Return a date in epoch milliseconds, or None when it is absent."""
        millis = self.integer(name)
        if millis is None:
            return None
        try:
            return _EPOCH + timedelta(milliseconds=millis)
        except OverflowError as error:
            raise self._failure(name, "is no date in milliseconds", str(millis)) from error

    def required_epoch_millis(self, name: str) -> datetime:
        """Return a required date in epoch milliseconds."""
        when = self.epoch_millis(name)
        if when is None:
            raise self._failure(name, "is missing")
        return when

    def texts(self, name: str) -> list[str] | None:
        """Return the non-empty strings of a list or set, or None when it is absent.

        A set has no order, so its strings are sorted.
        """
        value = self._values.get(name)
        if value is None:
            return None
        if not isinstance(value, list | set | frozenset):
            raise self._wrong_type(name, value, "a list of strings")
        for item in value:
            if not isinstance(item, str):
                raise self._wrong_type(f"{name}[]", item, "a string")
        items = sorted(value) if isinstance(value, set | frozenset) else value
        return [well_formed(item) for item in items if item]

    def fields(self, name: str) -> Fields | None:
        """Return a map, or None when it is absent."""
        value = self._values.get(name)
        if value is None:
            return None
        if not isinstance(value, Mapping):
            raise self._wrong_type(name, value, "a map")
        return Fields(self._table, value, self._where(name))

    def list_of_fields(self, name: str) -> Iterator[Fields]:
        """Yield the maps of a list; nothing when it is absent."""
        value = self._values.get(name)
        if value is None:
            return
        if not isinstance(value, Sequence) or isinstance(value, str | bytes):
            raise self._wrong_type(name, value, "a list")
        for item in value:
            if not isinstance(item, Mapping):
                raise self._wrong_type(f"{name}[]", item, "a map")
            yield Fields(self._table, item, self._where(f"{name}[]"))

    def plain_map(self, name: str) -> dict[str, Any] | None:
        """Return a map of any shape as JSON values, or None when the result is empty.

        Numbers become int or float, sets become sorted lists. NULLs, binaries, empty strings, and
        maps and lists that become empty are left out.
        """
        if self.fields(name) is None:
            return None
        plain: dict[str, Any] | None = _plain(self._values[name])
        return plain

    def refuse(self, name: str, problem: str) -> InvalidUserData:
        """Return the failure for an attribute of the right type with an invalid value.

        Args:
            name: The attribute.
            problem: The problem, phrased to follow the attribute's name in a sentence.
        """
        return self._failure(name, problem, str(self._values.get(name)))

    def __contains__(self, name: str) -> bool:
        """Return True if the attribute is present and not NULL."""
        return self._values.get(name) is not None

    def _typed(self, name: str, kind: type, expected: str) -> Any:
        value = self._values.get(name)
        if value is not None and not isinstance(value, kind):
            raise self._wrong_type(name, value, expected)
        return value

    def _where(self, name: str) -> str:
        return f"{self._path}.{name}" if self._path else name

    def _wrong_type(self, name: str, value: object, expected: str) -> InvalidUserData:
        found = _TYPE_NAMES.get(type(value), type(value).__name__)
        return self._failure(name, f"is {found}, not {expected}", repr(value))

    def _failure(self, name: str, problem: str, detail: str = "") -> InvalidUserData:
        return InvalidUserData(f"{self._table}: {self._where(name)} {problem}", well_formed(detail))


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        pairs = ((key, _plain(inner)) for key, inner in storable_names(value).items())
        return {key: inner for key, inner in pairs if inner is not None} or None
    if isinstance(value, set | frozenset):
        value = sorted(value, key=lambda item: (type(item).__name__, item))
    if isinstance(value, list):
        return [inner for inner in map(_plain, value) if inner is not None] or None
    if isinstance(value, Decimal):
        return int(value) if value == int(value) else float(value)
    if isinstance(value, str):
        return well_formed(value) or None
    return value if isinstance(value, bool | int | float) else None
