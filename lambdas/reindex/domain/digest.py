"""What a document and a set of images come down to: digests, and sums of hashes.

A digest tells whether the index holds the document of a projection. It is computed from the
document that was built, and again from the ``_source`` that the index gives back, so it must
depend on neither the order of keys nor on what others add.

A sum of hashes modulo 2**64 tells whether two sets of images are the same without holding
either: it can be added to and taken from in any order, by any number of workers.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from reindex.text import well_formed

#: Hexadecimal digits of a digest: 128 bits of SHA-256. It stands in every progress row, which
#: is kept small; by accident two of 2**40 documents share one with a probability under 2**-48.
DIGEST_LENGTH = 32

#: Dotted paths that are never part of the digest: provenance holds the digest itself, and
#: whether a lease is active depends on the clock.
VOLATILE = ("esInfo", "leases.leases.active")

_MODULUS = 2**64


def canonical_json(value: Any) -> bytes:
    """Return ``value`` as JSON text that depends on nothing but the value.

    Keys are sorted by code point, nothing is padded, text is UTF-8 and unescaped. Lone
    surrogates, which no UTF-8 text can hold, become U+FFFD as they do in the documents.

    Args:
        value: Dicts with string keys, lists, strings, ints, finite floats, booleans, None.

    Raises:
        TypeError: If a value is of another kind (a set, a Decimal, a key that is no string).
        ValueError: If a number is NaN or infinite.
    """
    _refuse_other_keys(value)
    text = _dump(value)
    try:
        return text.encode()
    except UnicodeEncodeError:
        # Replacing characters may change how keys sort, hence once more around.
        return _dump(json.loads(well_formed(text))).encode()


def digest(document: Mapping[str, Any], preserve: Sequence[str] = ()) -> str:
    """Return the digest of a search document.

    Args:
        document: As built from the truth, or as read back from the index's ``_source``.
        preserve: Dotted paths of what the index holds that the truth does not. They are left
            out, together with the objects that held nothing else.

    Returns:
        ``DIGEST_LENGTH`` lower-case hexadecimal digits.
    """
    return hashlib.sha256(canonical_json(comparable(document, preserve))).hexdigest()[
        :DIGEST_LENGTH
    ]


def comparable(document: Mapping[str, Any], preserve: Sequence[str] = ()) -> dict[str, Any]:
    """Return what of a document its digest is made of.

    Args:
        document: As for :func:`digest`.
        preserve: Likewise.
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
    # A NUL cannot be part of a digest, so no two pairs read alike.
    return _first_64_bits(f"{document_digest}\0{well_formed(image_id)}".encode())


def add_hashes(hashes: Iterable[int], start: int = 0) -> int:
    """Return ``start`` plus all ``hashes``, modulo 2**64.

    Args:
        hashes: Hashes or sums of hashes; a negative one takes away.
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
    # json.dumps writes True, None and numbers as keys too, which then read back as strings.
    if isinstance(value, dict):
        for key, inner in value.items():
            if not isinstance(key, str):
                raise TypeError(f"a key must be a string, not {type(key).__name__}")
            _refuse_other_keys(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            _refuse_other_keys(inner)


def _without(value: Any, path: Sequence[str]) -> Any:
    """Return ``value`` without what ``path`` names, sharing everything it does not touch."""
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
