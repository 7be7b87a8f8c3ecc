"""Reads all metadata blocks of a file under metadata-extractor's names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reindex.image.exif import EXIF_IFD, GPS_IFD, INTEROP_IFD
from reindex.image.iptc import read_datasets
from reindex.image.metadata_extractor import exif_texts, gps_texts
from reindex.image.metadata_extractor.exif_names import GPS_NAMES, NAMES
from reindex.image.metadata_extractor.exif_values import Value, Values
from reindex.image.metadata_extractor.getty import read_getty
from reindex.image.metadata_extractor.icc_texts import read_icc
from reindex.image.metadata_extractor.iptc_texts import read_iptc
from reindex.image.tiff import open_tiff

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from reindex.image.blocks import Blocks
    from reindex.image.tiff import Directory, Tiff

Maps = dict[str, dict[str, str]]
"""Texts by name, by the name of their map in :class:`reindex.image.truth.FileMetadata`."""


def read_maps(blocks: Blocks, getty: Mapping[str, str | list[str]]) -> Maps:
    """Return the maps of ``fileMetadata`` under the library's names.

    If two blocks have one name, the text of the first block wins.

    Args:
        blocks: The blocks of one file, including those embedded in its Exif block.
        getty: Properties of Getty's namespace by local name.
    """
    maps: Maps = {"exif": {}, "exif_sub": {}, "iptc": {}}
    for source in blocks.exif:
        tiff = open_tiff(source)
        if tiff is not None:
            _read_exif(tiff, maps["exif"], maps["exif_sub"])
    for record in blocks.iptc:
        _add(maps["iptc"], read_iptc(read_datasets(record)))
    maps["icc"] = read_icc(blocks.icc) if blocks.icc else {}
    maps["getty"] = read_getty(getty)
    return maps


def _read_exif(tiff: Tiff, exif: dict[str, str], exif_sub: dict[str, str]) -> None:
    """Add an Exif block's values: GPS to ``exif``, Interoperability to ``exif_sub``."""
    ifd0 = tiff.directory(tiff.first)
    _add(exif, _texts(tiff, ifd0, NAMES, exif_texts.describe))
    # Only the pointers IFD0 -> Exif -> Interoperability are followed, so there are no cycles.
    if sub := _follow(tiff, ifd0, EXIF_IFD):
        _add(exif_sub, _texts(tiff, sub, NAMES, exif_texts.describe))
        if interoperability := _follow(tiff, sub, INTEROP_IFD):
            _add(exif_sub, _texts(tiff, interoperability, NAMES, exif_texts.describe))
    if gps := _follow(tiff, ifd0, GPS_IFD):
        _add(exif, _texts(tiff, gps, GPS_NAMES, gps_texts.describe))


def _follow(tiff: Tiff, directory: Directory, pointer: int) -> Directory | None:
    offset = tiff.integer(directory.entries.get(pointer))
    return tiff.directory(offset) if offset else None


def _texts(
    tiff: Tiff,
    directory: Directory,
    names: Mapping[int, str],
    describe: Callable[[Value, Values], str],
) -> dict[str, str]:
    values = Values(tiff, directory)
    found: dict[str, str] = {}
    for tag, entry in directory.entries.items():
        if tag in names and (text := describe(Value(tiff, entry), values)):
            found.setdefault(names[tag], text)
    return found


def _add(into: dict[str, str], texts: Mapping[str, str]) -> None:
    for name, text in texts.items():
        into.setdefault(name, text)
