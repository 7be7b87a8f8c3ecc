"""IPTC-IIM records: datasets by the standard's names.

Parsed by hand (IPTC-NAA Information Interchange Model 4.2, chapters 1, 5 and 6): Pillow
returns undecoded bytes by number, and only of some files.
"""

from __future__ import annotations

from typing import Final

from reindex.image.text import clean

MAX_DATASETS: Final = 4096

_MARKER: Final = 0x1C
_EXTENDED: Final = 0x8000
_CHARSET: Final = (1, 90)

_NAMES: Final = {
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
"""The standard's names; from 184 on, those that newsroom software agreed on."""

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

_CODECS: Final = {
    b"\x1b%G": "utf-8",
    b"\x1b%/G": "utf-8",
    b"\x1b%/H": "utf-8",
    b"\x1b%/I": "utf-8",
    b"\x1b%/L": "utf-16-be",
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


def read_iptc(data: bytes) -> dict[str, str | list[str]]:
    """Return the datasets of an IIM record by name; what is damaged ends the reading.

    Dates and times stand as the record has them (``CCYYMMDD``, ``HHMMSS±HHMM``). Datasets
    that the standard lets repeat are always lists; of the others the last one counts.
    Empty ones are left out.
    """
    datasets = _datasets(data)
    codec = next((_CODECS.get(value) for key, value in datasets if key == _CHARSET), None)
    found: dict[str, str | list[str]] = {}
    for key, value in datasets:
        # Records 2 to 6 are in the declared set; the envelope is ASCII (IIM 5.x).
        text = _text(key, value, codec)
        name = _NAMES.get(key)
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


def _datasets(data: bytes) -> list[tuple[tuple[int, int], bytes]]:
    """Return keys (record, dataset) and values up to the end or the first damage (IIM 1.5)."""
    found: list[tuple[tuple[int, int], bytes]] = []
    at = 0
    while at + 5 <= len(data) and data[at] == _MARKER and len(found) < MAX_DATASETS:
        key = (data[at + 1], data[at + 2])
        length = int.from_bytes(data[at + 3 : at + 5], "big")
        at += 5
        if length & _EXTENDED:
            digits = length & ~_EXTENDED
            length = int.from_bytes(data[at : at + digits], "big")
            at += digits
        if at + length > len(data):
            break
        found.append((key, data[at : at + length]))
        at += length
    return found


def _text(key: tuple[int, int], value: bytes, codec: str | None) -> str:
    if key in _NUMBERS:
        return str(int.from_bytes(value, "big")) if value else ""
    if key == _CHARSET:
        return "".join(f"{byte:c}" if 32 < byte < 127 else f"\\x{byte:02x}" for byte in value)  # noqa: PLR2004 - what ASCII can show
    return clean(_decoded(value, codec).replace("\0", ""))


def _decoded(value: bytes, codec: str | None) -> str:
    # A declared set that the bytes do not obey is taken for no declaration.
    for attempt in (codec, "utf-8"):
        if attempt is not None:
            try:
                return value.decode(attempt)
            except UnicodeDecodeError:
                continue
    return value.decode("latin-1")
