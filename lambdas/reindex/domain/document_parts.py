"""Parts of documents: to select some by dotted paths, to add those that are absent."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any


def with_preserved(document: Mapping[str, Any], preserved: Mapping[str, Any]) -> dict[str, Any]:
    """Return the document with what only the index holds put back; what the truth says wins."""
    result = dict(document)
    for key, value in preserved.items():
        if key not in result:
            result[key] = value
        elif isinstance(value, dict) and isinstance(result[key], dict):
            result[key] = with_preserved(result[key], value)
    return result


def selected(source: Mapping[str, Any], paths: Iterable[str]) -> dict[str, Any]:
    """Return the part of a document that some dotted paths name."""
    kept: dict[str, Any] = {}
    for path in paths:
        head, _, rest = path.partition(".")
        inner = source.get(head)
        if not rest and head in source:
            kept[head] = inner
        elif isinstance(inner, Mapping) and (part := selected(inner, [rest])):
            kept[head] = {**kept.get(head, {}), **part}
    return kept
