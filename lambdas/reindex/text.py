"""Text that every store and every reader of the document can hold."""

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
