"""Photoshop documents (PSD and PSB): the header and the image resources.

Parsed by hand (Adobe Photoshop File Formats Specification, "File Header Section" to "Image
Resources Section"), because Pillow reads the headers of all layers first.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final

from reindex.image.blocks import Blocks, flag
from reindex.image.photoshop import read_resources
from reindex.image.ranged import Window

if TYPE_CHECKING:
    from reindex.image.ranged import Source

_HEADER: Final = 26
_MODES: Final = {
    0: "Bitmap",
    1: "Greyscale",
    2: "Indexed",
    3: "RGB",
    4: "CMYK",
    7: "Multichannel",
    8: "Duotone",
    9: "LAB",
}
_COLOURS: Final = {0: 1, 1: 1, 2: 3, 3: 3, 4: 4, 8: 1, 9: 3}
"""Number of colour channels of each mode; a further channel is alpha."""


def read_psd(file: Source) -> Blocks:
    """Find the metadata blocks of a PSD file; its dimensions stay 0 if it ends before them."""
    blocks = Blocks()
    head = file.pread(0, _HEADER + 4)
    if len(head) < _HEADER:
        return blocks
    channels, blocks.height, blocks.width, bits, mode = struct.unpack(">HIIHH", head[12:_HEADER])
    blocks.colour_model = _MODES.get(mode)
    blocks.colour = {"bitsPerSample": str(bits), "components": str(channels)}
    if mode in _COLOURS:
        blocks.colour["hasAlpha"] = flag(channels > _COLOURS[mode])
    if len(head) == _HEADER + 4:
        offset = _HEADER + 4 + struct.unpack(">I", head[_HEADER:])[0]
        length = file.pread(offset, 4)
        size = int.from_bytes(length, "big")
        read_resources(Window(file, offset + 4, size), blocks)
    return blocks
