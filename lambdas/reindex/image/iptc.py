"""IPTC-IIM records: datasets by the standard's names.

Parsed by hand (IPTC-NAA Information Interchange Model 4.2, chapters 1, 5 and 6), because
Pillow returns undecoded bytes by number, and only for some file formats.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, NamedTuple

from reindex.image.charsets import WINDOWS, Charset, decode_as, detect_charset
from reindex.image.text import clean, decode_utf8, decode_utf16, is_utf16

MAX_DATASETS: Final = 4096

MAX_CANDIDATES: Final = 4096
"""Number of marker bytes after damage that are examined as the start of the next dataset."""

_MARKER: Final = 0x1C
_HEADER: Final = 5
_LONGEST_LENGTH: Final = 8
"""Largest number of bytes in the length of an extended dataset; four would be enough."""

_EXTENDED: Final = 0x8000
_CHARSET: Final = (1, 90)

NAMES: Final = {
    (1, 0): "Envelope Record Version",
    (1, 5): "Destination",
    (1, 20): "File Format",
    (1, 22): "File Format Version",
    (1, 30): "Service Identifier",
    (1, 40): "Envelope Number",
    (1, 50): "Product I.D.",
    (1, 60): "Envelope Priority",
    (1, 70): "Date Sent",
    (1, 80): "Time Sent",
    _CHARSET: "Coded Character Set",
    (1, 100): "UNO",
    (1, 120): "ARM Identifier",
    (1, 122): "ARM Version",
    (2, 0): "Record Version",
    (2, 3): "Object Type Reference",
    (2, 4): "Object Attribute Reference",
    (2, 5): "Object Name",
    (2, 7): "Edit Status",
    (2, 8): "Editorial Update",
    (2, 10): "Urgency",
    (2, 12): "Subject Reference",
    (2, 15): "Category",
    (2, 20): "Supplemental Categories",
    (2, 22): "Fixture Identifier",
    (2, 25): "Keywords",
    (2, 26): "Content Location Code",
    (2, 27): "Content Location Name",
    (2, 30): "Release Date",
    (2, 35): "Release Time",
    (2, 37): "Expiration Date",
    (2, 38): "Expiration Time",
    (2, 40): "Special Instructions",
    (2, 42): "Action Advised",
    (2, 45): "Reference Service",
    (2, 47): "Reference Date",
    (2, 50): "Reference Number",
    (2, 55): "Date Created",
    (2, 60): "Time Created",
    (2, 62): "Digital Creation Date",
    (2, 63): "Digital Creation Time",
    (2, 65): "Originating Program",
    (2, 70): "Program Version",
    (2, 75): "Object Cycle",
    (2, 80): "By-line",
    (2, 85): "By-line Title",
    (2, 90): "City",
    (2, 92): "Sub-location",
    (2, 95): "Province/State",
    (2, 100): "Country/Primary Location Code",
    (2, 101): "Country/Primary Location Name",
    (2, 103): "Original Transmission Reference",
    (2, 105): "Headline",
    (2, 110): "Credit",
    (2, 115): "Source",
    (2, 116): "Copyright Notice",
    (2, 118): "Contact",
    (2, 120): "Caption/Abstract",
    (2, 121): "Local Caption",
    (2, 122): "Writer/Editor",
    (2, 130): "Image Type",
    (2, 131): "Image Orientation",
    (2, 135): "Language Identifier",
    (2, 184): "Job Identifier",
    (2, 185): "Master Document Identifier",
    (2, 186): "Short Document Identifier",
    (2, 187): "Unique Document Identifier",
    (2, 188): "Owner Identifier",
    (2, 221): "Prefs",
    (2, 225): "Classify State",
    (2, 228): "Similarity Index",
    (2, 230): "Document Notes",
    (2, 231): "Document History",
    (2, 232): "Camera Information",
}
"""The standard's names; from 184 on, names that newsroom software agreed on."""

_NUMBERS: Final = {(1, 0), (1, 20), (1, 22), (1, 120), (1, 122), (2, 0)}
"""Datasets whose value is a binary number."""

