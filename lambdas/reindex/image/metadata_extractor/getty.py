"""Getty's properties under the Grid's names."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from reindex.image.dates import format_date, parse_iso

if TYPE_CHECKING:
    from collections.abc import Mapping

_WORD_START: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_MOMENT: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d.*")


def read_getty(properties: Mapping[str, str | list[str]]) -> dict[str, str]:
    """Return properties under readable names (``Asset ID``), with dates in the document's format.

    Args:
        properties: Properties of the namespace GettyImagesGIFT by local name; a list becomes one
            text.
    """
    return {
        _WORD_START.sub(" ", name): _text(value if isinstance(value, str) else "; ".join(value))
        for name, value in properties.items()
    }


def _text(text: str) -> str:
    """Return a date and time in the document's format, and other text unchanged."""
    moment = parse_iso(text) if _MOMENT.fullmatch(text) else None
    return text if moment is None else format_date(moment)
