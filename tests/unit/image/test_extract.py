from __future__ import annotations

import contextlib
import random
import struct
import time
import tracemalloc
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path

import brotli
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reindex.domain.failures import ReindexFailure, TooManyPixels, TruncatedImage
from reindex.image.extract import MAX_SIDE, extract
from reindex.image.ranged import BLOCK, RangedFile
from reindex.image.truth import Dimensions, FileMetadata
from tests.unit.image.files import (
    XMP_PACKET,
    Tag,
    ascii_tag,
    bmp,
    box,
    chunk,
    dataset,
    exif_segment,
    full_box,
    gif,
    heif,
    ispe,
    j2k,
    jp2,
    jpeg,
    jxl,
    jxl_codestream,
    photoshop_segment,
    png,
    profile,
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

EXIF = tiff({0x0112: short(6), 0x010F: ascii_tag("Canon")})
IPTC = dataset(2, 90, b"Rome")
XMP_SEGMENT = segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + XMP_PACKET)
XMP_CHUNK = chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + XMP_PACKET)
XMP_BLOCK = b"\x21\xff\x0bXMP DataXMP" + XMP_PACKET + b"\1" + bytes(range(255, -1, -1)) + b"\0"
VP8X = riff_chunk(b"VP8X", struct.pack("<I", 0x1C) + bytes([39, 0, 0, 29, 0, 0]))
VP8 = riff_chunk(b"VP8 ", b"\0\0\0\x9d\x01\x2a" + struct.pack("<HH", 40, 30))
VP8L = riff_chunk(b"VP8L", b"\x2f" + struct.pack("<I", 39 | 29 << 14 | 1 << 28))
TIFF_FILE = tiff(
    {
        0x100: short(40),
        0x101: short(30),
        0x106: short(2),
        0x010F: ascii_tag("Canon"),
        0x0112: short(6),
        0x02BC: (1, len(XMP_PACKET), XMP_PACKET),
        0x83BB: (7, len(IPTC), IPTC),
        0x8773: (7, len(profile()), profile()),
    }
)
RAW_TAGS: Mapping[str, Tag] = {
    "tag_010F": ascii_tag("Canon"),
    "tag_0112": short(6),
    "tag_02BC": (1, len(XMP_PACKET), XMP_PACKET),
    "tag_83BB": (7, len(IPTC), IPTC),
}
HEIF_EXIF = struct.pack(">I", 6) + b"Exif\0\0" + EXIF

FILES = {
    "image/jpeg": jpeg(exif_segment(EXIF), XMP_SEGMENT, photoshop_segment(resource(0x0404, IPTC))),
    "image/png": png(chunk(b"eXIf", EXIF), XMP_CHUNK),
    "image/webp": webp(VP8X, VP8, riff_chunk(b"EXIF", EXIF), riff_chunk(b"XMP ", XMP_PACKET)),
    "image/gif": gif(XMP_BLOCK),
    "image/bmp": bmp(),
    "image/tiff": TIFF_FILE,
    "application/vnd.adobe.photoshop": psd(
        resource(0x0404, IPTC) + resource(0x0422, EXIF) + resource(0x0424, XMP_PACKET)
    ),
    "image/heic": heif([ispe(40, 30)], [(b"Exif", HEIF_EXIF), (b"mime", XMP_PACKET)]),
    "image/avif": heif([ispe(40, 30)], [(b"Exif", HEIF_EXIF)], brand=b"avif"),
    "image/jp2": jp2(
        uuid_box(b"JpgTiffExif->JP2", EXIF),
        uuid_box("33c7a4d2b81d4723a0baf1a3e097ad38", IPTC),
        after=[uuid_box("be7acfcb97a942e89c71999491e3afac", XMP_PACKET)],
    ),
    "image/j2c": j2k(),
    "image/jxl": jxl(
        box(b"Exif", bytes(4), EXIF),
        codestream=jxl_codestream(orientation=6),
        after=[box(b"brob", b"xml ", brotli.compress(XMP_PACKET))],
    ),
    "image/x-adobe-dng": tiff_file(
        size_tags(4, 3, tag_00FE=short(1), **RAW_TAGS, tag_C612=(1, 4, b"\1\4\0\0")),
        below=[size_tags(40, 30, tag_0106=short(32803))],
    ),
    "image/x-canon-cr2": tiff_file(
        size_tags(4, 3, **RAW_TAGS),
        sub={0xA002: short(40), 0xA003: short(30)},
        cr2=True,
    ),
}
CARRY_EXIF = FILES.keys() - {"image/gif", "image/bmp", "image/j2c"}
CARRY_XMP = FILES.keys() - {"image/bmp", "image/avif", "image/j2c"}
CARRY_IPTC = {
    "image/jpeg",
    "image/tiff",
    "application/vnd.adobe.photoshop",
    "image/jp2",
    "image/x-adobe-dng",
    "image/x-canon-cr2",
}


