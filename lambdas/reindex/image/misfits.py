"""Misfits: index fields whose existing mapping conflicts with our documents.

Files and libraries add field names of their own, and dynamic mapping gives each field the type
of the first value. An index that has an object in ``fileMetadata.xmp.x:y`` rejects any document
with a text there. So values that a field cannot accept are left out of the document, and the
field is named under ``fileMetadata.trimmed``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Final

from reindex.image.limits import Trimmed
from reindex.image.mapping import mapping
from reindex.image.terms import MAX_TERM

TEXTS: Final = frozenset({"text", "keyword", "wildcard", "match_only_text", "search_as_you_type"})
"""Types that accept any text, number or boolean."""

_OBJECTS: Final = frozenset({"object", "nested", "flattened"})
_WHOLE: Final = {
    "byte": 2**7 - 1,
    "short": 2**15 - 1,
    "integer": 2**31 - 1,
    "long": 2**63 - 1,
}
_FRACTIONS: Final = frozenset({"half_float", "float", "double", "scaled_float"})
_LARGEST_FRACTION: Final = 65_504
"""The largest value of a ``half_float``, the smallest of these types."""

_NUMBER: Final = re.compile(r"-?\d{1,18}(?:\.\d{1,18})?", re.ASCII)
_DATE: Final = re.compile(
    r"\d{4}-\d{2}-\d{2}(?:T\d{2}:\d{2}(?::\d{2}(?:\.\d{1,6})?)?(?:Z|[+-]\d{2}:\d{2})?)?", re.ASCII
)
_ANY_DATE: Final = "strict_date_optional_time"
"""The format of dynamically mapped dates, and the default format of a date field."""

_FILES: Final = "fileMetadata"
_NO_MAPS: Final = {"colourModel", "trimmed"}
_COUNTS: Final = {"trimmedCount"}
_ANY_JSON: Final = (
    ("metadata", "domainMetadata"),
    ("userMetadata", "metadata", "domainMetadata"),
)

Misfits = Mapping[str, str]
"""Field types of a live mapping, by dotted field name; objects before their fields."""


def misfits(live: Mapping[str, Any]) -> dict[str, str]:
    """Return the fields of an index that may reject values of our documents.

    Args:
        live: The index's mapping: ``dynamic``, ``properties``.

    Returns:
        Under ``identifiers`` and ``fileMetadata``, where our documents hold texts: the fields of
        any other type. Under ``domainMetadata``, where users may enter any JSON: all fields.
        Elsewhere: the fields that are keywords, which are limited in length, where our mapping
        has analysed text.
    """
    found = dict(_non_text_fields("identifiers", _fields_of(live, "identifiers")))
    for name, group in _fields_of(live, _FILES).items():
        path = f"{_FILES}.{name}"
        kind = type_of(group)
        if name in _COUNTS or is_unread(group):
            continue
        if name in _NO_MAPS or kind not in ("object", "nested"):
            found |= {} if kind in (TEXTS if name in _NO_MAPS else ()) else {path: kind}
        else:
            found |= _non_text_fields(path, _fields_of(group))
    found |= _unanalysed(mapping(), live, "")
    for place in _ANY_JSON:
        found |= _all_fields(".".join(place), _fields_of(live, *place))
    return dict(sorted(found.items()))


def surprising(found: Misfits) -> list[str]:
    """Return ``name (type)`` of each misfit under ``fileMetadata`` and ``identifiers``."""
    return [
        f"{name} ({kind})"
        for name, kind in found.items()
        if name.split(".")[0] in (_FILES, "identifiers")
    ]


def without_misfits(
    document: Mapping[str, Any], found: Misfits, trimmed: Trimmed
) -> dict[str, Any]:
    """Return ``document`` without the values that an index's mapping would reject.

    Args:
        document: The document; not modified.
        found: The result of :func:`misfits`.
        trimmed: Records the values that are left out.
    """
    kept = dict(document)
    for name, kind in found.items():
        kept = _without(kept, name.split("."), name, kind, trimmed)
    return kept


def _without(value: Any, path: list[str], name: str, kind: str, trimmed: Trimmed) -> Any:
    if isinstance(value, list):
        items = [_without(item, path, name, kind, trimmed) for item in value]
        return [item for item, before in zip(items, value, strict=True) if item or not before]
    if not isinstance(value, dict) or value.get(path[0]) is None:
        return value
    inner = value[path[0]]
    if len(path) > 1:
        rest = _without(inner, path[1:], name, kind, trimmed)
    elif refuses(kind, inner):
        trimmed.add(name, len(inner) if isinstance(inner, list) else 1)
        rest = None
    else:
        return value
    if rest or rest == inner:
        return value | {path[0]: rest}
    # An object that becomes empty is left out, too.
    return {key: other for key, other in value.items() if key != path[0]}


def refuses(kind: str, value: Any) -> bool:
    """Return True if a field may reject a value, False if it certainly accepts it.

    Args:
        kind: The field's type, as :func:`type_of` returns it.
        value: The value in the document.
    """
    if isinstance(value, list):
        return any(refuses(kind, item) for item in value)
    if kind in _OBJECTS or isinstance(value, dict):
        return kind not in _OBJECTS or not isinstance(value, dict)
    if isinstance(value, bool):
        return kind not in TEXTS and kind != "boolean"
    match kind:
        case "boolean":
            takes = value in ("true", "false")
        case "date":
            takes = _is_date(str(value))
        case _:
            is_term = len(str(value).encode()) <= MAX_TERM
            takes = (kind in TEXTS and is_term) or _is_number(str(value), kind)
    return not takes


def _is_number(text: str, kind: str) -> bool:
    limit = _LARGEST_FRACTION if kind in _FRACTIONS else _WHOLE.get(kind)
    return limit is not None and bool(_NUMBER.fullmatch(text)) and abs(float(text)) <= limit


def _is_date(text: str) -> bool:
    if not _DATE.fullmatch(text):
        return False
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return True


def _non_text_fields(path: str, fields: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for name, field in fields.items():
        if (kind := type_of(field)) not in TEXTS:
            yield f"{path}.{name}", kind


def _unanalysed(
    wanted: Mapping[str, Any], live: Mapping[str, Any], path: str
) -> Iterator[tuple[str, str]]:
    for name, field in wanted.get("properties", {}).items():
        found = _fields_of(live).get(name, {})
        inner = f"{path}.{name}" if path else name
        if field.get("type") == "text" and found.get("type") == "keyword":
            if found.get("ignore_above", MAX_TERM) * 4 > MAX_TERM:
                yield inner, "keyword"
        else:
            yield from _unanalysed(field, found, inner)


def _all_fields(path: str, fields: Mapping[str, Any]) -> dict[str, str]:
    found = {}
    for name, field in fields.items():
        if is_unread(field):
            continue
        inner = f"{path}.{name}"
        found[inner] = type_of(field)
        found |= _all_fields(inner, _fields_of(field))
    return found


def _fields_of(field: Mapping[str, Any], *path: str) -> Mapping[str, Any]:
    """Return the fields of an object, or of the object at ``path`` below it."""
    for name in path:
        field = field.get("properties", {}).get(name, {})
    found: Mapping[str, Any] = {} if is_unread(field) else field.get("properties", {})
    return found


def is_unread(field: Mapping[str, Any]) -> bool:
    """Return True for an object that the index stores without parsing."""
    return field.get("enabled") in (False, "false")


def type_of(field: Mapping[str, Any]) -> str:
    """Return a field's type, or ``keyword`` for a field that accepts any text.

    A suffix marks a date with a format of its own, and a number that is not coerced from text.
    """
    kind = str(field.get("type", "object"))
    if is_unread(field) or field.get("ignore_malformed") in (True, "true"):
        return "keyword"
    if kind == "date" and _ANY_DATE not in str(field.get("format", _ANY_DATE)).split("||"):
        return f"date, {field['format']}"
    return f"{kind}, exact" if field.get("coerce") in (False, "false") else kind
