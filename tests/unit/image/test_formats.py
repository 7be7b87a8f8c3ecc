"""Reading of JPEG 2000, JPEG XL, raw files, and JPEGs without a height."""

from __future__ import annotations

import io
import random
import struct
import tracemalloc
from typing import Any

import brotli
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from reindex.domain.failures import ReindexFailure, TruncatedImage, UnsupportedFormat
from reindex.image.extract import extract
from reindex.image.jpeg import MAX_SCAN
from reindex.image.ranged import BLOCK, FIRST_BLOCKS, RangedFile
from reindex.image.truth import Dimensions
from tests.unit.image.files import (
    XMP_PACKET,
    Bits,
    Tag,
    ascii_tag,
    box,
    dataset,
    j2k,
    jp2,
    jpeg,
    jxl,
    jxl_codestream,
    profile,
    read,
    resource,
    segment,
    short,
    size_tags,
    tiff,
    tiff_file,
    uuid_box,
)

EXIF = tiff({0x0112: short(6), 0x010F: ascii_tag("Canon")})
XMP = {"dc:format": "image/jpeg"}


def ranged(data: bytes) -> RangedFile:
    return RangedFile(lambda start, length: data[start : start + length], len(data))


# JPEG 2000


def colr(space: int) -> bytes:
    return box(b"colr", struct.pack(">BBBI", 1, 0, 0, space))


@pytest.mark.parametrize(
    ("header", "components", "model", "colour"),
    [
        ([colr(16)], 3, "RGB", {"bitsPerSample": "8", "components": "3", "hasAlpha": "false"}),
        ([colr(17)], 1, "Greyscale", {"components": "1"}),
        ([colr(18)], 3, "RGB", {}),
        ([colr(12)], 4, "CMYK", {}),
        ([colr(14)], 3, "LAB", {}),
        ([colr(99)], 1, "Greyscale", {}),
        ([], 3, "RGB", {}),
        ([], 7, None, {"components": "7"}),
        ([box(b"colr", b"\2\0\0", profile())], 3, "RGB", {}),
        ([box(b"colr", b"\2\0\0", profile().replace(b"RGB ", b"CMYK"))], 4, "CMYK", {}),
        ([box(b"bpcc", b"\7\x89\7")], 3, "RGB", {"bitsPerSample": "8 10 8"}),
        (
            [box(b"cdef", b"\0\2", struct.pack(">6H", 0, 0, 1, 1, 1, 0))],
            2,
            "Greyscale",
            {"hasAlpha": "true"},
        ),
        (
            [box(b"pclr", b"\1\0\3\7\7\7", bytes(768))],
            1,
            "RGB",
            {"paletteSize": "256", "colorType": "Indexed Color"},
        ),
    ],
)
def test_the_colour_model_of_jpeg_2000_is_read(
    header: list[bytes], components: int, model: str | None, colour: dict[str, str]
) -> None:
    found = read(jp2(header=header, components=components))
    assert found.colour_model == model
    assert colour.items() <= dict(found.colour_model_information).items()


def test_a_profile_of_jpeg_2000_is_read() -> None:
    found = read(jp2(header=[box(b"colr", b"\2\0\0", profile()), colr(16)]))
    assert found.icc["Color space"] == "RGB"


@pytest.mark.parametrize("place", ["before", "after"])
@pytest.mark.parametrize(
    ("metadata", "group", "expected"),
    [
        (uuid_box(b"JpgTiffExif->JP2", EXIF), "exif", {"Make": "Canon", "Orientation": "6"}),
        (
            uuid_box(b"JpgTiffExif->JP2", b"Exif\0\0" + EXIF),
            "exif",
            {"Make": "Canon", "Orientation": "6"},
        ),
        (
            uuid_box("0537cdab9d0c4431a72afa561f2a113e", EXIF),
            "exif",
            {"Make": "Canon", "Orientation": "6"},
        ),
        (uuid_box("be7acfcb97a942e89c71999491e3afac", XMP_PACKET), "xmp", XMP),
        (
            uuid_box("33c7a4d2b81d4723a0baf1a3e097ad38", dataset(2, 90, b"Rome")),
            "iptc",
            {"City": "Rome"},
        ),
        (
            uuid_box("09a14e97c0b442e0bebf36df6f0ce36f", dataset(2, 90, b"Rome")),
            "iptc",
            {"City": "Rome"},
        ),
        (
            uuid_box("2c4c0100850440b9a03e562148d6dfeb", resource(0x0404, dataset(2, 90, b"Rome"))),
            "iptc",
            {"City": "Rome"},
        ),
        (uuid_box(bytes(16), XMP_PACKET), "xmp", {}),
    ],
)
def test_metadata_of_jpeg_2000_is_read(
    place: str, metadata: bytes, group: str, expected: dict[str, str]
) -> None:
    data = jp2(metadata) if place == "before" else jp2(after=[metadata])
    assert getattr(read(data), group) == expected


