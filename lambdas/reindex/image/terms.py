"""Keywords no longer than a Lucene term."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any, Final

from reindex.image.mapping import IGNORE_ABOVE, mapping

#: Bytes of UTF-8 in a Lucene term (IndexWriter.MAX_TERM_LENGTH). A document with a longer one
#: is refused as a whole.
MAX_TERM: Final = 32_766


def fitted(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return ``document`` with keywords cut that are too long to be a term.

    A Grid's own index has keywords without ``ignore_above``, and ``ignore_above`` counts
    characters where a term is bounded by bytes: text of other scripts than Latin passes the one
    and breaks the other.
    """
    return {
        name: _fit(value, _schema()["properties"].get(name)) for name, value in document.items()
    }


@cache
def _schema() -> dict[str, Any]:
    return mapping()


def _fit(value: Any, field: Mapping[str, Any] | None) -> Any:
    if isinstance(value, dict):
        properties = {} if field is None else field.get("properties", {})
        return {name: _fit(inner, properties.get(name)) for name, inner in value.items()}
    if isinstance(value, list):
        return [_fit(inner, field) for inner in value]
    # A character takes at most four bytes, so most texts need not be counted.
    if not isinstance(value, str) or len(value) <= MAX_TERM // 4:
        return value
    if field is None:
        ignored = len(value.encode("utf-16-le")) // 2 > IGNORE_ABOVE
        return value if ignored else _cut(value)
    return _cut(value) if field["type"] == "keyword" else value


def _cut(text: str) -> str:
    return text.encode()[:MAX_TERM].decode(errors="ignore")
