"""JPEG 2000: the boxes of a JP2 or JPX file, and the header of a codestream.

Parsed by hand (ISO/IEC 15444-1, A.5.1 and annex I; ISO/IEC 15444-2, annex M, for JPX),
because Pillow does not read the ``uuid`` boxes, which hold the metadata, and must load the
pixels. The ``uuid`` of XMP is defined in the XMP specification part 3, 1.2.1; those of Exif, IPTC
and image resources are the ones written by Photoshop's plug-in and by later tools.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final

from reindex.image.blocks import Blocks, flag
from reindex.image.boxes import MAX_TOP_BOXES, boxes
from reindex.image.photoshop import read_resources
from reindex.image.ranged import Memory, Window

if TYPE_CHECKING:
    from reindex.image.ranged import Source

MAX_HEADER: Final = 4 * 1024 * 1024
"""Number of bytes of the ``jp2h`` box that are read; it may hold a colour profile and a palette."""

_START: Final = b"\xff\x4f\xff\x51"
_DEPTHS_VARY: Final = 0xFF

_XMP: Final = bytes.fromhex("be7acfcb97a942e89c71999491e3afac")
_EXIF: Final = (b"JpgTiffExif->JP2", bytes.fromhex("0537cdab9d0c4431a72afa561f2a113e"))
_IPTC: Final = (
    bytes.fromhex("33c7a4d2b81d4723a0baf1a3e097ad38"),
    bytes.fromhex("09a14e97c0b442e0bebf36df6f0ce36f"),
)
_RESOURCES: Final = bytes.fromhex("2c4c0100850440b9a03e562148d6dfeb")

_ENUMERATED: Final = {
    0: "Greyscale",
    1: "RGB",
    3: "RGB",
    4: "RGB",
    9: "RGB",
    12: "CMYK",
    13: "CMYK",
    14: "LAB",
    15: "Greyscale",
    16: "RGB",
    17: "Greyscale",
    18: "RGB",
    20: "RGB",
    21: "RGB",
    24: "RGB",
}
"""Colour models by EnumCS (15444-1, I.5.3.3; 15444-2, annex M). Luminance and chrominance count as
RGB, as in every other format here."""

_PROFILES: Final = {b"GRAY": "Greyscale", b"RGB ": "RGB", b"CMYK": "CMYK", b"Lab ": "LAB"}
"""Colour models by an ICC profile's colour space (ICC.1:2022, 7.2.6)."""

_BY_COMPONENTS: Final = {1: "Greyscale", 2: "Greyscale", 3: "RGB"}


def read_jpeg2000(file: Source) -> Blocks:
    """Find the metadata blocks of a JPEG 2000 file; its dimensions stay 0 without a header.

    Boxes after the codestream are read if the codestream's box has a length.
    """
    blocks = Blocks()
    if file.pread(0, 4) == _START:
        _codestream(file, blocks)
        return blocks
    for kind, box in boxes(file, limit=MAX_TOP_BOXES):
        if kind == b"jp2h" and not blocks.width:
            _header(Memory(box.pread(0, min(box.size, MAX_HEADER))), blocks)
        elif kind == b"jp2c" and not blocks.width:
            _codestream(box, blocks)
        elif kind == b"uuid":
            _uuid(box, blocks)
    return blocks


def _codestream(data: Source, blocks: Blocks) -> None:
    """Read size and components from a codestream's first marker segment (SIZ, A.5.1)."""
    head = data.pread(0, 43)
    if len(head) < 43 or head[:4] != _START:  # noqa: PLR2004 - up to the first component
        return
    right, bottom, left, top = struct.unpack(">4I", head[8:24])
    components = int.from_bytes(head[40:42], "big")
    blocks.width, blocks.height = max(0, right - left), max(0, bottom - top)
    blocks.colour_model = _BY_COMPONENTS.get(components)
    blocks.colour = {
        "bitsPerSample": str((head[42] & 0x7F) + 1),
        "components": str(components),
        "hasAlpha": flag(False),
    }


def _header(jp2h: Source, blocks: Blocks) -> None:
    """Read the boxes that describe the image (I.5.3)."""
    components = 0
    for kind, box in boxes(jp2h):
        data = box.pread(0, box.size)
        if kind == b"ihdr" and len(data) >= 14 and not blocks.width:  # noqa: PLR2004 - I.5.3.1
            blocks.height, blocks.width, components, depth = struct.unpack(">IIHB", data[:11])
            blocks.colour = {"components": str(components), "hasAlpha": flag(False)}
            if depth != _DEPTHS_VARY:
                blocks.colour["bitsPerSample"] = str((depth & 0x7F) + 1)
        elif kind == b"bpcc" and data:
            depths = [str((depth & 0x7F) + 1) for depth in data[:8]]
            blocks.colour["bitsPerSample"] = " ".join(depths)
        elif kind == b"colr":
            _colour(data, blocks)
        elif kind == b"pclr" and len(data) >= 3:  # noqa: PLR2004 - I.5.3.4
            blocks.colour["paletteSize"] = str(int.from_bytes(data[:2], "big"))
            blocks.colour["colorType"] = "Indexed Color"
            components = data[2]
        elif kind == b"cdef":
            _channels(data, blocks)
    if blocks.width and blocks.colour_model is None:
        blocks.colour_model = _BY_COMPONENTS.get(components)


def _colour(data: bytes, blocks: Blocks) -> None:
    """Read one colour specification: an enumerated space or an ICC profile (I.5.3.3)."""
    if data[:1] == b"\x01" and len(data) >= 7:  # noqa: PLR2004 - with a space's number
        model = _ENUMERATED.get(int.from_bytes(data[3:7], "big"))
        blocks.colour_model = blocks.colour_model or model
    elif data[:1] in (b"\x02", b"\x03") and blocks.icc is None:
        blocks.icc = Memory(data[3:])
        blocks.colour_model = blocks.colour_model or _PROFILES.get(data[19:23])


def _channels(data: bytes, blocks: Blocks) -> None:
    """Read the channel definitions; types 1 and 2 are opacity (I.5.3.6)."""
    whole = data[2 : 2 + (len(data) - 2) // 6 * 6]
    if any(kind in (1, 2) for _, kind, _ in struct.iter_unpack(">HHH", whole)):
        blocks.colour["hasAlpha"] = flag(True)


def _uuid(box: Source, blocks: Blocks) -> None:
    """Add the metadata of a vendor-defined box (I.7.2)."""
    key, data = box.pread(0, 16), Window(box, 16, box.size - 16)
    if key == _XMP:
        blocks.add_xmp(data)
    elif key in _EXIF:
        blocks.add_exif(data)
    elif key in _IPTC:
        blocks.add_iptc(data)
    elif key == _RESOURCES:
        read_resources(data, blocks, only_iptc=True)