def test_metadata_after_a_long_codestream_costs_one_more_request() -> None:
    data = jp2(
        codestream=j2k() + bytes(3_000_000),
        after=[uuid_box("be7acfcb97a942e89c71999491e3afac", XMP_PACKET)],
    )
    with ranged(data) as file:
        assert extract(file).xmp == XMP
        assert file.requests == 2
        assert file.bytes_read <= 8 * BLOCK


def test_a_codestream_to_the_end_of_the_file_costs_no_further_request() -> None:
    whole = jp2(codestream=j2k() + bytes(3_000_000))
    at = whole.index(b"jp2c") - 4
    for data in (whole, whole[:at] + bytes(4) + whole[at + 4 :]):
        with ranged(data) as file:
            assert extract(file).dimensions == Dimensions(40, 30)
            assert file.bytes_read == FIRST_BLOCKS * BLOCK


def test_a_codestreams_size_is_measured_from_its_origin() -> None:
    assert read(j2k(40, 30, left=7, top=9)).dimensions == Dimensions(40, 30)


def test_the_codestreams_size_is_used_without_a_header_box() -> None:
    data = jp2()
    at = data.index(b"jp2h")
    found = read(data[:at] + b"free" + data[at + 4 :])
    assert found.dimensions == Dimensions(40, 30)
    assert found.colour_model == "RGB"


@pytest.mark.parametrize("options", [{}, {"no_jp2": True}, {"quality_layers": [20]}])
@pytest.mark.parametrize(("mode", "model"), [("L", "Greyscale"), ("RGB", "RGB"), ("RGBA", "RGB")])
def test_files_of_another_jpeg_2000_encoder_are_read(
    options: dict[str, Any], mode: str, model: str
) -> None:
    written = io.BytesIO()
    Image.new(mode, (123, 45)).save(written, "JPEG2000", **options)
    found = read(written.getvalue())
    assert found.dimensions == Dimensions(123, 45)
    if not ("no_jp2" in options and mode == "RGBA"):  # four components may be anything there
        assert found.colour_model == model


# JPEG XL


@pytest.mark.parametrize(("width", "height"), [(1, 1), (40, 30), (300_000, 3000), (7, 8191)])
def test_the_size_of_jpeg_xl_is_read(width: int, height: int) -> None:
    found = read(jxl_codestream(width, height))
    assert (found.mime_type, found.dimensions) == ("image/jxl", Dimensions(width, height))
    in_boxes = read(jxl(codestream=jxl_codestream(width, height)))
    assert in_boxes.dimensions == Dimensions(width, height)


@pytest.mark.parametrize(
    ("numbers", "width", "height"),
    [
        ([(1, 1), (4, 5), (0, 3), (9, 5)], 80, 40),
        ([(1, 1), (4, 5), (1, 3)], 40, 40),
        ([(1, 1), (4, 5), (2, 3)], 48, 40),
        ([(1, 1), (2, 5), (3, 3)], 32, 24),
        ([(0, 1), (0, 2), (99, 9), (4, 3)], 150, 100),
        ([(0, 1), (1, 2), (1079, 13), (5, 3)], 1920, 1080),
        ([(0, 1), (2, 2), (19_999, 18), (6, 3)], 25_000, 20_000),
        ([(0, 1), (0, 2), (98, 9), (7, 3)], 198, 99),
    ],
)
def test_short_size_codes_of_jpeg_xl_are_read(
    numbers: list[tuple[int, int]], width: int, height: int
) -> None:
    bits = Bits()
    bits.add(*numbers, (1, 1))
    assert read(b"\xff\x0a" + bits.bytes() + bytes(4)).dimensions == Dimensions(width, height)


