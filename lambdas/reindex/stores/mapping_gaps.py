"""Comparison of an existing index's mapping with the mapping that our documents need."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from reindex.image.misfits import TEXTS

#: Groups of types that accept the same JSON values: a library's index may use another of the group.
_ALIKE = (
    TEXTS,
    {"byte", "short", "integer", "long", "unsigned_long"},
    {"half_float", "float", "double", "scaled_float"},
    {"date", "date_nanos"},
)


def mapping_gaps(live: Mapping[str, Any], wanted: Mapping[str, Any]) -> list[str]:
    """Return what a mapping lacks for documents that were made for another mapping.

    Args:
        live: The index's mapping: ``dynamic``, ``properties``.
        wanted: The mapping that the documents were made for.

    Returns:
        Descriptions, each beginning with the field's dotted name.
    """
    return list(_gaps(live, wanted, path="", live_dynamic="true", wanted_dynamic="true"))


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
    if wanted_dynamic == "true":
        for name in fields.keys() - wanted.get("properties", {}).keys():
            yield from _strict_ones(fields[name], f"{path}.{name}" if path else name)
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


def _strict_ones(field: Mapping[str, Any], path: str) -> Iterator[str]:
    """Yield a description of each object that rejects new names, although it is not in ours."""
    if field.get("enabled") in (False, "false"):
        return
    if str(field.get("dynamic")).lower() == "strict":
        yield f"{path} is strict, where documents bring names of their own"
    for name, inner in field.get("properties", {}).items():
        yield from _strict_ones(inner, f"{path}.{name}")


def _type(field: Mapping[str, Any]) -> str:
    return str(field.get("type", "object"))


def _alike(live: str, wanted: str) -> bool:
    return live == wanted or any({live, wanted} <= kind for kind in _ALIKE)
