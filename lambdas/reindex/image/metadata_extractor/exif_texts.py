"""Descriptions of Exif and Interoperability tags: one text for each value.

The meaning of a value is defined by CIPA DC-008 (Exif), TIFF 6.0 or TIFF/EP; the wording is that
of metadata-extractor.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from math import exp, floor, log
from typing import TYPE_CHECKING, Final

from reindex.image.exif import declared_text
from reindex.image.metadata_extractor.exif_names import NAMES
from reindex.image.metadata_extractor.numbers import decimal
from reindex.image.text import clean, decode_utf16

if TYPE_CHECKING:
    from reindex.image.metadata_extractor.exif_values import Value, Values

Describe = Callable[["Value", "Values"], str]
"""Returns the text of a value, given the directory that contains it; empty when there is none."""

_UNIT, _PLANE_UNIT = 0x0128, 0xA210
_UNITS: Final = {1: "(No unit)", 2: "Inch", 3: "cm"}
_PLANE_UNITS: Final = {1: "(No unit)", 2: "Inches", 3: "cm"}

_TERMS: Final = {
    0x00FE: (
        "Full-resolution image",
        "Reduced-resolution image",
        "Single page of multi-page image",
        "Single page of multi-page reduced-resolution image",
        "Transparency mask",
        "Transparency mask of reduced-resolution image",
        "Transparency mask of multi-page image",
        "Transparency mask of reduced-resolution multi-page image",
    ),
    0x0152: ("Unspecified", "Associated alpha", "Unassociated alpha"),
    0x8830: (
        "Unknown",
        "Standard Output Sensitivity",
        "Recommended Exposure Index",
        "ISO Speed",
        "Standard Output Sensitivity and Recommended Exposure Index",
        "Standard Output Sensitivity and ISO Speed",
        "Recommended Exposure Index and ISO Speed",
        "Standard Output Sensitivity, Recommended Exposure Index and ISO Speed",
    ),
    0xA401: ("Normal process", "Custom process"),
    0xA402: ("Auto exposure", "Manual exposure", "Auto bracket"),
    0xA403: ("Auto white balance", "Manual white balance"),
    0xA406: ("Standard", "Landscape", "Portrait", "Night scene"),
    0xA407: ("None", "Low gain up", "Low gain down", "High gain up", "High gain down"),
    0xA408: ("None", "Soft", "Hard"),
    0xA409: ("None", "Low saturation", "High saturation"),
    0xA40A: ("None", "Low", "Hard"),
    0xA40C: ("Unknown", "Macro", "Close view", "Distant view"),
}
"""Words for values counted from 0, by tag."""

_TERMS_FROM_ONE: Final = {
    0x00FF: (
        "Full-resolution image",
        "Reduced-resolution image",
        "Single page of multi-page image",
    ),
    0x0107: (
        "No dithering or halftoning",
        "Ordered dither or halftone",
        "Randomized dither",
    ),
    0x010A: ("Normal", "Reversed"),
    0x0112: (
        "Top, left side (Horizontal / normal)",
        "Top, right side (Mirror horizontal)",
        "Bottom, right side (Rotate 180)",
        "Bottom, left side (Mirror vertical)",
        "Left side, top (Mirror horizontal and rotate 270 CW)",
        "Right side, top (Rotate 90 CW)",
        "Right side, bottom (Mirror horizontal and rotate 90 CW)",
        "Left side, bottom (Rotate 270 CW)",
    ),
    0x011C: (
        "Chunky (contiguous for each subsampling pixel)",
        "Separate (Y-plane/Cb-plane/Cr-plane format)",
    ),
    0x0213: ("Center of pixel array", "Datum point"),
    0x8822: (
        "Manual control",
        "Program normal",
        "Aperture priority",
        "Shutter priority",
        "Program creative (slow program)",
        "Program action (high-speed program)",
        "Portrait mode",
        "Landscape mode",
    ),
    0xA217: (
        "(Not defined)",
        "One-chip color area sensor",
        "Two-chip color area sensor",
        "Three-chip color area sensor",
        "Color sequential area sensor",
        None,
        "Trilinear sensor",
        "Color sequential linear sensor",
    ),
    0xA300: ("Film Scanner", "Reflection Print Scanner", "Digital Still Camera (DSC)"),
    0xA301: ("Directly photographed image",),
}
"""Words for values counted from 1, by tag."""

_CODES: Final = {
    0x0103: {
        1: "Uncompressed",
        2: "CCITT 1D",
        3: "T4/Group 3 Fax",
        4: "T6/Group 4 Fax",
        5: "LZW",
        6: "JPEG (old-style)",
        7: "JPEG",
        8: "Adobe Deflate",
        9: "JBIG B&W",
        10: "JBIG Color",
        99: "JPEG",
        262: "Kodak 262",
        32766: "Next",
        32767: "Sony ARW Compressed",
        32769: "Packed RAW",
        32770: "Samsung SRW Compressed",
        32771: "CCIRLEW",
        32772: "Samsung SRW Compressed 2",
        32773: "PackBits",
        32809: "Thunderscan",
        32867: "Kodak KDC Compressed",
        32895: "IT8CTPAD",
        32896: "IT8LW",
        32897: "IT8MP",
        32898: "IT8BL",
        32908: "PixarFilm",
        32909: "PixarLog",
        32946: "Deflate",
        32947: "DCS",
        34661: "JBIG",
        34676: "SGILog",
        34677: "SGILog24",
        34712: "JPEG 2000",
        34713: "Nikon NEF Compressed",
        34892: "Lossy JPEG",
        65000: "Kodak DCR Compressed",
        65535: "Pentax PEF Compressed",
    },
    0x0106: {
        0: "WhiteIsZero",
        1: "BlackIsZero",
        2: "RGB",
        3: "RGB Palette",
        4: "Transparency Mask",
        5: "CMYK",
        6: "YCbCr",
        8: "CIELab",
        9: "ICCLab",
        10: "ITULab",
        32803: "Color Filter Array",
        32844: "Pixar LogL",
        32845: "Pixar LogLuv",
        34892: "Linear Raw",
    },
    0x0200: {1: "Baseline", 14: "Lossless"},
    0x9207: {
        0: "Unknown",
        1: "Average",
        2: "Center weighted average",
        3: "Spot",
        4: "Multi-spot",
        5: "Multi-segment",
        6: "Partial",
        255: "(Other)",
    },
    0x9208: {
        0: "Unknown",
        1: "Daylight",
        2: "Florescent",
        3: "Tungsten (Incandescent)",
        4: "Flash",
        9: "Fine Weather",
        10: "Cloudy",
        11: "Shade",
        12: "Daylight Fluorescent",
        13: "Day White Fluorescent",
        14: "Cool White Fluorescent",
        15: "White Fluorescent",
        16: "Warm White Fluorescent",
        17: "Standard light",
        18: "Standard light (B)",
        19: "Standard light (C)",
        20: "D55",
        21: "D65",
        22: "D75",
        23: "D50",
        24: "Studio Tungsten",
        255: "(Other)",
    },
    0xA001: {1: "sRGB", 65535: "Undefined"},
    _UNIT: _UNITS,
    _PLANE_UNIT: _PLANE_UNITS,
}
"""Words for codes, by tag."""

_UNKNOWN_DISTANCE: Final = 0xFFFFFFFF
_AUTO: Final = 0x18
_RED_EYE: Final = 0x40
_COLOURS: Final = ("Red", "Green", "Blue", "Cyan", "Magenta", "Yellow", "White")
_COMPONENTS: Final = ("", "Y", "Cb", "Cr", "R", "G", "B")
_SUBSAMPLINGS: Final = {(2, 1): "YCbCr4:2:2", (2, 2): "YCbCr4:2:0"}


def describe(value: Value, values: Values) -> str:
    """Return the text of a value of IFD0, the Exif or the Interoperability directory.

    Args:
        value: A value whose tag is in :data:`NAMES`.
        values: The directory that contains it.
    """
    how = _plain if value.is_float else _DESCRIPTIONS.get(value.entry.tag, _plain)
    return how(value, values).strip()


def f_stop(number: float) -> str:
    """Return an F number."""
    return f"f/{decimal(number, 1, 1)}"


def version(value: Value, digits: int) -> str:
    """Return a version of four bytes, such as ``2.20``.

    Args:
        value: The digits, as numbers or as characters.
        digits: Number of digits before the point.
    """
    numbers = [fraction.top for fraction in value.fractions[:4]]
    if not all(0 <= number < 128 for number in numbers):  # noqa: PLR2004 - ASCII
        return value.text
    text = ""
    for at, number in enumerate(numbers):
        digit = chr(number if number >= ord("0") else number + ord("0"))
        text += "." if at == digits else ""
        text += "" if at == 0 and digit == "0" else digit
    return text


def term(value: Value, terms: dict[int, str]) -> str:
    """Return the word for a code; ``Unknown (7)`` for an unknown code 7."""
    if value.integer is None:
        return ""
    return terms.get(value.integer, f"Unknown ({value.integer})")


def _plain(value: Value, _: Values) -> str:
    return value.text


def _terms(words: tuple[str | None, ...], first: int) -> Describe:
    codes = {code: word for code, word in enumerate(words, first) if word}
    return lambda value, _: term(value, codes)


def _codes(codes: dict[int, str]) -> Describe:
    return lambda value, _: term(value, codes)


def _with_unit(unit: str) -> Describe:
    return lambda value, _: value.whole_text and f"{value.whole_text} {unit}"


def _version(digits: int) -> Describe:
    return lambda value, _: version(value, digits)


def _interoperability(value: Value, _: Values) -> str:
    name = value.text.strip()
    if name.upper() == "R98":
        return "Recommended Exif Interoperability Rules (ExifR98)"
    return f"Unknown ({name})"


def _resolution(value: Value, values: Values) -> str:
    if value.fraction is None:
        return ""
    unit = values.get(_UNIT)
    word = term(unit, _UNITS).lower() if unit else ""
    return f"{value.fraction.text} dots per {word or 'unit'}"


def _plane_resolution(value: Value, values: Values) -> str:
    if value.fraction is None:
        return ""
    unit = values.get(_PLANE_UNIT)
    word = term(unit, _PLANE_UNITS).lower() if unit else ""
    return f"{value.fraction.reciprocal.text} {word}"


def _subsampling(value: Value, _: Values) -> str:
    if len(value.fractions) != 2:  # noqa: PLR2004 - across and down
        return ""
    across, down = (fraction.top for fraction in value.fractions)
    return _SUBSAMPLINGS.get((across, down), "(Unknown)")


def _reference_black_white(value: Value, _: Values) -> str:
    numbers = [int(fraction.value) for fraction in value.fractions]
    if len(numbers) != 6:  # noqa: PLR2004 - three pairs
        return ""
    return " ".join(f"[{','.join(map(str, numbers[start::2]))}]" for start in (0, 1))


def _utf16(value: Value, _: Values) -> str:
    return clean(decode_utf16(value.data).partition("\0")[0])


def _comment(value: Value, _: Values) -> str:
    return declared_text(value.data, value.tiff.order)


def _shutter_speed(value: Value, _: Values) -> str:
    if value.fraction is None:
        return ""
    apex = value.fraction.value
    if apex > 1:
        return f"1/{floor(_power(apex) + 0.5)} sec"
    return f"{decimal(floor(_power(-apex) * 10 + 0.5) / 10, 2)} sec"


def _aperture(value: Value, _: Values) -> str:
    return f_stop(_power(value.fraction.value / 2)) if value.fraction else ""


def _power(exponent: float) -> float:
    """Return 2 to the power of ``exponent``, limited to the range that cameras use."""
    return exp(max(-62.0, min(exponent, 62.0)) * log(2))


def _f_number(value: Value, _: Values) -> str:
    return f_stop(value.fraction.value) if value.fraction else ""


def _iso(value: Value, _: Values) -> str:
    return "" if value.integer is None else str(value.integer)


def _exposure_bias(value: Value, _: Values) -> str:
    return f"{value.fraction.text} EV" if value.fraction else ""


def _brightness(value: Value, _: Values) -> str:
    if value.fraction is None:
        return ""
    if value.fraction.top == _UNKNOWN_DISTANCE:
        return "Unknown"
    return decimal(value.fraction.value, 3, 1)


def _distance(value: Value, _: Values) -> str:
    if value.fraction is None:
        return ""
    if value.fraction.top == _UNKNOWN_DISTANCE:
        return "Infinity"
    if value.fraction.top == 0:
        return "Unknown"
    return f"{decimal(value.fraction.value, 3, 1)} metres"


def _flash(value: Value, _: Values) -> str:
    """Return the meaning of the flash bits (CIPA DC-008, 4.6.5)."""
    bits = value.integer
    if bits is None:
        return ""
    text = "Flash fired" if bits & 1 else "Flash did not fire"
    if bits & 4:
        text += ", return detected" if bits & 2 else ", return not detected"
    text += ", auto" if bits & _AUTO == _AUTO else ""
    return text + (", red-eye reduction" if bits & _RED_EYE else "")


def _bits_per_pixel(value: Value, _: Values) -> str:
    if value.fraction is None:
        return ""
    text = value.fraction.text
    return f"{text} bit{'' if text == '1' else 's'}/pixel"


def _millimetres(value: Value, _: Values) -> str:
    return f"{decimal(value.fraction.value, 1)} mm" if value.fraction else ""


def _equivalent_length(value: Value, values: Values) -> str:
    return "Unknown" if value.integer == 0 else _millimetres(value, values)


def _zoom(value: Value, _: Values) -> str:
    if value.fraction is None:
        return ""
    return decimal(value.fraction.value, 1) if value.fraction.top else "Digital zoom not used"


def _components(value: Value, _: Values) -> str:
    numbers = [fraction.top for fraction in value.fractions[:4]]
    return "".join(_COMPONENTS[number] for number in numbers if 0 <= number < len(_COMPONENTS))


def _cfa_pattern(value: Value, _: Values) -> str:
    """Return the colours row by row, such as ``[Red,Green][Green,Blue]``."""
    for order in (value.tiff.order, "<", ">"):
        if len(value.data) < 4:  # noqa: PLR2004 - two counts of two bytes
            break
        columns, rows = struct.unpack_from(order + "HH", value.data)
        colours = value.data[4 : 4 + columns * rows]
        if columns and len(colours) == columns * rows <= 64:  # noqa: PLR2004 - a filter's maximum
            names = [_COLOURS[each] if each < len(_COLOURS) else "Unknown" for each in colours]
            lines = [names[at : at + columns] for at in range(0, len(names), columns)]
            return "".join(f"[{','.join(line)}]" for line in lines)
    return value.text


def _lens(value: Value, _: Values) -> str:
    """Return a lens's range of focal lengths and F numbers."""
    found = value.fractions
    if len(found) != 4 or not (found[0].top or found[2].top):  # noqa: PLR2004 - two ranges
        return ""
    shortest, longest, widest, narrowest = found
    text = f"{_range(shortest.text, longest.text)}mm"
    if not widest.top:
        return text
    wide, narrow = (f_stop(each.value) for each in (widest, narrowest))
    return f"{text} {_range(wide, narrow.removeprefix('f/')) if wide != narrow else wide}"


