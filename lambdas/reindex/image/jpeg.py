"""JPEG: the segments before the first scan.

Parsed by hand (ITU-T T.81, annex B; JFIF and Adobe's segments as in ITU-T T.872; Exif's as
in CIPA DC-008, 4.7; XMP's as in the XMP specification part 3, 1.1.3; ICC's as in
ICC.1:2022, annex B.4), because Pillow skips split and damaged segments, and does not
join several Photoshop segments or extended XMP.
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from reindex.domain.failures import TruncatedImage
from reindex.image.blocks import MAX_BLOCKS, Blocks, flag
from reindex.image.photoshop import read_resources
from reindex.image.ranged import Joined, Window

if TYPE_CHECKING:
    from reindex.image.ranged import Source

MAX_SEGMENTS: Final = 512
"""Segments walked at most: a colour profile of 16 MB needs 256."""

MAX_GAP: Final = 64 * 1024
"""Number of bytes of one file that are searched for markers after an invalid segment length."""

MAX_SCAN: Final = 16 * 1024 * 1024
"""Number of bytes of the first scan that are searched for a height that the frame header omits."""

_SCAN_STEP: Final = 128 * 1024

_ESCAPE: Final = 0xFF
"""The first byte of every marker; it may be repeated before a marker (T.81, B.1.1.2)."""

_EOI, _SOS, _DNL, _APP1, _APP2, _APP13, _APP14 = 0xD9, 0xDA, 0xDC, 0xE1, 0xE2, 0xED, 0xEE
_FRAMES: Final = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_BARE: Final = frozenset({0x01, *range(0xD0, 0xD9)})
_MEANINGLESS: Final = frozenset({0x00, *range(0x02, 0xC0), _ESCAPE})

_MARKER = re.compile(rb"\xff[\xc0-\xcf\xd9-\xfe]")
"""Frames, tables, scans, the end, and segments that software defines."""

_MARKER_IN_SCAN = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")
"""The marker that ends entropy-coded data: not a stuffed byte or restart (B.1.1.5, E.1.4)."""

_EXIF = b"Exif\0"
_XMP = b"ns.adobe.com/xap/1.0/\0"
_EXTENDED_XMP = b"http://ns.adobe.com/xmp/extension/\0"
_ICC = b"ICC_PROFILE\0"
_PHOTOSHOP = (b"Photoshop 3.0\0", b"Adobe_Photoshop2.5:")
_ADOBE = b"Adobe"

_TIFF_ORDERS = (b"II", b"MM")


@dataclass(slots=True)
class _Collected:
    """Parts of blocks that are split over several segments."""

    exif: list[list[Source]] = field(default_factory=list)
    photoshop: list[Source] = field(default_factory=list)
    icc: list[tuple[int, Source]] = field(default_factory=list)
    extended: dict[bytes, list[tuple[int, bytes]]] = field(default_factory=dict)
    adobe_transform: int | None = None


def read_jpeg(file: Source) -> Blocks:
    """Find the metadata blocks of a JPEG file; its dimensions stay 0 if it has no frame header.

    Raises:
        TruncatedImage: The frame header defers the height to a marker that is missing.
    """
    blocks = Blocks()
    collected = _Collected()
    offset = 2
    gap = MAX_GAP
    for _ in range(MAX_SEGMENTS):
        head = file.pread(offset, 4)
        if len(head) < 4:  # noqa: PLR2004 - marker and length
            break
        if head[0] != _ESCAPE or head[1] in _MEANINGLESS:
            skipped = _next_marker(file.pread(offset, gap))
            if skipped < 0:
                break
            offset += skipped
            gap -= skipped
            continue
        marker = head[1]
        if marker in _BARE:
            offset += 2
            continue
        if marker in (_SOS, _EOI):
            _complete_height(file, offset, blocks)
            break
        (length,) = struct.unpack(">H", head[2:])
        if marker in _FRAMES:
            if not blocks.width:
                _frame(file.pread(offset + 4, 6), blocks)
        elif marker >= _APP1:
            _segment(marker, Window(file, offset + 4, max(0, length - 2)), blocks, collected)
        offset += 2 + max(2, length)
    _assemble(blocks, collected)
    return blocks


def _next_marker(data: bytes) -> int:
    """Return the offset in ``data`` of the next marker that is not a fill byte, or -1."""
    found = _MARKER.search(data)
    return found.start() if found else -1


def _frame(data: bytes, blocks: Blocks) -> None:
    """Read precision, lines, samples per line and components (T.81, B.2.2)."""
    if len(data) < 6:  # noqa: PLR2004 - those four
        return
    bits, blocks.height, blocks.width, components = struct.unpack(">BHHB", data)
    blocks.colour_model = {1: "Greyscale", 3: "RGB", 4: "CMYK"}.get(components)
    blocks.colour = {
        "bitsPerSample": str(bits),
        "components": str(components),
        "hasAlpha": flag(False),
    }


def _complete_height(file: Source, offset: int, blocks: Blocks) -> None:
    """Find the number of lines if the frame header omits it (B.2.2).

    Args:
        file: The file.
        offset: Offset of the first scan's marker, or of the end marker.
        blocks: The values of the frame header; the height is updated.
    """
    if blocks.width and not blocks.height and file.pread(offset + 1, 1)[0] == _SOS:
        blocks.height = _height_after_scan(file, offset)


def _height_after_scan(file: Source, offset: int) -> int:
    """Return the number of lines defined by the segment after the first scan (B.2.5).

    Args:
        file: The file.
        offset: Offset of the scan's marker.

    Raises:
        TruncatedImage: There is no such segment within :data:`MAX_SCAN`.
    """
    offset += 2 + int.from_bytes(file.pread(offset + 2, 2), "big")
    end = offset + MAX_SCAN
    while offset < end and (data := file.pread(offset, _SCAN_STEP)):
        found = _MARKER_IN_SCAN.search(data)
        if found:
            segment = file.pread(offset + found.start(), 6)
            if segment[1] == _DNL and len(segment) == 6:  # noqa: PLR2004 - marker, length, lines
                return int.from_bytes(segment[4:], "big")
            break
        # The last byte is read again, because a marker may begin with it.
        offset += max(1, len(data) - 1)
    raise TruncatedImage(
        "The frame header leaves the height to a later marker (DNL), which was not found.",
        f"searched up to byte {offset:,}",
    )


def _segment(marker: int, data: Source, blocks: Blocks, collected: _Collected) -> None:
    """Add one application segment to the blocks, or to the parts to be joined."""
    if marker == _APP1:
        _app1(data, blocks, collected)
    elif marker == _APP2:
        head = data.pread(0, 14)
        if head.startswith(_ICC) and len(head) == 14:  # noqa: PLR2004 - sequence and count
            collected.icc.append((head[12], _rest_of(data, 14)))
    elif marker == _APP13:
        head = data.pread(0, 19)
        for prefix in _PHOTOSHOP:
            if head.startswith(prefix):
                collected.photoshop.append(_rest_of(data, len(prefix)))
    elif marker == _APP14:
        head = data.pread(0, 12)
        if head.startswith(_ADOBE) and len(head) == 12:  # noqa: PLR2004 - T.872, 6.5.3
            collected.adobe_transform = head[11]


def _app1(data: Source, blocks: Blocks, collected: _Collected) -> None:
    head = data.pread(0, 40)
    if head.startswith(_EXIF):
        rest = _rest_of(data, 6)
        if collected.exif and head[6:8] not in _TIFF_ORDERS:
            collected.exif[-1].append(rest)  # the continuation of a block longer than a segment
        else:
            collected.exif.append([rest])
    elif _XMP in head:
        # Some agencies' software overwrites the beginning of the identifier.
        if len(blocks.xmp) < MAX_BLOCKS:
            blocks.xmp.append(blocks.take(data, "xmp", head.index(_XMP) + len(_XMP)))
    elif head.startswith(_EXTENDED_XMP):
        key = data.pread(35, 40)
        if len(key) == 40:  # noqa: PLR2004 - digest, full length, this part's offset
            (at,) = struct.unpack(">I", key[36:])
            # Read now: reading it later would cost another request.
            part = blocks.take(data, "xmp", 75)
            collected.extended.setdefault(key[:32], []).append((at, part))


def _rest_of(data: Source, offset: int) -> Source:
    return Window(data, offset, data.size - offset)


def _assemble(blocks: Blocks, collected: _Collected) -> None:
    """Join the parts of blocks that are split over segments."""
    for parts in collected.exif:
        blocks.add_exif(parts[0] if len(parts) == 1 else Joined(parts))
    if collected.icc:
        blocks.icc = Joined([part for _, part in sorted(collected.icc, key=lambda item: item[0])])
    if collected.photoshop:
        read_resources(Joined(collected.photoshop), blocks, only_iptc=True)
    for digest, pieces in collected.extended.items():
        # Only extended XMP whose digest the main packet contains belongs to this image.
        if any(digest.upper() in packet.upper() for packet in blocks.xmp[:1]):
            ordered = sorted(pieces, key=lambda item: item[0])
            blocks.xmp.append(b"".join(piece for _, piece in ordered))
    if collected.adobe_transform is not None:
        blocks.colour["adobeTransform"] = str(collected.adobe_transform)
