"""Cuts keywords to the size of a Lucene term, and removes objects nested too deeply."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any, Final

from reindex.image.limits import MAX_DEPTH, Trimmed
from reindex.image.mapping import mapping

#: Longest Lucene term in UTF-8 bytes (IndexWriter.MAX_TERM_LENGTH). A document with a longer
#: term is rejected as a whole.
MAX_TERM: Final = 32_766

#: A text of this many characters always fits, because a character takes at most four bytes. Most
#: texts are shorter and need not be encoded.
_SHORT: Final = MAX_TERM // 4


def fitted(document: Mapping[str, Any], trimmed: Trimmed | None = None) -> dict[str, Any]:
    """Return ``document`` with keywords cut to the size of a term.

    A library's own index may have keywords without ``ignore_above``, such as dynamic ones; and
    ``ignore_above`` counts characters, whereas a term is limited in bytes. So every text that is
    not analysed is cut. Objects deeper than a mapping allows are left out.

    Args:
        document: The document; not modified.
        trimmed: Records the values that were cut or left out.
    """
    trimmed = Trimmed() if trimmed is None else trimmed
    fit: dict[str, Any] = _fit(dict(document), _schema(), "", 0, trimmed)
    return fit


@cache
def _schema() -> dict[str, Any]:
    return mapping()


def _fit(
    value: Any, field: Mapping[str, Any] | None, path: str, depth: int, trimmed: Trimmed
) -> Any:
    if isinstance(value, dict):
        properties = {} if field is None else field.get("properties", {})
        kept = {}
        for name, inner in value.items():
            if isinstance(inner, str) and len(inner) <= _SHORT:
                kept[name] = inner
                continue
            where = f"{path}.{name}" if path else name
            # An object adds one level to the mapping.
            if depth + 2 > MAX_DEPTH and _holds_objects(inner):
                trimmed.add(where)
                continue
            fit = _fit(inner, properties.get(name), where, depth + 1, trimmed)
            # An object that becomes empty is left out, too.
            if fit != {} or inner == {}:
                kept[name] = fit
        return kept
    if isinstance(value, list):
        return [_fit(inner, field, path, depth, trimmed) for inner in value]
    if not isinstance(value, str) or len(value) <= _SHORT:
        return value
    if field is not None and field.get("type") != "keyword":
        return value
    cut = value.encode()[:MAX_TERM].decode(errors="ignore")
    if cut != value:
        trimmed.add(path)
    return cut


def _holds_objects(value: Any) -> bool:
    return isinstance(value, dict) or (
        isinstance(value, list) and any(_holds_objects(inner) for inner in value)
    )
