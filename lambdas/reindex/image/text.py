"""Text as it stands in files, made clean: one rule for every format."""

from __future__ import annotations

from typing import Final

_CONTROLS: Final = dict.fromkeys([*range(9), 11, 12, *range(14, 32), 127], None)
"""Control characters other than tab and line ends: no text means them."""


def clean(text: str) -> str:
    """Return ``text`` without control characters and trailing blanks."""
    text = text.rstrip()
    if text.isprintable():
        return text
    # A lone surrogate half cannot be written as UTF-8, so no document could hold it.
    return text.translate(_CONTROLS).encode("utf-8", "replace").decode().rstrip()


def decode(data: bytes) -> str:
    """Decode bytes of no declared character set: UTF-8 if they are, else Latin-1; then clean.

    What follows a NUL is what an older, longer value left behind, and is dropped.
    """
    data = data.partition(b"\0")[0]
    try:
        return clean(data.decode())
    except UnicodeDecodeError:
        return clean(data.decode("latin-1"))
