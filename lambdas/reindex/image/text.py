"""Text as it stands in files, made clean: one rule for every format."""

from __future__ import annotations

from typing import Final

_C1: Final = {code: bytes([code]).decode("cp1252", "replace") for code in range(0x80, 0xA0)}
"""What the controls U+0080 to U+009F were before somebody took Windows-1252 for Latin-1."""

_CONTROLS: Final = dict.fromkeys([*range(9), 11, 12, *range(14, 32), 127], None) | _C1
"""Control characters other than tab and line ends: no text means them."""


def clean(text: str) -> str:
    """Return ``text`` without control characters and trailing blanks.

    A control of U+0080 to U+009F becomes the character that its code has in Windows-1252, as in
    HTML (WHATWG Encoding, 10.2); of the five codes that have none U+FFFD remains. So bytes
    decoded as Latin-1 and then cleaned are bytes decoded as Windows-1252.
    """
    if text.isprintable():
        return text.rstrip()
    # A lone surrogate half cannot be written as UTF-8, so no document could hold it. Controls go
    # first: to Python some of them are blanks.
    return text.translate(_CONTROLS).rstrip().encode("utf-8", "replace").decode()


def decode(data: bytes) -> str:
    """Decode bytes of no declared character set, then clean: UTF-8, else Windows-1252.

    What follows a NUL is what an older, longer value left behind, and is dropped.
    """
    data = data.partition(b"\0")[0]
    text = decode_utf8(data)
    return clean(data.decode("latin-1") if text is None else text)


def decode_utf8(data: bytes) -> str | None:
    """Decode UTF-8, or return None when the bytes are none.

    A field of bounded length cuts its last character in two. Such a piece is dropped, if other
    characters show that the bytes are UTF-8: alone it might be a letter of Latin-1.
    """
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        whole = data[: error.start]
        if error.end == len(data) and error.reason == "unexpected end of data":
            return None if whole.isascii() else whole.decode()
        return None
