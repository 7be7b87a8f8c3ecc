"""Exif: the values of IFD0, the Exif, GPS and Interoperability directories as text.

Names are the standard's (CIPA DC-008-2024, 4.6; TIFF 6.0). They come from Pillow's table of
tags, with the standard's spelling where Pillow keeps an older one. Unknown tags, maker notes
and binary data (tables, thumbnails, offsets) are left out.

Values are formatted as follows:

- integers in decimal; rationals as decimal numbers of ten significant digits, ``inf`` or
  ``undef`` where the denominator is zero; several numbers separated by one blank;
- text decoded as UTF-8 if valid, else as Latin-1; ``UserComment`` and similar tags in the
  character set that they declare;
- undefined bytes as text when they are printable, else as numbers; always as text for a tag
  that the standard defines as text;
- dates as written in the file; values in APEX units unconverted;
- GPS latitudes and longitudes in unsigned degrees (the reference tag gives the hemisphere), the
  GPS time stamp as ``hh:mm:ss``.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from PIL import ExifTags

from reindex.image.text import clean, decode, decode_utf16, is_utf16
from reindex.image.tiff import ASCII, DOUBLE, FLOAT, RATIONAL, SRATIONAL, UNDEFINED, UTF8

if TYPE_CHECKING:
    from reindex.image.tiff import Directory, Entry, Number, Tiff

MAX_NUMBERS: Final = 64
"""A value with more numbers is a table (tone curves, strip offsets) and is left out."""

XMP: Final = 0x02BC
IPTC: Final = 0x83BB
ORIENTATION: Final = 0x0112
EXIF_IFD: Final = 0x8769
GPS_IFD: Final = 0x8825
INTEROP_IFD: Final = 0xA005
COPYRIGHT: Final = 0x8298
CFA_PATTERN: Final = 0xA302

_STANDARD: Final = {
    0x0146: "BadFaxLines",
    0x0147: "CleanFaxData",
    0x0148: "ConsecutiveBadFaxLines",
    0x8827: "PhotographicSensitivity",
    0x8828: "OECF",
    0x9214: "SubjectArea",
    0x9290: "SubSecTime",
    0x9291: "SubSecTimeOriginal",
    0x9292: "SubSecTimeDigitized",
    0xA000: "FlashpixVersion",
    0xA002: "PixelXDimension",
    0xA003: "PixelYDimension",
    0xA436: "ImageTitle",
    0xA437: "Photographer",
    0xA438: "ImageEditor",
    0xA439: "CameraFirmware",
    0xA43A: "RAWDevelopingSoftware",
    0xA43B: "ImageEditingSoftware",
    0xA43C: "MetadataEditingSoftware",
    0xA461: "SourceImageNumberOfCompositeImage",
    0xA462: "SourceExposureTimesOfCompositeImage",
}
_SKIPPED: Final = {
    0x014A,  # SubIFDs
    0x015B,  # JPEGTables
    0x0201,  # JPEGInterchangeFormat
    0x0202,  # JPEGInterchangeFormatLength
    XMP,
    IPTC,
    0x8649,  # Photoshop's image resources
    EXIF_IFD,
    0x8773,  # ICC profile
    GPS_IFD,
    0x927C,  # MakerNote
    INTEROP_IFD,
    0xC4A5,  # PrintImageMatching
    0xC634,  # DNGPrivateData
}
_NAMES: Final = {
    tag: name.replace("/", "")
    for tag, name in (ExifTags.TAGS | _STANDARD).items()
    if tag not in _SKIPPED and tag > 1
}
_GPS_NAMES: Final = dict(ExifTags.GPSTAGS)
_INTEROP_NAMES: Final = {
    1: "InteroperabilityIndex",
    2: "InteroperabilityVersion",
    0x1000: "RelatedImageFileFormat",
    0x1001: "RelatedImageWidth",
    0x1002: "RelatedImageLength",
}

_COORDINATES: Final = {"GPSLatitude", "GPSLongitude", "GPSDestLatitude", "GPSDestLongitude"}
_DECLARE_CHARSET: Final = {"UserComment", "GPSProcessingMethod", "GPSAreaInformation"}
_UTF16: Final = range(0x9C9B, 0x9CA0)
"""Windows' XPTitle, XPComment, XPAuthor, XPKeywords and XPSubject."""

_TEXTS: Final = {
    *(0x010E, 0x010F, 0x0110, 0x0131, 0x0132, 0x013B, COPYRIGHT),
    *(0x9003, 0x9004, 0x9010, 0x9011, 0x9012, 0x9290, 0x9291, 0x9292),
    *(0xA420, 0xA430, 0xA431, 0xA433, 0xA434, 0xA435),
    *range(0xA436, 0xA43D),
}
"""Tags of text, from ImageDescription to the names of lenses; some writers declare bytes."""

_BYTES: Final = {1, 6, UNDEFINED}


@dataclass(slots=True)
class Exif:
    """The values of an Exif block.

    Attributes:
        exif: IFD0 and GPS values by name.
        exif_sub: Exif and Interoperability values by name.
        orientation: Orientation (tag 274) if it is from 1 to 8, else None.
    """

    exif: dict[str, str] = field(default_factory=dict)
    exif_sub: dict[str, str] = field(default_factory=dict)
    orientation: int | None = None


