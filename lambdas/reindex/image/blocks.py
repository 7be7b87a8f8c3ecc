"""What a reader of one format hands over: where the metadata is, not yet what it means."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from reindex.image.ranged import Window

if TYPE_CHECKING:
    from reindex.image.ranged import Source

BUDGET = 4 * 1024 * 1024
"""Bytes of XMP packets, IPTC records and textual chunks taken from one file, after inflating:
photo editors have written lists of a picture's ancestors that run to megabytes."""

MAX_BLOCKS = 4
"""Blocks of one kind that are kept, the ones to believe first."""


@dataclass(slots=True)
class Blocks:
    """The metadata blocks of one file.

    Attributes:
        width: In pixels, as stored; 0 until it is known.
        height: In pixels, as stored; 0 until it is known.
        exif: TIFF structures that hold Exif, the one to believe first.
        iptc: IPTC-IIM records.
        xmp: XMP packets, the one to believe first.
        icc: The ICC profile.
        text: PNG's textual data by keyword.
        colour_model: See :class:`reindex.image.truth.FileMetadata`.
        colour: Details of the colour model.
        orientation: What the container itself says (HEIF's transformations, JPEG XL's
            header), as the Exif value of the same meaning.
        mime_type: The type where the first bytes say too little (raw files that are TIFF).
        trimmed: Names of the maps whose blocks were too large to be read.
        budget: Bytes that may still be taken, see :data:`BUDGET`.
    """

    width: int = 0
    height: int = 0
    exif: list[Source] = field(default_factory=list)
    iptc: list[bytes] = field(default_factory=list)
    xmp: list[bytes] = field(default_factory=list)
    icc: Source | None = None
    text: dict[str, str] = field(default_factory=dict)
    colour_model: str | None = None
    colour: dict[str, str] = field(default_factory=dict)
    orientation: int | None = None
    mime_type: str | None = None
    trimmed: set[str] = field(default_factory=set)
    budget: int = BUDGET

    def take(self, source: Source, kind: str, offset: int = 0) -> bytes:
        """Read ``source`` from ``offset`` as far as the budget goes; note a cut as of ``kind``."""
        wanted = max(0, source.size - offset)
        if wanted > self.budget:
            self.trimmed.add(kind)
        data = source.pread(offset, min(wanted, self.budget))
        self.budget -= len(data)
        return data

    def add_exif(self, source: Source) -> None:
        """Add a TIFF structure; one that begins with the JPEG segment's prefix loses that."""
        if len(self.exif) < MAX_BLOCKS:
            skipped = 6 if source.pread(0, 6) == b"Exif\0\0" else 0
            self.exif.append(Window(source, skipped, source.size - skipped))

    def add_exif_item(self, item: Source) -> None:
        """Add a TIFF structure behind its header's offset, as HEIF and JPEG XL store it.

        ISO/IEC 23008-12, A.2.1, and ISO/IEC 18181-2: four bytes say how many more to skip.
        Some encoders leave them out.
        """
        skipped = 0
        if item.pread(0, 4) not in (b"II*\0", b"MM\0*"):
            skipped = 4 + int.from_bytes(item.pread(0, 4), "big")
        if item.pread(skipped, 2) in (b"II", b"MM") or item.pread(skipped, 5) == b"Exif\0":
            self.add_exif(Window(item, skipped, item.size - skipped))

    def add_iptc(self, source: Source) -> None:
        """Add an IPTC-IIM record."""
        if len(self.iptc) < MAX_BLOCKS and (data := self.take(source, "iptc")):
            self.iptc.append(data)

    def add_xmp(self, source: Source) -> None:
        """Add an XMP packet."""
        if len(self.xmp) < MAX_BLOCKS and (data := self.take(source, "xmp")):
            self.xmp.append(data)


def flag(value: object) -> str:
    """Return a truth as a document writes it: ``true`` or ``false``."""
    return "true" if value else "false"
