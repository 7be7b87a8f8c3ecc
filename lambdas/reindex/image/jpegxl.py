"""JPEG XL: the boxes of its container, and the header of its codestream.

Parsed by hand (ISO/IEC 18181-1, the bundles SizeHeader and ImageMetadata; ISO/IEC 18181-2 for
the boxes), because Pillow does not read the format. Only the header of the codestream is read;
the colour profile that follows it is entropy-coded like pixels and is left out. ``brob`` boxes,
in which the reference encoder stores Exif and XMP by default, are decompressed with Brotli.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import brotli

from reindex.image.blocks import Blocks, flag
from reindex.image.boxes import MAX_TOP_BOXES, boxes
from reindex.image.ranged import Joined, Memory, Window

if TYPE_CHECKING:
    from collections.abc import Callable

    from reindex.image.ranged import Source

MAX_HEADER: Final = 4096
"""Number of bytes of the codestream that are read. A header takes about 20; a longer one, with
hundreds of named channels, is read up to this limit."""

MAX_PARTS: Final = 64
"""Number of boxes of a partial codestream that are joined to read its header."""

_START: Final = b"\xff\x0a"
_STEP: Final = 4096

_RATIOS: Final = {1: (1, 1), 2: (12, 10), 3: (4, 3), 4: (3, 2), 5: (16, 9), 6: (5, 4), 7: (2, 1)}
"""Aspect ratios (width, height) by their code (SizeHeader)."""

_ALPHA: Final = 0
_SPOT_COLOUR: Final = 2
_BLACK: Final = 4
_FILTER_ARRAY: Final = 5
"""Types of extra channels (ExtraChannelInfo)."""

_GREY: Final = 1
"""The colour space of greyscale (ColourEncoding)."""


class _Cut(Exception):
    """The header continues after the data that was read."""


class _Bits:
    """Reads numbers of any bit width, least significant bit first."""

    __slots__ = ("_at", "_end", "_value")

    def __init__(self, data: bytes) -> None:
        self._value = int.from_bytes(data, "little")
        self._end = 8 * len(data)
        self._at = 0

    def number(self, size: int) -> int:
        """Return the number of the next ``size`` bits.

        Raises:
            _Cut: Fewer bits are left.
        """
        start = self._at
        self._at += size
        if self._at > self._end:
            raise _Cut
        return self._value >> start & ((1 << size) - 1)

    def choice(self, *forms: tuple[int, int]) -> int:
        """Return a number in one of four forms, each an offset and the width of the addend."""
        offset, size = forms[self.number(2)]
        return offset + self.number(size)

    def enum(self) -> int:
        return self.choice((0, 0), (1, 0), (2, 4), (18, 6))


def read_jpegxl(file: Source) -> Blocks:
    """Find the metadata blocks of a JPEG XL file; its dimensions stay 0 without a header.

    Boxes after the codestream are read if the codestream's box has a length.
    """
    blocks = Blocks()
    if file.pread(0, 2) == _START:
        _codestream(file, blocks)
        return blocks
    codestream: list[Source] = []
    for kind, box in boxes(file, limit=MAX_TOP_BOXES):
        if kind == b"jxlc":
            codestream.append(box)
        elif kind == b"jxlp" and len(codestream) < MAX_PARTS:
            # Each part begins with its four-byte index.
            codestream.append(Window(box, 4, box.size - 4))
        elif kind == b"Exif":
            blocks.add_exif_item(box)
        elif kind == b"xml ":
            blocks.add_xmp(box)
        elif kind == b"brob":
            _compressed(box, blocks)
    _codestream(Joined(codestream), blocks)
    return blocks


def _compressed(box: Source, blocks: Blocks) -> None:
    """Add the content of a compressed box, which begins with the original box type (18181-2)."""
    adders: dict[bytes, tuple[str, Callable[[Source], None]]] = {
        b"Exif": ("exif", blocks.add_exif_item),
        b"xml ": ("xmp", blocks.add_xmp),
    }
    name, add = adders.get(box.pread(0, 4), ("", None))
    if add is None:
        return
    data, complete = _decompressed(blocks.take(box, name, 4), blocks.budget)
    if not complete:
        blocks.trimmed.add(name)
    add(Memory(data))


def _decompressed(data: bytes, limit: int) -> tuple[bytes, bool]:
    """Decompress up to ``limit`` bytes, or up to the first damage in the stream.

    Returns:
        The bytes, and False when the limit cut them.
    """
    decoder = brotli.Decompressor()
    found = bytearray()
    try:
        # Small steps keep the data before the damage.
        for at in range(0, len(data), _STEP):
            step = data[at : at + _STEP]
            while len(found) < limit:
                found += decoder.process(step, output_buffer_limit=limit - len(found))
                step = b""
                if decoder.can_accept_more_data():
                    break
            if len(found) >= limit or decoder.is_finished():
                break
    except brotli.error:
        return bytes(found), True
    return bytes(found[:limit]), decoder.is_finished() or len(found) < limit


def _codestream(data: Source, blocks: Blocks) -> None:
    """Read size, orientation and colour from a codestream's header."""
    head = data.pread(0, MAX_HEADER)
    if head[:2] != _START:
        return
    bits = _Bits(head[2:])
    try:
        blocks.width, blocks.height = _size(bits)
        # A header with default values declares orientation 1, which overrides Exif.
        blocks.orientation = 1
        blocks.colour_model = "RGB"
        blocks.colour = {"hasAlpha": flag(False)}
        _image_metadata(bits, blocks)
    except _Cut:
        return