_REPEATABLE: Final = {
    (1, 5),
    (1, 50),
    (2, 4),
    (2, 12),
    (2, 20),
    (2, 25),
    (2, 26),
    (2, 27),
    (2, 45),
    (2, 47),
    (2, 50),
    (2, 80),
    (2, 85),
    (2, 118),
    (2, 122),
}

_UTF8: Final = "utf-8"
_UTF16: Final = "utf-16-be"
_CODECS: Final = {
    b"\x1b%G": _UTF8,
    b"\x1b%/G": _UTF8,
    b"\x1b%/H": _UTF8,
    b"\x1b%/I": _UTF8,
    b"\x1b%/L": _UTF16,
    b"\x1b.A": "iso8859_1",
    b"\x1b-A": "iso8859_1",
    b"\x1b.B": "iso8859_2",
    b"\x1b-B": "iso8859_2",
    b"\x1b-C": "iso8859_3",
    b"\x1b-D": "iso8859_4",
    b"\x1b-L": "iso8859_5",
    b"\x1b-G": "iso8859_6",
    b"\x1b-F": "iso8859_7",
    b"\x1b-H": "iso8859_8",
    b"\x1b-M": "iso8859_9",
    b"\x1b.b": "iso8859_15",
}
"""Codecs by the escape sequence that declares them (IIM 1:90; ISO/IEC 2022 registry)."""


_DECODED: Final = 128 * 1024
"""Number of bytes of one value that are decoded: four times the longest text of a document."""

_BOUNDS: Final = frozenset({32, 64, 128, 256, 2000})
"""The standard's length limits in bytes, at which writers cut texts."""

_RECORDS: Final = frozenset({*range(1, 10), 240})
"""The standard's records, and one that picture desks' software adds."""

_OVERLAP: Final = 4
"""Largest error of a declared length for which the next dataset is still found."""

_START: Final = re.compile(rb"\x1c[\x01-\x09\xf0]")


@dataclass(slots=True)
class Reading:
    """Notes on how ambiguous or damaged records were read.

    Attributes:
        charset: The detected character set of text that declares none and is neither ASCII nor
            UTF-8; None when there is no such text.
        passed_over: Number of bytes skipped before and between datasets; bytes after the last
            dataset count too, unless all are zero.
    """

    charset: Charset | None = None
    passed_over: int = 0


class Dataset(NamedTuple):
    """One dataset of a record.

    Attributes:
        key: Record number and dataset number.
        value: The raw bytes.
        text: The decoded bytes; may be empty.
    """

    key: tuple[int, int]
    value: bytes
    text: str


def read_iptc(data: bytes, reading: Reading | None = None) -> dict[str, str | list[str]]:
    """Return the datasets of an IIM record by name.

    Dates and times are returned as written (``CCYYMMDD``, ``HHMMSS±HHMM``). Datasets that the
    standard allows to repeat are always lists; of any other dataset the last value wins. Empty
    datasets are left out. Padding and damage between datasets are skipped.

    Text is decoded as UTF-16 or UTF-8 if the bytes are recognised as such, else in the declared
    set if that succeeds, else in the more probable of two 8-bit sets, see
    :mod:`reindex.image.charsets`.

    Args:
        data: The record.
        reading: Receives notes on how the record was read.
    """
    found: dict[str, str | list[str]] = {}
    for key, _, text in read_datasets(data, reading):
        name = NAMES.get(key)
        if name is None or not text:
            continue
        name = name.replace(".", "")
        if key in _REPEATABLE:
            values = found.setdefault(name, [])
            assert isinstance(values, list)
            values.append(text)
        else:
            found[name] = text
    return found


