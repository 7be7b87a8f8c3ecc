"""Makes the renditions of an original: smaller or web-friendly images to show to users.

Each shows the first frame, upright, in 8-bit sRGB (converted from the embedded profile), with no
metadata except credit and copyright. libvips decodes in strips, so that an original of 100
megapixels takes less than 512 MB; Pillow decodes the formats that libvips does not read.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Any, Final
from xml.sax.saxutils import escape, quoteattr

import pyvips
from pi_heif import register_heif_opener
from PIL import Image, ImageOps, UnidentifiedImageError

from reindex.domain.failures import CannotRender, TooManyPixels
from reindex.image import sniff
from reindex.image.truth import Dimensions

#: Largest number of pixels that is decoded: more than the largest cameras produce, and the most
#: for which a progressive JPEG, the costliest format, fits the memory of the function.
MAX_PIXELS: Final = 250_000_000

#: Longest side in pixels.
THUMBNAIL_SIDE: Final = 256
SCREEN_SIDE: Final = 2_048

#: Longest side in pixels, so that both WebP (RFC 9649) and JPEG (65,535) can hold it.
_MAX_WEB_SIDE: Final = 65_500

_JPEG_QUALITY: Final = 85
_WEBP_QUALITY: Final = 80
_WEB_QUALITY: Final = 90

_WHITE: Final = [255.0, 255.0, 255.0]

#: The libvips loader that may read each family. A file that another loader would read is
#: ambiguous, and is rejected.
_LOADERS: Final[dict[sniff.Family, str]] = {
    "jpeg": "jpegload",
    "png": "pngload",
    "riff": "webpload",
    "tiff": "tiffload",
    "gif": "gifload",
}

#: Pillow's formats for the families that libvips does not read.
_PILLOW: Final[dict[sniff.Family, tuple[str, ...]]] = {
    "bmp": ("BMP",),
    "psd": ("PSD",),
    "jpeg2000": ("JPEG2000",),
    "isobmff": ("AVIF", "HEIF"),
}

#: Families that browsers do not show.
_NOT_FOR_BROWSERS: Final = frozenset({"tiff", "psd", "jpeg2000"})


@cache
def _set_up_decoders() -> None:
    """Configure both libraries, once for a process."""
    register_heif_opener()
    # Enable only the loaders that are tested against hostile files.
    pyvips.block_untrusted_set(True)
    # Each original is read once, so a cache of operations would only waste memory.
    pyvips.cache_set_max(0)


class Kind(StrEnum):
    """The kind of a rendition; also its folder in the public bucket."""

    THUMBNAIL = "thumbnail"
    SCREEN_JPEG = "screen"
    SCREEN_WEBP = "screen-webp"
    OPTIMISED = "optimised"
    WEB = "web"


@dataclass(frozen=True, slots=True)
class Rendered:
    """A rendition.

    Attributes:
        kind: The kind of rendition.
        content: The file's bytes.
        mime_type: The MIME type of ``content``.
    """

    kind: Kind
    content: bytes
    mime_type: str


@dataclass(frozen=True, slots=True)
class Notice:
    """The rights metadata that is written into renditions.

    Attributes:
        credit: The credit line; None when the file has none.
        copyright: The copyright notice; None when the file has none.
    """

    credit: str | None = None
    copyright: str | None = None


def can_render(family: sniff.Family) -> bool:
    """Return True if renditions can be made of a format family."""
    return family in _LOADERS or family in _PILLOW


def render(path: Path, head: bytes, dimensions: Dimensions, notice: Notice) -> Iterator[Rendered]:
    """Make the renditions of an original; yield none for a format that is not decoded.

    Args:
        path: Path of the original.
        head: Its first :data:`reindex.image.sniff.HEAD` bytes.
        dimensions: The dimensions in its header.
        notice: The rights metadata to write.

    Raises:
        TooManyPixels: The header declares more than :data:`MAX_PIXELS`.
        CannotRender: The pixels cannot be decoded.
    """
    found = sniff.sniff(head)
    if found is None or not can_render(found[0]):
        return
    if dimensions.width * dimensions.height > MAX_PIXELS:
        raise TooManyPixels(
            "The image declares more pixels than are rendered.",
            f"{dimensions.width} x {dimensions.height}",
        )
    _set_up_decoders()
    family, mime_type = found
    original = _Original(path, family)
    with _decoding():
        screen = original.fitted(SCREEN_SIDE).copy_memory()
        small = screen.thumbnail_image(THUMBNAIL_SIDE, height=THUMBNAIL_SIDE, size="down")
        marked = _with_notice(screen, notice)
        yield _jpeg(Kind.THUMBNAIL, _with_notice(small, notice), _JPEG_QUALITY)
        yield _jpeg(Kind.SCREEN_JPEG, marked, _JPEG_QUALITY)
        yield Rendered(
            Kind.SCREEN_WEBP,
            marked.webpsave_buffer(Q=_WEBP_QUALITY, effort=2, keep=_KEPT),
            "image/webp",
        )
        if family == "png":
            whole = _with_notice(original.fitted(_MAX_WEB_SIDE), notice)
            content = whole.pngsave_buffer(compression=6, filter="all", keep=_KEPT)
            yield Rendered(Kind.OPTIMISED, content, "image/png")
        if family in _NOT_FOR_BROWSERS or mime_type.startswith("image/hei"):
            whole = _with_notice(original.fitted(_MAX_WEB_SIDE), notice)
            yield _jpeg(Kind.WEB, whole, _WEB_QUALITY)


#: The only metadata that is saved, by its name in libvips.
_KEPT: Final = "xmp"
_XMP: Final = "xmp-data"


def _jpeg(kind: Kind, image: Any, quality: int) -> Rendered:
    """Save as JPEG, on a white background because JPEG has no transparency."""
    flat = image.flatten(background=_WHITE[: image.bands - 1]) if image.hasalpha() else image
    # Optimal Huffman codes need all coefficients in memory, so only small images use them.
    optimal = kind is not Kind.WEB
    content = flat.jpegsave_buffer(Q=quality, optimize_coding=optimal, keep=_KEPT)
    return Rendered(kind, content, "image/jpeg")


class _Original:
    """An original whose pixels can be decoded more than once.

    Args:
        path: Path of the file.
        family: The family of its format.

    Raises:
        CannotRender: libvips has no loader for the file, or selects another format's loader.
    """

    def __init__(self, path: Path, family: sniff.Family) -> None:
        self._path = str(path)
        self._decoded = None
        if family in _PILLOW:
            self._decoded = self._header = _decoded_by_pillow(path, _PILLOW[family])
            return
        with _decoding():
            self._header = pyvips.Image.new_from_file(self._path)
            loader = self._header.get("vips-loader")
        if loader != _LOADERS[family]:
            raise CannotRender("The file is of two formats at once.", f"{family}, {loader}")

    def fitted(self, side: int) -> Any:
        """Return the image, upright and in sRGB, scaled down to fit a square of ``side`` pixels."""
        options = {"height": side, "size": "down"}
        if _has_profile(self._header):
            options["output_profile"] = "srgb"
        if self._decoded is not None:
            made = self._decoded.thumbnail_image(side, **options)
        else:
            made = pyvips.Image.thumbnail(self._path, side, fail_on="error", **options)
        if made.interpretation not in ("srgb", "b-w"):
            made = made.colourspace("srgb")
        return made.cast("uchar")


def _has_profile(image: Any) -> bool:
    """Return True if an image's colours are to be converted through a profile.

    Without one, RGB and grey are sRGB already. libvips would convert them from sRGB to sRGB, which
    takes ten times as long as to decode and shrink them.
    """
    return image.interpretation == "cmyk" or bool(image.get_typeof("icc-profile-data"))


def _decoded_by_pillow(path: Path, formats: tuple[str, ...]) -> Any:
    """Decode a file with Pillow, and rotate it upright.

    Raises:
        CannotRender: The file cannot be decoded.
    """
    try:
        with Image.open(path, formats=formats) as opened:
            profile = opened.info.get("icc_profile")
            image = ImageOps.exif_transpose(opened)
    except (
        OSError,
        ValueError,
        SyntaxError,
        UnidentifiedImageError,
        Image.DecompressionBombError,
        EOFError,
        IndexError,
        MemoryError,
    ) as error:
        raise CannotRender(
            "The file's pixels cannot be decoded.", f"{type(error).__name__}: {error}"
        ) from error
    kept = {"RGB", "RGBA", "L", "LA", "CMYK"}
    if image.mode not in kept:
        image = image.convert("RGBA" if "transparency" in image.info else "RGB")
    bands = len(image.getbands())
    with _decoding():
        made = pyvips.Image.new_from_memory(
            image.tobytes(), image.width, image.height, bands, "uchar"
        )
        meaning = {"CMYK": "cmyk", "L": "b-w", "LA": "b-w"}.get(image.mode, "srgb")
        made = made.copy(interpretation=meaning)
        if profile:
            made.set_type(pyvips.GValue.blob_type, "icc-profile-data", bytes(profile))
        return made


def _with_notice(image: Any, notice: Notice) -> Any:
    """Return the image with its XMP replaced by credit and copyright."""
    made = image.copy()
    if image.get_typeof(_XMP):
        made.remove(_XMP)
    if packet := _xmp(notice):
        made.set_type(pyvips.GValue.blob_type, _XMP, packet)
    return made


def _xmp(notice: Notice) -> bytes | None:
    """Return an XMP packet (ISO 16684-1) with credit and copyright; None when there is neither."""
    if not (notice.credit or notice.copyright):
        return None
    credit = f" photoshop:Credit={quoteattr(notice.credit)}" if notice.credit else ""
    rights = (
        '<dc:rights><rdf:Alt><rdf:li xml:lang="x-default">'
        f"{escape(notice.copyright)}</rdf:li></rdf:Alt></dc:rights>"
        if notice.copyright
        else ""
    )
    return (
        '<x:xmpmeta xmlns:x="adobe:ns:meta/">'
        '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        '<rdf:Description rdf:about="" xmlns:dc="http://purl.org/dc/elements/1.1/"'
        f' xmlns:photoshop="http://ns.adobe.com/photoshop/1.0/"{credit}>'
        f"{rights}</rdf:Description></rdf:RDF></x:xmpmeta>"
    ).encode()


@contextmanager
def _decoding() -> Iterator[None]:
    """Convert libvips's errors into a failure of the image.

    Raises:
        CannotRender: libvips failed; the message is libvips's.
    """
    try:
        yield
    except pyvips.Error as error:
        raise CannotRender(
            "The file's pixels cannot be decoded.", " ".join(str(error).split())
        ) from error
