"""The precedence of orientations: one file for each cell of the table in docs/document.md."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable
from dataclasses import replace

import pytest
from PIL import Image, ImageOps

from reindex.image.document import build
from reindex.image.mapping import mapping
from reindex.image.source import source
from reindex.image.truth import Dimensions, Rendition
from tests.unit.image.files import (
    Tag,
    box,
    chunk,
    exif_segment,
    gif,
    heif,
    ispe,
    jp2,
    jpeg,
    jxl,
    jxl_codestream,
    png,
    psd,
    read,
    resource,
    riff_chunk,
    segment,
    short,
    size_tags,
    tiff,
    tiff_file,
    uuid_box,
    webp,
)
from tests.unit.image.strictness import refusals
from tests.unit.image.truths import NOW, image_file, stored, truth

Writer = Callable[[int | None, int | None, int | None], bytes]
"""Writes a file that declares an orientation in its container, its Exif and its XMP."""

IROT = {8: b"\1", 3: b"\2", 6: b"\3", 1: b"\0"}


def xmp(orientation: int) -> bytes:
    return (
        '<x:xmpmeta xmlns:x="adobe:ns:meta/">'
        '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        '<rdf:Description rdf:about="" xmlns:tiff="http://ns.adobe.com/tiff/1.0/"'
        f' tiff:Orientation="{orientation}"/></rdf:RDF></x:xmpmeta>'
    ).encode()


def exif(orientation: int) -> bytes:
    return tiff({0x0112: short(orientation)})


def in_jpeg(_: int | None, by_exif: int | None, by_xmp: int | None) -> bytes:
    parts = [exif_segment(exif(by_exif))] if by_exif else []
    if by_xmp:
        parts.append(segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + xmp(by_xmp)))
    return jpeg(*parts)


def in_png(_: int | None, by_exif: int | None, by_xmp: int | None) -> bytes:
    parts = [chunk(b"eXIf", exif(by_exif))] if by_exif else []
    if by_xmp:
        parts.append(chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + xmp(by_xmp)))
    return png(*parts)


def in_webp(_: int | None, by_exif: int | None, by_xmp: int | None) -> bytes:
    parts = [riff_chunk(b"EXIF", exif(by_exif))] if by_exif else []
    if by_xmp:
        parts.append(riff_chunk(b"XMP ", xmp(by_xmp)))
    vp8x = riff_chunk(b"VP8X", struct.pack("<I", 0x0C) + bytes([39, 0, 0, 29, 0, 0]))
    return webp(vp8x, *parts)


def in_gif(_: int | None, __: int | None, by_xmp: int | None) -> bytes:
    trailer = b"\1" + bytes(range(255, -1, -1)) + b"\0"
    return gif(b"\x21\xff\x0bXMP DataXMP" + xmp(by_xmp) + trailer) if by_xmp else gif()


def in_psd(_: int | None, by_exif: int | None, by_xmp: int | None) -> bytes:
    parts = resource(0x0422, exif(by_exif)) if by_exif else b""
    return psd(parts + (resource(0x0424, xmp(by_xmp)) if by_xmp else b""))


def in_tiff(_: int | None, by_tag: int | None, by_xmp: int | None) -> bytes:
    tags = size_tags(40, 30)
    if by_tag:
        tags[0x0112] = short(by_tag)
    if by_xmp:
        tags[0x02BC] = 1, len(xmp(by_xmp)), xmp(by_xmp)
    return tiff_file(tags)


def in_dng(_: int | None, by_tag: int | None, by_xmp: int | None) -> bytes:
    tags = size_tags(4, 3, tag_00FE=short(1), tag_C612=(1, 4, b"\1\4\0\0"))
    if by_tag:
        tags[0x0112] = short(by_tag)
    if by_xmp:
        tags[0x02BC] = 1, len(xmp(by_xmp)), xmp(by_xmp)
    return tiff_file(tags, below=[size_tags(40, 30, tag_0106=short(32803))])


def in_jp2(_: int | None, by_exif: int | None, by_xmp: int | None) -> bytes:
    parts = [uuid_box(b"JpgTiffExif->JP2", exif(by_exif))] if by_exif else []
    if by_xmp:
        parts.append(uuid_box("be7acfcb97a942e89c71999491e3afac", xmp(by_xmp)))
    return jp2(*parts)


def in_heic(by_box: int | None, by_exif: int | None, by_xmp: int | None) -> bytes:
    properties = [ispe(40, 30)] + ([box(b"irot", IROT[by_box])] if by_box else [])
    items = [(b"Exif", bytes(4) + exif(by_exif))] if by_exif else []
    if by_xmp:
        items.append((b"mime", xmp(by_xmp)))
    return heif(properties, items)


def in_avif(by_box: int | None, by_exif: int | None, by_xmp: int | None) -> bytes:
    return in_heic(by_box, by_exif, by_xmp).replace(b"heic", b"avif")


def in_jxl(by_header: int | None, by_exif: int | None, by_xmp: int | None) -> bytes:
    parts = [box(b"Exif", bytes(4), exif(by_exif))] if by_exif else []
    if by_xmp:
        parts.append(box(b"xml ", xmp(by_xmp)))
    return jxl(*parts, codestream=jxl_codestream(orientation=by_header or 1))


WITH_EXIF: list[Writer] = [in_jpeg, in_png, in_webp, in_psd, in_tiff, in_dng, in_jp2]
WITH_BOXES: list[Writer] = [in_heic, in_avif]


@pytest.mark.parametrize("write", [*WITH_EXIF, *WITH_BOXES])
@pytest.mark.parametrize(
    ("by_exif", "by_xmp", "wins"),
    [
        (None, None, None),
        (6, None, 6),
        (None, 8, 8),
        (6, 8, 6),
        (1, 8, 1),
        (9, 8, 8),
        (0, None, None),
    ],
)
def test_exif_comes_before_xmp(
    write: Writer, by_exif: int | None, by_xmp: int | None, wins: int | None
) -> None:
    assert read(write(None, by_exif, by_xmp)).orientation == wins


@pytest.mark.parametrize(("by_xmp", "wins"), [(None, None), (6, 6)])
def test_a_gif_has_xmp_only(by_xmp: int | None, wins: int | None) -> None:
    assert read(in_gif(None, None, by_xmp)).orientation == wins


@pytest.mark.parametrize("write", WITH_BOXES)
@pytest.mark.parametrize(
    ("by_box", "by_exif", "by_xmp", "wins"),
    [
        (8, None, None, 8),
        (8, 6, None, 8),
        (8, 6, 3, 8),
        (1, 6, 3, 1),
        (3, None, 6, 3),
        (6, 6, 6, 6),
    ],
)
def test_transformations_come_before_exif_and_xmp(
    write: Writer, by_box: int, by_exif: int | None, by_xmp: int | None, wins: int
) -> None:
    assert read(write(by_box, by_exif, by_xmp)).orientation == wins


@pytest.mark.parametrize("by_header", [None, 1, 2, 3, 4, 5, 6, 7, 8])
@pytest.mark.parametrize("by_exif", [None, 6])
@pytest.mark.parametrize("by_xmp", [None, 8])
def test_a_jpeg_xl_header_comes_before_exif_and_xmp_even_with_defaults(
    by_header: int | None, by_exif: int | None, by_xmp: int | None
) -> None:
    assert read(in_jxl(by_header, by_exif, by_xmp)).orientation == (by_header or 1)


@pytest.mark.parametrize("value", ["", "0", "9", "six", "66", "-6", "6.5", "6 ", "6.0", "06"])
def test_an_invalid_xmp_orientation_is_ignored(value: str) -> None:
    data = in_png(None, None, 6).replace(b'"6"', f'"{value}"'.encode())
    at = data.index(b"iTXt") - 4
    length = struct.pack(">I", struct.unpack_from(">I", data, at)[0] + len(value) - 1)
    found = read(data[:at] + length + data[at + 4 :])
    assert found.orientation == (6 if value in {"6 ", "6.0", "06"} else None)


@pytest.mark.parametrize(
    ("tag", "wins"),
    [
        ((3, 1, b"\6\0"), 6),
        ((3, 2, b"\6\0\1\0"), 6),
        ((4, 1, b"\6\0\0\0"), 6),
        ((1, 1, b"\6"), 6),
        ((9, 1, b"\xfa\xff\xff\xff"), None),
        ((3, 1, b"\0\6"), None),
        ((5, 1, struct.pack("<II", 6, 1)), None),
        ((2, 2, b"6\0"), None),
    ],
)
def test_an_exif_orientation_is_a_valid_integer_of_any_size(tag: Tag, wins: int | None) -> None:
    assert read(jpeg(exif_segment(tiff({0x0112: tag})))).orientation == wins


def test_the_orientation_of_a_preview_or_another_directory_is_ignored() -> None:
    make = (2, 2, b"M\0")
    of_preview = tiff_file({0x010F: make}, {0x0112: short(6)})
    assert read(jpeg(exif_segment(of_preview))).orientation is None
    assert read(jpeg(exif_segment(tiff({0x010F: make}, {0x0112: short(6)})))).orientation is None


@pytest.mark.parametrize(
    ("turned", "mirrored", "wins"),
    [(None, 0, 4), (None, 1, 2), (1, 0, 5), (1, 1, 7), (2, 0, 2), (3, 0, 7), (3, 1, 5)],
)
def test_a_picture_may_be_turned_and_mirrored_and_exif_does_not_add_to_it(
    turned: int | None, mirrored: int, wins: int
) -> None:
    boxes = [box(b"irot", bytes([turned]))] if turned is not None else []
    boxes.append(box(b"imir", bytes([mirrored])))
    exif_item = [(b"Exif", bytes(4) + exif(6))]
    assert read(heif([ispe(40, 30), *boxes], exif_item)).orientation == wins


# The thumbnail


def thumbnail(width: int, height: int) -> Rendition:
    return Rendition(
        stored("https://thumbs.example.com/a"), "image/jpeg", Dimensions(width, height)
    )


@pytest.mark.parametrize(
    ("orientation", "thumb", "doubtful"),
    [
        (None, None, False),
        (None, (256, 192), False),
        (None, (192, 256), True),
        (1, (256, 192), False),
        (6, (192, 256), False),
        (6, (256, 192), True),
        (3, (192, 256), True),
        (8, (256, 256), False),
        (8, (1, 2), False),
    ],
)
def test_a_thumbnail_of_another_shape_makes_the_orientation_doubtful(
    orientation: int | None,
    thumb: tuple[int, int] | None,
    doubtful: bool,  # noqa: FBT001
) -> None:
    file = replace(image_file(), orientation=orientation)
    image = replace(truth(), file=file, thumbnail=thumb and thumbnail(*thumb))
    document = build(image, NOW)
    told = document["source"].get("orientationMetadata", {})
    assert told.get("orientationDoubtful", False) is doubtful
    assert told.get("exifOrientation") == orientation
    assert "orientationDoubtful" not in str(document.get("thumbnail"))
    assert list(refusals(document, mapping())) == []


def test_a_square_picture_or_an_unread_thumbnail_raises_no_doubt() -> None:
    square = replace(image_file(), dimensions=Dimensions(300, 300), orientation=6)
    assert "orientationDoubtful" not in str(source(stored(), square, thumbnail(192, 256)))
    unread = Rendition(stored("https://thumbs.example.com/a"), None, None)
    assert "orientationDoubtful" not in str(source(stored(), image_file(), unread))


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF", "WEBP"])
def test_a_thumbnail_made_once_agrees_and_one_turned_twice_does_not(
    kind: str, orientation: int
) -> None:
    written = io.BytesIO()
    tags = Image.Exif()
    tags[0x0112] = orientation
    Image.new("RGB", (40, 30)).save(written, kind, exif=tags)
    found = read(written.getvalue())
    assert (found.orientation, found.dimensions) == (orientation, Dimensions(40, 30))
    # Pillow applies the tag of a TIFF when it loads it, and forgets it then.
    shown = ImageOps.exif_transpose(Image.open(io.BytesIO(written.getvalue())))
    small = source(stored(), found, thumbnail(*shown.size))
    assert small["orientedDimensions"] == {"width": shown.width, "height": shown.height}
    assert "orientationDoubtful" not in small.get("orientationMetadata", {})
    turned = source(stored(), found, thumbnail(shown.height, shown.width))
    assert turned["orientationMetadata"]["orientationDoubtful"] is True
