"""TIFF files, and raw files that are TIFF files: the main picture, and the metadata in IFD0."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Final

from reindex.image import exif
from reindex.image.blocks import Blocks, flag
from reindex.image.photoshop import read_resources
from reindex.image.raw import cr2_size, holds_sensor_data, is_cr2, names_camera, raw_type
from reindex.image.tiff import open_tiff

if TYPE_CHECKING:
    from reindex.image.ranged import Source
    from reindex.image.tiff import Directory, Tiff

MAX_DIRECTORIES: Final = 8
"""Number of directories that are examined for the full picture, in the chain and below IFD0
each."""

_SUBFILE_TYPE, _WIDTH, _HEIGHT, _BITS, _PHOTOMETRIC = 0xFE, 0x100, 0x101, 0x102, 0x106
_SAMPLES, _SUB_IFDS, _EXTRA_SAMPLES = 0x115, 0x14A, 0x152
_XMP, _IPTC, _RESOURCES, _ICC = exif.XMP, exif.IPTC, 0x8649, 0x8773
_REDUCED: Final = 1

_MODELS: Final = {
    0: "Greyscale",
    1: "Greyscale",
    2: "RGB",
    3: "RGB",
    4: "Greyscale",
    5: "CMYK",
    6: "RGB",
    8: "LAB",
    9: "LAB",
    10: "LAB",
    32803: "RGB",
    34892: "RGB",
}
_PHOTOMETRICS: Final = {
    0: "WhiteIsZero",
    1: "BlackIsZero",
    2: "RGB",
    3: "Palette",
    4: "TransparencyMask",
    5: "CMYK",
    6: "YCbCr",
    8: "CIELab",
    9: "ICCLab",
    10: "ITULab",
    32803: "ColorFilterArray",
    34892: "LinearRaw",
}
"""Names of PhotometricInterpretation (TIFF 6.0, sections 3 to 6, 16, 20 to 23; TIFF/EP)."""


def read_tiff(file: Source) -> Blocks:
    """Find the metadata blocks of a TIFF file; its dimensions stay 0 when no directory has them.

    Raises:
        UnsupportedFormat: It is a camera's raw file of an unknown format.
    """
    blocks = Blocks()
    tiff = open_tiff(file)
    if tiff is None:
        return blocks
    ifd0 = tiff.directory(tiff.first)
    directories = _directories(tiff, ifd0)
    picture = _picture(tiff, directories)
    blocks.mime_type = raw_type(
        tiff,
        ifd0,
        sensor_data=any(holds_sensor_data(tiff, directory) for directory in directories),
        picture=_is_full(tiff, picture) or not _has_size(picture),
    )
    if is_cr2(file):
        blocks.width, blocks.height = cr2_size(tiff, ifd0, directories)
    else:
        blocks.width = tiff.integer(picture.entries.get(_WIDTH)) or 0
        blocks.height = tiff.integer(picture.entries.get(_HEIGHT)) or 0
    _colour(tiff, picture, blocks)
    blocks.exif.append(file)
    add_embedded(tiff, ifd0, blocks)
    if (entry := ifd0.entries.get(_RESOURCES)) and not entry.inline:
        read_resources(tiff.window(entry), blocks, only_iptc=True)
    if (entry := ifd0.entries.get(_ICC)) and not entry.inline:
        blocks.icc = tiff.window(entry)
    return blocks


def add_embedded(tiff: Tiff, ifd0: Directory, blocks: Blocks) -> None:
    """Add the XMP packet and the IPTC record of IFD0, unless the blocks already have them.

    A TIFF file has them in IFD0 only. Other formats store both elsewhere, but some software
    writes them into the Exif block.
    """
    entry = ifd0.entries.get(_XMP)
    if entry and not entry.inline and not blocks.xmp:
        blocks.add_xmp(tiff.window(entry))
    entry = ifd0.entries.get(_IPTC)
    if entry and not entry.inline and not blocks.iptc:
        blocks.add_iptc(tiff.window(entry))
        blocks.iptc = [_in_order(data) for data in blocks.iptc]


def _directories(tiff: Tiff, ifd0: Directory) -> list[Directory]:
    """Return the directories that may hold the full picture, IFD0 first.

    If IFD0 is full-size, it is the only one: other pages are other pictures, and reading them
    costs requests. The exception is a camera's file, whose picture may be in another directory.
    """
    found = [ifd0]
    full = _is_full(tiff, ifd0)
    if not full or is_cr2(tiff.source):
        found += islice(tiff.directories(MAX_DIRECTORIES), 1, None)
    below = ifd0.entries.get(_SUB_IFDS)
    if below and (not full or names_camera(ifd0)):
        offsets = tiff.numbers(below)[:MAX_DIRECTORIES]
        found += [tiff.directory(offset) for offset in offsets if isinstance(offset, int)]
    return found


def _picture(tiff: Tiff, directories: list[Directory]) -> Directory:
    """Return the directory of the full picture.

    Sensor data is preferred to rendered pictures, then IFD0 unless it is marked as a preview,
    then the largest.
    """
    full = [directory for directory in directories if _is_full(tiff, directory)]
    taken = [directory for directory in full if holds_sensor_data(tiff, directory)]
    if not taken and full and full[0] is directories[0]:
        return full[0]
    main = [directory for directory in taken if not _kind(tiff, directory)]
    return max(main or taken or full or directories, key=lambda found: _pixels(tiff, found))


def _kind(tiff: Tiff, directory: Directory) -> int:
    return tiff.integer(directory.entries.get(_SUBFILE_TYPE)) or 0


def _is_full(tiff: Tiff, directory: Directory) -> bool:
    return not _kind(tiff, directory) & _REDUCED and _has_size(directory)


def _has_size(directory: Directory) -> bool:
    return _WIDTH in directory.entries


def _pixels(tiff: Tiff, directory: Directory) -> int:
    width = tiff.integer(directory.entries.get(_WIDTH)) or 0
    return width * (tiff.integer(directory.entries.get(_HEIGHT)) or 0)


def _in_order(data: bytes) -> bytes:
    """Restore the byte order of a record that was written as long integers."""
    if data[:1] != b"\x1c" and data[3:4] == b"\x1c":
        return b"".join(data[at : at + 4][::-1] for at in range(0, len(data), 4))
    return data


def _colour(tiff: Tiff, picture: Directory, blocks: Blocks) -> None:
    photometric = tiff.integer(picture.entries.get(_PHOTOMETRIC))
    if photometric is not None:
        blocks.colour_model = _MODELS.get(photometric)
        name = _PHOTOMETRICS.get(photometric, str(photometric))
        blocks.colour["photometricInterpretation"] = name
    if entry := picture.entries.get(_BITS):
        blocks.colour["bitsPerSample"] = " ".join(map(str, tiff.numbers(entry)[:8]))
    if (samples := tiff.integer(picture.entries.get(_SAMPLES))) is not None:
        blocks.colour["components"] = str(samples)
    blocks.colour["hasAlpha"] = flag(tiff.integer(picture.entries.get(_EXTRA_SAMPLES)) in (1, 2))
