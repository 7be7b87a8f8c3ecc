"""Text: what every store and every reader can hold, and how people read numbers."""

from __future__ import annotations


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


def counted(count: int, noun: str) -> str:
    """A number and its noun: ``1 image``, ``2,000 images``."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def duration(seconds: float) -> str:
    """A duration as people say it: ``42 s``, ``7 min``, ``3 h 20 min``."""
    minutes = round(seconds / 60)
    if seconds < 100:  # noqa: PLR2004 - below, seconds say more than minutes
        return f"{seconds:.0f} s"
    if minutes < 100:  # noqa: PLR2004 - likewise
        return f"{minutes} min"
    return f"{minutes // 60} h {minutes % 60} min"
