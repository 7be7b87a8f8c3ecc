"""WebP: the chunks of its RIFF container.

Parsed by hand (RFC 9649, 2), because Pillow must load the whole file.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final

from reindex.image.blocks import Blocks, flag
from reindex.image.ranged import Window

if TYPE_CHECKING:
    from reindex.image.ranged import Source

MAX_CHUNKS: Final = 256
"""Number of chunks that are walked; a longer animation is read from its end."""

TAIL: Final = 128 * 1024
"""Number of bytes at the end of a long animation that are searched for metadata."""

_METADATA: Final = (b"EXIF", b"XMP ")
_VP8X, _EXIF_FLAG, _XMP_FLAG, _ALPHA_FLAG, _ANIMATION_FLAG = b"VP8X", 0x08, 0x04, 0x10, 0x02


def read_webp(file: Source) -> Blocks:
    """Find the metadata blocks of a WebP file; its dimensions stay 0 without a known chunk."""
    blocks = Blocks(colour_model="RGB", colour={"bitsPerSample": "8", "hasAlpha": flag(False)})
    offset = 12
    extended = False
    for _ in range(MAX_CHUNKS):
        head = file.pread(offset, 8)
        if len(head) < 8:  # noqa: PLR2004 - name and length
            return blocks
        name, length = struct.unpack("<4sI", head)
        data = Window(file, offset + 8, length)
        if name == _VP8X:
            extended = _extended(data, blocks)
        elif name in _METADATA:
            _metadata(name, data, blocks)
        elif name == b"ICCP" and blocks.icc is None:
            blocks.icc = data
        elif name == b"VP8 " and not blocks.width:
            _lossy(data.pread(0, 10), blocks)
        elif name == b"VP8L" and not blocks.width:
            _lossless(data.pread(0, 5), blocks)
        if blocks.width and not extended:
            return blocks  # a simple file has one chunk (RFC 9649, 2.5 and 2.6)
        offset += 8 + length + length % 2
    _from_end(file, offset, blocks)
    return blocks


def _extended(data: Source, blocks: Blocks) -> bool:
    """Read flags and canvas size (RFC 9649, 2.7); return True if there may be metadata."""
    head = data.pread(0, 10)
    if len(head) < 10:  # noqa: PLR2004 - the chunk's length
        return True
    flags = head[0]
    blocks.width = 1 + int.from_bytes(head[4:7], "little")
    blocks.height = 1 + int.from_bytes(head[7:10], "little")
    blocks.colour["hasAlpha"] = flag(flags & _ALPHA_FLAG)
    blocks.colour["animated"] = flag(flags & _ANIMATION_FLAG)
    # Writers that add metadata often omit its flag, so only an animation is trusted to have none.
    return bool(flags & (_EXIF_FLAG | _XMP_FLAG)) or not flags & _ANIMATION_FLAG


def _metadata(name: bytes, data: Source, blocks: Blocks) -> None:
    if name == b"EXIF":
        blocks.add_exif(data)
    else:
        blocks.add_xmp(data)


def _lossy(head: bytes, blocks: Blocks) -> None:
    """Read a VP8 key frame's header (RFC 6386, 9.1)."""
    if head[3:6] == b"\x9d\x01\x2a" and len(head) == 10:  # noqa: PLR2004 - start code, sizes
        width, height = struct.unpack("<HH", head[6:])
        blocks.width, blocks.height = width & 0x3FFF, height & 0x3FFF


def _lossless(head: bytes, blocks: Blocks) -> None:
    """Read a VP8L header: width - 1 and height - 1, 14 bits each (RFC 9649, 3.4)."""
    if head[:1] == b"\x2f" and len(head) == 5:  # noqa: PLR2004 - signature and 32 bits
        bits = int.from_bytes(head[1:], "little")
        blocks.width, blocks.height = 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
        blocks.colour["hasAlpha"] = flag(bits >> 28 & 1)


def _from_end(file: Source, walked: int, blocks: Blocks) -> None:
    """Add the metadata chunks after an animation's frames, by searching the file's tail."""
    start = max(walked, file.size - TAIL)
    tail = file.pread(start, TAIL)
    for at in sorted({tail.find(name) for name in _METADATA} - {-1}):
        chunks = _chain(tail, at)
        for name, begin, length in chunks:
            if name in _METADATA:
                _metadata(name, Window(file, start + begin, length), blocks)
        if chunks:
            return


def _chain(tail: bytes, at: int) -> list[tuple[bytes, int, int]]:
    """Return the chunks from ``at`` (name, data, length); none if they miss the end of the file."""
    chunks = []
    while at + 8 <= len(tail):
        name, length = struct.unpack_from("<4sI", tail, at)
        chunks.append((name, at + 8, length))
        at += 8 + length + length % 2
    return chunks if 0 <= at - len(tail) <= 1 else []
