"""The preserved fields of a document that a migration carries from one index to another.

While a target follows a source, only the migration writes to it, so the source's values are right.
After the alias has moved, live writers write to the target, and a value that is still carried may
be older than theirs. Then each field is merged by a three-way merge. Its base is the source's value
when the field was last carried; the document's provenance holds a hash of that value.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from reindex.domain.provenance import PROVENANCE

#: The field of provenance with the hash of each carried value, by the field's path. A new
#: projection of the document must keep it: it is the base of the merge after the switch.
CARRIED: Final = f"{PROVENANCE}.carried"

_HASH_DIGITS = 16


def value_hash(value: object) -> str:
    """Return a hash of a field's value, or of its absence (None)."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:_HASH_DIGITS]


def carried(
    paths: Sequence[str],
    source: Mapping[str, Any],
    target: Mapping[str, Any] | None,
) -> dict[str, Any]:
    """Return the preserved fields that a document of the target is to have, with their hashes.

    Args:
        paths: Dotted names of the preserved fields.
        source: The source's document; empty when there is none.
        target: The target's document, if it was written after the alias had moved; else None.

    Returns:
        The fields to merge into the projection, and their hashes as a part of provenance.
    """
    laid: dict[str, Any] = {}
    for path in paths:
        value = _value(source, path) if target is None else _merged(path, source, target)
        if value is not None:
            _put(laid, path, value)
    # Of the source's value, also where the target's value was kept: it is the next merge's base.
    hashes = {path: value_hash(_value(source, path)) for path in paths}
    _put(laid, CARRIED, hashes)
    return laid


def _merged(path: str, source: Mapping[str, Any], target: Mapping[str, Any]) -> Any:
    """Return the merged value of a field, in a document written after the alias had moved.

    If the target still has the base's value, no live writer changed it, and the source's value may
    be newer. If it has another value, a live writer wrote that later than the source's value. If
    the target lacks the field, its writer replaced the whole document without knowing the field.
    Either document may hold the hash of a base: this move of the alias, or an earlier one in the
    other direction, carried the field to it.
    """
    theirs, ours = _value(target, path), _value(source, path)
    bases = {_base(target, path), _base(source, path)} - {None}
    if not bases:
        return ours if theirs is None else theirs
    return ours if value_hash(theirs) in bases else theirs


def _base(document: Mapping[str, Any], path: str) -> str | None:
    """Return the hash of a field's base, from a document's provenance; None if it has none."""
    hashes = _value(document, CARRIED)
    found = hashes.get(path) if isinstance(hashes, Mapping) else None
    return found if isinstance(found, str) else None


def _value(document: Any, path: str) -> Any:
    """Return the value at a dotted path, or of a field whose name has dots; None if absent."""
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
