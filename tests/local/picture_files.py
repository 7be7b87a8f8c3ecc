"""Image files as cameras and news desks write them, made quickly and the same every time.

Pixels are noise over a gradient: like photographs they hardly compress, so a file has the size
that its dimensions suggest. They are drawn once; what sets two files apart is where they are cut
from it and, above all, their metadata.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from io import BytesIO
from typing import Any, Final, Literal
from xml.sax.saxutils import escape

from PIL import Image
from PIL.ExifTags import GPS, IFD, Base
from PIL.PngImagePlugin import PngInfo
from PIL.TiffImagePlugin import IFDRational

Format = Literal["JPEG", "PNG", "TIFF", "GIF", "WEBP", "AVIF", "BMP"]
Size = tuple[int, int]

_CANVAS: Final[Size] = (2400, 1800)
_SEED: Final = 20_240_611

#: Fast settings for each format: the pictures are not for viewing.
_WRITING: Final[Mapping[Format, Mapping[str, Any]]] = {
    "JPEG": {"quality": 88},
    "PNG": {"compress_level": 1},
    "TIFF": {},
    "GIF": {},
    "WEBP": {"quality": 60, "method": 0},
    "AVIF": {"quality": 50, "speed": 10},
    "BMP": {},
}

_XMP_NAMESPACES: Final = {
    "dc": "http://purl.org/dc/elements/1.1/",
    "photoshop": "http://ns.adobe.com/photoshop/1.0/",
    "Iptc4xmpExt": "http://iptc.org/std/Iptc4xmpExt/2008-02-29/",
}

#: The kind of array that XMP prescribes for a property.
_XMP_ARRAYS: Final = {
    "dc:creator": "Seq",
    "dc:description": "Alt",
    "dc:rights": "Alt",
    "dc:subject": "Bag",
    "Iptc4xmpExt:PersonInImage": "Bag",
}

_APP1: Final = 0xE1
_APP13: Final = 0xED
_UTF_8: Final = ((1, 90), b"\x1b%G")


@dataclass(frozen=True, slots=True)
class Camera:
    """What a camera writes into a file's EXIF.

    Attributes:
        make: Its maker.
        model: Its model.
        taken: Date and time as EXIF writes them, ``2023:06:11 09:30:00``.
        orientation: How it was held, 1 to 8.
        artist: As set up in the camera.
        copyright: As set up in the camera.
        position: Degrees north and east.
    """

    make: str
    model: str
    taken: str
    orientation: int = 1
    artist: str | None = None
    copyright: str | None = None
    position: tuple[float, float] | None = None

    def exif(self) -> Image.Exif:
        """The Exif block."""
        exif = Image.Exif()
        exif[Base.Make] = self.make
        exif[Base.Model] = self.model
        exif[Base.Orientation] = self.orientation
        # The standard says ASCII, cameras write UTF-8; of a str Pillow would make question marks.
        if self.artist:
            exif[Base.Artist] = self.artist.encode()
        if self.copyright:
            exif[Base.Copyright] = self.copyright.encode()
        exif.get_ifd(IFD.Exif).update(
            {
                Base.DateTimeOriginal: self.taken,
                Base.SubsecTimeOriginal: "25",
                Base.OffsetTimeOriginal: "+01:00",
                Base.ExposureTime: IFDRational(1, 250),
                Base.FNumber: IFDRational(28, 10),
                Base.ISOSpeedRatings: 400,
            }
        )
        if self.position:
            north, east = self.position
            exif.get_ifd(IFD.GPSInfo).update(
                {
                    GPS.GPSLatitudeRef: "N" if north >= 0 else "S",
                    GPS.GPSLatitude: _degrees(north),
                    GPS.GPSLongitudeRef: "E" if east >= 0 else "W",
                    GPS.GPSLongitude: _degrees(east),
                }
            )
        return exif


@dataclass(frozen=True, slots=True)
class PictureFile:
    """An image file to make.

    Attributes:
        format: Of the file.
        size: Width and height in pixels, as stored.
        variant: Sets files apart that have no metadata.
        camera: For its EXIF; GIF and BMP have no place for it.
        xmp: Properties by ``prefix:name``; GIF, TIFF and BMP are written without.
        iptc: IIM datasets; for JPEG alone.
    """

    format: Format
    size: Size
    variant: int = 0
    camera: Camera | None = None
    xmp: Mapping[str, str | Sequence[str]] = field(default_factory=dict)
    iptc: Sequence[tuple[tuple[int, int], str]] = ()

    def make(self) -> bytes:
        """The file's bytes."""
        if self.format == "JPEG":
            return self._jpeg()
        options: dict[str, Any] = {}
        if self.camera and self.format in {"PNG", "TIFF", "WEBP", "AVIF"}:
            options["exif"] = self.camera.exif()
        if self.xmp and self.format in {"WEBP", "AVIF"}:
            options["xmp"] = xmp_packet(self.xmp)
        if self.xmp and self.format == "PNG":
            options["pnginfo"] = PngInfo()
            options["pnginfo"].add_itxt("XML:com.adobe.xmp", xmp_packet(self.xmp).decode())
        pixels = _pixels(self.size, self.variant)
        return _written(
            pixels.convert("L") if self.format == "GIF" else pixels, self.format, options
        )

    def _jpeg(self) -> bytes:
        """Metadata is put into an encoded picture, for encoding is what takes time."""
        picture = _encoded_jpeg(self.size)
        # JFIF wants its own segment to be the first.
        start = 4 + int.from_bytes(picture[4:6], "big")
        segments = []
        if self.camera:
            segments.append(_segment(_APP1, self.camera.exif().tobytes()))
        if self.xmp:
            name = b"http://ns.adobe.com/xap/1.0/\0"
            segments.append(_segment(_APP1, name + xmp_packet(self.xmp)))
        if self.iptc:
            segments.append(_segment(_APP13, _photoshop_resource(_iim(self.iptc))))
        comment = _segment(0xFE, f"picture {self.variant}".encode())
        return picture[:start] + b"".join(segments) + comment + picture[start:]


