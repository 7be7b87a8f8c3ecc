"""ICC profiles: the header and every tag, in the wording of metadata-extractor.

The structure is defined by ICC.1:2022 (7.2, 9.2, 10). Where the library deviates from the
specification, the texts follow the library: a curve's single number is a gamma in 8.8 fixed point,
but is shown as a fraction of 65,535; a negative number in 15.16 fixed point is shown unsigned.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from reindex.image.icc import MAX_TAGS
from reindex.image.metadata_extractor.numbers import decimal
from reindex.image.text import clean

if TYPE_CHECKING:
    from reindex.image.ranged import Source

_HEADER: Final = 128
_MAX_TEXT: Final = 32 * 1024
"""Number of bytes of a tag that are read: a curve of 4,096 steps takes 8 KB."""

_PREFIX: Final = 8
"""Size of the header of a tag's data: four bytes of type, four reserved."""

_BLANKS: Final = 0x20202020

_CLASSES: Final = {
    b"scnr": "Input Device",
    b"mntr": "Display Device",
    b"prtr": "Output Device",
    b"link": "DeviceLink",
    b"spac": "ColorSpace Conversion",
    b"abst": "Abstract",
    b"nmcl": "Named Color",
}
_PLATFORMS: Final = {
    b"APPL": "Apple Computer, Inc.",
    b"MSFT": "Microsoft Corporation",
    b"SGI ": "Silicon Graphics, Inc.",
    b"SUNW": "Sun Microsystems, Inc.",
    b"TGNT": "Taligent, Inc.",
}
_INTENTS: Final = (
    "Perceptual",
    "Media-Relative Colorimetric",
    "Saturation",
    "ICC-Absolute Colorimetric",
)
_OBSERVERS: Final = ("Unknown", "1931 2°", "1964 10°")
_GEOMETRIES: Final = ("Unknown", "0/45 or 45/0", "0/d or d/0")
_ILLUMINANTS: Final = ("unknown", "D50", "D65", "D93", "F2", "D55", "A", "Equi-Power (E)", "F8")

_NAMES: Final = {
    b"A2B0": "AToB 0",
    b"A2B1": "AToB 1",
    b"A2B2": "AToB 2",
    b"B2A0": "BToA 0",
    b"B2A1": "BToA 1",
    b"B2A2": "BToA 2",
    b"bTRC": "Blue TRC",
    b"bXYZ": "Blue Colorant",
    b"bfd ": "Ucrbg",
    b"bkpt": "Media Black Point",
    b"calt": "Calibration Date/Time",
    b"chad": "Chromatic Adaptation",
    b"chrm": "Chromaticity",
    b"cprt": "Profile Copyright",
    b"crdi": "CrdInfo",
    b"desc": "Profile Description",
    b"devs": "Device Settings",
    b"dmdd": "Device Model Description",
    b"dmnd": "Device Mfg Description",
    b"dscm": "Apple Multi-language Profile Name",
    b"gTRC": "Green TRC",
    b"gXYZ": "Green Colorant",
    b"gamt": "Gamut",
    b"kTRC": "Gray TRC",
    b"lumi": "Luminance",
    b"meas": "Measurement",
    b"mmod": "Make And Model",
    b"ncl2": "Named Color 2",
    b"ncol": "Named Color",
    b"ndin": "Native Display Information",
    b"pre0": "Preview 0",
    b"pre1": "Preview 1",
    b"pre2": "Preview 2",
    b"ps2i": "Ps2 Rendering Intent",
    b"ps2s": "Ps2 CSA",
    b"psd0": "Ps2 CRD 0",
    b"psd1": "Ps2 CRD 1",
    b"psd2": "Ps2 CRD 2",
    b"psd3": "Ps2 CRD 3",
    b"pseq": "Profile Sequence Description",
    b"rTRC": "Red TRC",
    b"rXYZ": "Red Colorant",
    b"resp": "Output Response",
    b"scrd": "Screening Desc",
    b"scrn": "Screening",
    b"targ": "Char Target",
    b"tech": "Technology",
    b"vcgt": "Video Card Gamma",
    b"view": "Viewing Conditions",
    b"vued": "Viewing Conditions Description",
    b"wtpt": "Media White Point",
    b"aabg": "Blue Parametric TRC",
    b"aagg": "Green Parametric TRC",
    b"aarg": "Red Parametric TRC",
}
"""Names of tags by signature."""


