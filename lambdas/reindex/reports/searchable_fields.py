"""Which fields of a mapping a search can find documents by."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

#: Types that hold fields, and are none themselves.
_OBJECTS: Final = frozenset({"object", "nested"})

#: Types whose values are single terms.
_KEYWORDS: Final = frozenset({"keyword", "constant_keyword", "boolean"})

_NO: Final = (False, "false")


@dataclass(frozen=True, slots=True)
class SearchableField:
    """A field that the index holds terms, points or values of.

    Attributes:
        path: Its dotted name.
        type: Of its mapping.
        nested_path: The innermost nested object that it is in; None for a field in none.
        in_source: True if documents hold it by this name: false for a field of another field
            (``fields``), which is only indexed.
    """

    path: str
    type: str
    nested_path: str | None = None
    in_source: bool = True

    @property
    def is_keyword(self) -> bool:
        """True if its values are single terms that documents hold."""
        return self.in_source and self.type in _KEYWORDS

    def exists(self) -> dict[str, Any]:
        """Return the query that matches the documents that can be found by the field."""
        query: dict[str, Any] = {"exists": {"field": self.path}}
        if self.nested_path is None:
            return query
        return {"nested": {"path": self.nested_path, "query": query}}


def searchable_fields(mapping: Mapping[str, Any]) -> list[SearchableField]:
    """Return the fields that a mapping indexes, objects excluded.

    Args:
        mapping: Of an index: ``properties``.
    """
    return list(_fields(mapping, "", None))


def _fields(
    parent: Mapping[str, Any], prefix: str, nested_path: str | None
) -> Iterator[SearchableField]:
    for name, found in parent.get("properties", {}).items():
        path = prefix + name
        kind = found.get("type", "object")
        if found.get("enabled") in _NO:
            continue
        if kind in _OBJECTS:
            yield from _fields(found, f"{path}.", path if kind == "nested" else nested_path)
            continue
        if found.get("index") not in _NO:
            yield SearchableField(path, kind, nested_path)
        for inner, sub in found.get("fields", {}).items():
            if sub.get("index") not in _NO:
                yield SearchableField(
                    f"{path}.{inner}", sub.get("type", "text"), nested_path, in_source=False
                )
