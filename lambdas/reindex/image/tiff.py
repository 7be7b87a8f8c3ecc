"""Reads the directories of a TIFF structure: a TIFF file, or an Exif block in another format.

Parsed by hand (TIFF 6.0, section 2; BigTIFF as in libtiff's specification), because Pillow
returns values without their types, stops at the first damaged entry, and has no size limits.
The meaning of tags is in :mod:`reindex.image.exif`.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from reindex.image.ranged import Window

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reindex.image.ranged import Source

MAX_ENTRIES: Final = 512
"""Number of entries read of one directory; all standards together define fewer tags."""

MAX_VALUE: Final = 64 * 1024
"""Longest value in bytes that is read: the largest possible Exif block."""

ASCII: Final = 2
RATIONAL: Final = 5
UNDEFINED: Final = 7
SRATIONAL: Final = 10
FLOAT: Final = 11
DOUBLE: Final = 12
UTF8: Final = 129

_TYPES: Final = {
    1: "B",
    ASCII: "s",
    3: "H",
    4: "I",
    RATIONAL: "II",
    6: "b",
    UNDEFINED: "s",
    8: "h",
    9: "i",
    SRATIONAL: "ii",
    FLOAT: "f",
    DOUBLE: "d",
    13: "I",
    16: "Q",
    17: "q",
    18: "Q",
    UTF8: "s",
}
"""Struct codes of one element, by field type (TIFF 6.0, page 15; 129 is Exif 3.0's UTF-8)."""

_SIZES: Final = {kind: struct.calcsize("<" + code) for kind, code in _TYPES.items()}

Number = int | float


@dataclass(frozen=True, slots=True)
class Entry:
    """One directory entry.

    Attributes:
        tag: The tag number.
        kind: The field type.
        count: The number of elements of the value.
        inline: The value, if it is short enough to be stored in the entry; else empty.
        offset: The offset of a longer value.
    """

    tag: int
    kind: int
    count: int
    inline: bytes
    offset: int

    @property
    def size(self) -> int:
        """The size of the value in bytes."""
        return self.count * _SIZES[self.kind]


@dataclass(frozen=True, slots=True)
class Directory:
    """An image file directory: the first entry of each tag, and the next directory's offset."""

    entries: dict[int, Entry]
    next: int


@dataclass(frozen=True, slots=True)
class Tiff:
    """A TIFF structure whose header has been read.

    Attributes:
        source: The bytes; offsets count from its start.
        order: ``<`` for little-endian or ``>`` for big-endian.
        big: True for a BigTIFF, which has offsets of eight bytes.
        first: Offset of the first directory.
    """

    source: Source
    order: str
    big: bool
    first: int

    def directory(self, offset: int) -> Directory:
        """Read the directory at ``offset``, without entries that are damaged or past the end."""
        counter, entry, pointer = ("Q", "HHQ8s", "Q") if self.big else ("H", "HHI4s", "I")
        head = struct.calcsize("<" + counter)
        length = struct.calcsize("<" + entry)
        start = self.source.pread(offset, head)
        if offset <= 0 or len(start) < head:
            return Directory({}, 0)
        (declared,) = struct.unpack(self.order + counter, start)
        count = min(declared, MAX_ENTRIES)
        data = self.source.pread(offset + head, count * length + 8)
        whole = data[: min(count, len(data) // length) * length]
        entries: dict[int, Entry] = {}
        for tag, kind, elements, raw in struct.iter_unpack(self.order + entry, whole):
            size = _SIZES.get(kind, 0) * elements
            if size == 0 or tag in entries:
                continue
            if size <= len(raw):
                entries[tag] = Entry(tag, kind, elements, raw[:size], 0)
            else:
                (at,) = struct.unpack(self.order + pointer, raw)
                if at < self.source.size:
                    entries[tag] = Entry(tag, kind, elements, b"", at)
        tail = data[count * length :][: struct.calcsize("<" + pointer)]
        if declared > MAX_ENTRIES or len(tail) < struct.calcsize("<" + pointer):
            return Directory(entries, 0)
        return Directory(entries, struct.unpack(self.order + pointer, tail)[0])

    def raw(self, entry: Entry, limit: int = MAX_VALUE) -> bytes:
        """Return the bytes of a value, or no bytes when it is longer than ``limit``."""
        if entry.inline:
            return entry.inline
        return self.source.pread(entry.offset, entry.size) if entry.size <= limit else b""

    def window(self, entry: Entry) -> Window:
        """Return a value as a source, so that parts of it can be read."""
        return Window(self.source, entry.offset, entry.size)

    def numbers(self, entry: Entry) -> list[Number]:
        """Return the numbers of a value: two for each rational, none for text."""
        code = _TYPES[entry.kind]
        if code == "s":
            return []
        data = self.raw(entry)
        count = len(data) // _SIZES[entry.kind]
        # The readable part of a truncated value is kept.
        return list(
            struct.unpack(
                f"{self.order}{count * len(code)}{code[0]}", data[: count * _SIZES[entry.kind]]
            )
        )

    def integer(self, entry: Entry | None) -> int | None:
        """Return the first number of a value if it is an integer, else None."""
        if entry is None or entry.kind in (RATIONAL, SRATIONAL):
            return None
        first = next(iter(self.numbers(entry)), None)
        return first if isinstance(first, int) else None

    def directories(self, limit: int) -> Iterator[Directory]:
        """Yield the main chain of directories, at most ``limit``; a cycle ends it."""
        seen: set[int] = set()
        offset = self.first
        while offset and offset not in seen and len(seen) < limit:
            seen.add(offset)
            found = self.directory(offset)
            yield found
            offset = found.next


def open_tiff(source: Source) -> Tiff | None:
    """Read the header of a TIFF structure (TIFF 6.0, page 13); return None if it is invalid."""
    head = source.pread(0, 16)
    order = {b"II": "<", b"MM": ">"}.get(head[:2])
    if order is None or len(head) < 8:  # noqa: PLR2004 - the header's length
        return None
    magic, first = struct.unpack(order + "HI", head[2:8])
    if magic != 43:  # noqa: PLR2004 - BigTIFF's number
        # Some cameras write another number than 42, so only the byte order mark is checked.
        return Tiff(source, order, big=False, first=first)
    if len(head) < 16:  # noqa: PLR2004 - BigTIFF's header's length
        return None
    return Tiff(source, order, big=True, first=struct.unpack(order + "Q", head[8:])[0])