@pytest.mark.parametrize("mime", FILES)
def test_type_and_dimensions_of_every_format(mime: str) -> None:
    found = read(FILES[mime])
    assert (found.mime_type, found.dimensions) == (mime, Dimensions(40, 30))


@pytest.mark.parametrize("mime", sorted(CARRY_EXIF))
def test_exif_in_every_format_that_carries_it(mime: str) -> None:
    found = read(FILES[mime])
    assert found.exif["Make"] == "Canon"
    assert found.orientation == 6


@pytest.mark.parametrize("mime", sorted(CARRY_XMP))
def test_xmp_in_every_format_that_carries_it(mime: str) -> None:
    assert read(FILES[mime]).xmp == {"dc:format": "image/jpeg"}


@pytest.mark.parametrize("mime", sorted(CARRY_IPTC))
def test_iptc_in_every_format_that_carries_it(mime: str) -> None:
    assert read(FILES[mime]).iptc == {"City": "Rome"}


@pytest.mark.parametrize("mime", FILES)
def test_a_file_truncated_anywhere_is_read_or_gives_a_typed_failure(mime: str) -> None:
    whole = FILES[mime]
    for length in range(1, len(whole), 7):
        try:
            read(whole[:length])
        except ReindexFailure as failure:
            assert failure.code in {"truncated", "not_an_image", "unsupported_format"}  # noqa: PT017


@pytest.mark.parametrize(
    "data",
    [
        jpeg(width=60_000, height=60_000),
        png(width=2**31 - 1, height=2**31 - 1),
        png(width=MAX_SIDE + 1, height=1),
        gif(width=65_535, height=65_535),
        bmp(width=2**31 - 1, height=-(2**31)),
        psd(width=300_000, height=300_000),
        heif([ispe(2**32 - 1, 1)]),
        webp(riff_chunk(b"VP8X", bytes(4) + b"\xff" * 6)),
        jp2(width=2**32 - 1, height=1),
        j2k(width=2**31, height=2**31),
        jxl_codestream(2**30, 2**30),
    ],
)
def test_a_decompression_bomb_is_rejected_by_its_header(data: bytes) -> None:
    with pytest.raises(TooManyPixels):
        read(data)


@pytest.mark.parametrize(
    "data",
    [
        jpeg()[:4],
        jpeg(width=0),
        b"\xff\xd8\xff\xd9",
        png()[:20],
        webp(),
        bmp()[:20],
        gif()[:8],
        tiff({0x100: short(40)}),
        psd()[:12],
        heif([]),
        jp2(codestream=b"", width=0),
        j2k()[:30],
        jxl(codestream=b"\xff\x0a"),
        jxl_codestream()[:6],
        tiff_file({0x100: short(4)}, cr2=True),
    ],
)
def test_a_file_without_dimensions_is_truncated(data: bytes) -> None:
    with pytest.raises(TruncatedImage):
        read(data)


def test_a_top_down_bitmap_has_a_negative_height() -> None:
    assert read(bmp(40, -30)).dimensions == Dimensions(40, 30)


def test_the_first_bitmap_of_an_array_is_read() -> None:
    assert read(b"BA" + bytes(12) + bmp()).dimensions == Dimensions(40, 30)


@pytest.mark.parametrize(
    ("data", "model", "alpha"),
    [
        (jpeg(components=1), "Greyscale", "false"),
        (jpeg(components=3), "RGB", "false"),
        (jpeg(components=4), "CMYK", "false"),
        (png(colour=0), "Greyscale", "false"),
        (png(colour=6), "RGB", "true"),
        (png(chunk(b"tRNS", b"\0"), colour=3), "RGB", "true"),
        (psd(mode=4), "CMYK", "false"),
        (psd(mode=9), "LAB", "false"),
        (psd(mode=1), "Greyscale", "true"),
        (webp(VP8L), "RGB", "true"),
        (TIFF_FILE, "RGB", "false"),
        (heif([ispe(40, 30), full_box(b"pixi", b"\1\x08")]), "Greyscale", "false"),
    ],
)
def test_the_colour_model_is_read_from_the_header(data: bytes, model: str, alpha: str) -> None:
    found = read(data)
    assert found.colour_model == model
    assert found.colour_model_information["hasAlpha"] == alpha


