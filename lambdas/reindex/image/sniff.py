"""Detects a file's format from its first bytes, never from its name."""

from __future__ import annotations

from typing import Final, Literal

HEAD: Final = 64
"""Number of bytes at the beginning of a file that :func:`sniff` examines."""

Family = Literal[
    "jpeg", "png", "gif", "bmp", "psd", "tiff", "riff", "isobmff", "jpeg2000", "jpegxl"
]

_MAGIC: Final[tuple[tuple[bytes, Family, str], ...]] = (
    (b"\xff\xd8\xff", "jpeg", "image/jpeg"),
    (b"\x89PNG\r\n\x1a\n", "png", "image/png"),
    (b"GIF87a", "gif", "image/gif"),
    (b"GIF89a", "gif", "image/gif"),
    (b"8BPS\0\x01", "psd", "application/vnd.adobe.photoshop"),
    (b"8BPS\0\x02", "psd", "application/vnd.adobe.photoshop"),
    (b"II*\0", "tiff", "image/tiff"),
    (b"MM\0*", "tiff", "image/tiff"),
    (b"II+\0\x08\0\0\0", "tiff", "image/x-tiff-big"),
    (b"MM\0+\0\x08\0\0", "tiff", "image/x-tiff-big"),
    (b"\xff\x4f\xff\x51", "jpeg2000", "image/j2c"),
    (b"\xff\x0a", "jpegxl", "image/jxl"),
    (b"\0\0\0\x0cJXL \r\n\x87\n", "jpegxl", "image/jxl"),
    (b"BM", "bmp", "image/bmp"),
    (b"BA", "bmp", "image/bmp"),
)

_BRANDS: Final[dict[bytes, str]] = {
    b"avif": "image/avif",
    b"avis": "image/avif",
    b"heic": "image/heic",
    b"heix": "image/heic",
    b"heim": "image/heic",
    b"heis": "image/heic",
    b"hevc": "image/heic-sequence",
    b"hevx": "image/heic-sequence",
    b"mif1": "image/heif",
    b"msf1": "image/heif-sequence",
}
"""ISO base media brands (ISO/IEC 23008-12, 10; AV1 Image File Format, 8)."""

_JP2: Final = (b"\0\0\0\x0cjP  \r\n\x87\n", b"\0\0\0\x0cjP\x1a\x1a\r\n\x87\n")
"""JPEG 2000's signature box (ISO/IEC 15444-1, I.5.1), and an early draft's."""

_JP2_BRANDS: Final[dict[bytes, str]] = {
    b"jp2 ": "image/jp2",
    b"jpx ": "image/jpx",
    b"jph ": "image/jph",
}
"""The signature is followed by a file type box (15444-1, I.5.2; 15444-2, M.8; 15444-15)."""

_JP2_OTHERS: Final[dict[bytes, str]] = {
    b"jpm ": "JPEG 2000 compound document",
    b"mjp2": "Motion JPEG 2000",
}

_OTHERS: Final[tuple[tuple[bytes, str], ...]] = (
    (b"II\x1a\0\0\0HEAPCCDR", "Canon raw"),
    (b"IIRO", "Olympus raw"),
    (b"IIRS", "Olympus raw"),
    (b"MMOR", "Olympus raw"),
    (b"IIU\0", "Panasonic raw"),
    (b"FUJIFILMCCD-RAW", "Fujifilm raw"),
    (b"FOVb", "Sigma raw"),
    (b"\0MRM", "Minolta raw"),
    (b"\0\0\x01\0", "Windows icon"),
    (b"\x0a\x05\x01", "PCX"),
    (b"\x76\x2f\x31\x01", "OpenEXR"),
    (b"qoif", "QOI"),
    (b"SIMPLE  =", "FITS"),
    (b"DDS ", "DirectDraw surface"),
    (b"#?RADIANCE", "Radiance HDR"),
    (b"II\xbc\x01", "JPEG XR"),
    (b"%!PS-Adobe", "PostScript"),
    (b"\xc5\xd0\xd3\xc6", "PostScript"),
    (b"%PDF-", "PDF"),
    (b"<svg", "SVG"),
    (b"gimp xcf", "GIMP"),
    (b"P4\n", "portable bitmap"),
    (b"P5\n", "portable bitmap"),
    (b"P6\n", "portable bitmap"),
)
"""Signatures of unsupported image formats, to distinguish them from files that are not images."""


def sniff(head: bytes) -> tuple[Family, str] | None:
    """Return the format's family and MIME type, or None when the format is not supported.

    Args:
        head: The file's first :data:`HEAD` bytes, or the whole of a shorter file.
    """
    for magic, family, mime in _MAGIC:
        if head.startswith(magic):
            return family, mime
    if head.startswith(_JP2):
        brand = head[20:24]
        return None if brand in _JP2_OTHERS else ("jpeg2000", _JP2_BRANDS.get(brand, "image/jp2"))
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "riff", "image/webp"
    if head[4:8] == b"ftyp":
        mime_type = _brand(head)
        if mime_type is not None:
            return "isobmff", mime_type
    return None


def other_image(head: bytes) -> str | None:
    """Return the name of a known image format that is not supported, or None."""
    for magic, name in _OTHERS:
        if head.startswith(magic):
            return name
    if head.startswith(_JP2):
        return _JP2_OTHERS.get(head[20:24])
    return "Canon raw" if head[4:11] == b"ftypcrx" else None


def _brand(head: bytes) -> str | None:
    """Return the MIME type of the major brand, else of the first known compatible brand."""
    size = int.from_bytes(head[:4], "big")
    brands = [head[8:12], *(head[at : at + 4] for at in range(16, min(size, len(head)) - 3, 4))]
    return next((_BRANDS[brand] for brand in brands if brand in _BRANDS), None)
