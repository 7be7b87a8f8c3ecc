"""What is made of an original to be looked at: from a file to the bytes of its renditions.

Each is upright, in sRGB (through the profile that the file embeds), of eight bits, of the first
frame, and without metadata but for credit and copyright. libvips decodes in strips, so that an
original of 100 megapixels takes less than 512 MB; Pillow decodes what libvips does not read.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, Final
from xml.sax.saxutils import escape, quoteattr

import pyvips
from pi_heif import register_heif_opener
from PIL import Image, ImageOps, UnidentifiedImageError

from reindex.domain.failures import CannotRender, TooManyPixels
from reindex.image import sniff
from reindex.image.truth import Dimensions

#: Pixels that are decoded: more than the largest cameras give, and what a progressive JPEG, which
#: takes the most, can have in the memory of the function.
MAX_PIXELS: Final = 250_000_000

#: Longest side in pixels.
THUMBNAIL_SIDE: Final = 256
SCREEN_SIDE: Final = 2_048

#: What WebP can hold (RFC 9649), in pixels of a side; JPEG's sides are bounded by 65,535.
_MAX_WEB_SIDE: Final = 65_500

_JPEG_QUALITY: Final = 85
_WEBP_QUALITY: Final = 80
_WEB_QUALITY: Final = 90

_WHITE: Final = [255.0, 255.0, 255.0]
_SRGB_BANDS: Final = 3

#: The loader of libvips that may read each family. A file that another one would read is of two
#: formats at once.
_LOADERS: Final[dict[sniff.Family, str]] = {
    "jpeg": "jpegload",
    "png": "pngload",
    "riff": "webpload",
    "tiff": "tiffload",
    "gif": "gifload",
}

#: Formats that Pillow may try for the families that libvips does not read.
_PILLOW: Final[dict[sniff.Family, tuple[str, ...]]] = {
    "bmp": ("BMP",),
    "psd": ("PSD",),
    "jpeg2000": ("JPEG2000",),
    "isobmff": ("AVIF", "HEIF"),
}

#: Families that browsers do not show.
_NOT_FOR_BROWSERS: Final = frozenset({"tiff", "psd", "jpeg2000"})

register_heif_opener()
# Only loaders that are tested against hostile files.
pyvips.block_untrusted_set(True)
# Each original is read once: a cache of operations would only hold memory.
pyvips.cache_set_max(0)


class Kind(StrEnum):
    """Of a rendition; also its folder in the public bucket."""

    THUMBNAIL = "thumbnail"
    SCREEN_JPEG = "screen"
    SCREEN_WEBP = "screen-webp"
    OPTIMISED = "optimised"
    WEB = "web"


@dataclass(frozen=True, slots=True)
class Rendered:
    """A rendition.

    Attributes:
        kind: What it is for.
        content: Its bytes.
        mime_type: Of them.
    """

    kind: Kind
    content: bytes
    mime_type: str


@dataclass(frozen=True, slots=True)
class Notice:
    """What renditions say of the original's rights.

    Attributes:
        credit: Whom to name; None when the file does not say.
        copyright: Likewise.
    """

    credit: str | None = None
    copyright: str | None = None


def can_render(family: sniff.Family) -> bool:
    """Return whether renditions are made of a format family."""
    return family in _LOADERS or family in _PILLOW


def render(path: Path, head: bytes, dimensions: Dimensions, notice: Notice) -> Iterator[Rendered]:
    """Make the renditions of an original; none of a format that is not decoded.

    Args:
        path: Of the original.
        head: Its first :data:`reindex.image.sniff.HEAD` bytes.
        dimensions: As its header declares them.
        notice: What renditions say of its rights.

    Raises:
        TooManyPixels: It declares more than :data:`MAX_PIXELS`.
        CannotRender: Its pixels cannot be decoded.
    """
    found = sniff.sniff(head)
    if found is None or not can_render(found[0]):
        return
    if dimensions.width * dimensions.height > MAX_PIXELS:
        raise TooManyPixels(
            "The image declares more pixels than are rendered.",
            f"{dimensions.width} x {dimensions.height}",
        )
    family, mime_type = found
    original = _Original(path, family)
    with _decoding():
        screen = original.fitted(SCREEN_SIDE).copy_memory()
        small = screen.thumbnail_image(THUMBNAIL_SIDE, height=THUMBNAIL_SIDE, size="down")
        marked = _marked(screen, notice)
        yield _jpeg(Kind.THUMBNAIL, _marked(small, notice), _JPEG_QUALITY)
        yield _jpeg(Kind.SCREEN_JPEG, marked, _JPEG_QUALITY)
        yield Rendered(
            Kind.SCREEN_WEBP,
            marked.webpsave_buffer(Q=_WEBP_QUALITY, effort=2, keep=_KEPT),
            "image/webp",
        )
        if family == "png":
            whole = _marked(original.fitted(_MAX_WEB_SIDE), notice)
            content = whole.pngsave_buffer(compression=6, filter="all", keep=_KEPT)
            yield Rendered(Kind.OPTIMISED, content, "image/png")
        if family in _NOT_FOR_BROWSERS or mime_type.startswith("image/hei"):
            whole = _marked(original.fitted(_MAX_WEB_SIDE), notice)
            yield _jpeg(Kind.WEB, whole, _WEB_QUALITY)


#: The only metadata that savers keep, and libvips's name of it.
_KEPT: Final = "xmp"
_XMP: Final = "xmp-data"


def _jpeg(kind: Kind, image: Any, quality: int) -> Rendered:
    """Save as JPEG, which has no transparency: on white."""
    flat = image.flatten(background=_WHITE[: image.bands - 1]) if image.hasalpha() else image
    # Optimal codes need all coefficients in memory, which only small images may take.
    optimal = kind is not Kind.WEB
    content = flat.jpegsave_buffer(Q=quality, optimize_coding=optimal, keep=_KEPT)
    return Rendered(kind, content, "image/jpeg")


class _Original:
    """An original whose pixels can be decoded more than once.

    Args:
        path: Of the file.
        family: Of its format.

    Raises:
        CannotRender: Another format's loader would read it, or none.
    """

    def __init__(self, path: Path, family: sniff.Family) -> None:
        self._path = str(path)
        self._decoded = None
        if family in _PILLOW:
            self._decoded = _decoded_by_pillow(path, _PILLOW[family])
            return
        with _decoding():
            loader = pyvips.Image.new_from_file(self._path).get("vips-loader")
        if loader != _LOADERS[family]:
            raise CannotRender("The file is of two formats at once.", f"{family}, {loader}")

    def fitted(self, side: int) -> Any:
        """Return the image, upright and in sRGB, no larger than a square; never enlarged."""
        options = {"height": side, "size": "down", "output_profile": "srgb"}
        if self._decoded is not None:
            made = self._decoded.thumbnail_image(side, **options)
        else:
            made = pyvips.Image.thumbnail(self._path, side, fail_on="error", **options)
        if made.interpretation not in ("srgb", "b-w"):
            made = made.colourspace("srgb")
        return made.cast("uchar")


def _decoded_by_pillow(path: Path, formats: tuple[str, ...]) -> Any:
    """Decode a file by Pillow, turned upright.

    Raises:
        CannotRender: It cannot be decoded.
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


def _marked(image: Any, notice: Notice) -> Any:
    """Return the image with credit and copyright as its XMP, in place of what it had."""
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
    """Turn what libvips raises into a failure of the image.

    Raises:
        CannotRender: The message is libvips's.
    """
    try:
        yield
    except pyvips.Error as error:
        raise CannotRender(
            "The file's pixels cannot be decoded.", " ".join(str(error).split())
        ) from error
