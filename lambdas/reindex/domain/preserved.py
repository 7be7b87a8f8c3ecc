"""The preserved fields of a document that is carried from one index to another.

Preserved fields are what an index holds and the truth does not. While a target follows a source,
only we write to it, so the source's values are right. Once the alias has moved, live writers write
to the target, and what is still carried may be older than what they wrote: then each field is
merged in three ways, the third being the source's value when it was carried last, of which a hash
travels in the document's provenance.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from reindex.domain.records import PROVENANCE

#: Where provenance says what the source held: the hash of each preserved field, by its path. Who
#: projects a document anew puts it back, or the sweep after a switch knows no third value.
CARRIED: Final = f"{PROVENANCE}.carried"

_HASH_DIGITS = 16


def value_hash(value: object) -> str:
    """A hash of a field's value, or of its absence (None)."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:_HASH_DIGITS]


def carried(
    paths: Sequence[str],
    source: Mapping[str, Any],
    target: Mapping[str, Any] | None,
) -> dict[str, Any]:
    """The preserved fields that a document of the target is to have, with their hashes.

    Args:
        paths: Dotted names of the preserved fields.
        source: The source's document; empty when there is none.
        target: The target's document, if it was written after the alias had moved; else None.

    Returns:
        What is laid over the projection: the fields, and their hashes as a part of provenance.
    """
    laid: dict[str, Any] = {}
    for path in paths:
        value = _value(source, path) if target is None else _merged(path, source, target)
        if value is not None:
            _put(laid, path, value)
    # Of the source's value, also where the target's was kept: it is what was last seen there.
    hashes = {path: value_hash(_value(source, path)) for path in paths}
    _put(laid, CARRIED, hashes)
    return laid


def _merged(path: str, source: Mapping[str, Any], target: Mapping[str, Any]) -> Any:
    """One field of a document that was written after the alias had moved.

    A value that both once had, and that the target has still, was not changed by whoever wrote the
    document: the source's may be newer. Anything else a live writer has written, and later than
    whatever the source holds. A field that the document lacks was not known to who wrote it as a
    whole. What both once had is said by either document: by the one that it was carried to, before
    this move of the alias or an earlier one.
    """
    theirs, ours = _value(target, path), _value(source, path)
    bases = {_base(target, path), _base(source, path)} - {None}
    if not bases:
        return ours if theirs is None else theirs
    return ours if value_hash(theirs) in bases else theirs


def _base(document: Mapping[str, Any], path: str) -> str | None:
    """The hash of what the source held when it was carried last, as provenance says."""
    hashes = _value(document, CARRIED)
    found = hashes.get(path) if isinstance(hashes, Mapping) else None
    return found if isinstance(found, str) else None


def _value(document: Any, path: str) -> Any:
    """The value at a dotted path, also where a field's own name has dots; None for none."""
    if not isinstance(document, Mapping):
        return None
    if path in document:
        return document[path]
    head, _, rest = path.partition(".")
    return _value(document.get(head), rest) if rest else None


def _put(document: dict[str, Any], path: str, value: Any) -> None:
    head, _, rest = path.partition(".")
    if rest:
        _put(document.setdefault(head, {}), rest, value)
    else:
        document[head] = value
