"""Text as it stands in files, made clean: one rule for every format."""

from __future__ import annotations

import re
from typing import Final

_C1: Final = {code: bytes([code]).decode("cp1252", "replace") for code in range(0x80, 0xA0)}
"""What the controls U+0080 to U+009F were before somebody took Windows-1252 for Latin-1."""

_CONTROLS: Final = dict.fromkeys([*range(9), 11, 12, *range(14, 32), 127], None) | _C1
"""Control characters other than tab and line ends: no text means them."""

_INVISIBLE: Final = " \t\r\n\xa0\xad\u200b\u200c\u200d\u200e\u200f\u2060\ufeff"
"""Blanks, and characters that show nothing: a text of these alone is empty."""

_MARK: Final = "\ufeff"
"""The byte order mark, which some writers leave before their text."""

_AS_LATIN1: Final = {0xDC00 + byte: byte for byte in range(0x80, 0x100)}
"""Bytes that are not UTF-8, as ``surrogateescape`` gives them, read as Latin-1."""

_ASCII: Final = bytes(range(128))
_BEYOND_ASCII: Final = re.compile(
    rb"[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}"
)
"""Characters of UTF-8 that take several bytes."""

_FOR_EACH_STRAY: Final = 3
"""Characters that are UTF-8 which outweigh one byte that is not."""

_JUDGED: Final = 4096
"""Bytes of a text that are judged: more of them say the same."""

_UNLIKELY: Final = 8
"""Bytes of UTF-16 that are hardly all letters of UTF-8 as well, without a zero among them."""


def _in_a_word(char: str) -> int:
    """Return how many bytes of UTF-8 a letter, digit or blank takes; 0 for another character."""
    return len(char.encode()) if char.isalnum() or char.isspace() else 0


def clean(text: str) -> str:
    """Return ``text`` without control characters, a leading mark and trailing blanks.

    A control of U+0080 to U+009F becomes the character that its code has in Windows-1252, as in
    HTML (WHATWG Encoding, 10.2); of the five codes that have none U+FFFD remains. So bytes
    decoded as Latin-1 and then cleaned are bytes decoded as Windows-1252. A text in which nothing
    shows is empty.
    """
    if text.isprintable():
        return text.rstrip()
    # A lone surrogate half cannot be written as UTF-8, so no document could hold it. Controls go
    # first: to Python some of them are blanks.
    seen = text.translate(_CONTROLS).removeprefix(_MARK).rstrip().encode("utf-8", "replace")
    return seen.decode() if seen.decode().strip(_INVISIBLE) else ""


def decode(data: bytes) -> str:
    """Decode bytes of no declared character set, then clean: UTF-16, UTF-8, else Windows-1252.

    What follows a NUL is what an older, longer value left behind, and is dropped.
    """
    if is_utf16(data):
        return clean(decode_utf16(data).partition("\0")[0])
    data = data.partition(b"\0")[0]
    text = decode_utf8(data)
    return clean(data.decode("latin-1") if text is None else text)


def decode_utf8(data: bytes) -> str | None:
    """Decode UTF-8, or return None when the bytes are none.

    Two kinds of damage leave a text in UTF-8, if other characters show that it is. A field of
    bounded length cuts its last character in two: such a piece is dropped. And a program that
    knows one set only adds to a text in another: single bytes that are no UTF-8 are read as
    Latin-1.
    """
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        if error.end == len(data) and error.reason == "unexpected end of data":
            whole = data[: error.start]
            return None if whole.isascii() else whole.decode()
    beginning = data[:_JUDGED]
    sound = _BEYOND_ASCII.findall(beginning)
    stray = len(beginning.translate(None, _ASCII)) - sum(map(len, sound))
    if len(sound) < _FOR_EACH_STRAY * max(1, stray):
        return None
    return data.decode("utf-8", "surrogateescape").translate(_AS_LATIN1)


def is_utf16(data: bytes) -> bool:
    """Return True if bytes begin with UTF-16's mark, or every second one is zero, or nearly so.

    Only text in letters of Latin-1 is known by its zeros. No other set has zeros within a text.
    """
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return len(data) > 2  # noqa: PLR2004 - the mark alone says nothing
    text = data.rstrip(b"\0")
    zeros = text[0::2].count(0), text[1::2].count(0)
    return len(text) > 4 and min(zeros) == 0 and max(zeros) * 3 >= len(text)  # noqa: PLR2004


def decode_utf16(data: bytes, order: str = "<") -> str:
    """Decode UTF-16 by its mark, else by where its zero bytes stand, else in an order.

    Some programs write UTF-8 where UTF-16 is due. Text that is UTF-8 is read so.

    Args:
        data: An odd byte at the end is dropped.
        order: ``<`` or ``>``.
    """
    if len(data) >= _UNLIKELY and 0 not in data.rstrip(b"\0"):
        text = data[:_JUDGED].decode("utf-8", "ignore")
        # Ideographs of UTF-16 may be ASCII as well, but hardly all of it letters.
        if sum(map(_in_a_word, text)) * 5 >= min(len(data), _JUDGED) * 4:
            return data.decode("utf-8", "replace")
    data = data[: len(data) // 2 * 2]
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return data.decode("utf-16", "replace")
    even, odd = data[0::2].count(0), data[1::2].count(0)
    if even != odd:
        return data.decode("utf-16-be" if even > odd else "utf-16-le", "replace")
    return data.decode("utf-16-le" if order == "<" else "utf-16-be", "replace")
