"""Whether an index that somebody else made will take our documents."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

#: Types that take the same JSON values: an index of a library's own may prefer another.
_ALIKE = (
    {"text", "keyword", "wildcard", "match_only_text", "search_as_you_type"},
    {"byte", "short", "integer", "long", "unsigned_long"},
    {"half_float", "float", "double", "scaled_float"},
    {"date", "date_nanos"},
)


#: Members of ``fileMetadata`` that are no maps of texts.
_TEXTS = {"colourModel", "trimmed"}
_COUNTS = {"trimmedCount"}


def mapping_gaps(live: Mapping[str, Any], wanted: Mapping[str, Any]) -> list[str]:
    """Name what a mapping lacks for documents made for another.

    Args:
        live: The index's mapping: ``dynamic``, ``properties``.
        wanted: The mapping the documents are made for.

    Returns:
        Sentences for people, each beginning with the field's dotted name.
    """
    return list(_gaps(live, wanted, path="", live_dynamic="true", wanted_dynamic="true"))


def refusing_fields(live: Mapping[str, Any]) -> dict[str, str]:
    """Return the fields that files bring along and whose live mapping would refuse ours.

    Other documents made these fields, dynamically, as the first of them had it. They are no gaps:
    only some images have them, and a document without such a field is accepted.

    Args:
        live: The index's mapping.

    Returns:
        What the live mapping holds there, by dotted name, sorted. Fields of numbers and dates that
        take malformed values (``ignore_malformed``) are not among them.
    """
    fields = live.get("properties", {})
    found = {
        f"identifiers.{name}": _type(field)
        for name, field in fields.get("identifiers", {}).get("properties", {}).items()
        if not _takes_text(field)
    }
    for name, group in fields.get("fileMetadata", {}).get("properties", {}).items():
        path = f"fileMetadata.{name}"
        if name in _TEXTS:
            found |= {} if _takes_text(group) else {path: _type(group)}
        elif name in _COUNTS:
            continue
        elif _type(group) != "object":
            found[path] = _type(group)
        elif group.get("enabled") not in (False, "false"):
            found |= {
                f"{path}.{inner}": _type(field)
                for inner, field in group.get("properties", {}).items()
                if not _takes_text(field)
            }
    return dict(sorted(found.items()))


def _takes_text(field: Mapping[str, Any]) -> bool:
    if field.get("enabled") in (False, "false"):
        return True
    return _type(field) in _ALIKE[0] or field.get("ignore_malformed") in (True, "true")


def _gaps(
    live: Mapping[str, Any],
    wanted: Mapping[str, Any],
    *,
    path: str,
    live_dynamic: str,
    wanted_dynamic: str,
) -> Iterator[str]:
    # A field below an object that is not indexed needs no mapping.
    if live.get("enabled") in (False, "false"):
        return
    # Both settings are inherited by the objects inside.
    live_dynamic = str(live.get("dynamic", live_dynamic)).lower()
    wanted_dynamic = str(wanted.get("dynamic", wanted_dynamic)).lower()
    if live_dynamic == "strict" and wanted_dynamic == "true":
        yield f"{path or 'the document'} is strict, where documents bring names of their own"
    fields = live.get("properties", {})
    for name, field in wanted.get("properties", {}).items():
        inner = f"{path}.{name}" if path else name
        found = fields.get(name)
        if found is None:
            if live_dynamic == "strict":
                yield f"{inner} is missing, and its parent is strict"
        elif not _alike(_type(found), _type(field)):
            yield f"{inner} is {_type(found)}, where documents hold {_type(field)}"
        else:
            yield from _gaps(
                found,
                field,
                path=inner,
                live_dynamic=live_dynamic,
                wanted_dynamic=wanted_dynamic,
            )


def _type(field: Mapping[str, Any]) -> str:
    return str(field.get("type", "object"))


def _alike(live: str, wanted: str) -> bool:
    return live == wanted or any({live, wanted} <= kind for kind in _ALIKE)
