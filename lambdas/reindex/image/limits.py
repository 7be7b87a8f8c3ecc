"""How much metadata of one image goes into its document."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

Texts = dict[str, str | list[str]]

MAX_VALUE: Final = 29_489
"""UTF-8 bytes of one value: what the index holds as a keyword at most (``ignore_above``), and
below the 32,766 bytes of a Lucene term however many bytes a character takes."""

MAX_MAP: Final = 256 * 1024
"""UTF-8 bytes of one map, names and values together."""

MAX_FIELDS: Final = 1024
"""Entries of one map."""

MAX_NAME: Final = 256
"""Characters of one name; a longer one is no property's."""


def bounded(values: Mapping[str, str | list[str]]) -> tuple[Texts, bool]:
    """Return ``values`` within the bounds above, and whether anything was cut.

    The first entries are kept; a text is cut between characters, a list between entries.
    Names lose their dots (a dot would make an object of them) and outer blanks.
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
    """Return as much of ``text`` as ``limit`` UTF-8 bytes hold, and how many it takes."""
    if len(text) * 4 <= limit:
        return text, len(text) if text.isascii() else len(text.encode())
    data = text.encode()
    if len(data) <= limit:
        return text, len(data)
    short = data[: max(0, limit)].decode("utf-8", "ignore").rstrip()
    return short, len(short.encode())