def read_icc(profile: Source) -> dict[str, str]:
    """Return a profile's values by name; empty when it is not an ICC profile."""
    head = profile.pread(0, _HEADER + 4)
    if len(head) < _HEADER + 4 or head[36:40] != b"acsp":
        return {}
    table = profile.pread(_HEADER + 4, 12 * min(int.from_bytes(head[_HEADER:], "big"), MAX_TAGS))
    found = _header(head) | {"Tag Count": str(int.from_bytes(head[_HEADER:], "big"))}
    for signature, offset, size in struct.iter_unpack(">4sII", table[: len(table) // 12 * 12]):
        name = _NAMES.get(signature)
        if name is not None:
            found[name] = _tag(profile, offset, size)
    return {name: text for name, text in found.items() if text}


def _tag(profile: Source, offset: int, size: int) -> str:
    """Return the text of a tag, according to the type signature at the start of its data."""
    start = profile.pread(offset, min(size, _PREFIX))
    if len(start) < _PREFIX:
        return ""
    kind = start[:4]
    describe = _TYPES.get(kind)
    if describe is None:
        return f"{kind.decode('latin-1')} (0x{kind.hex().upper()}): {size} bytes"
    return describe(profile.pread(offset, min(size, _MAX_TEXT)))


def _header(head: bytes) -> dict[str, str]:
    major, minor = head[8], head[9]
    found = {
        "Profile Size": str(int.from_bytes(head[:4], "big")),
        "CMM Type": _characters(head[4:8]),
        "Version": f"{major}.{minor >> 4}.{minor & 15}",
        "Class": _word(_CLASSES, head[12:16]),
        "Color space": _characters(head[16:20]),
        "Profile Connection Space": _characters(head[20:24]),
        "Signature": _characters(head[36:40]),
        "Primary Platform": _word(_PLATFORMS, head[40:44]),
        "Device manufacturer": _characters(head[48:52]),
        "XYZ values": " ".join(
            decimal(number, 3) for number in _fixed(struct.unpack(">6H", head[68:80]))
        ),
    }
    date = struct.unpack(">6H", head[24:36])
    if date[0]:
        found["Profile Date/Time"] = "{:04}:{:02}:{:02} {:02}:{:02}:{:02}".format(*date)
    model = int.from_bytes(head[52:56], "big")
    if model:
        found["Device model"] = _characters(head[52:56]) if model > _BLANKS else str(model)
    if flags := int.from_bytes(head[44:48], "big", signed=True):
        found["CMM Flags"] = str(flags)
    if attributes := int.from_bytes(head[56:64], "big", signed=True):
        found["Device attributes"] = str(attributes)
    intent = int.from_bytes(head[64:68], "big")
    if intent:
        known = intent < len(_INTENTS)
        found["Rendering Intent"] = _INTENTS[intent] if known else f"Unknown ({intent})"
    return found


def _word(words: dict[bytes, str], signature: bytes) -> str:
    text = _characters(signature)
    return words.get(signature, f"Unknown ({signature.decode('latin-1')})") if text else ""


def _characters(data: bytes) -> str:
    return clean(data.partition(b"\0")[0].decode("latin-1"))


def _fixed(words: tuple[int, ...]) -> list[float]:
    """Return 15.16 fixed-point numbers from pairs of words."""
    exact = [whole + part / 65536 for whole, part in zip(words[::2], words[1::2], strict=True)]
    # Single precision, as in the Java library.
    return list(struct.unpack(f"{len(exact)}f", struct.pack(f"{len(exact)}f", *exact)))


def _text(data: bytes) -> str:
    return _characters(data[_PREFIX:])


def _description(data: bytes) -> str:
    """Return the ASCII part of a description (ICC.1:2001-04, 6.5.17)."""
    length = int.from_bytes(data[8:12], "big")
    return _characters(data[12 : 12 + length])


def _signature(data: bytes) -> str:
    return _characters(data[8:12])


def _points(data: bytes) -> str:
    body = data[_PREFIX:]
    words = struct.unpack(f">{len(body) // 12 * 6}H", body[: len(body) // 12 * 12])
    numbers = [decimal(number, 4) for number in _fixed(words)]
    return ", ".join(f"({', '.join(numbers[at : at + 3])})" for at in range(0, len(numbers), 3))


def _curve(data: bytes) -> str:
    count = min(int.from_bytes(data[8:12], "big"), max(0, len(data) - 12) // 2)
    steps = struct.unpack_from(f">{count}H", data, 12) if count else ()
    return ", ".join(map(_share, steps))


def _share(step: int) -> str:
    """Return a step's fraction of 65,535 in at most seven digits; no value needs half rounding."""
    whole, digits = f"{step / 65535:.7f}".split(".")
    return f"{whole}.{digits.rstrip('0') or '0'}"


def _measurement(data: bytes) -> str:
    """Return the measurement conditions of the device (ICC.1:2022, 10.14)."""
    if len(data) < 36:  # noqa: PLR2004 - the tag's size
        return ""
    observer, *words, geometry, flare, illuminant = struct.unpack(">I6HIII", data[8:36])
    backing = ", ".join(decimal(number, 4) for number in _fixed(tuple(words)))
    return (
        f"{_nth(_OBSERVERS, observer)} Observer, Backing ({backing}), "
        f"Geometry {_nth(_GEOMETRIES, geometry)}, Flare {round(flare / 65536 * 100)}%, "
        f"Illuminant {_nth(_ILLUMINANTS, illuminant)}"
    )


def _nth(words: tuple[str, ...], at: int) -> str:
    return words[at] if at < len(words) else f"Unknown ({at})"


def _localised(data: bytes) -> str:
    """Return the number of languages, and the text in each: ``1 enUS(Display P3)``."""
    count = int.from_bytes(data[8:12], "big")
    texts = []
    for at in range(16, min(len(data) - 11, 16 + 12 * min(count, MAX_TAGS)), 12):
        language, length, offset = struct.unpack_from(">4sII", data, at)
        text = data[offset : offset + length].decode("utf-16-be", "replace")
        texts.append(f"{_characters(language)}({clean(text.partition(chr(0))[0])})")
    return " ".join([str(count), *texts])


_TYPES: Final[dict[bytes, Callable[[bytes], str]]] = {
    b"XYZ ": _points,
    b"curv": _curve,
    b"desc": _description,
    b"meas": _measurement,
    b"mluc": _localised,
    b"sig ": _signature,
    b"text": _text,
}
"""Types whose data are shown. For any other type, such as a table of colours, the size is shown."""