def read_datasets(data: bytes, reading: Reading | None = None) -> Iterator[Dataset]:
    """Yield the datasets of an IIM record in order, their text decoded as in :func:`read_iptc`.

    Args:
        data: The record.
        reading: Receives notes on how the record was read.
    """
    reading = Reading() if reading is None else reading
    datasets = list(_datasets(data, reading))
    declared = next((value for key, value in datasets if key == _CHARSET), b"")
    codec = _CODECS.get(declared.strip(b" \0"))
    # Records 2 to 6 use the declared set; the envelope (record 1) is ASCII (IIM 5.x).
    decoded = [(key, value, _decoded(key, value, codec)) for key, value in datasets]
    undecoded = [value for _, value, text in decoded if text is None]
    if undecoded:
        # One program wrote the whole record, so one set is detected for all its texts.
        reading.charset = detect_charset(undecoded)
    for key, value, text in decoded:
        if text is None:
            text = decode_as(reading.charset or WINDOWS, value)  # noqa: PLW2901
        yield Dataset(key, value, clean(text.replace("\0", "")))


def _datasets(data: bytes, reading: Reading) -> Iterator[tuple[tuple[int, int], bytes]]:
    """Yield keys (record, dataset) and values (IIM 1.5), skipping bytes between datasets."""
    at = 0
    candidates = MAX_CANDIDATES
    for _ in range(MAX_DATASETS):
        start = at
        value = _value(data, start)
        while value is None:
            found = _START.search(data, start + 1)
            if found is None or not candidates:
                if data[at:].strip(b"\0"):
                    reading.passed_over += len(data) - at
                return
            candidates -= 1
            start = found.start()
            value = _value(data, start)
            if value is not None and not _is_plausible(data, start, value[1]):
                value = None
        reading.passed_over += start - at
        begin, at = value[0], _end(data, *value)
        yield (data[start + 1], data[start + 2]), data[begin:at]


def _value(data: bytes, at: int) -> tuple[int, int] | None:
    """Return start and end of the value of the dataset at ``at``; None if there is no dataset."""
    head = data[at : at + _HEADER]
    if len(head) < _HEADER or head[0] != _MARKER or head[1] not in _RECORDS:
        return None
    length = int.from_bytes(head[3:], "big")
    begin = at + _HEADER
    if length & _EXTENDED:
        digits = length & ~_EXTENDED
        if digits > _LONGEST_LENGTH:
            return None
        length = int.from_bytes(data[begin : begin + digits], "big")
        begin += digits
    return (begin, begin + length) if begin + length <= len(data) else None


def _end(data: bytes, begin: int, end: int) -> int:
    """Return the end of a value; its declared length may include bytes that were not written."""
    if end == len(data) or data[end] == _MARKER:
        return end
    early = data.find(_MARKER, max(begin, end - _OVERLAP), end)
    following = _value(data, early) if early >= 0 else None
    return early if following and _is_plausible(data, early, following[1]) else end


def _is_plausible(data: bytes, start: int, end: int) -> bool:
    """Return True if bytes that a search found, outside of the chain, look like a dataset."""
    key = data[start + 1], data[start + 2]
    return key in NAMES or end == len(data) or data[end] == _MARKER


def _decoded(key: tuple[int, int], value: bytes, codec: str | None) -> str | None:
    """Return a value as text, or None when it is in an undeclared 8-bit set."""
    if key in _NUMBERS:
        return str(int.from_bytes(value, "big")) if value else ""
    if key == _CHARSET:
        return "".join(f"{byte:c}" if 32 < byte < 127 else f"\\x{byte:02x}" for byte in value)  # noqa: PLR2004 - what ASCII can show
    value = value[:_DECODED]
    if codec == _UTF16 or is_utf16(value):
        return decode_utf16(value, ">")
    # Multi-byte UTF-8 is never plausible text in another set, so it overrides the declaration.
    for each in (_UTF8, codec):
        try:
            return value.decode(each or _UTF8)
        except UnicodeDecodeError as error:
            # If the bytes are invalid in the declared set, the declaration is ignored.
            is_cut = error.end == len(value) and error.reason == "unexpected end of data"
            if codec == _UTF8 and is_cut and len(value) in _BOUNDS:
                return value[: error.start].decode()
    return decode_utf8(value)
