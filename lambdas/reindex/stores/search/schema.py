"""The settings and the mapping of a search index."""

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
    """The settings and the mapping of a new index. Existing indices are compared with them.

    Attributes:
        settings: Of the index, including its analysers.
        older_settings: For a server that does not support all of those (before 8.14).
        mapping: Of the documents.
        provenance: The part that is added to the mapping of a library's own index.
    """

    settings: Mapping[str, Any] = field(default_factory=index_settings)
    older_settings: Mapping[str, Any] = field(
        default_factory=lambda: index_settings(ignore_beyond_limit=False)
    )
    mapping: Mapping[str, Any] = field(default_factory=mapping)
    provenance: Mapping[str, Any] = field(default_factory=lambda: PROVENANCE_MAPPING)


#: A mapping for :func:`library_schema` that needs no field except that of provenance.
UNKNOWN_MAPPING = '{"dynamic": "strict"}'


def library_schema(text: str) -> Schema:
    """Read a library's own mapping, for documents that another program builds.

    Args:
        text: JSON: the body of the request that creates an index (``mappings``, and optionally
            ``settings``), or the mapping alone (``properties``).

    Returns:
        The schema, with a field for provenance added.

    Raises:
        IndexMisconfigured: The text has neither form.
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
