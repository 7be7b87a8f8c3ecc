"""Reading rows of user data: what they promise is checked here, once, by name.

Rows are written by other services over many years. An attribute that is absent or NULL is
absent; one of another type than its table promises is a failure that names the table and the
attribute, so that an operator can mend the row.
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

#: DynamoDB's numbers have 38 digits, Elasticsearch's ``long`` has 64 bits.
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
    """Return the values that are there: neither None nor an empty list.

    An empty dict stays: for rights it means that there are none.
    """
    return {name: value for name, value in values.items() if value is not None and value != []}


class Fields:
    """A map of a row, or the row itself, that knows where it stands.

    Args:
        table: The table's name for people, such as ``usages``.
        values: The attributes, as boto3's resource layer gives them.
        path: Where the map stands in its row; empty for the row itself.
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
        """Return a string that must be there and not be empty."""
        value = self.text(name)
        if value is None:
            raise self._failure(name, "is missing")
        return value

    def flag(self, name: str) -> bool | None:
        """Return a boolean, or None when it is absent."""
        value: bool | None = self._typed(name, bool, "a boolean")
        return value

    def integer(self, name: str) -> int | None:
        """Return a whole number, or None when it is absent."""
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
        """Return a date written in ISO 8601, or None when it is absent or empty."""
        value = self.text(name)
        if value is None:
            return None
        when = parse_iso(value)
        if when is None:
            raise self._failure(name, "is no ISO 8601 date", value)
        return when

    def epoch_millis(self, name: str) -> datetime | None:
        """Return a date written in milliseconds since 1970, or None when it is absent."""
        millis = self.integer(name)
        if millis is None:
            return None
        try:
            return _EPOCH + timedelta(milliseconds=millis)
        except OverflowError as error:
            raise self._failure(name, "is no date in milliseconds", str(millis)) from error

    def required_epoch_millis(self, name: str) -> datetime:
        """Return a date in milliseconds since 1970 that must be there."""
        when = self.epoch_millis(name)
        if when is None:
            raise self._failure(name, "is missing")
        return when

    def texts(self, name: str) -> list[str] | None:
        """Return a list or set of strings, empty ones left out, or None when it is absent.

        A set has no order of its own, so it comes sorted.
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
        """Yield the maps of a list; none when it is absent."""
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
        """Return a map of any shape as JSON can hold it, or None when nothing is in it.

        Numbers become int or float, sets sorted lists; NULLs, binaries, empty strings and what
        holds nothing else are left out.
        """
        if self.fields(name) is None:
            return None
        plain: dict[str, Any] | None = _plain(self._values[name])
        return plain

    def refuse(self, name: str, problem: str) -> InvalidUserData:
        """Return the failure of an attribute whose value is of the right type but not right.

        Args:
            name: The attribute.
            problem: What is wrong with it, to follow its name in a sentence.
        """
        return self._failure(name, problem, str(self._values.get(name)))

    def __contains__(self, name: str) -> bool:
        """Whether the attribute is there and not NULL."""
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
