"""Descriptions of GPS tags (CIPA DC-008, 4.6.6), in the wording of metadata-extractor."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from reindex.image.exif import declared_text
from reindex.image.metadata_extractor.exif_texts import term, version
from reindex.image.metadata_extractor.numbers import decimal

if TYPE_CHECKING:
    from reindex.image.metadata_extractor.exif_values import Value, Values

Describe = Callable[["Value", "Values"], str]

_LATITUDE, _LONGITUDE = 0x02, 0x04
_SPEED_REF, _DISTANCE_REF = 0x0C, 0x19
_SPEEDS: Final = {"K": "km/h", "M": "mph", "N": "knots"}
_DISTANCES: Final = {"K": "kilometers", "M": "miles", "N": "knots"}
_NORTHS: Final = {"T": "True direction", "M": "Magnetic direction"}


def describe(value: Value, values: Values) -> str:
    """Return the text of a value of the GPS directory; empty when it has none.

    Args:
        value: A value whose tag is in :data:`~.exif_names.GPS_NAMES`.
        values: The directory.
    """
    how = _plain if value.is_float else _DESCRIPTIONS.get(value.entry.tag, _plain)
    return how(value, values).strip()


def _plain(value: Value, _: Values) -> str:
    return value.text


def _version(value: Value, _: Values) -> str:
    return version(value, 1)


def _place(value: Value, values: Values) -> str:
    """Return degrees, minutes and seconds; empty unless all values of the place are present."""
    tag = value.entry.tag
    other = values.get(tag ^ _LATITUDE ^ _LONGITUDE)
    if tag in (_LATITUDE, _LONGITUDE) and (
        other is None or _degrees(other, values) is None or not values.text(other.entry.tag - 1)
    ):
        return ""
    degrees = _degrees(value, values)
    if degrees is None or not values.text(tag - 1):
        return ""
    minutes = abs(degrees) % 1 * 60
    parts = (int(degrees), int(minutes), minutes % 1 * 60)
    whole, minute, second = (decimal(part, 2) for part in parts)
    return f"{whole}° {minute}' {second}\""


def _degrees(value: Value, values: Values) -> float | None:
    parts = [fraction.value for fraction in value.fractions]
    if len(parts) != 3:  # noqa: PLR2004 - degrees, minutes and seconds
        return None
    degrees = abs(parts[0]) + parts[1] / 60 + parts[2] / 3600
    side = values.text(value.entry.tag - 1).upper()
    return -degrees if side in ("S", "W") else degrees


def _clock(value: Value, _: Values) -> str:
    parts = [fraction.value for fraction in value.fractions]
    if len(parts) != 3:  # noqa: PLR2004 - hours, minutes and seconds
        return ""
    return f"{int(parts[0]):02}:{int(parts[1]):02}:{decimal(parts[2], 3, 3):0>6} UTC"


def _number(unit: str) -> Describe:
    def describe(value: Value, _: Values) -> str:
        return f"{decimal(value.fraction.value, 2)} {unit}" if value.fraction else ""

    return describe


def _by_unit(reference: int, units: dict[str, str]) -> Describe:
    def describe(value: Value, values: Values) -> str:
        unit = units.get(values.text(reference).upper(), "unit")
        return _number(unit)(value, values)

    return describe


def _letters(words: dict[str, str]) -> Describe:
    def describe(value: Value, _: Values) -> str:
        letter = value.text.strip()
        return words.get(letter.upper(), f"Unknown ({letter})") if letter else ""

    return describe


def _codes(*words: str) -> Describe:
    return lambda value, _: term(value, dict(enumerate(words)))


def _declared(value: Value, _: Values) -> str:
    return declared_text(value.data, value.tiff.order)


_DESCRIPTIONS: Final[dict[int, Describe]] = {
    0x00: _version,
    _LATITUDE: _place,
    _LONGITUDE: _place,
    0x05: _codes("Sea level", "Below sea level"),
    0x06: _number("metres"),
    0x07: _clock,
    0x09: _letters(
        {"A": "Active (Measurement in progress)", "V": "Void (Measurement Interoperability)"}
    ),
    0x0A: _letters({"2": "2-dimensional measurement", "3": "3-dimensional measurement"}),
    0x0B: _number(""),
    _SPEED_REF: _letters(_SPEEDS),
    0x0D: _by_unit(_SPEED_REF, _SPEEDS),
    0x0E: _letters(_NORTHS),
    0x0F: _number("degrees"),
    0x10: _letters(_NORTHS),
    0x11: _number("degrees"),
    0x14: _place,
    0x16: _place,
    0x17: _letters(_NORTHS),
    0x18: _number("degrees"),
    _DISTANCE_REF: _letters(_DISTANCES),
    0x1A: _by_unit(_DISTANCE_REF, _DISTANCES),
    0x1B: _declared,
    0x1C: _declared,
    0x1E: _codes("No Correction", "Differential Corrected"),
    0x1F: _number("metres"),
}
