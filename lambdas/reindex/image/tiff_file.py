"""TIFF files: the picture that a file of several stands for, and the metadata in its IFD0."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Final

from reindex.image import exif
from reindex.image.blocks import Blocks, flag
from reindex.image.photoshop import read_resources
from reindex.image.tiff import open_tiff

if TYPE_CHECKING:
    from reindex.image.ranged import Source
    from reindex.image.tiff import Directory, Tiff

MAX_DIRECTORIES: Final = 8
"""Directories looked at for the full picture, in the chain and below IFD0 each."""

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
    """Find the metadata blocks of a TIFF file; its dimensions stay 0 when no directory has them."""
    blocks = Blocks()
    tiff = open_tiff(file)
    if tiff is None:
        return blocks
    ifd0 = tiff.directory(tiff.first)
    picture = _picture(tiff, ifd0)
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
    """Add the XMP packet and the IPTC record that IFD0 holds, unless there are others already.

    A TIFF file has them nowhere else; other formats have better places for both, but some
    software puts them into the Exif block.
    """
    entry = ifd0.entries.get(_XMP)
    if entry and not entry.inline and not blocks.xmp:
        blocks.add_xmp(tiff.window(entry))
    entry = ifd0.entries.get(_IPTC)
    if entry and not entry.inline and not blocks.iptc:
        blocks.add_iptc(tiff.window(entry))
        blocks.iptc = [_in_order(data) for data in blocks.iptc]


def _picture(tiff: Tiff, ifd0: Directory) -> Directory:
    """Return the directory of the full picture: IFD0, unless that says it is a preview."""
    if _is_full(tiff, ifd0):
        return ifd0
    found = [ifd0, *islice(tiff.directories(MAX_DIRECTORIES), 1, None)]
    if entry := ifd0.entries.get(_SUB_IFDS):
        offsets = tiff.numbers(entry)[:MAX_DIRECTORIES]
        found += [tiff.directory(offset) for offset in offsets if isinstance(offset, int)]
    full = [directory for directory in found if _is_full(tiff, directory)]
    return max(full or found, key=lambda directory: _pixels(tiff, directory))


def _is_full(tiff: Tiff, directory: Directory) -> bool:
    kind = tiff.integer(directory.entries.get(_SUBFILE_TYPE)) or 0
    return not kind & _REDUCED and _WIDTH in directory.entries


def _pixels(tiff: Tiff, directory: Directory) -> int:
    width = tiff.integer(directory.entries.get(_WIDTH)) or 0
    return width * (tiff.integer(directory.entries.get(_HEIGHT)) or 0)


def _in_order(data: bytes) -> bytes:
    """Undo the byte order of a record that was written as long integers."""
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
