from __future__ import annotations

import struct

import pytest

from reindex.domain.failures import NotAnImage, UnsupportedFormat
from reindex.image.sniff import sniff
from tests.unit.image.files import box, j2k, jp2, jxl, read


def ftyp(major: bytes, *compatible: bytes) -> bytes:
    return box(b"ftyp", major, bytes(4), *compatible)


@pytest.mark.parametrize(
    ("head", "mime"),
    [
        (b"\xff\xd8\xff\xe0", "image/jpeg"),
        (b"\x89PNG\r\n\x1a\n", "image/png"),
        (b"GIF87a", "image/gif"),
        (b"GIF89a", "image/gif"),
        (b"BM", "image/bmp"),
        (b"BA", "image/bmp"),
        (b"8BPS\0\x01", "application/vnd.adobe.photoshop"),
        (b"8BPS\0\x02", "application/vnd.adobe.photoshop"),
        (b"II*\0", "image/tiff"),
        (b"MM\0*", "image/tiff"),
        (b"II+\0\x08\0\0\0", "image/x-tiff-big"),
        (b"MM\0+\0\x08\0\0", "image/x-tiff-big"),
        (b"RIFF\0\0\0\0WEBPVP8 ", "image/webp"),
        (ftyp(b"heic", b"mif1"), "image/heic"),
        (ftyp(b"heix"), "image/heic"),
        (ftyp(b"hevc"), "image/heic-sequence"),
        (ftyp(b"mif1", b"heic"), "image/heif"),
        (ftyp(b"avif", b"mif1"), "image/avif"),
        (ftyp(b"abcd", b"avif"), "image/avif"),
        (b"\xff\x0a", "image/jxl"),
        (jxl(), "image/jxl"),
        (j2k(), "image/j2c"),
        (jp2(), "image/jp2"),
        (jp2(brand=b"jpx "), "image/jpx"),
        (jp2(brand=b"jph "), "image/jph"),
        (jp2(brand=b"    "), "image/jp2"),
        (b"\0\0\0\x0cjP\x1a\x1a\r\n\x87\n", "image/jp2"),
    ],
)
def test_the_format_is_detected_from_the_first_bytes(head: bytes, mime: str) -> None:
    found = sniff(head)
    assert found is not None
    assert found[1] == mime


@pytest.mark.parametrize(
    "head",
    [
        b"%PDF-1.4",
        jp2(brand=b"jpm "),
        jp2(brand=b"mjp2"),
        b"II\x1a\0\0\0HEAPCCDR\2\0",
        ftyp(b"crx "),
        b"\0MRM\0\0\1\0",
        b"<svg xmlns=",
        b"FUJIFILMCCD-RAW ",
    ],
)
def test_an_image_of_another_format_is_unsupported(head: bytes) -> None:
    with pytest.raises(UnsupportedFormat):
        read(head + bytes(100))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"x",
        b"\x89PNG\r\r\x1a\r" + bytes(40),
        b"RIFF" + struct.pack("<I", 4) + b"WAVE",
        ftyp(b"isom", b"mp42"),
        b"hello, world",
    ],
)
def test_anything_else_is_not_an_image(data: bytes) -> None:
    with pytest.raises(NotAnImage):
        read(data)
