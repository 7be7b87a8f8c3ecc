"""Digests of documents, and sums of hashes over sets of images.

A digest shows if the index holds the document of a projection. It is computed from the projected
document, and again from the ``_source`` that the index returns, so it depends neither on the
order of keys nor on fields that other programs add.

A sum of hashes modulo 2**64 shows if two sets of images are equal, in constant memory. Hashes can
be added and subtracted in any order, by any number of workers.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from reindex.text import well_formed

#: Hexadecimal digits of a digest: 128 bits of SHA-256. It is truncated to keep progress rows small.
#: The probability that any two of 2**40 documents have the same digest is below 2**-48.
DIGEST_LENGTH = 32

#: Dotted paths that are excluded from the digest: provenance contains the digest itself, and a
#: lease's ``active`` flag depends on the current time.
VOLATILE = ("esInfo", "leases.leases.active")

_MODULUS = 2**64


def canonical_json(value: Any) -> bytes:
    """Return the canonical JSON text of ``value``.

    Keys are sorted by code point, there is no whitespace, text is unescaped UTF-8. Lone
    surrogates, which UTF-8 cannot encode, become U+FFFD as they do in the documents.

    Args:
        value: Dicts with string keys, lists, strings, ints, finite floats, booleans, None.

    Raises:
        TypeError: If a value has another type (a set, a Decimal, a key that is not a string).
        ValueError: If a number is NaN or infinite.
    """
    _refuse_other_keys(value)
    text = _dump(value)
    try:
        return text.encode()
    except UnicodeEncodeError:
        # Replaced characters may change the order of keys, so they are sorted again.
        return _dump(json.loads(well_formed(text))).encode()


def digest(document: Mapping[str, Any], preserve: Sequence[str] = ()) -> str:
    """Return the digest of a search document.

    Args:
        document: The projected document, or the index's ``_source``.
        preserve: Dotted paths of preserved fields, which the index has but the truth does not.
            They are excluded, together with objects that become empty.

    Returns:
        ``DIGEST_LENGTH`` lower-case hexadecimal digits.
    """
    return hashlib.sha256(canonical_json(comparable(document, preserve))).hexdigest()[
        :DIGEST_LENGTH
    ]


def comparable(document: Mapping[str, Any], preserve: Sequence[str] = ()) -> dict[str, Any]:
    """Return the part of a document that its digest covers.

    Args:
        document: As for :func:`digest`.
        preserve: As for :func:`digest`.
    """
    stripped: Any = document
    for path in (*VOLATILE, *preserve):
        stripped = _without(stripped, path.split("."))
    return dict(stripped)


def id_hash(image_id: str) -> int:
    """Return the 64-bit hash of an image id: the first eight bytes of its SHA-256."""
    return _first_64_bits(well_formed(image_id).encode())


def pair_hash(image_id: str, document_digest: str) -> int:
    """Return the 64-bit hash of an image together with the digest of its document."""
    # A digest contains no NUL, so different pairs give different texts.
    return _first_64_bits(f"{document_digest}\0{well_formed(image_id)}".encode())


def add_hashes(hashes: Iterable[int], start: int = 0) -> int:
    """Return ``start`` plus all ``hashes``, modulo 2**64.

    Args:
        hashes: Hashes or sums of hashes; a negative one is subtracted.
        start: The sum so far.
    """
    return sum(hashes, start) % _MODULUS


def sum_of_ids(image_ids: Iterable[str], start: int = 0) -> int:
    """Return ``start`` plus the hashes of ``image_ids``, modulo 2**64."""
    return add_hashes(map(id_hash, image_ids), start)


def sum_of_pairs(pairs: Iterable[tuple[str, str]], start: int = 0) -> int:
    """Return ``start`` plus the hashes of (image id, digest) pairs, modulo 2**64."""
    return add_hashes((pair_hash(*pair) for pair in pairs), start)


def _dump(value: Any) -> str:
    return json.dumps(
        value, ensure_ascii=False, allow_nan=False, sort_keys=True, separators=(",", ":")
    )


def _refuse_other_keys(value: Any) -> None:
    # json.dumps accepts True, None and numbers as keys, but they would be read back as strings.
    if isinstance(value, dict):
        for key, inner in value.items():
            if not isinstance(key, str):
                raise TypeError(f"a key must be a string, not {type(key).__name__}")
            _refuse_other_keys(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            _refuse_other_keys(inner)


def _without(value: Any, path: Sequence[str]) -> Any:
    """Return ``value`` without the field at ``path``; unaffected parts are shared, not copied."""
    if isinstance(value, list):
        return [_without(inner, path) for inner in value]
    if not isinstance(value, Mapping) or path[0] not in value:
        return value
    head, rest = path[0], path[1:]
    kept = {key: inner for key, inner in value.items() if key != head}
    if rest:
        before = value[head]
        after = _without(before, rest)
        if after or not before:
            kept[head] = after
    return kept


def _first_64_bits(data: bytes) -> int:
    return int.from_bytes(hashlib.sha256(data).digest()[:8], "big")