# JPEG


def test_iptc_split_over_segments_is_joined() -> None:
    data = resource(0x0404, dataset(2, 120, b"x" * 300) + IPTC)
    found = read(jpeg(photoshop_segment(data[:50]), photoshop_segment(data[50:])))
    assert found.iptc == {"Caption/Abstract": "x" * 300, "City": "Rome"}


def test_exif_split_over_segments_is_joined() -> None:
    found = read(jpeg(exif_segment(EXIF[:30]), exif_segment(EXIF[30:])))
    assert found.exif["Make"] == "Canon"


def test_a_profile_split_over_segments_is_joined_in_its_order() -> None:
    data = profile((b"desc", b"text" + bytes(4) + b"Wide\0"))
    parts = [
        segment(0xE2, b"ICC_PROFILE\0\x02\x02" + data[100:]),
        segment(0xE2, b"ICC_PROFILE\0\x01\x02" + data[:100]),
    ]
    assert read(jpeg(*parts)).icc["Profile Description"] == "Wide"


def extended(digest: bytes, data: bytes, at: int) -> bytes:
    head = b"http://ns.adobe.com/xmp/extension/\0" + digest
    return segment(0xE1, head + struct.pack(">II", 0, at) + data)


def test_extended_xmp_belongs_to_the_packet_that_names_it() -> None:
    digest = b"0123456789ABCDEF" * 2
    note = b' xmlns:n="http://ns.adobe.com/xmp/note/" n:HasExtendedXMP="' + digest + b'"'
    main = XMP_PACKET.replace(b' dc:format="image/jpeg"', note)
    more = XMP_PACKET.replace(b"image/jpeg", b"extended")
    found = read(
        jpeg(
            segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + main),
            extended(digest, more[60:], 60),
            extended(b"another picture's digest, 32 chr", XMP_PACKET, 0),
            extended(digest, more[:60], 0),
        )
    )
    assert found.xmp == {"xmpNote:HasExtendedXMP": digest.decode(), "dc:format": "extended"}


def test_fill_bytes_and_gaps_between_segments_are_skipped() -> None:
    whole = jpeg(b"\xff" * 2000, b"garbage", exif_segment(EXIF))
    assert read(whole).exif["Make"] == "Canon"


def test_iptc_in_the_exif_block_is_used_only_without_another_record() -> None:
    other = dataset(2, 90, b"Paris")
    block = exif_segment(tiff({0x83BB: (7, len(other), other)}))
    assert read(jpeg(block)).iptc == {"City": "Paris"}
    proper = photoshop_segment(resource(0x0404, IPTC))
    assert read(jpeg(block, proper)).iptc == {"City": "Rome"}


# PNG


@pytest.mark.parametrize(
    "text",
    [
        chunk(b"tEXt", b"Title\0T\xfc"),
        chunk(b"zTXt", b"Title\0\0" + zlib.compress(b"T\xfc")),
        chunk(b"iTXt", b"Title\0\0\0de\0Titel\0" + "Tü".encode()),
        chunk(b"iTXt", b"Title\0\1\0de\0Titel\0" + zlib.compress("Tü".encode())),
    ],
)
def test_textual_chunks_are_read_by_keyword(text: bytes) -> None:
    assert read(png(text)).png == {"Title": "Tü"}
    assert read(png(after=[text])).png == {"Title": "Tü"}


def raw_profile(kind: str, data: bytes) -> bytes:
    text = f"\n{kind}\n{len(data):8}\n{data.hex()}\n".encode()
    return chunk(b"zTXt", f"Raw profile type {kind}\0\0".encode() + zlib.compress(text))


def test_blocks_written_as_hexadecimal_text_are_read() -> None:
    found = read(
        png(
            raw_profile("exif", b"Exif\0\0" + EXIF),
            raw_profile("iptc", resource(0x0404, IPTC)),
            raw_profile("xmp", XMP_PACKET),
        )
    )
    assert found.exif["Make"] == "Canon"
    assert found.iptc == {"City": "Rome"}
    assert found.xmp == {"dc:format": "image/jpeg"}
    assert found.png == {}


def test_metadata_after_much_image_data_is_read_with_few_bytes() -> None:
    idats = [random.Random(number).randbytes(8192) for number in range(500)]
    data = png(idats=idats, after=[XMP_CHUNK])
    file = RangedFile(lambda start, length: data[start : start + length], len(data))
    assert extract(file).xmp == {"dc:format": "image/jpeg"}
    assert file.requests <= 3
    assert file.bytes_read < len(data) / 10


