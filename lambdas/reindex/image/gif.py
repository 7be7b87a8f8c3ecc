"""GIF: the screen descriptor and the extensions that carry metadata.

Parsed by hand (GIF89a specification, 18 to 27; XMP specification part 3, 1.1.2), because
Pillow reads XMP only before the first frame, and does not read ICC profiles.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final

from reindex.image.blocks import Blocks, flag
from reindex.image.ranged import Memory

if TYPE_CHECKING:
    from reindex.image.ranged import Source

MAX_HEAD: Final = 128 * 1024
"""Number of bytes walked from the start. GIF frames have no length to skip them by, so of a longer
file only the beginning and the end are read."""

TAIL: Final = 64 * 1024

_EXTENSION, _IMAGE = 0x21, 0x2C
_CONTROL: Final = b"\x21\xf9"
_XMP: Final = b"\x21\xff\x0bXMP DataXMP"
_ICC: Final = b"\x21\xff\x0bICCRGBG1012"
_TRAILER: Final = bytes(range(255, -1, -1))
"""The end of an XMP packet, for readers that skip it as sub-blocks: 1, 255, 254, ... 0, 0."""


def read_gif(file: Source) -> Blocks:
    """Find the metadata blocks of a GIF file; its dimensions stay 0 if it ends before them."""
    blocks = Blocks(colour_model="RGB")
    head = file.pread(0, 13)
    if len(head) < 10:  # noqa: PLR2004 - signature, width and height
        return blocks
    blocks.width, blocks.height = struct.unpack("<HH", head[6:10])
    flags = head[10] if len(head) > 10 else 0  # noqa: PLR2004 - see above
    blocks.colour = {"colorType": "Indexed Color", "bitsPerSample": str((flags >> 4 & 7) + 1)}
    palette = 2 << (flags & 7) if flags & 0x80 else 0
    if palette:
        blocks.colour["paletteSize"] = str(palette)
    start = file.pread(0, MAX_HEAD)
    _walk(start, 13 + 3 * palette, blocks)
    if file.size > MAX_HEAD and not blocks.xmp:
        _from_end(file, blocks)
    return blocks


def _walk(data: bytes, offset: int, blocks: Blocks) -> None:
    """Walk the blocks in ``data``, reading extensions and skipping frames."""
    while offset < len(data):
        if data[offset] == _IMAGE and offset + 10 <= len(data):
            flags = data[offset + 9]
            palette = 2 << (flags & 7) if flags & 0x80 else 0
            offset = _skip(data, offset + 11 + 3 * palette)
        elif data.startswith(_CONTROL, offset):
            if data[offset + 3 : offset + 4] > b"\0" and data[offset + 3] & 1:
                blocks.colour["hasAlpha"] = flag(True)
            offset = _skip(data, offset + 2)
        elif data.startswith(_XMP, offset):
            offset = _xmp(data, offset + len(_XMP), blocks)
        elif data.startswith(_ICC, offset):
            profile, offset = _sub_blocks(data, offset + len(_ICC))
            if blocks.icc is None:
                blocks.icc = Memory(profile)
        elif data[offset] == _EXTENSION:
            offset = _skip(data, offset + 2)
        else:
            return


def _skip(data: bytes, offset: int) -> int:
    """Return the end offset of the sub-blocks at ``offset``."""
    while offset < len(data) and data[offset]:
        offset += 1 + data[offset]
    return offset + 1


def _sub_blocks(data: bytes, offset: int) -> tuple[bytes, int]:
    """Return the joined data of the sub-blocks at ``offset``, and their end offset."""
    parts: list[bytes] = []
    while offset < len(data) and data[offset]:
        parts.append(data[offset + 1 : offset + 1 + data[offset]])
        offset += 1 + data[offset]
    return b"".join(parts), offset + 1


def _xmp(data: bytes, offset: int, blocks: Blocks) -> int:
    """Read the packet at ``offset``, which has no sub-blocks; return its end offset."""
    end = data.find(_TRAILER, offset)
    if end < 0:
        blocks.add_xmp(Memory(data[offset:]))
        blocks.trimmed.add("xmp")
        return len(data)
    blocks.add_xmp(Memory(data[offset : end - 1]))
    return end + len(_TRAILER) + 1


def _from_end(file: Source, blocks: Blocks) -> None:
    """Read a packet that follows the frames of a long file."""
    data = file.pread(max(MAX_HEAD, file.size - TAIL), TAIL)
    at = data.rfind(_XMP)
    if at >= 0:
        _xmp(data, at + len(_XMP), blocks)
