"""The result of reading one file format: raw metadata blocks, not yet interpreted."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from reindex.image.ranged import Window

if TYPE_CHECKING:
    from reindex.image.ranged import Source

BUDGET = 4 * 1024 * 1024
"""Limit on the bytes of XMP packets, IPTC records and textual chunks read from one file, after
inflating. Some photo editors write lists of a picture's ancestors that reach megabytes."""

MAX_BLOCKS = 4
"""Number of blocks of one kind that are kept, in order of precedence."""


@dataclass(slots=True)
class Blocks:
    """The metadata blocks of one file.

    Attributes:
        width: In pixels, as stored; 0 until it is known.
        height: In pixels, as stored; 0 until it is known.
        exif: TIFF structures that hold Exif, in order of precedence.
        iptc: IPTC-IIM records.
        xmp: XMP packets, in order of precedence.
        icc: The ICC profile.
        text: PNG's textual data by keyword.
        colour_model: See :class:`reindex.image.truth.FileMetadata`.
        colour: Details of the colour model.
        orientation: The orientation that the container declares (HEIF's transformations,
            JPEG XL's header), as the equivalent Exif value.
        mime_type: The MIME type, where the file's signature is ambiguous (raw files that are
            TIFF files).
        trimmed: Names of the maps whose blocks were too large to read in full.
        budget: Bytes that may still be read, see :data:`BUDGET`.
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
        """Read ``source`` from ``offset`` within the budget; if cut, record ``kind`` as trimmed."""
        wanted = max(0, source.size - offset)
        if wanted > self.budget:
            self.trimmed.add(kind)
        data = source.pread(offset, min(wanted, self.budget))
        self.budget -= len(data)
        return data

    def add_exif(self, source: Source) -> None:
        """Add a TIFF structure, without the prefix of a JPEG segment if it has one."""
        if len(self.exif) < MAX_BLOCKS:
            skipped = 6 if source.pread(0, 6) == b"Exif\0\0" else 0
            self.exif.append(Window(source, skipped, source.size - skipped))

    def add_exif_item(self, item: Source) -> None:
        """Add a TIFF structure that follows an offset field, as HEIF and JPEG XL store it.

        The first four bytes hold the number of bytes to skip (ISO/IEC 23008-12, A.2.1, and
        ISO/IEC 18181-2). Some encoders omit this field.
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
    """Return the truth value of ``value`` as a document writes it: ``true`` or ``false``."""
    return "true" if value else "false"
