"""HEIC and AVIF: the boxes that describe a file's items.

Parsed by hand (ISO/IEC 14496-12, 4.2 and 8.11; ISO/IEC 23008-12, 6; AV1 Image File Format),
because Pillow must load a whole AVIF file, and cannot read HEIC.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from reindex.image.blocks import Blocks, flag
from reindex.image.boxes import boxes
from reindex.image.ranged import Joined, Memory, Window

if TYPE_CHECKING:
    from reindex.image.ranged import Source

MAX_META: Final = 1024 * 1024
"""Size of the longest ``meta`` box that is read; it takes about 50 bytes per tile."""

MAX_EXTENTS: Final = 64
"""Largest number of extents of one item."""

MAX_LINKS: Final = 65_536
"""Largest number of references, and of property associations, that are read."""

_XMP_TYPE: Final = b"application/rdf+xml"

_ORIENTATIONS: Final = {
    (0, None): 1,
    (1, None): 8,
    (2, None): 3,
    (3, None): 6,
    (0, 1): 2,
    (1, 1): 7,
    (2, 1): 4,
    (3, 1): 5,
    (0, 0): 4,
    (1, 0): 5,
    (2, 0): 2,
    (3, 0): 7,
}
"""Exif's orientation by quarter turns anticlockwise and by the mirror applied after them
(ISO/IEC 23008-12, 6.5.10 and 6.5.12: 0 swaps top and bottom, 1 left and right)."""


@dataclass(slots=True)
class _Item:
    """One item of the ``meta`` box.

    Attributes:
        kind: The four-character item type.
        content_type: MIME type of an item of kind ``mime``.
        extents: The parts of the file that hold its bytes.
        properties: One-based indexes into the property container.
    """

    kind: bytes = b""
    content_type: bytes = b""
    extents: list[Source] = field(default_factory=list)
    properties: list[int] = field(default_factory=list)


@dataclass(slots=True)
class _Meta:
    """The parsed ``meta`` box.

    Attributes:
        primary: Number of the primary item.
        items: All items by their number.
        properties: The property container: type and content of each property.
        references: Type, source item and target item of each reference.
    """

    primary: int = 0
    items: dict[int, _Item] = field(default_factory=dict)
    properties: list[tuple[bytes, bytes]] = field(default_factory=list)
    references: list[tuple[bytes, int, int]] = field(default_factory=list)


class _Cursor:
    """Reads consecutive big-endian numbers; past the end of the data they are zero."""

    __slots__ = ("_at", "_data")

    def __init__(self, data: bytes, at: int = 0) -> None:
        self._data = data
        self._at = at

    def exhausted(self) -> bool:
        return self._at >= len(self._data)

    def number(self, size: int) -> int:
        value = int.from_bytes(self._data[self._at : self._at + size], "big")
        self._at += size
        return value

    def string(self) -> bytes:
        """Return the bytes before the next NUL, and move past it."""
        end = self._data.find(b"\0", self._at)
        end = len(self._data) if end < 0 else end
        value = self._data[self._at : end]
        self._at = end + 1
        return value


def read_isobmff(file: Source) -> Blocks:
    """Find the metadata blocks of a HEIF file; its dimensions stay 0 when no box has them."""
    blocks = Blocks(colour_model="RGB", colour={"hasAlpha": flag(False)})
    for kind, box in boxes(file):
        if kind == b"meta" and box.size <= MAX_META:
            _apply(_read_meta(box.pread(0, box.size), file), blocks)
        elif kind == b"moov" and not blocks.width:
            _track_size(box, blocks)
        if blocks.width:
            break
    return blocks


def _read_meta(data: bytes, file: Source) -> _Meta:
    """Parse a ``meta`` box; it is a full box, which begins with four bytes of version and flags."""
    meta = _Meta()
    memory = Memory(data)
    parts = {kind: box.pread(0, box.size) for kind, box in boxes(memory, 4)}
    if primary := parts.get(b"pitm"):
        meta.primary = _Cursor(primary, 4).number(4 if primary[0] else 2)
    _item_infos(parts.get(b"iinf", b""), meta)
    _locations(parts.get(b"iloc", b""), file, Memory(parts.get(b"idat", b"")), meta)
    _references(parts.get(b"iref", b""), meta)
    _properties(parts.get(b"iprp", b""), meta)
    return meta


def _item_infos(data: bytes, meta: _Meta) -> None:
    """Read the item types (8.11.6)."""
    if not data:
        return
    for kind, box in boxes(Memory(data), 8 if data[0] else 6):
        info = box.pread(0, box.size)
        if kind != b"infe" or len(info) < 12 or info[0] < 2:  # noqa: PLR2004 - first with kinds
            continue
        cursor = _Cursor(info, 4)
        number = cursor.number(2 if info[0] == 2 else 4)  # noqa: PLR2004 - the box's version
        cursor.number(2)  # protection
        item = meta.items.setdefault(number, _Item())
        item.kind = cursor.number(4).to_bytes(4, "big")
        cursor.string()  # name
        if item.kind == b"mime":
            item.content_type = cursor.string()


def _locations(data: bytes, file: Source, idat: Source, meta: _Meta) -> None:
    """Read the locations of the metadata items (8.11.3)."""
    if len(data) < 8:  # noqa: PLR2004 - up to the item count
        return
    version = data[0]
    offset_size, length_size = data[4] >> 4, data[4] & 15
    base_size, index_size = data[5] >> 4, data[5] & 15 if version else 0
    cursor = _Cursor(data, 6)
    wide = 4 if version == 2 else 2  # noqa: PLR2004 - the box's version
    for _ in range(cursor.number(wide)):
        if cursor.exhausted():
            return
        number = cursor.number(wide)
        method = cursor.number(2) & 15 if version else 0
        cursor.number(2)  # data reference
        base = cursor.number(base_size)
        item = meta.items.get(number)
        for _ in range(cursor.number(2)):
            if cursor.exhausted():
                return
            cursor.number(index_size)
            offset = base + cursor.number(offset_size)
            length = cursor.number(length_size)
            source = (file, idat)[method] if method < 2 else None  # noqa: PLR2004 - 8.11.3.3
            if item and source and len(item.extents) < MAX_EXTENTS:
                item.extents.append(Window(source, offset, length or source.size))


def _references(data: bytes, meta: _Meta) -> None:
    """Read the references between items (8.11.12)."""
    if not data:
        return
    wide = 4 if data[0] else 2
    for kind, box in boxes(Memory(data), 4):
        cursor = _Cursor(box.pread(0, box.size))
        origin = cursor.number(wide)
        for _ in range(cursor.number(2)):
            if cursor.exhausted() or len(meta.references) >= MAX_LINKS:
                break
            meta.references.append((kind, origin, cursor.number(wide)))


def _properties(data: bytes, meta: _Meta) -> None:
    """Read the property container and its associations with items (ISO/IEC 23008-12, 9.3)."""
    for kind, box in boxes(Memory(data)):
        if kind == b"ipco":
            meta.properties = [(name, inner.pread(0, inner.size)) for name, inner in boxes(box)]
        elif kind == b"ipma":
            _associations(box.pread(0, box.size), meta)


def _associations(data: bytes, meta: _Meta) -> None:
    if len(data) < 8:  # noqa: PLR2004 - up to the entry count
        return
    version, wide = data[0], 2 if data[3] & 1 else 1
    cursor = _Cursor(data, 4)
    links = 0
    for _ in range(cursor.number(4)):
        if cursor.exhausted():
            return
        item = meta.items.get(cursor.number(4 if version else 2))
        for _ in range(cursor.number(1)):
            # The highest bit flags an essential property.
            index = cursor.number(wide) & (0x7FFF if wide == 2 else 0x7F)  # noqa: PLR2004
            links += 1
            if links > MAX_LINKS:
                return
            if item is not None and index:
                item.properties.append(index)


def _apply(meta: _Meta, blocks: Blocks) -> None:
    """Add the metadata of the items to ``blocks``."""
    for item in meta.items.values():
        if item.kind == b"Exif" and item.extents:
            blocks.add_exif_item(Joined(item.extents))
        elif item.kind == b"mime" and item.content_type == _XMP_TYPE and item.extents:
            blocks.add_xmp(Joined(item.extents))
    primary = meta.items.get(meta.primary, _Item())
    own = [
        meta.properties[index - 1] for index in primary.properties if index <= len(meta.properties)
    ]
    _primary(own, blocks)
    if blocks.icc is None:
        # In a tiled picture, only the tiles may have the profile.
        _profile(meta.properties, blocks)
    if not blocks.width:
        _largest(meta, blocks)
    for kind, origin, target in meta.references:
        if kind == b"auxl" and target == meta.primary and _is_alpha(meta, origin):
            blocks.colour["hasAlpha"] = flag(True)


def _primary(properties: list[tuple[bytes, bytes]], blocks: Blocks) -> None:
    """Read size, depth, colour and transformations of the primary item."""
    turns, mirror = None, None
    _profile(properties, blocks)
    for kind, data in properties:
        if kind == b"ispe" and len(data) >= 12 and not blocks.width:  # noqa: PLR2004 - 6.5.3
            blocks.width, blocks.height = struct.unpack(">II", data[4:12])
        elif kind == b"pixi" and len(data) > 5:  # noqa: PLR2004 - 6.5.6
            blocks.colour["bitsPerSample"] = str(data[5])
            blocks.colour["components"] = str(data[4])
            if data[4] == 1:
                blocks.colour_model = "Greyscale"
        elif kind == b"irot" and data:
            turns = data[0] & 3
        elif kind == b"imir" and data:
            mirror = data[0] & 1
    if turns is not None or mirror is not None:
        blocks.orientation = _ORIENTATIONS[turns or 0, mirror]


def _profile(properties: list[tuple[bytes, bytes]], blocks: Blocks) -> None:
    """Set the first ICC profile (ISO/IEC 14496-12, 12.1.5)."""
    profiles = (d[4:] for kind, d in properties if kind == b"colr" and d[:4] in (b"prof", b"rICC"))
    blocks.icc = next(map(Memory, profiles), None)


def _largest(meta: _Meta, blocks: Blocks) -> None:
    """Set the dimensions of the largest item, when the primary item has none."""
    sizes = [
        struct.unpack(">II", data[4:12])
        for kind, data in meta.properties
        if kind == b"ispe" and len(data) >= 12  # noqa: PLR2004 - 6.5.3
    ]
    if sizes:
        blocks.width, blocks.height = max(sizes, key=lambda size: size[0] * size[1])


def _is_alpha(meta: _Meta, number: int) -> bool:
    item = meta.items.get(number, _Item())
    return any(
        meta.properties[index - 1][0] == b"auxC" and b"alpha" in meta.properties[index - 1][1]
        for index in item.properties
        if index <= len(meta.properties)
    )


def _track_size(moov: Source, blocks: Blocks) -> None:
    """Set the dimensions of an image sequence's first track (ISO/IEC 14496-12, 8.3.2)."""
    for kind, track in boxes(moov):
        if kind != b"trak":
            continue
        for name, header in boxes(track):
            data = header.pread(0, 104)
            if name == b"tkhd" and len(data) >= 84:  # noqa: PLR2004 - the shorter version
                at = 88 if data[0] == 1 else 76
                # 16.16 fixed-point numbers: the upper half is the integer part.
                blocks.width, _, blocks.height, _ = struct.unpack_from(">HHHH", data, at)
                if blocks.width:
                    return
