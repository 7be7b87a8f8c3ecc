"""Camera raw files that are TIFF files: detects the format and the size of the picture.

The first directory of such a file mostly describes a small preview; the sensor's picture is in
another. The rules come from the DNG specification (Adobe, 1.7), from TIFF/EP (ISO 12234-2), and
from the documentation of ExifTool and LibRaw. Pixels are not read.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from reindex.domain.failures import UnsupportedFormat
from reindex.image import exif
from reindex.image.text import decode

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reindex.image.ranged import Source
    from reindex.image.tiff import Directory, Tiff

_MAKE: Final = 0x010F
_MODEL: Final = 0x0110
_PHOTOMETRIC: Final = 0x0106
_DNG_VERSION: Final = 0xC612
_X_PIXELS, _Y_PIXELS = 0xA002, 0xA003

_SENSOR_DATA: Final = frozenset({32803, 34892})
"""PhotometricInterpretation of sensor data: a colour filter array, or linear raw data."""

_CR2_MAGIC: Final = b"CR"
"""The bytes after the TIFF header of a CR2 file: signature and format version."""

_PHASE_ONE_MAGIC: Final = frozenset({b"IIII", b"MMMM", b"RawT"})
"""The bytes after the TIFF header of a Phase One file; its directories look like ordinary TIFF."""

_LONGEST: Final = 40
"""Number of characters of a maker's name that a message shows."""

_DNG: Final = "image/x-adobe-dng"
_CR2: Final = "image/x-canon-cr2"

_BY_MAKER: Final = (
    ("NIKON", "image/x-nikon-nef"),
    ("SONY", "image/x-sony-arw"),
    ("PENTAX", "image/x-pentax-pef"),
    ("RICOH IMAGING", "image/x-pentax-pef"),
    ("SAMSUNG", "image/x-samsung-srw"),
    ("SEIKO EPSON", "image/x-epson-erf"),
)
"""Makers with one TIFF-based raw format, by the beginning of their names. No MIME type is
registered, so these are from shared-mime-info and ExifTool."""

_AMBIGUOUS: Final = (("SONY", "DSC-R1"), ("SONY", "DSC-F828"), ("SONY", "DSC-V3"))
"""Maker and model of cameras whose raw files look the same but have other formats (SR2, SRF)."""


def is_cr2(file: Source) -> bool:
    """Return True if a TIFF file is a Canon CR2 file."""
    return file.pread(8, 2) == _CR2_MAGIC


def names_camera(ifd0: Directory) -> bool:
    """Return True if the metadata names a camera or a raw converter."""
    return _MAKE in ifd0.entries or _DNG_VERSION in ifd0.entries


def holds_sensor_data(tiff: Tiff, directory: Directory) -> bool:
    """Return True if a directory describes sensor data, not a rendered picture."""
    return tiff.integer(directory.entries.get(_PHOTOMETRIC)) in _SENSOR_DATA


def raw_type(tiff: Tiff, ifd0: Directory, *, sensor_data: bool, picture: bool) -> str | None:
    """Return the MIME type of a raw file, or None for an ordinary TIFF file.

    Args:
        tiff: The file.
        ifd0: Its first directory.
        sensor_data: True if any directory holds sensor data.
        picture: True if any directory describes more than a preview.

    Raises:
        UnsupportedFormat: A raw file whose format cannot be detected from its directories.
    """
    if is_cr2(tiff.source):
        return _CR2
    if _DNG_VERSION in ifd0.entries:
        return _DNG
    maker = _text(tiff, ifd0, _MAKE)
    phase_one = tiff.source.pread(8, 4) in _PHASE_ONE_MAGIC
    if not sensor_data and not phase_one and (picture or not maker):
        return None
    model = _text(tiff, ifd0, _MODEL)
    known = next((mime for name, mime in _BY_MAKER if maker.upper().startswith(name)), None)
    ambiguous = any(maker.upper().startswith(m) and model == n for m, n in _AMBIGUOUS)
    if known is None or ambiguous or phase_one or not sensor_data:
        raise UnsupportedFormat(
            f"The file is a raw file of a camera by {maker[:_LONGEST] or 'an unnamed maker'}, "
            "of a format that is not read.",
            f"model {model or 'not named'}",
        )
    return known


def cr2_size(tiff: Tiff, ifd0: Directory, directories: Sequence[Directory]) -> tuple[int, int]:
    """Return the width and height of a CR2 file's picture, or zeros.

    The picture's directory mostly omits them, because its data includes the sensor's borders.
    The Exif directory has the size of the picture itself.

    Args:
        tiff: The file.
        ifd0: Its first directory, which describes the preview.
        directories: All directories of the chain; the fourth is the picture's.
    """
    offset = tiff.integer(ifd0.entries.get(exif.EXIF_IFD))
    found = tiff.directory(offset) if offset else None
    for directory, width, height in (
        (found, _X_PIXELS, _Y_PIXELS),
        (directories[3] if len(directories) > 3 else None, 0x100, 0x101),  # noqa: PLR2004
    ):
        if directory is not None:
            size = (
                tiff.integer(directory.entries.get(width)) or 0,
                tiff.integer(directory.entries.get(height)) or 0,
            )
            if all(size):
                return size
    return 0, 0


def _text(tiff: Tiff, directory: Directory, tag: int) -> str:
    entry = directory.entries.get(tag)
    return decode(tiff.raw(entry)) if entry else ""
