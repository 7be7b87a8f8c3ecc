"""Predicts why an index would reject a document, from its mapping and without a write.

A trial write may add fields to the mapping, even if its precondition then fails. So the rules are
applied here: the value's type differs from the field's, an object takes the place of a value or
the reverse, a strict object does not have the field, a term is too long. Rules that only the
server can apply (the limit on the number of fields, ingest pipelines) are not included.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from reindex.image.misfits import TEXTS, is_unread, refuses, type_of
from reindex.image.terms import MAX_TERM

_OBJECTS: Final = frozenset({"object", "nested"})

_SCALARS: Final = TEXTS | {
    "boolean", "byte", "short", "integer", "long", "half_float", "float", "double",
    "scaled_float", "date",
}  # fmt: skip
"""Types whose values are checked; others (``dense_vector``, ``geo_point``) are not."""


def refusals(document: Mapping[str, Any], mapping: Mapping[str, Any]) -> list[str]:
    """Return the reasons why an index would reject a document; empty if it would accept it.

    Args:
        document: The document to write.
        mapping: The index's mapping: ``dynamic``, ``properties``.

    Returns:
        Messages for users, each beginning with the field's dotted name.
    """
    return list(_in_object(document, mapping, "", "true"))


def _in_object(value: Any, field: Mapping[str, Any], path: str, inherited: str) -> Iterator[str]:
    if is_unread(field) or value is None:
        return
    if isinstance(value, list):
        for item in value:
            yield from _in_object(item, field, path, inherited)
        return
    if not isinstance(value, Mapping):
        yield f"{path} is an object, and the document holds a {_name(value)} there"
        return
    dynamic = str(field.get("dynamic", inherited)).lower()
    fields = field.get("properties", {})
    for name, inner in value.items():
        below = f"{path}.{name}" if path else name
        found = fields.get(name)
        if found is not None:
            yield from _in_field(inner, found, below, dynamic)
        elif dynamic == "strict":
            yield f"{below} is not mapped, and its parent is strict"


def _in_field(value: Any, field: Mapping[str, Any], path: str, dynamic: str) -> Iterator[str]:
    kind = str(field.get("type", "object"))
    if kind in _OBJECTS:
        yield from _in_object(value, field, path, dynamic)
    elif kind in _SCALARS:
        field_type = type_of(field)
        # An object is rejected even where malformed values are ignored.
        if any(_is_refused(item, field_type, field) for item in _items(value)):
            yield f"{path} is {kind}, and does not take what the document holds"


def _is_refused(item: Any, field_type: str, field: Mapping[str, Any]) -> bool:
    if item is None or isinstance(item, Mapping):
        return item is not None
    kind, _, rest = field_type.partition(", ")
    if kind == "text" or (kind == "date" and (rest or _is_moment(item, field))):
        # A text is split into terms; only the server can parse a custom date format.
        return False
    if kind in TEXTS:
        # A character takes at most four bytes, so a low ``ignore_above`` bounds the term.
        fits = field.get("ignore_above", MAX_TERM) * 4 <= MAX_TERM or kind != field.get("type")
        return not fits and len(str(item).encode()) > MAX_TERM
    return (rest == "exact" and isinstance(item, str)) or refuses(kind, item)


def _is_moment(item: Any, field: Mapping[str, Any]) -> bool:
    """Return True for a number of milliseconds in a field that accepts them."""
    is_number = isinstance(item, int) and not isinstance(item, bool)
    return is_number and "epoch_millis" in str(field.get("format", "epoch_millis"))


def _items(value: Any) -> Iterator[Any]:
    if isinstance(value, list):
        for item in value:
            yield from _items(item)
    else:
        yield value


def _name(value: Any) -> str:
    match value:
        case bool():
            return "truth value"
        case int() | float():
            return "number"
        case _:
            return "text"
