"""Crops (``exports`` in the document), read from the objects in the crops bucket."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, NamedTuple
from urllib.parse import unquote, urlsplit

from reindex.domain.failures import InvalidUserData
from reindex.image.dates import format_date, parse_iso
from reindex.image.object_metadata import by_name
from reindex.image.rows import present
from reindex.image.source import asset
from reindex.image.text import clean
from reindex.image.truth import Dimensions, StoredObject

_MASTER_FOLDER: Final = "master"

#: Metadata names of the four bounds: the current name, then the older one.
_BOUNDS: Final = (
    ("bounds-x",),
    ("bounds-y",),
    ("bounds-width", "bounds-w"),
    ("bounds-height", "bounds-h"),
)


class _Bounds(NamedTuple):
    x: int
    y: int
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Crops:
    """An image's crops.

    Attributes:
        document: The document's ``exports``, sorted by their bounds; empty when there are none.
        last_modified: Creation time of the newest crop, or None when no crop has one.
    """

    document: list[dict[str, Any]]
    last_modified: datetime | None


@dataclass(frozen=True, slots=True)
class _Export:
    """One object of a crop, with its parsed metadata."""

    stored: StoredObject
    bounds: _Bounds
    values: dict[str, str]

    @property
    def is_master(self) -> bool:
        return _MASTER_FOLDER in urlsplit(self.stored.uri).path.split("/")[-2:-1]

    @property
    def made_at(self) -> datetime | None:
        return parse_iso(self.values.get("date", ""))

    @property
    def dimensions(self) -> Dimensions | None:
        width, height = self.number("width"), self.number("height")
        return None if width is None or height is None else Dimensions(width, height)

    def number(self, name: str) -> int | None:
        return _number(self.stored, self.values, name)


def crops(objects: Iterable[StoredObject]) -> Crops:
    """Return an image's crops; objects with equal bounds belong to one crop.

    Args:
        objects: The objects under the image's folder in the crops bucket, in any order.
            Objects without bounds are ignored.

    Raises:
        InvalidUserData: If an object's bounds are incomplete, or a number cannot be parsed.
    """
    by_bounds: dict[_Bounds, list[_Export]] = {}
    for export in filter(None, map(_read, sorted(objects, key=lambda each: each.uri))):
        by_bounds.setdefault(export.bounds, []).append(export)
    found = [by_bounds[bounds] for bounds in sorted(by_bounds)]
    dates = [when for exports in found if (when := _made_at(exports)) is not None]
    return Crops([_crop(exports) for exports in found], max(dates, default=None))


def _read(stored: StoredObject) -> _Export | None:
    # Unlike an original's, these values were not always URL-encoded: a plus sign stays a plus.
    values = {
        name: text for name, value in by_name(stored).items() if (text := clean(unquote(value)))
    }
    numbers = [_number(stored, values, *names) for names in _BOUNDS]
    if all(number is None for number in numbers):
        return None
    x, y, width, height = numbers
    if x is None or y is None or width is None or height is None:
        raise InvalidUserData("crops: a crop's bounds are incomplete", stored.uri)
    return _Export(stored, _Bounds(x, y, width, height), values)


def _crop(exports: list[_Export]) -> dict[str, Any]:
    master = _master(exports)
    others = [export for export in exports if export is not master]
    others.sort(key=_pixels)
    spokesman = master or others[0]
    made_at = _made_at(exports)
    return present(
        id="_".join(map(str, spokesman.bounds)),
        author=spokesman.values.get("author"),
        date=made_at and format_date(made_at),
        specification=present(
            uri=spokesman.values.get("source"),
            bounds=spokesman.bounds._asdict(),
            type=spokesman.values.get("type"),
            aspectRatio=spokesman.values.get("aspect-ratio"),
            rotation=spokesman.number("rotation"),
        ),
        master=master and _asset(master),
        assets=[_asset(export) for export in others],
    )


def _master(exports: Iterable[_Export]) -> _Export | None:
    return next((export for export in exports if export.is_master), None)


def _made_at(exports: list[_Export]) -> datetime | None:
    """Return a crop's creation time: its master's, else that of the first asset with one."""
    master_first = sorted(exports, key=lambda export: not export.is_master)
    return next((export.made_at for export in master_first if export.made_at is not None), None)


def _asset(export: _Export) -> dict[str, Any]:
    return asset(export.stored, None, export.dimensions)


def _pixels(export: _Export) -> int:
    dimensions = export.dimensions
    return 0 if dimensions is None else dimensions.width * dimensions.height


def _number(stored: StoredObject, values: Mapping[str, str], *names: str) -> int | None:
    """Return the integer under the first of ``names`` that is present, or None."""
    text = next((values[name] for name in names if name in values), None)
    if text is None:
        return None
    try:
        return round(float(text))
    except (ValueError, OverflowError) as error:
        problem = f"crops: {names[0]} is no number"
        raise InvalidUserData(problem, f"{text!r} of {stored.uri}") from error