@pytest.mark.parametrize(
    ("codestream", "model", "depth", "alpha"),
    [
        (jxl_codestream(), "RGB", "8", "false"),
        (jxl_codestream(grey=True, depth=16), "Greyscale", "16", "false"),
        (jxl_codestream(extra=[0]), "RGB", "8", "true"),
        (jxl_codestream(extra=[4]), "CMYK", "8", "false"),
        (jxl_codestream(extra=[2, 4, 0, 1], moving=True), "CMYK", "8", "true"),
        (jxl_codestream(grey=True, extra=[2, 0]), "Greyscale", "8", "true"),
    ],
)
def test_the_colour_model_of_jpeg_xl_is_read(
    codestream: bytes, model: str, depth: str, alpha: str
) -> None:
    found = read(codestream)
    assert found.colour_model == model
    assert found.colour_model_information == {"bitsPerSample": depth, "hasAlpha": alpha}


@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_codestreams_orientation_overrides_exif(orientation: int) -> None:
    codestream = jxl_codestream(orientation=orientation, moving=orientation > 4)
    found = read(jxl(box(b"Exif", bytes(4), EXIF), codestream=codestream))
    assert found.orientation == orientation
    assert found.exif["Orientation"] == "6"


def brob(kind: bytes, data: bytes) -> bytes:
    return box(b"brob", kind, brotli.compress(data))


@pytest.mark.parametrize("place", ["before", "after"])
@pytest.mark.parametrize(
    ("metadata", "group", "expected"),
    [
        (box(b"Exif", bytes(4), EXIF), "exif", {"Make": "Canon", "Orientation": "6"}),
        (
            box(b"Exif", b"\0\0\0\6Exif\0\0", EXIF),
            "exif",
            {"Make": "Canon", "Orientation": "6"},
        ),
        (box(b"Exif", EXIF), "exif", {"Make": "Canon", "Orientation": "6"}),
        (brob(b"Exif", bytes(4) + EXIF), "exif", {"Make": "Canon", "Orientation": "6"}),
        (box(b"xml ", XMP_PACKET), "xmp", XMP),
        (brob(b"xml ", XMP_PACKET), "xmp", XMP),
        (brob(b"xml ", XMP_PACKET)[:-1] + b"\xff", "exif", {}),
        (brob(b"jumb", XMP_PACKET), "xmp", {}),
        (box(b"brob", b"xml "), "xmp", {}),
        (box(b"brob", b"xm"), "xmp", {}),
    ],
)
def test_metadata_of_jpeg_xl_is_read(
    place: str, metadata: bytes, group: str, expected: dict[str, str]
) -> None:
    found = read(jxl(metadata) if place == "before" else jxl(after=[metadata]))
    assert getattr(found, group) == expected
    assert found.trimmed == ()


def test_a_codestream_in_parts_is_joined_for_its_header() -> None:
    whole = jxl_codestream(4000, 3000, orientation=8, extra=[0])
    parts = [
        box(b"jxlp", number.to_bytes(4, "big"), whole[at : at + 3])
        for number, at in enumerate(range(0, len(whole), 3))
    ]
    data = jxl(codestream=b"")
    head = data[: data.index(b"jxlc") - 4]
    found = read(head + parts[0] + box(b"xml ", XMP_PACKET) + b"".join(parts[1:]))
    assert found.dimensions == Dimensions(4000, 3000)
    assert found.orientation == 8
    assert found.colour_model_information["hasAlpha"] == "true"
    assert found.xmp == XMP


def test_a_damaged_compressed_box_is_read_up_to_the_damage() -> None:
    noise = random.Random(7).randbytes(30_000).hex().encode()
    packed = brotli.compress(XMP_PACKET.replace(b"</rdf:RDF>", b"<!--" + noise + b"--></rdf:RDF>"))
    assert read(jxl(box(b"brob", b"xml ", packed[:9000]))).xmp == XMP


def test_a_compressed_bomb_is_cut_and_named_in_trimmed() -> None:
    bomb = box(b"brob", b"xml ", brotli.compress(XMP_PACKET + b" " * 2**28))
    tracemalloc.start()
    found = read(jxl(bomb, bomb, bomb))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert found.trimmed == ("xmp",)
    assert peak < 64 * 2**20


def test_metadata_after_a_long_jpeg_xl_codestream_costs_one_more_request() -> None:
    data = jxl(codestream=jxl_codestream() + bytes(3_000_000), after=[brob(b"xml ", XMP_PACKET)])
    with ranged(data) as file:
        assert extract(file).xmp == XMP
        assert file.requests == 2
        assert file.bytes_read <= 8 * BLOCK


