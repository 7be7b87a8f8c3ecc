"""ICC profiles: the header and the texts that describe the profile.

Parsed by hand (ICC.1:2022, 7.2, 9.2 and 10), because Pillow loads the whole profile into
LittleCMS, which rejects damaged profiles.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final

from reindex.image.text import clean, decode

if TYPE_CHECKING:
    from reindex.image.ranged import Source

MAX_TAGS: Final = 128
MAX_TEXT: Final = 16 * 1024

_HEADER: Final = 128
_SIGNATURES: Final = (
    (4, "CMM Type"),
    (12, "Class"),
    (16, "Color space"),
    (20, "Profile Connection Space"),
    (36, "Signature"),
    (40, "Primary Platform"),
    (48, "Device manufacturer"),
    (52, "Device model"),
    (80, "Profile Creator"),
)
_TEXTS: Final = {
    b"desc": "Profile Description",
    b"cprt": "Profile Copyright",
    b"dmnd": "Device Mfg Description",
    b"dmdd": "Device Model Description",
    b"vued": "Viewing Conditions Description",
}
_INTENTS: Final = (
    "Perceptual",
    "Media-relative colorimetric",
    "Saturation",
    "ICC-absolute colorimetric",
)


def read_icc(profile: Source) -> dict[str, str]:
    """Return header fields and descriptions by name; empty when it is not an ICC profile."""
    head = profile.pread(0, _HEADER + 4)
    if len(head) < _HEADER or head[36:40] != b"acsp":
        return {}
    major, minor = head[8], head[9] >> 4
    found = {"Profile Size": str(struct.unpack(">I", head[:4])[0]), "Version": f"{major}.{minor}"}
    for at, name in _SIGNATURES:
        found[name] = decode(head[at : at + 4])
    year, month, day, hour, minute, second = struct.unpack(">6H", head[24:36])
    if year:
        found["Profile Date/Time"] = (
            f"{year:04}:{month:02}:{day:02} {hour:02}:{minute:02}:{second:02}"
        )
    (intent,) = struct.unpack(">I", head[64:68])
    if intent < len(_INTENTS):
        found["Rendering Intent"] = _INTENTS[intent]
    found |= _descriptions(profile, head[_HEADER:])
    return {name: text for name, text in found.items() if text}


def _descriptions(profile: Source, count: bytes) -> dict[str, str]:
    found: dict[str, str] = {}
    table = profile.pread(_HEADER + 4, 12 * min(int.from_bytes(count, "big"), MAX_TAGS))
    for signature, offset, size in struct.iter_unpack(">4sII", table[: len(table) // 12 * 12]):
        name = _TEXTS.get(signature)
        if name is not None:
            found[name] = _text(profile.pread(offset, min(size, MAX_TEXT)))
    return found


def _text(data: bytes) -> str:
    """Decode a text of one of the three types that profiles use."""
    kind = data[:4]
    if kind == b"mluc" and len(data) >= 28:  # noqa: PLR2004 - up to the first record (10.15)
        return _localised(data)
    if kind == b"desc" and len(data) >= 12:  # noqa: PLR2004 - ICC.1:2001-04, 6.5.17
        (length,) = struct.unpack(">I", data[8:12])
        return decode(data[12 : 12 + length])
    if kind == b"text":
        return decode(data[8:])
    return ""


def _localised(data: bytes) -> str:
    """Return the English record of a multi-localised text, else the first record."""
    count, size = struct.unpack(">II", data[8:16])
    chosen = (0, 0)
    for at in range(16, min(len(data) - 11, 16 + size * min(count, MAX_TAGS)), max(12, size)):
        language, _, length, offset = struct.unpack_from(">2s2sII", data, at)
        if chosen == (0, 0) or language == b"en":
            chosen = (offset, length)
        if language == b"en":
            break
    offset, length = chosen
    return clean(data[offset : offset + length].decode("utf-16-be", "replace").partition("\0")[0])
