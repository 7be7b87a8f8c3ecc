"""Originals that are hard to render, each with what its renditions must show."""

from __future__ import annotations

import io
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pyvips
from PIL import Image, ImageCms

Colour = tuple[int, int, int]
Matrix = tuple[tuple[float, float, float], ...]

SIZE: Final = (300, 200)
_WHITE: Final = (255, 255, 255)
_RED: Final = (200, 40, 40)
_BLUE: Final = (40, 40, 200)
_DEEP: Final = (110, 60, 200)

#: Colorants of Adobe RGB (1998) and of sRGB (IEC 61966-2-1), adapted to D50, by row X, Y, Z.
_ADOBE: Final[Matrix] = (
    (0.60974, 0.20528, 0.14919),
    (0.31111, 0.62567, 0.06322),
    (0.01947, 0.06087, 0.74457),
)
_XYZ_TO_SRGB: Final[Matrix] = (
    (3.13386, -1.61687, -0.49061),
    (-0.97877, 1.91614, 0.03345),
    (0.07194, -0.22899, 1.40524),
)
_ADOBE_GAMMA: Final = 563 / 256


@dataclass(frozen=True, slots=True)
class Original:
    """An original.

    Attributes:
        path: Its file.
        size: Width and height of its renditions, in pixels.
        colours: What they show, by place; each coordinate of a place goes from 0 to 1.
    """

    path: Path
    size: tuple[int, int]
    colours: Mapping[tuple[float, float], Colour]


def hard_originals(folder: Path) -> list[Original]:
    """Write originals of each kind that is hard to render into a folder."""
    middle = (0.5, 0.5)
    return [
        Original(_cmyk(folder / "cmyk.jpg"), SIZE, {middle: _cmyk_reference()}),
        Original(_deep(folder / "16-bit.tif"), SIZE, {middle: _DEEP}),
        Original(_adobe(folder / "adobe-rgb.jpg"), SIZE, {middle: _in_srgb((90, 190, 110))}),
        Original(
            _rotated(folder / "rotated.jpg"), SIZE[::-1], {(0.5, 0.1): _RED, (0.5, 0.9): _BLUE}
        ),
        Original(_animated(folder / "animated.gif"), SIZE, {middle: _RED}),
        Original(
            _transparent(folder / "transparent.png"), SIZE, {(0.1, 0.5): _RED, (0.9, 0.5): _WHITE}
        ),
    ]


_CMYK: Final = (10, 200, 180, 20)


def _cmyk(path: Path) -> Path:
    Image.new("CMYK", SIZE, _CMYK).save(path, quality=95)
    return path


def _cmyk_reference() -> Colour:
    """What Little CMS, by itself, makes of the colour."""
    profile = io.BytesIO(pyvips.Image.profile_load("cmyk"))
    image = Image.new("CMYK", (1, 1), _CMYK)
    shown = ImageCms.profileToProfile(
        image, profile, ImageCms.createProfile("sRGB"), outputMode="RGB"
    )
    assert shown
    red, green, blue = shown.tobytes()
    return red, green, blue


def _deep(path: Path) -> Path:
    deep = [part * 257 for part in _DEEP]
    flat = pyvips.Image.black(*SIZE, bands=len(deep)) + deep
    flat.cast("ushort").copy(interpretation="rgb16").tiffsave(str(path), compression="deflate")
    return path


def _adobe(path: Path) -> Path:
    Image.new("RGB", SIZE, (90, 190, 110)).save(path, quality=95, icc_profile=adobe_rgb())
    return path


def _rotated(path: Path) -> Path:
    image = Image.new("RGB", SIZE, _BLUE)
    image.paste(_RED, (0, 0, SIZE[0] // 2, SIZE[1]))
    exif = Image.Exif()
    # Its left side is up.
    exif[0x0112] = 6
    image.save(path, quality=95, exif=exif)
    return path


def _animated(path: Path) -> Path:
    frames = [Image.new("RGB", SIZE, colour) for colour in (_RED, _BLUE)]
    frames[0].save(path, save_all=True, append_images=frames[1:])
    return path


def _transparent(path: Path) -> Path:
    image = Image.new("RGBA", SIZE, (*_RED, 0))
    image.paste((*_RED, 255), (0, 0, SIZE[0] // 2, SIZE[1]))
    image.save(path)
    return path


def adobe_rgb() -> bytes:
    """Return a profile (ICC.1:2001-04) of Adobe RGB (1998)."""

    def fixed(*values: float) -> bytes:
        return struct.pack(f">{len(values)}i", *(round(value * 65536) for value in values))

    curve = b"curv\0\0\0\0" + struct.pack(">IH", 1, round(_ADOBE_GAMMA * 256)) + b"\0\0"
    name = b"Adobe RGB for tests\0"
    tags = {
        b"desc": b"desc\0\0\0\0" + struct.pack(">I", len(name)) + name + bytes(78),
        b"cprt": b"text\0\0\0\0none\0\0\0\0",
        b"wtpt": b"XYZ \0\0\0\0" + fixed(0.9642, 1.0, 0.8249),
        **{
            tag: b"XYZ \0\0\0\0" + fixed(*(row[number] for row in _ADOBE))
            for number, tag in enumerate((b"rXYZ", b"gXYZ", b"bXYZ"))
        },
        **dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), curve),
    }
    table, body, at = b"", b"", 128 + 4 + 12 * len(tags)
    for tag, value in tags.items():
        padded = value + bytes(-len(value) % 4)
        table += tag + struct.pack(">II", at + len(body), len(value))
        body += padded
    size = at + len(body)
    header = (
        struct.pack(">I4sI", size, b"\0\0\0\0", 0x02100000)
        + b"mntrRGB XYZ "
        + struct.pack(">6H", 2024, 1, 1, 0, 0, 0)
        + b"acsp"
        + bytes(28)
        + fixed(0.9642, 1.0, 0.8249)
        + bytes(48)
    )
    return header + struct.pack(">I", len(tags)) + table + body


def _in_srgb(adobe: Colour) -> Colour:
    """Convert a colour of Adobe RGB (1998) to sRGB, by their definitions."""
    linear = [(part / 255) ** _ADOBE_GAMMA for part in adobe]
    xyz = [sum(a * b for a, b in zip(row, linear, strict=True)) for row in _ADOBE]
    parts = [sum(a * b for a, b in zip(row, xyz, strict=True)) for row in _XYZ_TO_SRGB]
    red, green, blue = (round(255 * _srgb_curve(min(1.0, max(0.0, part)))) for part in parts)
    return red, green, blue


def _srgb_curve(linear: float) -> float:
    return 12.92 * linear if linear <= 0.0031308 else 1.055 * linear ** (1 / 2.4) - 0.055
