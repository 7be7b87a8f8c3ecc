"""Parts of documents, by dotted paths."""

from __future__ import annotations

from collections.abc import Mapping
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
