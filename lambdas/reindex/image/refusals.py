"""Why an index would refuse a document, told from its mapping without a write.

A document that is written to find out may leave new fields in the mapping, even when its guard
then fails. So the rules are applied here: a value of another type than its field's, an object
where a value belongs or the other way round, a name that a strict object does not know, a term
that is too long. Rules that only the server knows (a limit on the number of fields, an ingest
pipeline) are not among them.
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
"""Types whose values are judged; of another (``dense_vector``, ``geo_point``) nothing is said."""


def refusals(document: Mapping[str, Any], mapping: Mapping[str, Any]) -> list[str]:
    """Return why an index of a mapping would refuse a document; empty when it would take it.

    Args:
        document: As it would be written.
        mapping: Of the index: ``dynamic``, ``properties``.

    Returns:
        Sentences for people, each beginning with the field's dotted name.
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
        told = type_of(field)
        # An object is refused even where malformed values are not.
        if any(_is_refused(item, told, field) for item in _items(value)):
            yield f"{path} is {kind}, and does not take what the document holds"


def _is_refused(item: Any, told: str, field: Mapping[str, Any]) -> bool:
    if item is None or isinstance(item, Mapping):
        return item is not None
    kind, _, rest = told.partition(", ")
    if kind == "text" or (kind == "date" and (rest or _is_moment(item, field))):
        # A text is cut into terms; a date's own format only the server knows.
        return False
    if kind in TEXTS:
        # Below a limit of characters, of which none takes more than four bytes, all fits a term.
        fits = field.get("ignore_above", MAX_TERM) * 4 <= MAX_TERM or kind != field.get("type")
        return not fits and len(str(item).encode()) > MAX_TERM
    return (rest == "exact" and isinstance(item, str)) or refuses(kind, item)


def _is_moment(item: Any, field: Mapping[str, Any]) -> bool:
    """Whether it is a number of milliseconds in a field that takes them."""
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