def _range(low: str, high: str) -> str:
    return low if low == high else f"{low}-{high}"


def _zone_hours(value: Value, _: Values) -> str:
    return " ".join(fraction.text for fraction in value.fractions[:2])


_DESCRIPTIONS: Final[dict[int, Describe]] = {
    **{tag: _terms(words, 0) for tag, words in _TERMS.items()},
    **{tag: _terms(words, 1) for tag, words in _TERMS_FROM_ONE.items()},
    **{tag: _codes(codes) for tag, codes in _CODES.items()},
    0x0001: _interoperability,
    0x0002: _version(2),
    0x0100: _with_unit("pixels"),
    0x0101: _with_unit("pixels"),
    0x0102: _with_unit("bits/component/pixel"),
    0x0115: _with_unit("samples/pixel"),
    0x0116: _with_unit("rows/strip"),
    0x0117: _with_unit("bytes"),
    0x011A: _resolution,
    0x011B: _resolution,
    0x0212: _subsampling,
    0x0214: _reference_black_white,
    0x829A: _with_unit("sec"),
    0x829D: _f_number,
    0x8827: _iso,
    0x882A: _zone_hours,
    0x9000: _version(2),
    0x9101: _components,
    0x9102: _bits_per_pixel,
    0x9201: _shutter_speed,
    0x9202: _aperture,
    0x9203: _brightness,
    0x9204: _exposure_bias,
    0x9205: _aperture,
    0x9206: _distance,
    0x9209: _flash,
    0x920A: _millimetres,
    0x920E: _plane_resolution,
    0x920F: _plane_resolution,
    0x9217: _terms(_TERMS_FROM_ONE[0xA217], 1),
    0x9286: _comment,
    **dict.fromkeys(range(0x9C9B, 0x9CA0), _utf16),
    0xA000: _version(2),
    0xA002: _with_unit("pixels"),
    0xA003: _with_unit("pixels"),
    0xA20E: _plane_resolution,
    0xA20F: _plane_resolution,
    0xA302: _cfa_pattern,
    0xA404: _zoom,
    0xA405: _equivalent_length,
    0xA432: _lens,
}

assert _DESCRIPTIONS.keys() <= NAMES.keys(), "a description of a tag without a name"