def test_image_data_that_looks_like_a_chunk_is_not_read_as_one() -> None:
    fake = chunk(b"IDAT", b"") + chunk(b"tEXt", b"Title\0fake")
    idats = [bytes(9000)] * 30 + [fake + bytes(3000)]
    data = png(idats=idats, after=[chunk(b"tEXt", b"Title\0true")])
    assert read(data).png == {"Title": "true"}


def test_a_compressed_text_bomb_is_cut_and_named_in_trimmed() -> None:
    bomb = chunk(b"zTXt", b"Title\0\0" + zlib.compress(bytes(64 * 2**20).replace(b"\0", b"a")))
    tracemalloc.start()
    found = read(png(*[bomb] * 20))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert "png" in found.trimmed
    assert peak < 64 * 2**20


def test_a_damaged_profile_is_read_up_to_the_damage() -> None:
    packed = zlib.compress(profile() + random.Random(1).randbytes(20_000))
    found = read(png(chunk(b"iCCP", b"name\0\0" + packed[:9000] + b"\xff" * 50)))
    assert found.icc["Color space"] == "RGB"


# WebP, GIF, TIFF, HEIF


def test_simple_webp_files_have_their_size_in_the_image_data() -> None:
    assert read(webp(VP8)).dimensions == read(webp(VP8L)).dimensions == Dimensions(40, 30)


def test_metadata_after_an_animation_is_found_from_the_end() -> None:
    vp8x = riff_chunk(b"VP8X", struct.pack("<I", 0x0E) + bytes([39, 0, 0, 29, 0, 0]))
    frames = [riff_chunk(b"ANMF", bytes(400))] * 400
    data = webp(vp8x, *frames, riff_chunk(b"EXIF", EXIF), riff_chunk(b"XMP ", XMP_PACKET))
    found = read(data)
    assert found.exif["Make"] == "Canon"
    assert found.xmp == {"dc:format": "image/jpeg"}


def test_xmp_at_the_end_of_a_long_gif_is_found() -> None:
    frame = b"\x2c" + bytes(9) + b"\x02" + (b"\xff" + bytes(255)) * 1000 + b"\0"
    assert read(gif(frame, XMP_BLOCK)).xmp == {"dc:format": "image/jpeg"}


def test_a_tiff_has_the_size_of_its_full_picture_not_of_its_preview() -> None:
    data = bytearray(tiff({0xFE: short(1), 0x100: short(4), 0x101: short(3)}))
    full = len(data)
    data += struct.pack("<H", 2)
    data += struct.pack("<HHIHH", 0x100, 3, 1, 40, 0) + struct.pack("<HHIHH", 0x101, 3, 1, 30, 0)
    data += bytes(4)
    struct.pack_into("<I", data, 10 + 3 * 12, full)
    assert read(bytes(data)).dimensions == Dimensions(40, 30)


def test_a_directory_at_the_end_of_a_large_tiff_costs_two_requests() -> None:
    directory = tiff({0x100: short(40), 0x101: short(30)})[8:]
    data = b"II*\0" + struct.pack("<I", 2_000_000) + bytes(2_000_000 - 8) + directory
    file = RangedFile(lambda start, length: data[start : start + length], len(data))
    assert extract(file).dimensions == Dimensions(40, 30)
    assert file.requests == 2
    assert file.bytes_read <= 7 * BLOCK


@pytest.mark.parametrize(
    ("transformations", "orientation"),
    [
        ([], 6),
        ([box(b"irot", b"\0")], 1),
        ([box(b"irot", b"\1")], 8),
        ([box(b"irot", b"\2")], 3),
        ([box(b"irot", b"\3")], 6),
        ([box(b"imir", b"\1")], 2),
        ([box(b"imir", b"\0")], 4),
        ([box(b"irot", b"\1"), box(b"imir", b"\0")], 5),
        ([box(b"irot", b"\1"), box(b"imir", b"\1")], 7),
    ],
)
def test_a_heif_files_own_transformations_override_exif(
    transformations: list[bytes], orientation: int
) -> None:
    data = heif([ispe(40, 30), *transformations], [(b"Exif", HEIF_EXIF)])
    assert read(data).orientation == orientation


def test_a_heif_files_profile_is_a_property() -> None:
    assert read(heif([ispe(40, 30), box(b"colr", b"prof", profile())])).icc["Color space"] == "RGB"


