"""Extracts the metadata of an image file: the entry point for reading files."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from reindex.domain.failures import NotAnImage, TooManyPixels, TruncatedImage, UnsupportedFormat
from reindex.image import sniff
from reindex.image.bmp import read_bmp
from reindex.image.exif import Exif, read_exif
from reindex.image.gif import read_gif
from reindex.image.icc import read_icc
from reindex.image.iptc import Reading, read_iptc
from reindex.image.isobmff import read_isobmff
from reindex.image.jpeg import read_jpeg
from reindex.image.jpeg2000 import read_jpeg2000
from reindex.image.jpegxl import read_jpegxl
from reindex.image.limits import bounded
from reindex.image.metadata_extractor.reading import read_maps
from reindex.image.png import read_png
from reindex.image.psd import read_psd
from reindex.image.riff import read_webp
from reindex.image.tiff import open_tiff
from reindex.image.tiff_file import add_embedded, read_tiff
from reindex.image.truth import Dimensions, FileMetadata
from reindex.image.xmp import flatten, read_xmp
from reindex.tag_names import TagNames

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from reindex.image.blocks import Blocks
    from reindex.image.ranged import Source

MAX_SIDE: Final = 300_000
"""Largest number of pixels on the longer side: the limit of Photoshop's large documents, the
largest of any format that editors write."""

MAX_PIXELS: Final = 1_000_000_000
"""Largest number of pixels. The largest single exposures have 0.4 gigapixels; more than one
gigapixel would take 4 GB to decode."""

_ORIENTATION: Final = re.compile(r"0*([1-8])(?:\.0+)?")
"""Some programs write integers in XMP with zeros before or after them."""

_GETTY: Final = "GettyImagesGIFT:"

_READERS: Final[dict[sniff.Family, Callable[[Source], Blocks]]] = {
    "bmp": read_bmp,
    "gif": read_gif,
    "isobmff": read_isobmff,
    "jpeg": read_jpeg,
    "jpeg2000": read_jpeg2000,
    "jpegxl": read_jpegxl,
    "png": read_png,
    "psd": read_psd,
    "riff": read_webp,
    "tiff": read_tiff,
}


def extract(file: Source, tag_names: TagNames = TagNames.STANDARD) -> FileMetadata:
    """Read the metadata of an image file without decoding pixels.

    If the dimensions can be read but other metadata is damaged, the readable part is returned.
    Every value is a non-empty text or list of texts within the bounds of
    :mod:`reindex.image.limits`; maps that were cut are named in ``trimmed``.

    Args:
        file: The file; only the parts that are needed are read.
        tag_names: The naming scheme of tags in the document; with any other than the standards',
            ``renamed`` holds the maps to show.

    Raises:
        NotAnImage: The bytes are not of any known image format.
        UnsupportedFormat: The image format is known but not supported.
        TruncatedImage: The file ends or is damaged before its dimensions.
        TooManyPixels: The dimensions are beyond :data:`MAX_SIDE` or :data:`MAX_PIXELS`.
        SourceUnavailable: The object changed while it was read.
    """
    mime_type, blocks = _find(file)
    dimensions = _dimensions(blocks)
    exif = _exif(blocks)
    iptc, notes = _iptc(blocks)
    properties, cut_short = read_xmp(blocks.xmp)
    xmp = flatten(properties)
    getty = {name.removeprefix(_GETTY): xmp[name] for name in xmp if name.startswith(_GETTY)}
    trimmed = blocks.trimmed | ({"xmp"} if cut_short else set())

    def within(name: str, values: Mapping[str, str | list[str]]) -> dict[str, str | list[str]]:
        kept, cut = bounded(values)
        if cut:
            trimmed.add(name)
        return kept

    found = FileMetadata(
        mime_type=mime_type,
        dimensions=dimensions,
        orientation=blocks.orientation or exif.orientation or _xmp_orientation(xmp),
        exif=within("exif", {**exif.exif}),
        exif_sub=within("exif_sub", {**exif.exif_sub}),
        iptc=within("iptc", iptc),
        xmp=within("xmp", xmp),
        icc=within("icc", {**read_icc(blocks.icc)} if blocks.icc else {}),
        getty=within("getty", getty),
        png=within("png", {**blocks.text}),
        colour_model=blocks.colour_model,
        colour_model_information=blocks.colour,
        reading=notes,
    )
    renamed = None
    if tag_names is TagNames.METADATA_EXTRACTOR:
        maps = read_maps(blocks, getty)
        renamed = {name: within(name, {**values}) for name, values in maps.items()}
    return replace(found, trimmed=tuple(sorted(trimmed)), renamed=renamed)


def find_blocks(file: Source) -> Blocks:
    """Find the metadata blocks of an image file without parsing them.

    Raises:
        The failures of :func:`extract`.
    """
    return _find(file)[1]


def _find(file: Source) -> tuple[str, Blocks]:
    family, mime_type = _format(file)
    blocks = _READERS[family](file)
    return blocks.mime_type or mime_type, blocks


def _format(file: Source) -> tuple[sniff.Family, str]:
    head = file.pread(0, sniff.HEAD)
    found = sniff.sniff(head)
    if found is not None:
        return found
    if not head:
        raise NotAnImage("The file is empty.")
    other = sniff.other_image(head)
    if other is not None:
        raise UnsupportedFormat(f"The file is a {other} file, which is not read.")
    raise NotAnImage("The file is of no image format.", f"begins with {head[:16].hex(' ')}")


def _dimensions(blocks: Blocks) -> Dimensions:
    width, height = blocks.width, blocks.height
    if width <= 0 or height <= 0:
        raise TruncatedImage(
            "The file ends or breaks before its dimensions.", f"width {width}, height {height}"
        )
    if max(width, height) > MAX_SIDE or width * height > MAX_PIXELS:
        raise TooManyPixels(
            "The image declares more pixels than are accepted.", f"{width} x {height}"
        )
    return Dimensions(width, height)


def _exif(blocks: Blocks) -> Exif:
    """Read the Exif blocks; if several have a value, the first block wins."""
    merged = Exif()
    for source in blocks.exif:
        tiff = open_tiff(source)
        if tiff is not None:
            ifd0 = tiff.directory(tiff.first)
            add_embedded(tiff, ifd0, blocks)
            found = read_exif(tiff, ifd0)
            merged.exif = found.exif | merged.exif
            merged.exif_sub = found.exif_sub | merged.exif_sub
            merged.orientation = merged.orientation or found.orientation
    return merged


def _xmp_orientation(xmp: Mapping[str, str | list[str]]) -> int | None:
    """Return the orientation of XMP, the last source to be consulted."""
    value = xmp.get("tiff:Orientation")
    found = _ORIENTATION.fullmatch(value) if isinstance(value, str) else None
    return int(found[1]) if found else None


def _iptc(blocks: Blocks) -> tuple[dict[str, str | list[str]], dict[str, str]]:
    """Read the IPTC records; if several have a dataset, the first record wins.

    Returns:
        The values, and notes on how they were read.
    """
    merged: dict[str, str | list[str]] = {}
    reading = Reading()
    for record in blocks.iptc:
        merged = read_iptc(record, reading) | merged
    notes: dict[str, str] = {}
    if reading.charset is not None:
        notes["iptcCharset"] = reading.charset
    if reading.passed_over:
        notes["iptcBytesPassedOver"] = str(reading.passed_over)
    return merged, notes
