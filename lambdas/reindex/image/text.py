"""Decodes and cleans text of files, with one rule for every format."""

from __future__ import annotations

import re
from typing import Final

_C1: Final = {code: bytes([code]).decode("cp1252", "replace") for code in range(0x80, 0xA0)}
"""The Windows-1252 characters of U+0080 to U+009F, for text wrongly decoded as Latin-1."""

_CONTROLS: Final = dict.fromkeys([*range(9), 11, 12, *range(14, 32), 127], None) | _C1
"""Control characters except tab and line ends; they are never part of a text."""

_INVISIBLE: Final = " \t\r\n\xa0\xad\u200b\u200c\u200d\u200e\u200f\u2060\ufeff"
"""Blanks and invisible characters: a text of these alone is empty."""

_MARK: Final = "\ufeff"
"""The byte order mark, which some writers put before their text."""

_AS_LATIN1: Final = {0xDC00 + byte: byte for byte in range(0x80, 0x100)}
"""The Latin-1 characters for invalid UTF-8 bytes, as ``surrogateescape`` represents them."""

_ASCII: Final = bytes(range(128))
_BEYOND_ASCII: Final = re.compile(
    rb"[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}"
)
"""Multi-byte UTF-8 characters."""

_VALID_PER_STRAY: Final = 3
"""Least number of multi-byte UTF-8 characters per invalid byte in a damaged UTF-8 text."""

_SAMPLE: Final = 4096
"""Number of bytes that are examined to detect an encoding."""

_LEAST_UTF8: Final = 8
"""Least number of bytes for which UTF-8 is detected where UTF-16 is declared."""


def _letter_bytes(char: str) -> int:
    """Return the UTF-8 size of a letter, digit or blank; 0 for any other character."""
    return len(char.encode()) if char.isalnum() or char.isspace() else 0


def clean(text: str) -> str:
    """Return ``text`` without control characters, byte order mark and trailing blanks.

    A control from U+0080 to U+009F becomes the Windows-1252 character of that code, as in HTML
    (WHATWG Encoding, 10.2); the five unassigned codes become U+FFFD. So bytes that were decoded as
    Latin-1 and cleaned are the same as bytes decoded as Windows-1252. A text without any visible
    character becomes empty.
    """
    if text.isprintable():
        return text.rstrip()
    # A lone surrogate cannot be encoded as UTF-8, so it is replaced. Controls are removed before
    # rstrip, because Python treats some of them as blanks.
    seen = text.translate(_CONTROLS).removeprefix(_MARK).rstrip().encode("utf-8", "replace")
    return seen.decode() if seen.decode().strip(_INVISIBLE) else ""


def decode(data: bytes) -> str:
    """Decode and clean bytes without a declared character set: UTF-16, UTF-8, else Windows-1252.

    Everything after a NUL is dropped, because it is the rest of an older, longer value.
    """
    if is_utf16(data):
        return clean(decode_utf16(data).partition("\0")[0])
    data = data.partition(b"\0")[0]
    text = decode_utf8(data)
    return clean(data.decode("latin-1") if text is None else text)


def decode_utf8(data: bytes) -> str | None:
    """Decode UTF-8, or return None when the bytes are not UTF-8.

    Two kinds of damage are repaired if enough other characters are valid UTF-8. The last
    character may have been cut by a field of limited length: it is dropped. A program may have
    appended Latin-1 to a UTF-8 text: single invalid bytes are read as Latin-1.
    """
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        if error.end == len(data) and error.reason == "unexpected end of data":
            whole = data[: error.start]
            return None if whole.isascii() else whole.decode()
    beginning = data[:_SAMPLE]
    sound = _BEYOND_ASCII.findall(beginning)
    stray = len(beginning.translate(None, _ASCII)) - sum(map(len, sound))
    if len(sound) < _VALID_PER_STRAY * max(1, stray):
        return None
    return data.decode("utf-8", "surrogateescape").translate(_AS_LATIN1)


def is_utf16(data: bytes) -> bool:
    """Return True if bytes begin with UTF-16's byte order mark, or many alternate bytes are zero.

    The zeros show only text that is mostly Latin-1. Text in another set contains no zeros.
    """
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return len(data) > 2  # noqa: PLR2004 - the mark alone is not a text
    text = data.rstrip(b"\0")
    zeros = text[0::2].count(0), text[1::2].count(0)
    return len(text) > 4 and min(zeros) == 0 and max(zeros) * 3 >= len(text)  # noqa: PLR2004


def decode_utf16(data: bytes, order: str = "<") -> str:
    """Decode UTF-16 by its byte order mark, else by the position of zero bytes, else by ``order``.

    Some programs write UTF-8 where UTF-16 is specified; such text is detected and decoded.

    Args:
        data: The bytes; an odd byte at the end is dropped.
        order: ``<`` for little-endian or ``>`` for big-endian.
    """
    if len(data) >= _LEAST_UTF8 and 0 not in data.rstrip(b"\0"):
        text = data[:_SAMPLE].decode("utf-8", "ignore")
        # UTF-16 ideographs may be valid ASCII bytes, but those are rarely nearly all letters.
        if sum(map(_letter_bytes, text)) * 5 >= min(len(data), _SAMPLE) * 4:
            return data.decode("utf-8", "replace")
    data = data[: len(data) // 2 * 2]
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return data.decode("utf-16", "replace")
    even, odd = data[0::2].count(0), data[1::2].count(0)
    if even != odd:
        return data.decode("utf-16-be" if even > odd else "utf-16-le", "replace")
    return data.decode("utf-16-le" if order == "<" else "utf-16-be", "replace")
