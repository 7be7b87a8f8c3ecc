"""Field names that are valid in an index."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from reindex.text import well_formed

#: Longest name in UTF-8 bytes. No standard has longer names; damaged files may.
LONGEST_NAME: Final = 512


def storable_names(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return ``values`` under valid names, sorted by name.

    Elasticsearch reads a dot in a name as an object path, so no mapping accepts ``a.b`` beside
    ``a``; it also rejects blank names. So dots are replaced by ``_``, and names that are blank or
    longer than ``LONGEST_NAME`` are dropped. If two names become equal, the one that did not
    change wins.
    """
    renamed: dict[str, Any] = {}
    for name in sorted(values, key=lambda name: ("." not in name, name)):
        safe = well_formed(name).replace(".", "_").strip()
        if safe and len(safe.encode()) <= LONGEST_NAME:
            renamed[safe] = values[name]
    return {name: renamed[name] for name in sorted(renamed)}