@given(st.binary(max_size=60))
def test_any_header_of_jpeg_xl_gives_metadata_or_a_failure(tail: bytes) -> None:
    try:
        assert read(b"\xff\x0a" + tail).mime_type == "image/jxl"
    except ReindexFailure as failure:
        assert failure.code in {"truncated", "too_many_pixels"}  # noqa: PT017


# Raw files

CFA, LINEAR, RENDERED = short(32803), short(34892), short(2)


def raw(maker: str, model: str = "A1", **others: Any) -> bytes:
    """A small preview first, and below it another preview and what the sensor took."""
    options: dict[str, Any] = {
        "below": [
            size_tags(800, 600, tag_00FE=short(1), tag_0106=RENDERED),
            size_tags(6000, 4000, tag_00FE=short(0), tag_0106=CFA),
        ],
        **others,
    }
    camera: dict[str, Tag] = {"tag_010F": ascii_tag(maker), "tag_0110": ascii_tag(model)}
    first = size_tags(160, 120, tag_00FE=short(1), tag_0106=RENDERED, **camera)
    return tiff_file(first | options.pop("more", {}), **options)


DNG_VERSION: dict[int, Tag] = {0xC612: (1, 4, b"\1\6\0\0")}


@pytest.mark.parametrize(
    ("data", "mime"),
    [
        (raw("NIKON CORPORATION"), "image/x-nikon-nef"),
        (raw("SONY"), "image/x-sony-arw"),
        (raw("PENTAX Corporation"), "image/x-pentax-pef"),
        (raw("SAMSUNG"), "image/x-samsung-srw"),
        (raw("Leica Camera AG", more=DNG_VERSION), "image/x-adobe-dng"),
        (raw("NIKON CORPORATION", more=DNG_VERSION), "image/x-adobe-dng"),
        (raw("", more=DNG_VERSION), "image/x-adobe-dng"),
        (
            raw(
                "Apple",
                more=DNG_VERSION,
                below=[
                    size_tags(6000, 4000, tag_0106=LINEAR),
                    size_tags(12000, 8000, tag_00FE=short(16), tag_0106=LINEAR),
                    size_tags(7000, 4000, tag_00FE=short(4), tag_0106=short(4)),
                ],
            ),
            "image/x-adobe-dng",
        ),
        (
            tiff_file(
                size_tags(6000, 4000, tag_0106=CFA, tag_010F=ascii_tag("RICOH IMAGING COMPANY")),
                size_tags(160, 120, tag_00FE=short(1)),
            ),
            "image/x-pentax-pef",
        ),
        (
            tiff_file(
                size_tags(160, 120, tag_010F=ascii_tag("NIKON")),
                below=[size_tags(6000, 4000, tag_0106=CFA)],
            ),
            "image/x-nikon-nef",
        ),
    ],
)
def test_a_raw_file_has_its_own_type_and_the_sensors_size(data: bytes, mime: str) -> None:
    found = read(data)
    assert (found.mime_type, found.dimensions) == (mime, Dimensions(6000, 4000))


@pytest.mark.parametrize(
    ("chain", "sub"),
    [
        ([size_tags(2000, 1500)] * 4, {0xA002: short(6000), 0xA003: short(4000)}),
        ([size_tags(2000, 1500)] * 3 + [size_tags(6000, 4000)], None),
        ([size_tags(2000, 1500)], {0xA002: short(6000), 0xA003: short(4000)}),
    ],
)
def test_a_cr2_has_the_size_of_its_picture_and_not_of_its_preview(
    chain: list[dict[int, Tag]], sub: dict[int, Tag] | None
) -> None:
    found = read(tiff_file(*chain, sub=sub, cr2=True))
    assert (found.mime_type, found.dimensions) == ("image/x-canon-cr2", Dimensions(6000, 4000))


def test_a_cr2_that_says_only_its_previews_size_is_truncated() -> None:
    with pytest.raises(TruncatedImage):
        read(tiff_file(size_tags(2000, 1500), cr2=True))


def phase_one() -> bytes:
    """A picture of pixels by its directory, and a raw file by what follows the header."""
    entries = size_tags(1024, 768, tag_0106=RENDERED, tag_010F=ascii_tag("Phase One"))
    return tiff_file(entries, cr2=True).replace(b"CR\2\0", b"IIII")


