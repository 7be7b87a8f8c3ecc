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

#: Where provenance says what the source held: the hash of each preserved field, by its path.
CARRIED: Final = "carried"

_HASH_DIGITS = 16


def value_hash(value: object) -> str:
    """A hash of a field's value, or of its absence (None)."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:_HASH_DIGITS]


def carried(
    paths: Sequence[str],
    source: Mapping[str, Any],
    target: Mapping[str, Any] | None,
    *,
    after_switch: bool,
    is_rollback: bool,
) -> dict[str, Any]:
    """The preserved fields that a document of the target is to have, with their hashes.

    Args:
        paths: Dotted names of the preserved fields.
        source: The source's document; empty when there is none.
        target: The target's document; None when there is none.
        after_switch: Whether live writers may have written to the target.
        is_rollback: Whether the target is the index that the migration began with.

    Returns:
        What is laid over the projection: the fields, and their hashes as a part of provenance.
    """
    values = {
        path: _merged(path, source, target, is_rollback=is_rollback)
        if after_switch and target is not None
        else _value(source, path)
        for path in paths
    }
    laid: dict[str, Any] = {}
    for path, value in values.items():
        if value is not None:
            _put(laid, path, value)
    # Of the source's value, also where the target's was kept: it is what was last seen there.
    hashes = {path: value_hash(_value(source, path)) for path in paths}
    _put(laid, f"esInfo.reindex.{CARRIED}", hashes)
    return laid


def _merged(
    path: str, source: Mapping[str, Any], target: Mapping[str, Any], *, is_rollback: bool
) -> Any:
    """One field after the alias has moved: who changed it since it was carried last wins.

    Where nothing says what was carried, one of the two documents was written as a whole by a live
    writer. Forwards that can only be the target's, for all others are of our making. Backwards
    the target is an index that was searched before the migration: its document is merely old.
    """
    theirs, ours = _value(target, path), _value(source, path)
    bases = {_base(target, path), _base(source, path)} - {None}
    if value_hash(theirs) in bases:
        return ours
    if value_hash(ours) in bases:
        return theirs
    return ours if is_rollback else theirs


def _base(document: Mapping[str, Any], path: str) -> str | None:
    """The hash of what the source held when it was carried last, as provenance says."""
    hashes = _value(document, f"esInfo.reindex.{CARRIED}")
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
