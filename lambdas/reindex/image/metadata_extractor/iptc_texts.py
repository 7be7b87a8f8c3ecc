"""IPTC-IIM datasets: names and texts of metadata-extractor."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from reindex.image import iptc

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from reindex.image.iptc import Dataset

_OTHER_NAMES: Final = {
    (1, 22): "File Version",
    (1, 50): "Product Identifier",
    (1, 100): "Unique Object Name",
    (2, 0): "Application Record Version",
    (2, 20): "Supplemental Category(s)",
    (2, 62): "Digital Date Created",
    (2, 63): "Digital Time Created",
    (2, 122): "Caption Writer/Editor",
    (2, 125): "Rasterized Caption",
    (2, 150): "Audio Type",
    (2, 151): "Audio Sampling Rate",
    (2, 152): "Audio Sampling Resolution",
    (2, 153): "Audio Duration",
    (2, 154): "Audio Outcue",
    (2, 200): "Object Data Preview File Format",
    (2, 201): "Object Data Preview File Format Version",
    (2, 202): "Object Data Preview Data",
}
"""Names that differ from the standard's, or are left out."""

#: Datasets without a name in the library: private ones of Photo Mechanic and others.
_UNNAMED: Final = {(2, 221), (2, 225), (2, 228), (2, 230), (2, 231), (2, 232)}

NAMES: Final = {
    dataset: name
    for dataset, name in {**iptc.NAMES, **_OTHER_NAMES}.items()
    if dataset not in _UNNAMED
}
"""Names by record and dataset."""

_CHARSET, _FILE_FORMAT, _URGENCY, _KEYWORDS = (1, 90), (1, 20), (2, 10), (2, 25)
_DATES: Final = {(1, 70), (2, 30), (2, 37), (2, 47), (2, 55), (2, 62)}
_TIMES: Final = {(1, 80), (2, 35), (2, 38), (2, 60), (2, 63)}
_NUMBERS: Final = {(1, 0), (1, 20), (1, 22), (1, 122), (2, 0), (2, 70)}
"""Datasets read as numbers if they have two bytes; the library includes a program's version."""

_SINGLE: Final = {*_NUMBERS, _CHARSET, _URGENCY}
"""Datasets whose last value wins."""

_DATE: Final = re.compile(r"(.{4})(.{2})(.{2})", re.DOTALL)
_TIME: Final = re.compile(r"(.{2})(.{2})(.{2})(.{5})?", re.DOTALL)

_CHARSETS: Final = {b"\x1b%G": "UTF-8", b"\x1b.A": "ISO-8859-1", b"\x1b-A": "ISO-8859-1"}

_FORMATS: Final = {
    0: "No ObjectData",
    1: "IPTC-NAA Digital Newsphoto Parameter Record",
    2: "IPTC7901 Recommended Message Format",
    3: "Tagged Image File Format (Adobe/Aldus Image data)",
    4: "Illustrator (Adobe Graphics data)",
    5: "AppleSingle (Apple Computer Inc)",
    6: "NAA 89-3 (ANPA 1312)",
    7: "MacBinary II",
    8: "IPTC Unstructured Character Oriented File Format (UCOFF)",
    9: "United Press International ANPA 1312 variant",
    10: "United Press International Down-Load Message",
    11: "JPEG File Interchange (JFIF)",
    12: "Photo-CD Image-Pac (Eastman Kodak)",
    13: "Bit Mapped Graphics File [.BMP] (Microsoft)",
    14: "Digital Audio File [.WAV] (Microsoft & Creative Labs)",
    15: "Audio plus Moving Video [.AVI] (Microsoft)",
    16: "PC DOS/Windows Executable Files [.COM][.EXE]",
    17: "Compressed Binary File [.ZIP] (PKWare Inc)",
    18: "Audio Interchange File Format AIFF (Apple Computer Inc)",
    19: "RIFF Wave (Microsoft Corporation)",
    20: "Freehand (Macromedia/Aldus)",
    21: 'Hypertext Markup Language "HTML" (The Internet Society)',
    22: "MPEG 2 Audio Layer 2 (Musicom), ISO/IEC",
    23: "MPEG 2 Audio Layer 3, ISO/IEC",
    24: "Portable Document File (*.PDF) Adobe",
    25: "News Industry Text Format (NITF)",
    26: "Tape Archive (*.TAR)",
    27: "Tidningarnas Telegrambyrå NITF version (TTNITF DTD)",
    28: "Ritzaus Bureau NITF version (RBNITF DTD)",
    29: "Corel Draw [*.CDR]",
}
"""Names of file formats (IIM 4.2, appendix A)."""


def read_iptc(datasets: Iterable[Dataset]) -> dict[str, str]:
    """Return one text for each name; the values of a repeated dataset are joined.

    Args:
        datasets: The datasets of one record, in order.
    """
    texts: dict[tuple[int, int], list[str]] = {}
    for dataset in datasets:
        if dataset.key in _SINGLE:
            texts[dataset.key] = [_text(dataset)]
        elif dataset.key in NAMES:
            texts.setdefault(dataset.key, []).append(_text(dataset))
    joined = {
        NAMES[key]: (";" if key == _KEYWORDS else " ").join(values).strip()
        for key, values in texts.items()
    }
    return {name: text for name, text in joined.items() if text}


def _text(dataset: Dataset) -> str:
    return _TEXTS.get(dataset.key, _plain)(dataset)


def _plain(dataset: Dataset) -> str:
    return dataset.text


def _charset(dataset: Dataset) -> str:
    """Return the name of a known character set, else the escape sequence without its escapes."""
    sequence = dataset.value.strip(b" \0")
    return _CHARSETS.get(sequence) or sequence.decode("latin-1").replace("\x1b", "")


def _file_format(dataset: Dataset) -> str:
    number = int.from_bytes(dataset.value, "big")
    return _FORMATS.get(number, f"Unknown ({number})")


def _urgency(dataset: Dataset) -> str:
    """Return the code of the first character, as the library does: ``53`` for a 5."""
    return str(dataset.value[0]) if dataset.value else ""


def _number(dataset: Dataset) -> str:
    is_number = len(dataset.value) == 2  # noqa: PLR2004 - a SHORT
    return str(int.from_bytes(dataset.value, "big")) if is_number else dataset.text


def _date(dataset: Dataset) -> str:
    found = _DATE.fullmatch(dataset.text)
    return ":".join(found.groups()) if found else dataset.text


def _time(dataset: Dataset) -> str:
    found = _TIME.fullmatch(dataset.text)
    if found is None:
        return dataset.text
    hours, minutes, seconds, zone = found.groups()
    return f"{hours}:{minutes}:{seconds}{zone or ''}"


_TEXTS: Final[dict[tuple[int, int], Callable[[Dataset], str]]] = {
    **dict.fromkeys(_NUMBERS, _number),
    **dict.fromkeys(_DATES, _date),
    **dict.fromkeys(_TIMES, _time),
    _CHARSET: _charset,
    _FILE_FORMAT: _file_format,
    _URGENCY: _urgency,
}
