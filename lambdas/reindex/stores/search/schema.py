"""What a search index is made of, and an existing one is held against."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from reindex.domain.failures import IndexMisconfigured
from reindex.image.mapping import PROVENANCE_MAPPING, index_settings, mapping
from reindex.strict_json import merged


@dataclass(frozen=True, slots=True)
class Schema:
    """What a new index is made of, and an existing one is held against.

    Attributes:
        settings: Of the index, its analysers among them.
        older_settings: For a server that does not know all of those (before 8.14).
        mapping: Of the documents.
        provenance: What is added to the mapping of a library's own index.
    """

    settings: Mapping[str, Any] = field(default_factory=index_settings)
    older_settings: Mapping[str, Any] = field(
        default_factory=lambda: index_settings(ignore_beyond_limit=False)
    )
    mapping: Mapping[str, Any] = field(default_factory=mapping)
    provenance: Mapping[str, Any] = field(default_factory=lambda: PROVENANCE_MAPPING)


#: A mapping for :func:`library_schema` that demands nothing but a place for provenance.
UNKNOWN_MAPPING = '{"dynamic": "strict"}'


def library_schema(text: str) -> Schema:
    """Read a library's own mapping, for documents of another shape than ours.

    Args:
        text: JSON: what creates an index (``mappings``, and ``settings`` if it needs any), or the
            mapping alone (``properties``).

    Returns:
        What an index is made of, a place for provenance added.

    Raises:
        IndexMisconfigured: It is not that.
    """
    try:
        found: Any = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise IndexMisconfigured(f"The library's mapping is not JSON: {error}") from error
    own = found.get("mappings", found) if isinstance(found, dict) else None
    made_with = found.get("settings", {}) if isinstance(found, dict) else None
    if (
        not isinstance(own, dict)
        or not isinstance(own.get("properties", {}), dict)
        or not isinstance(made_with, dict)
    ):
        raise IndexMisconfigured("The library's mapping is no object with properties or mappings.")
    wanted = merged(own, PROVENANCE_MAPPING)
    return Schema(settings=made_with, older_settings=made_with, mapping=wanted)
