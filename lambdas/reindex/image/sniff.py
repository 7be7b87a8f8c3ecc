"""Which format a file is of, by its first bytes and never by its name."""

from __future__ import annotations

from typing import Final, Literal

HEAD: Final = 64
"""How many of a file's first bytes :func:`sniff` looks at."""

Family = Literal["jpeg", "png", "gif", "bmp", "psd", "tiff", "riff", "isobmff"]

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

_OTHERS: Final[tuple[tuple[bytes, str], ...]] = (
    (b"\xff\x0a", "JPEG XL"),
    (b"\0\0\0\x0cJXL \r\n\x87\n", "JPEG XL"),
    (b"\0\0\0\x0cjP  \r\n\x87\n", "JPEG 2000"),
    (b"\xff\x4f\xff\x51", "JPEG 2000"),
    (b"IIRO", "Olympus raw"),
    (b"IIRS", "Olympus raw"),
    (b"MMOR", "Olympus raw"),
    (b"IIU\0", "Panasonic raw"),
    (b"FUJIFILMCCD-RAW", "Fujifilm raw"),
    (b"FOVb", "Sigma raw"),
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
"""Images of formats we do not read: told apart from what is no image at all."""


def sniff(head: bytes) -> tuple[Family, str] | None:
    """Return the format's family and MIME type, or None when ``head`` is of none we read.

    Args:
        head: The file's first :data:`HEAD` bytes, or all of a shorter file.
    """
    for magic, family, mime in _MAGIC:
        if head.startswith(magic) and not _is_canon_raw(head):
            return family, mime
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "riff", "image/webp"
    if head[4:8] == b"ftyp":
        brand = _brand(head)
        if brand is not None:
            return "isobmff", brand
    return None


def other_image(head: bytes) -> str | None:
    """Return the name of the image format that ``head`` is of though we do not read it."""
    for magic, name in _OTHERS:
        if head.startswith(magic):
            return name
    return "Canon raw" if _is_canon_raw(head) else None


def _is_canon_raw(head: bytes) -> bool:
    return head[4:11] == b"ftypcrx" or (head[:4] == b"II*\0" and head[8:10] == b"CR")


def _brand(head: bytes) -> str | None:
    """Return the MIME type of the major brand, else of the first compatible brand we know."""
    size = int.from_bytes(head[:4], "big")
    brands = [head[8:12], *(head[at : at + 4] for at in range(16, min(size, len(head)) - 3, 4))]
    return next((_BRANDS[brand] for brand in brands if brand in _BRANDS), None)