# Bounds


def sparse(head: bytes, body: bytes, size: int) -> Callable[[int, int], bytes]:
    """Return a fetch over an endless repetition of ``body`` behind ``head``."""
    reach = body * (BLOCK * 20 // len(body) + 2)

    def fetch(start: int, length: int) -> bytes:
        data = head[start:] if start < len(head) else b""
        at = (max(start, len(head)) - len(head)) % len(body)
        while len(data) < length:
            data += reach[at:][: length - len(data)]
            at = (len(data) + start - len(head)) % len(body)
        return data[:length]

    assert len(fetch(0, min(size, 1000))) == min(size, 1000)
    return fetch


@pytest.mark.parametrize(
    ("head", "body"),
    [
        (b"\xff\xd8", segment(0xE1, b"Exif\0\0" + EXIF)),
        (b"\xff\xd8", segment(0xE1, bytes(65_533))),
        (b"\xff\xd8\xff", b"\xff"),
        (b"\xff\xd8\xff\xe0\x00\x02", b"\xff\x00"),
        (png()[:33], chunk(b"tEXt", b"")),
        (png()[:33], chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(10**6)))),
        (png()[:33], chunk(b"IDAT", b"")),
        (b"RIFF\0\0\0\0WEBP", riff_chunk(b"EXIF", EXIF)),
        (gif()[:13], b"\x21\xfe\x01a\0"),
        (gif()[:13], b"\x21\xff\x0bICCRGBG1012" + b"\1a" * 500),
        (b"8BPS\0\1" + bytes(20) + bytes(4) + b"\xff" * 4, resource(0x0404, b"")),
        (box(b"ftyp", b"heic", bytes(4)), box(b"free")),
        (box(b"ftyp", b"heic", bytes(4)) + b"\0\x0f\xff\xffmeta", full_box(b"iinf", b"\xff\xff")),
        (jp2()[:-61], box(b"uuid", bytes(16))),
        (jp2()[:-61], box(b"jp2c", bytes(70_000))),
        (jxl(codestream=b""), box(b"jxlp", bytes(70_000))),
        (jxl(codestream=b""), box(b"brob", b"xml ", brotli.compress(bytes(2**26)))),
        (b"\xff\x4f\xff\x51\0\x29", b"\0"),
        (jpeg(height=0)[:-2], b"\0"),
        (b"II*\0\x08\0\0\0\xff\xff", struct.pack("<HHII", 0x010F, 2, 65_000, 8)),
        (b"II*\0\x08\0\0\0\xff\xff", struct.pack("<HHII", 0x014A, 4, 16_000, 8)),
    ],
)
def test_reading_an_endless_file_stops_early(head: bytes, body: bytes) -> None:
    size = 2**31
    file = RangedFile(sparse(head, body, size), size)
    start = time.process_time()
    tracemalloc.start()
    try:
        extract(file)
    except ReindexFailure:
        pass
    finally:
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert peak < 128 * 2**20
    assert file.bytes_read < 64 * 2**20
    assert time.process_time() - start < 20  # a hang, not a speed


@given(
    st.sampled_from(sorted(FILES)),
    st.lists(st.tuples(st.integers(0, 600), st.integers(0, 255)), max_size=12),
)
def test_changed_bytes_give_metadata_or_a_typed_failure(
    mime: str, changes: list[tuple[int, int]]
) -> None:
    data = bytearray(FILES[mime])
    for at, byte in changes:
        data[at % len(data)] = byte
    with contextlib.suppress(ReindexFailure):
        check_form(read(bytes(data)))


def check_form(found: FileMetadata) -> None:
    """Every leaf is a text or a list of texts, none is empty, and no name has a dot."""
    for values in (
        found.exif,
        found.exif_sub,
        found.iptc,
        found.xmp,
        found.icc,
        found.getty,
        found.png,
        found.colour_model_information,
        *(found.renamed or {}).values(),
    ):
        for name, value in values.items():
            assert name
            assert name == name.strip()
            assert "." not in name
            texts = value if isinstance(value, list) else [value]
            assert texts
            assert all(isinstance(text, str) and text for text in texts)
            assert all(len(text.encode()) <= 29_489 for text in texts)


def test_failures_do_not_contain_a_path(tmp_path: Path) -> None:
    path = tmp_path / "secret-name"
    path.write_bytes(b"hello")
    with pytest.raises(ReindexFailure) as caught:
        read(path.read_bytes())
    assert "secret" not in caught.value.message + caught.value.detail
