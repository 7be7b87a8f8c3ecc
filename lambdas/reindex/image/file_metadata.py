"""``fileMetadata``: the file's own metadata, under names that an index can hold."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any, Final

from reindex.image.names import storable_names
from reindex.image.truth import FileMetadata
from reindex.text import well_formed

#: Attributes that the document shows under ``source`` instead, or that are not metadata.
_EXCLUDED: Final = frozenset({"mime_type", "dimensions", "orientation", "trimmed", "renamed"})


def file_metadata(file: FileMetadata) -> dict[str, Any]:
    """Return the document's ``fileMetadata``.

    Every map and value of ``file`` appears under its name in camel case. A map in ``renamed``
    replaces the map of the same name. ``trimmed`` lists the maps, also in camel case, that were
    cut because they were too large.
    """
    renamed = file.renamed or {}
    result: dict[str, Any] = {}
    for field in fields(file):
        if field.name not in _EXCLUDED:
            value = _storable(renamed.get(field.name, getattr(file, field.name)))
            if value is not None:
                result[_camel_case(field.name)] = value
    if file.trimmed:
        result["trimmed"] = sorted({_camel_case(name) for name in file.trimmed})
    return result


def _storable(value: Any) -> Any:
    if isinstance(value, Mapping):
        pairs = ((name, _storable(inner)) for name, inner in storable_names(value).items())
        return {name: inner for name, inner in pairs if inner is not None} or None
    if isinstance(value, list | tuple):
        return [inner for inner in map(_storable, value) if inner is not None] or None
    if isinstance(value, str):
        return well_formed(value).replace("\0", " ").rstrip() or None
    return value


def _camel_case(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(word.capitalize() for word in others)