@pytest.mark.parametrize(
    ("data", "named"),
    [
        (raw("Phase One A/S", "IQ3"), "Phase One A/S"),
        (raw("EASTMAN KODAK COMPANY", "DCS Pro 14n"), "EASTMAN KODAK COMPANY"),
        (raw("SONY", "DSC-R1"), "DSC-R1"),
        (raw("SONY", "DSLR-A100", below=[]), "DSLR-A100"),
        (raw("Canon", below=[]), "Canon"),
        (raw(""), "an unnamed maker"),
        (phase_one(), "Phase One"),
    ],
)
def test_a_raw_file_of_unknown_format_is_unsupported(data: bytes, named: str) -> None:
    with pytest.raises(UnsupportedFormat) as caught:
        read(data)
    assert "raw" in caught.value.message
    assert named in f"{caught.value.message} {caught.value.detail}"


@pytest.mark.parametrize(
    "data",
    [
        tiff_file(size_tags(40, 30, tag_0106=RENDERED, tag_010F=ascii_tag("NIKON CORPORATION"))),
        tiff_file(size_tags(40, 30), size_tags(400, 300)),
        tiff_file(size_tags(40, 30), below=[size_tags(20, 15, tag_00FE=short(1))]),
        tiff_file(size_tags(40, 30, tag_00FE=short(1))),
    ],
)
def test_an_ordinary_tiff_is_not_a_raw_file(data: bytes) -> None:
    found = read(data)
    assert (found.mime_type, found.dimensions) == ("image/tiff", Dimensions(40, 30))


def test_a_large_raw_file_costs_few_bytes() -> None:
    with ranged(raw("SONY") + bytes(30_000_000)) as file:
        assert extract(file).dimensions == Dimensions(6000, 4000)
        assert file.bytes_read == FIRST_BLOCKS * BLOCK


@given(
    st.sampled_from([raw("NIKON"), raw("SONY", more=DNG_VERSION), jxl(), jp2(), j2k()]),
    st.lists(st.tuples(st.integers(0, 500), st.integers(0, 255)), max_size=12),
)
def test_damage_gives_metadata_or_a_typed_failure(
    data: bytes, changes: list[tuple[int, int]]
) -> None:
    damaged = bytearray(data)
    for at, byte in changes:
        damaged[at % len(data)] = byte
    try:
        read(bytes(damaged))
    except ReindexFailure as failure:
        assert failure.code in {  # noqa: PT017
            "truncated",
            "too_many_pixels",
            "unsupported_format",
            "not_an_image",
        }


# JPEG whose height is defined behind the first scan


def late(scan: bytes, lines: int | None = 30, before: bytes = b"") -> bytes:
    """A JPEG whose frame header leaves the height out."""
    frame = segment(0xC0, struct.pack(">BHHB", 8, 0, 40, 3) + bytes(9))
    dnl = b"" if lines is None else segment(0xDC, struct.pack(">H", lines))
    start = b"\xff\xd8" + before + frame + segment(0xDA, bytes(10))
    return start + scan + dnl + b"\xff\xd9"


@pytest.mark.parametrize(
    "scan",
    [
        b"",
        b"\x12\xff\x00\x34",
        b"\xff\x00" * 70_000 + b"\xff\xd0\xff\xd7",
        random.Random(5).randbytes(300_000).replace(b"\xff", b"\xff\x00"),
        bytes(128 * 1024 - 1),
        bytes(128 * 1024) + b"\xff",
    ],
)
def test_a_height_that_follows_the_scan_is_found(scan: bytes) -> None:
    assert read(late(scan)).dimensions == Dimensions(40, 30)


@pytest.mark.parametrize(
    "data",
    [
        late(b"abc", None),
        late(b"abc", 0),
        late(b"abc")[:-4],
        late(b"abc", None) + segment(0xDC, b"\0\x1e"),
        late(bytes(MAX_SCAN + 200_000)),
        jpeg(height=0),
    ],
)
def test_a_missing_height_is_a_truncated_image(data: bytes) -> None:
    with pytest.raises(TruncatedImage) as caught:
        read(data)
    assert "height" in caught.value.message or "dimensions" in caught.value.message


def test_the_search_for_a_height_is_limited() -> None:
    data = late(bytes(2 * MAX_SCAN))
    with ranged(data) as file:
        with pytest.raises(TruncatedImage, match="DNL"):
            extract(file)
        assert file.bytes_read <= MAX_SCAN + 32 * BLOCK


def test_metadata_before_a_late_height_is_read() -> None:
    exif = segment(0xE1, b"Exif\0\0" + EXIF)
    assert read(late(b"abc", before=exif)).exif["Make"] == "Canon"
