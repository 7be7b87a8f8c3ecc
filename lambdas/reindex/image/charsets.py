"""Detects the 8-bit character set of text that declares none: Windows-1252 or Mac OS Roman.

The IIM specifies ASCII, or a set agreed by sender and receiver, for text without a declaration.
Programs wrote the set of their operating system: Windows-1252 (a superset of Latin-1 that
assigns the codes 80 to 9F), or Mac OS Roman on a Mac before it used Unicode. The bytes do not
name the set, so each text is scored with a table of byte patterns that are plausible in one set
only. Windows-1252 is chosen unless Mac OS Roman scores higher.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final, Literal

Charset = Literal["Windows-1252", "Mac OS Roman"]

WINDOWS: Final[Charset] = "Windows-1252"
MAC: Final[Charset] = "Mac OS Roman"

_MOST: Final = 20
"""Largest number of occurrences of one pattern that are counted, because text repeats itself."""

_LOOKED_AT: Final = 64 * 1024
"""Number of bytes of a record's texts that are examined."""

_START, _END = rb"(?:^|(?<=[\s(\[]))", rb"(?=$|[\s.,;:!?)\]])"

EVIDENCE: Final[tuple[tuple[Charset, int, bytes, str], ...]] = (
    (MAC, 3, rb"[\x81\x8d\x8f\x90\x9d]", "a code that Windows-1252 does not have"),
    (
        MAC,
        2,
        rb"[a-z][\x88\x8a\x8c\x8e\x98\x9f]",
        "a lower-case letter of Mac OS Roman after a letter; in Windows-1252 a capital or a sign",
    ),
    (
        MAC,
        2,
        rb"[A-Za-z][\x87\x89\x8b\x95\x99\x9b](?=[a-z])|[A-Z][\x8a\x8c\x8e\x9f](?=[a-z])",
        "a lower-case letter of Mac OS Roman within a word; in Windows-1252 a sign or a capital",
    ),
    (
        MAC,
        2,
        rb"[A-Za-z][\xbe\xbf](?=[a-z])|[a-z][\xcf\xd8](?=[a-z])",
        "a lower-case letter of Mac OS Roman within a word; in Latin-1 a sign or a capital",
    ),
    (
        MAC,
        2,
        _START + rb"[\x80\x83\x86](?=[a-z]{2})",
        "a capital of Mac OS Roman before lower-case letters; in Windows-1252 a sign",
    ),
    (
        MAC,
        2,
        rb"[A-Z][\x80\x82-\x84\x86](?=[A-Z])|[A-Z]{2}\x83" + _END,
        "a capital of Mac OS Roman among capitals; in Windows-1252 a sign",
    ),
    (
        MAC,
        2,
        rb"[A-Z][\xe5-\xef\xf1-\xf4](?=[A-Z])",
        "a capital of Mac OS Roman among capitals; in Latin-1 a lower-case letter",
    ),
    (MAC, 1, rb"[a-z]\xa7(?=[a-z])", "a sharp s between lower-case letters; in Latin-1 a sign"),
    (
        MAC,
        2,
        rb"[a-z]\xd5(?=[a-z])|\b[DLOdl]\xd5(?=[A-Z][a-z])",
        "an apostrophe within a word; in Latin-1 a capital",
    ),
    (
        MAC,
        2,
        _START + rb"\xd2[^\xd2\xd3]{1,500}[a-z.,!?]\xd3" + _END,
        "quotation marks around words; in Latin-1 two capitals",
    ),
    (MAC, 2, rb"[a-z0-9]\xc9" + _END, "an ellipsis after a word; in Latin-1 a capital"),
    (MAC, 2, rb"\s[\xd0\xd1]\s", "a dash between blanks; in Latin-1 a capital"),
    (WINDOWS, 2, _START + rb"[\x91\x93](?=\w)", "an opening quotation mark"),
    (WINDOWS, 2, rb"(?<=[\w.,!?])\x94" + _END, "a closing quotation mark"),
    (WINDOWS, 1, rb"[A-Za-z]\x92(?=(?:s|t|re|ll|ve|d|m)\b)", "the apostrophe of a contraction"),
    (WINDOWS, 2, rb"\s[\x96\x97]\s", "a dash between blanks"),
    (WINDOWS, 2, rb"[a-z.,!?]\x85" + _END, "an ellipsis after a word"),
    (WINDOWS, 2, rb"\x80\s?\d|\d\s?\x80", "the euro sign beside a number"),
    (WINDOWS, 1, rb"[A-Za-z]\x99" + _END, "the trade mark sign after a word"),
    (
        WINDOWS,
        2,
        rb"[a-z][\xdf-\xf6\xf8-\xff]",
        "a lower-case letter of Latin-1 after a letter; in Mac OS Roman a capital or a sign",
    ),
)
"""The character set, the weight of the pattern, its bytes, and the characters of these in that
set."""

_COMPILED: Final = tuple(
    (charset, weight, re.compile(form)) for charset, weight, form, _ in EVIDENCE
)


def detect_charset(texts: Iterable[bytes]) -> Charset:
    """Return the more probable character set of texts by one writer.

    Args:
        texts: Texts that are neither ASCII nor UTF-8.
    """
    scores = {WINDOWS: 0, MAC: 0}
    left = _LOOKED_AT
    for whole in texts:
        text = whole[:left]
        left -= len(text)
        for charset, weight, form in _COMPILED:
            scores[charset] += weight * min(_MOST, len(form.findall(text)))
        if not left:
            break
    return MAC if scores[MAC] > scores[WINDOWS] else WINDOWS


def decode_as(charset: Charset, data: bytes) -> str:
    """Decode bytes of one of the two sets.

    The codes 80 to 9F of Windows-1252 become control characters, which
    :func:`reindex.image.text.clean` replaces with the characters of these codes.
    """
    return data.decode("mac_roman" if charset == MAC else "latin-1")