def xmp_packet(properties: Mapping[str, str | Sequence[str]]) -> bytes:
    """An XMP packet of these properties."""
    namespaces = "".join(f' xmlns:{name}="{uri}"' for name, uri in _XMP_NAMESPACES.items())
    elements = "".join(
        f"<{name}>{_xmp_value(name, value)}</{name}>" for name, value in properties.items()
    )
    return (
        '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>'
        '<x:xmpmeta xmlns:x="adobe:ns:meta/">'
        '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        f'<rdf:Description rdf:about=""{namespaces}>{elements}</rdf:Description>'
        '</rdf:RDF></x:xmpmeta><?xpacket end="w"?>'
    ).encode()


def _xmp_value(name: str, value: str | Sequence[str]) -> str:
    array = _XMP_ARRAYS.get(name)
    if array is None:
        assert isinstance(value, str)
        return escape(value)
    language = ' xml:lang="x-default"' if array == "Alt" else ""
    texts = [value] if isinstance(value, str) else value
    items = "".join(f"<rdf:li{language}>{escape(text)}</rdf:li>" for text in texts)
    return f"<rdf:{array}>{items}</rdf:{array}>"


def _iim(datasets: Sequence[tuple[tuple[int, int], str]]) -> bytes:
    """An IPTC-IIM record in UTF-8, which it says."""
    encoded = [_UTF_8, *((number, text.encode()) for number, text in datasets)]
    return b"".join(
        bytes((0x1C, *number)) + len(data).to_bytes(2, "big") + data for number, data in encoded
    )


def _photoshop_resource(iim: bytes) -> bytes:
    padded = iim + b"\0" * (len(iim) % 2)
    header = b"8BIM\x04\x04\0\0" + len(iim).to_bytes(4, "big")
    return b"Photoshop 3.0\0" + header + padded


def _segment(marker: int, data: bytes) -> bytes:
    return bytes((0xFF, marker)) + (len(data) + 2).to_bytes(2, "big") + data


def _degrees(value: float) -> tuple[IFDRational, IFDRational, IFDRational]:
    minutes, seconds = divmod(round(abs(value) * 3600), 60)
    return (IFDRational(minutes // 60), IFDRational(minutes % 60), IFDRational(seconds))


def _written(pixels: Image.Image, format_: Format, options: Mapping[str, Any]) -> bytes:
    file = BytesIO()
    pixels.save(file, format_, **_WRITING[format_], **options)
    return file.getvalue()


@cache
def _canvas() -> Image.Image:
    width, height = _CANVAS
    noise = Image.frombytes("RGB", _CANVAS, random.Random(_SEED).randbytes(width * height * 3))
    gradient = Image.merge("RGB", [Image.linear_gradient("L").resize(_CANVAS)] * 3)
    return Image.blend(gradient, noise, 0.75)


def _pixels(size: Size, variant: int) -> Image.Image:
    width, height = size
    left = variant * 7 % (_CANVAS[0] - width + 1)
    top = variant * 5 % (_CANVAS[1] - height + 1)
    return _canvas().crop((left, top, left + width, top + height))


@cache
def _encoded_jpeg(size: Size) -> bytes:
    return _written(_pixels(size, 0), "JPEG", {})
