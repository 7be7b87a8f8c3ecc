"""Text that stores and terminals accept, and numbers in words."""

from __future__ import annotations

import unicodedata

#: Elasticsearch's own limit for a document's id, in bytes.
MAX_ID_BYTES = 512

#: Categories of characters that a terminal acts on, or that end a line: controls (C0, DEL, C1),
#: line and paragraph separators, and halves of surrogate pairs, which no encoding can write.
_UNPRINTABLE = frozenset({"Cc", "Zl", "Zp", "Cs"})

#: Characters that change the order in which others are shown (Unicode Standard Annex #9).
_BIDIRECTIONAL = frozenset(
    "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
)

#: Code points that are no characters, and that XML 1.0, and so SQS, does not take.
_NONCHARACTERS = frozenset("\ufffe\uffff")


def well_formed(text: str) -> str:
    """Return ``text`` with lone surrogates replaced by U+FFFD and split pairs joined.

    Python strings may hold halves of surrogate pairs (from an escape in JSON, or from broken
    UTF-16 in a file); UTF-8 cannot, and Elasticsearch refuses them.
    """
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text


def printable(text: str) -> str:
    r"""Return ``text`` as one line that is safe to show on a terminal and in a log.

    Every character that could control the terminal, begin another line or change the order of
    what is shown becomes its escape, as in a Python literal: ``\x1b``, ``\n``, ``\u202e``.
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(_escaped(c) if _is_unprintable(c) else c for c in text)


def printable_lines(text: str) -> str:
    r"""Return ``text`` like :func:`printable`, but with its line breaks (``\n``)."""
    return "\n".join(map(printable, text.split("\n")))


def _is_unprintable(character: str) -> bool:
    return (
        unicodedata.category(character) in _UNPRINTABLE
        or character in _BIDIRECTIONAL
        or character in _NONCHARACTERS
    )


def _escaped(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")


def counted(count: int, noun: str) -> str:
    """Return a number and its noun: ``1 image``, ``2,000 images``."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def duration(seconds: float) -> str:
    """Return a duration as people say it: ``42 s``, ``7 min``, ``3 h 20 min``."""
    minutes = round(seconds / 60)
    if seconds < 100:  # noqa: PLR2004 - below, seconds say more than minutes
        return f"{seconds:.0f} s"
    if minutes < 100:  # noqa: PLR2004 - below, minutes say more than hours
        return f"{minutes} min"
    return f"{minutes // 60} h {minutes % 60} min"