def _size(bits: _Bits) -> tuple[int, int]:
    """Return width and height (SizeHeader)."""
    eighths = bits.number(1)

    def side() -> int:
        if eighths:
            return (1 + bits.number(5)) * 8
        return bits.choice((1, 9), (1, 13), (1, 18), (1, 30))

    height = side()
    ratio = _RATIOS.get(bits.number(3))
    width = side() if ratio is None else height * ratio[0] // ratio[1]
    return width, height


def _image_metadata(bits: _Bits, blocks: Blocks) -> None:
    """Read orientation, depth, extra channels and colour (ImageMetadata)."""
    if bits.number(1):
        blocks.colour["bitsPerSample"] = "8"
        return
    if bits.number(1):
        blocks.orientation = 1 + bits.number(3)
        # Intrinsic size, preview size, animation rate: not needed.
        for skip in (_size, _preview, _animation):
            if bits.number(1):
                skip(bits)
    blocks.colour["bitsPerSample"] = str(_depth(bits))
    bits.number(1)  # flag: 16-bit buffers suffice for decoding
    for _ in range(bits.choice((0, 0), (1, 0), (2, 4), (1, 12))):
        kind = _extra_channel(bits)
        if kind == _ALPHA:
            blocks.colour["hasAlpha"] = flag(True)
        elif kind == _BLACK:
            blocks.colour_model = "CMYK"
    bits.number(1)  # flag: colours are stored as XYB
    if not bits.number(1):
        bits.number(1)  # flag: a profile is present
        if bits.enum() == _GREY:
            blocks.colour_model = "Greyscale"


def _preview(bits: _Bits) -> None:
    """Skip a preview's size (PreviewHeader)."""
    eighths = bits.number(1)
    forms = (16, 0), (32, 0), (1, 5), (33, 9)
    if not eighths:
        forms = (1, 6), (65, 8), (321, 10), (1345, 12)
    bits.choice(*forms)
    if not bits.number(3):
        bits.choice(*forms)


def _animation(bits: _Bits) -> None:
    """Skip an animation's rate and repetitions (AnimationHeader)."""
    bits.choice((100, 0), (1000, 0), (1, 10), (1, 30))
    bits.choice((1, 0), (1001, 0), (1, 8), (1, 10))
    bits.choice((0, 0), (0, 3), (0, 16), (0, 32))
    bits.number(1)


def _depth(bits: _Bits) -> int:
    """Return the number of bits per sample (BitDepth)."""
    if not bits.number(1):
        return bits.choice((8, 0), (10, 0), (12, 0), (1, 6))
    depth = bits.choice((32, 0), (16, 0), (24, 0), (1, 6))
    bits.number(4)  # bits of the exponent
    return depth


def _extra_channel(bits: _Bits) -> int:
    """Return an extra channel's type (ExtraChannelInfo)."""
    if bits.number(1):
        return _ALPHA
    kind = bits.enum()
    _depth(bits)
    bits.choice((0, 0), (3, 0), (4, 0), (1, 3))  # its downsampling factor
    bits.number(8 * bits.choice((0, 0), (0, 4), (16, 5), (48, 10)))  # its name
    if kind == _ALPHA:
        bits.number(1)  # flag: premultiplied alpha
    elif kind == _SPOT_COLOUR:
        bits.number(64)
    elif kind == _FILTER_ARRAY:
        bits.choice((1, 0), (0, 2), (3, 4), (19, 8))
    return kind
