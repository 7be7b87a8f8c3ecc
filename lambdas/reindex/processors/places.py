"""Removes uninformative places and titles."""

from __future__ import annotations

import re
from typing import Final

from reindex.processors.draft import Draft

_PLACES: Final = ("subLocation", "city", "state", "country")

#: Punctuation only, or words for an unknown value.
_NOTHING: Final = re.compile(
    r"[\W_]*|n/?\.?a\.?|none|unknown|not\s+(?:known|given|applicable)", re.IGNORECASE
)

#: Least length, in characters, of a title to be recognised as a truncated description.
_MIN_TRUNCATED: Final = 15


def drop_placeholder_locations(draft: Draft) -> Draft:
    """Remove places such as ``-``, ``.`` and ``n/a``."""
    empty = [name for name in _PLACES if name in draft.metadata and _is_nothing(draft.text(name))]
    return draft.with_metadata(**dict.fromkeys(empty)) if empty else draft


def drop_repeated_title(draft: Draft) -> Draft:
    """Remove a title that equals the description or a truncated beginning of it."""
    title, description = _plain(draft.text("title")), _plain(draft.text("description"))
    if not title or not description:
        return draft
    cut = title.rstrip(".… ")
    is_cut = title != cut and len(cut) >= _MIN_TRUNCATED and description.startswith(cut)
    return draft.with_metadata(title=None) if is_cut or cut == description.rstrip(".… ") else draft


def _is_nothing(text: str) -> bool:
    return _NOTHING.fullmatch(text.strip()) is not None


def _plain(text: str) -> str:
    return " ".join(text.casefold().split())