def read_exif(tiff: Tiff, ifd0: Directory) -> Exif:
    """Read the values of ``ifd0`` and of the directories it points to."""
    found = Exif()
    orientation = tiff.integer(ifd0.entries.get(ORIENTATION))
    if orientation is not None and 1 <= orientation <= 8:  # noqa: PLR2004 - TIFF 6.0, tag 274
        found.orientation = orientation
    _read(tiff, ifd0, _NAMES, found.exif)
    # Only the pointers IFD0 -> Exif -> Interoperability are followed, so there are no cycles.
    sub = _follow(tiff, ifd0, EXIF_IFD)
    if sub is not None:
        _read(tiff, sub, _NAMES, found.exif_sub)
    gps = _follow(tiff, ifd0, GPS_IFD)
    if gps is not None:
        _read(tiff, gps, _GPS_NAMES, found.exif)
    interop = _follow(tiff, sub, INTEROP_IFD) if sub else None
    if interop is not None:
        _read(tiff, interop, _INTEROP_NAMES, found.exif_sub)
    return found


def _follow(tiff: Tiff, directory: Directory, pointer: int) -> Directory | None:
    offset = tiff.integer(directory.entries.get(pointer))
    return tiff.directory(offset) if offset else None


def _read(tiff: Tiff, directory: Directory, names: dict[int, str], into: dict[str, str]) -> None:
    for tag, entry in directory.entries.items():
        name = names.get(tag)
        if name is not None:
            text = _text(tiff, entry, name)
            if text:
                into.setdefault(name, text)


def _text(tiff: Tiff, entry: Entry, name: str) -> str:
    """Return a value formatted as the module docstring describes; empty if it has no text."""
    if name in _DECLARE_CHARSET:
        return declared_text(tiff.raw(entry), tiff.order)
    is_text = entry.kind in (ASCII, UTF8) or entry.tag in _UTF16
    if is_text or (entry.kind in _BYTES and entry.tag in _TEXTS):
        return _characters(tiff, entry)
    if entry.kind == UNDEFINED:
        return _undefined(tiff, entry)
    return _numeric(tiff, entry, name) if entry.count <= MAX_NUMBERS else ""


def _characters(tiff: Tiff, entry: Entry) -> str:
    data = tiff.raw(entry)
    if entry.tag in _UTF16 and (entry.kind != ASCII or is_utf16(data)):
        return clean(decode_utf16(data).partition("\0")[0])
    if entry.tag == COPYRIGHT and not is_utf16(data):
        # The photographer's copyright and the editor's, separated by a NUL (CIPA DC-008, 4.6.5).
        return "\n".join(filter(None, map(decode, data.split(b"\0")[:2])))
    return decode(data)


def _numeric(tiff: Tiff, entry: Entry, name: str) -> str:
    numbers = tiff.numbers(entry)
    if entry.kind in (RATIONAL, SRATIONAL):
        return _rationals(list(zip(numbers[::2], numbers[1::2], strict=False)), name)
    if entry.kind in (FLOAT, DOUBLE):
        digits = 7 if entry.kind == FLOAT else 15
        return " ".join(f"{number:.{digits}g}" for number in numbers)
    return " ".join(map(str, numbers))


def _rationals(pairs: list[tuple[Number, Number]], name: str) -> str:
    if name in _COORDINATES or name == "GPSTimeStamp":
        parts = [top / bottom if bottom else 0.0 for top, bottom in pairs]
        if not any(bottom for _, bottom in pairs):
            return ""
        if name in _COORDINATES:
            return f"{sum(part / 60**power for power, part in enumerate(parts[:3])):.15g}"
        return _clock(parts)
    return " ".join(_rational(top, bottom) for top, bottom in pairs)


def _rational(top: Number, bottom: Number) -> str:
    if bottom == 0:
        return "inf" if top else "undef"
    return f"{top / bottom:.10g}"


def _clock(parts: list[float]) -> str:
    """Return hours, minutes and seconds as ``hh:mm:ss``, with a fraction when there is one."""
    hours, minutes, seconds = [*parts, 0.0, 0.0][:3]
    total = round(hours * 3600 + minutes * 60 + seconds, 6)
    whole = int(total)
    fraction = f"{total - whole:.6f}"[1:].rstrip("0").rstrip(".")
    return f"{whole // 3600:02}:{whole // 60 % 60:02}:{whole % 60:02}{fraction}"


def _undefined(tiff: Tiff, entry: Entry) -> str:
    data = tiff.raw(entry)
    if entry.tag == CFA_PATTERN:
        return _cfa_pattern(data, tiff.order)
    text = data.rstrip(b"\0 ")
    if text and text.isascii() and text.decode().isprintable():
        return text.decode()
    return " ".join(map(str, data)) if len(data) <= MAX_NUMBERS else ""


def _cfa_pattern(data: bytes, order: str) -> str:
    """Return columns, rows and the filter's colours (CIPA DC-008, 4.6.6)."""
    if len(data) < 4:  # noqa: PLR2004 - two counts of two bytes
        return ""
    for endian in (order, "<", ">"):
        columns, rows = struct.unpack_from(endian + "HH", data)
        if columns * rows == len(data) - 4:
            return " ".join(map(str, (columns, rows, *data[4:][:MAX_NUMBERS])))
    return " ".join(map(str, data[:MAX_NUMBERS]))


def declared_text(data: bytes, order: str) -> str:
    """Decode text that begins with the eight bytes of its character set (CIPA DC-008, 4.6.6)."""
    charset, text = data[:8].rstrip(b"\0 ").upper(), data[8:]
    if charset == b"UNICODE":
        return clean(decode_utf16(text, order).partition("\0")[0])
    if charset == b"JIS":
        for codec in ("iso2022_jp", "euc_jp", "shift_jis"):
            try:
                return clean(text.decode(codec).partition("\0")[0])
            except UnicodeDecodeError:
                continue
    if charset in (b"ASCII", b"JIS", b""):
        return decode(text)
    return decode(data)
