"""Photoshop's image resources, which are embedded in JPEG, TIFF and PSD files.

Parsed by hand (Adobe Photoshop File Formats Specification, "Image Resource Blocks"), because
Pillow reads some of them only, and must load the whole file.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final

from reindex.image.ranged import Window

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reindex.image.blocks import Blocks
    from reindex.image.ranged import Source

MAX_RESOURCES: Final = 1024

IPTC: Final = 0x0404
ICC: Final = 0x040F
EXIF: Final = 0x0422
XMP: Final = 0x0424

_SIGNATURES: Final = (b"8BIM", b"PHUT", b"DCSR", b"AgHg", b"MeSa")


def resources(source: Source) -> Iterator[tuple[int, Window]]:
    """Yield each resource's number and data, up to the first structural damage."""
    offset = 0
    for _ in range(MAX_RESOURCES):
        head = source.pread(offset, 7)
        if len(head) < 7 or head[:4] not in _SIGNATURES:  # noqa: PLR2004 - see above
            return
        # The name is a Pascal string, padded to an even size (length byte included).
        after_name = offset + 6 + (head[6] + 2) // 2 * 2
        length = source.pread(after_name, 4)
        if len(length) < 4:  # noqa: PLR2004 - the length's length
            return
        (size,) = struct.unpack(">I", length)
        yield struct.unpack(">H", head[4:6])[0], Window(source, after_name + 4, size)
        offset = after_name + 4 + size
        # Data of odd length should be padded, but some writers omit the padding.
        if size % 2 and source.pread(offset, 4) not in _SIGNATURES:
            offset += 1


def read_resources(source: Source, blocks: Blocks, *, only_iptc: bool = False) -> None:
    """Add the metadata of the resources to ``blocks``.

    Args:
        source: The resources, without the signature "Photoshop 3.0".
        blocks: The blocks to add to.
        only_iptc: Read IPTC only, because the file format stores the rest elsewhere.
    """
    for number, data in resources(source):
        if number == IPTC:
            blocks.add_iptc(data)
        elif only_iptc:
            continue
        elif number == EXIF:
            blocks.add_exif(data)
        elif number == XMP:
            blocks.add_xmp(data)
        elif number == ICC and blocks.icc is None:
            blocks.icc = data
