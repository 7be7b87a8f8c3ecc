"""Limits on the size of a document.

Elasticsearch rejects a whole document that exceeds one of its limits. So values beyond a limit
are cut or left out, and their fields are named under ``fileMetadata.trimmed``.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

Texts = dict[str, str | list[str]]

MAX_VALUE: Final = 29_489
"""Longest value in UTF-8 bytes: the index's longest keyword (``ignore_above``), and below the
32,766 bytes of a Lucene term."""

MAX_MAP: Final = 256 * 1024
"""Largest map in UTF-8 bytes, names and values together."""

MAX_FIELDS: Final = 1024
"""Largest number of entries in one map."""

MAX_NAME: Final = 256
"""Longest name in characters; no property of a standard has a longer one."""


MAX_NESTED: Final = 10_000
"""Largest number of nested objects in one document (``index.mapping.nested_objects.limit``), which
are the usages."""

MAX_DEPTH: Final = 20
"""Largest depth of a field's mapping (``index.mapping.depth.limit``): a top-level field has depth
1, an object within an object 3."""

_MAX_NAMED: Final = 100
"""Largest number of fields named as trimmed; all are counted."""


@dataclass(slots=True)
class Trimmed:
    """A record of the values that were cut or left out of a document.

    Attributes:
        fields: Dotted names of the fields.
        count: Number of values.
    """

    fields: set[str] = field(default_factory=set)
    count: int = 0

    def add(self, name: str, count: int = 1) -> None:
        """Record that values of a field were cut or left out."""
        self.count += count
        if len(self.fields) < _MAX_NAMED:
            self.fields.add(name)


def with_trimmed(document: dict[str, Any], trimmed: Trimmed) -> dict[str, Any]:
    """Return ``document`` with the names and number of trimmed values in ``fileMetadata``.

    ``fileMetadata`` already names the file's maps that were cut, and every index accepts new
    fields there. ``trimmedCount`` does not include the values of those maps.
    """
    if not trimmed.count:
        return document
    file = document.get("fileMetadata", {})
    names = sorted({*file.get("trimmed", ()), *trimmed.fields})
    return document | {
        "fileMetadata": file | {"trimmed": names, "trimmedCount": trimmed.count},
    }


def newest(usages: list[Any], trimmed: Trimmed) -> list[Any]:
    """Return the newest usages, at most as many as a document can hold.

    Args:
        usages: All usages, newest first.
        trimmed: Records the usages that are left out.
    """
    if len(usages) > MAX_NESTED:
        trimmed.add("usages", len(usages) - MAX_NESTED)
    return usages[:MAX_NESTED]


def bounded(values: Mapping[str, str | list[str]]) -> tuple[Texts, bool]:
    """Return ``values`` within the bounds above, and True if anything was cut.

    The first entries are kept; a text is cut between characters, a list between entries.
    Dots are removed from names, because Elasticsearch reads them as object paths; so are
    leading and trailing blanks.
    """
    kept: Texts = {}
    cut = False
    if not values:
        return kept, cut
    room = MAX_MAP
    for raw_name, value in values.items():
        name = raw_name.replace(".", "_").strip()
        if not name or name in kept:
            continue
        if len(name) > MAX_NAME or len(kept) >= MAX_FIELDS:
            cut = True
            continue
        room -= len(name.encode())
        if isinstance(value, str):
            short, size = _cut(value, min(room, MAX_VALUE))
            cut |= short != value
            room -= size
            if short:
                kept[name] = short
        else:
            texts: list[str] = []
            for text in value:
                short, size = _cut(text, min(room, MAX_VALUE))
                cut |= short != text
                room -= size
                if short:
                    texts.append(short)
            if texts:
                kept[name] = texts
    return kept, cut


def _cut(text: str, limit: int) -> tuple[str, int]:
    """Return the longest prefix of ``text`` within ``limit`` UTF-8 bytes, and its size."""
    if len(text) * 4 <= limit:
        return text, len(text) if text.isascii() else len(text.encode())
    data = text.encode()
    if len(data) <= limit:
        return text, len(data)
    short = data[: max(0, limit)].decode("utf-8", "ignore").rstrip()
    return short, len(short.encode())
