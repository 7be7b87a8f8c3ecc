"""Names of fields that an index can hold."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from reindex.text import well_formed

#: Bytes of UTF-8. No standard has longer names; in a broken file anything can be one.
LONGEST_NAME: Final = 512


def storable_names(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return ``values`` under names that an index can hold, in the order of these names.

    In Elasticsearch a dot in a name opens an object, so ``a.b`` beside ``a`` makes a document
    that no mapping accepts, and a blank name is refused: a dot becomes ``_``, names that are
    blank or longer than ``LONGEST_NAME`` drop out. Where two names thereby become one, that
    which was so already wins.
    """
    renamed: dict[str, Any] = {}
    for name in sorted(values, key=lambda name: ("." not in name, name)):
        safe = well_formed(name).replace(".", "_").strip()
        if safe and len(safe.encode()) <= LONGEST_NAME:
            renamed[safe] = values[name]
    return {name: renamed[name] for name in sorted(renamed)}
