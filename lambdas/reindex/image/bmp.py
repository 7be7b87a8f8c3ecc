"""BMP: the file header and the bitmap's header.

Parsed by hand, because Pillow rejects OS/2's bitmap arrays and headers with unusual values in
fields that are not needed here (Microsoft, "Bitmap Storage"; OS/2 Presentation Manager
reference).
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final

from reindex.image.blocks import Blocks, flag
from reindex.image.ranged import Window

if TYPE_CHECKING:
    from reindex.image.ranged import Source

_CORE: Final = 12
_V4: Final = 108
_V5: Final = 124
_EMBEDDED_PROFILE: Final = b"DEBM"
_PALETTE_BITS: Final = 8


def read_bmp(file: Source) -> Blocks:
    """Read the header of a BMP file; its dimensions stay 0 if the file ends before them."""
    blocks = Blocks(colour_model="RGB")
    # A bitmap array is a list of bitmaps; the first one is read.
    base = 14 if file.pread(0, 2) == b"BA" else 0
    head = file.pread(base + 14, _V5)
    if len(head) < _CORE:
        return blocks
    (size,) = struct.unpack("<I", head[:4])
    if size == _CORE:
        blocks.width, height, _, bits = struct.unpack("<HHHH", head[4:12])
    elif len(head) >= 16:  # noqa: PLR2004 - up to the bits per pixel
        width, height, _, bits = struct.unpack("<iiHH", head[4:16])
        blocks.width = abs(width)
    else:
        return blocks
    # A negative height means that the first line is the top one.
    blocks.height = abs(height)
    blocks.colour = {"bitsPerPixel": str(bits)}
    if bits <= _PALETTE_BITS:
        blocks.colour["colorType"] = "Indexed Color"
    if size >= _V4 and len(head) >= _V4:
        blocks.colour["hasAlpha"] = flag(any(head[52:56]))
    if size >= _V5 and head[56:60] == _EMBEDDED_PROFILE:
        offset, length = struct.unpack("<II", head[112:120])
        blocks.icc = Window(file, base + 14 + offset, length)
    return blocks
