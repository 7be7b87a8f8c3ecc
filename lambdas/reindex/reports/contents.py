"""The contents of a document, by field."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from reindex.image.document import without_provenance

Contents = Mapping[str, Sequence[Any]]
"""The values that a document holds, by the dotted path of their field."""


def contents(document: Mapping[str, Any]) -> dict[str, list[Any]]:
    """Return the values that a document holds, by the dotted path of their field.

    Lists add nothing to a path, as in a mapping: ``usages.platform`` has the platforms of all
    usages. Null, an empty text, an empty list, an empty object and provenance are
    left out.
    """
    found: dict[str, list[Any]] = {}
    _collect(without_provenance(document) if "esInfo" in document else document, "", found)
    return found


def _collect(value: Mapping[str, Any], prefix: str, found: dict[str, list[Any]]) -> None:
    # The classes are those of JSON's parser; this is most of the work of a comparison.
    for name, inner in value.items():
        path = prefix + name
        if inner.__class__ is dict:
            _collect(inner, path + ".", found)
        elif inner.__class__ is list:
            for item in inner:
                if item.__class__ is dict:
                    _collect(item, path + ".", found)
                elif item or _is_zero(item):
                    found.setdefault(path, []).append(item)
        elif inner or _is_zero(inner):
            found.setdefault(path, []).append(inner)


def _is_zero(value: Any) -> bool:
    """Return True for 0 and false, which are values although they are not true."""
    return isinstance(value, int | float)
