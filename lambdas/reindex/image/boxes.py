"""Boxes: the building blocks of HEIF, AVIF, JPEG 2000 and JPEG XL containers."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final

from reindex.image.ranged import Window

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reindex.image.ranged import Source

MAX_BOXES: Final = 4096
"""Largest number of boxes walked in one container; a tiled picture has one item, and so one box,
per tile."""

MAX_TOP_BOXES: Final = 256
"""Largest number of top-level boxes walked in a file whose boxes hold image data: skipping each may
cost a request."""


def boxes(
    source: Source, offset: int = 0, *, limit: int = MAX_BOXES
) -> Iterator[tuple[bytes, Window]]:
    """Yield the type and content of each box in ``source`` (ISO/IEC 14496-12, 4.2).

    Stops at the end of ``source``, at a box with an invalid length, or after ``limit`` boxes.
    JPEG 2000 (ISO/IEC 15444-1, I.4) and JPEG XL (ISO/IEC 18181-2) use the same layout.
    """
    for _ in range(limit):
        head = source.pread(offset, 16)
        if len(head) < 8:  # noqa: PLR2004 - size and kind
            return
        size, kind = struct.unpack(">I4s", head[:8])
        skipped = 8
        if size == 1 and len(head) == 16:  # noqa: PLR2004 - with a long size
            (size,) = struct.unpack(">Q", head[8:])
            skipped = 16
        elif size == 0:
            size = source.size - offset
        if size < skipped:
            return
        yield kind, Window(source, offset + skipped, size - skipped)
        offset += size
