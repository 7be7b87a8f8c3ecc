"""Metadata of real files and how a person would read it: one table for each kind.

The members were found in public reports about other readers of metadata; the files that show
them are made here.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reindex.image.charsets import EVIDENCE, MAC, WINDOWS, detect_charset
from reindex.image.dates import first_plausible, format_date
from reindex.image.file_metadata import file_metadata
from reindex.image.iptc import MAX_CANDIDATES, Reading, read_iptc
from reindex.image.original_metadata import explain, original_metadata
from reindex.image.text import clean, decode
from reindex.image.truth import FileMetadata
from reindex.image.uninformative import (
    DEFAULTS,
    PLACEHOLDERS,
    Entry,
    FileWriter,
    why_uninformative,
)
from tests.unit.image.files import (
    XMP_PACKET,
    ascii_tag,
    chunk,
    dataset,
    exif_segment,
    jpeg,
    photoshop_segment,
    png,
    read,
    resource,
    segment,
    tiff,
)
from tests.unit.image.truths import image_file

UPLOADED = datetime(2024, 6, 11, 9, 30, tzinfo=UTC)


def iptc_jpeg(record: bytes) -> bytes:
    return jpeg(photoshop_segment(resource(0x0404, record)))


def controls(text: str) -> list[str]:
    return [char for char in text if unicodedata.category(char) == "Cc" and char not in "\t\r\n"]


# Text without a declared character set


UNDECLARED = [
    ("93 42 94 20 96 20 69 74 92 73 85", "\u201cB\u201d \u2013 it\u2019s\u2026", WINDOWS),
    ("80 35 30 2c 30 30 30", "\u20ac50,000", WINDOWS),
    ("41 63 6d 65 99 20 97 20 6e 6f", "Acme\u2122 \u2014 no", WINDOWS),
    ("8a 6b 6f 64 61", "\u0160koda", WINDOWS),
    ("9c 75 76 72 65", "\u0153uvre", WINDOWS),
    ("47 72 fc df 65 20 96 20 43 6f 85", "Gr\xfc\xdfe \u2013 Co\u2026", WINDOWS),
    ("95 20 6f 6e 65", "\u2022 one", WINDOWS),
    ("63 61 66 e9", "caf\xe9", WINDOWS),
    ("63 61 66 8e", "caf\xe9", MAC),
    ("4d 9f 6e 63 68 65 6e", "M\xfcnchen", MAC),
    ("69 74 d5 73", "it\u2019s", MAC),
    ("d2 48 69 20 61 6c 6c 21 d3 20 68 65", "\u201cHi all!\u201d he", MAC),
    ("77 61 69 74 c9", "wait\u2026", MAC),
    ("61 20 d0 20 62", "a \u2013 b", MAC),
    ("67 61 72 8d 6f 6e", "gar\xe7on", MAC),
    ("4d 87 6c 61 67 61", "M\xe1laga", MAC),
    ("86 62 75 6e 67", "\xdcbung", MAC),
    ("4b bf 62 65 6e 68 61 76 6e", "K\xf8benhavn", MAC),
    ("4f d5 42 72 69 65 6e", "O\u2019Brien", MAC),
    ("45 53 50 41 84 41", "ESPA\xd1A", MAC),
    ("43 41 46 83", "CAF\xc9", MAC),
    ("4d e7 4c 41 47 41", "M\xc1LAGA", MAC),
    ("53 c3 4f 20 50 41 55 4c 4f", "S\xc3O PAULO", WINDOWS),
    ("53 74 72 61 a7 65", "Stra\xdfe", MAC),
]


@pytest.mark.parametrize(("data", "text", "charset"), UNDECLARED)
def test_undeclared_text_is_decoded(data: str, text: str, charset: str) -> None:
    found = read(iptc_jpeg(dataset(2, 120, bytes.fromhex(data))))
    assert found.iptc["Caption/Abstract"] == text
    assert found.reading == {"iptcCharset": charset}


def test_one_charset_is_detected_for_all_texts_of_a_record() -> None:
    record = dataset(2, 120, b"caf\x8e cr\x8fme") + dataset(2, 80, b"Jos\x8e Nu\x96ez")
    assert read_iptc(record)["By-line"] == ["Jos\xe9 Nu\xf1ez"]
    assert read_iptc(dataset(2, 80, b"Nu\x96ez"))["By-line"] == ["Nu\u2013ez"]


@pytest.mark.parametrize(
    ("declared", "value", "text"),
    [
        (b"\x1b.A", b"\x93Hi\x94", "\u201cHi\u201d"),
        (b"\x1b%G", b"\x93Hi\x94", "\u201cHi\u201d"),
        (b"\x1b%G", "na\xefve caf\xe9".encode()[:-1], "na\xefve caf"),
        (None, "na\xefve \u65e5\u672c".encode()[:-2], "na\xefve \u65e5"),
        (None, b"caf\xe9", "caf\xe9"),
        (None, "\u201cHi\u201d".encode(), "\u201cHi\u201d"),
        (None, "caf\xe9 \x85".encode("latin-1"), "caf\xe9 \u2026"),
        (None, "\x93Hi\x94".encode(), "\u201cHi\u201d"),
        # Declared as something else than it is.
        (b"\x1b.A", "caf\xe9 cr\xe8me".encode(), "caf\xe9 cr\xe8me"),
        (b"\x1b-L", "caf\xe9 \u6f22".encode(), "caf\xe9 \u6f22"),
        (b"\x1b.A \0", b"caf\xe9", "caf\xe9"),
        (b"UTF8", "caf\xe9".encode(), "caf\xe9"),
        (b"\x1b(Q", b"caf\xe9", "caf\xe9"),
        (b"\x1b%G", "caf\xe9".encode("utf-16"), "caf\xe9"),
        # UTF-16, with and without a mark, and cut within a character.
        (None, "caf\xe9 \u6f22".encode("utf-16"), "caf\xe9 \u6f22"),
        (None, b"\xfe\xff" + "caf\xe9".encode("utf-16-be"), "caf\xe9"),
        (None, "Hello \u6f22".encode("utf-16-le"), "Hello \u6f22"),
        (b"\x1b%/L", "\u6f22\u5b57 \xe9".encode("utf-16-be")[:-1], "\u6f22\u5b57"),
        # A byte order mark; text that shows nothing; NULs that separate nothing.
        (None, b"\xef\xbb\xbfcaf\xc3\xa9", "caf\xe9"),
        (b"\x1b.A", b"\xef\xbb\xbfcaf\xc3\xa9", "caf\xe9"),
        (None, b"abc\0def\0", "abcdef"),
        # Cut at a length of the standard; elsewhere it is a letter of another set.
        (b"\x1b%G", b"a" * 31 + b"\xc3", "a" * 31),
        (b"\x1b%G", b"a" * 1998 + b"\xe2\x80", "a" * 1998),
        (b"\x1b%G", b"caf\xe9", "caf\xe9"),
        # A piece of another set within; text that was encoded twice stays as it is.
        (None, "caf\xe9 cr\xe8me \xe0 ".encode() + b"it\x92s", "caf\xe9 cr\xe8me \xe0 it\u2019s"),
        (b"\x1b%G", "\u201cA\u201d \u2013 ".encode() + b"\xe9 la", "\u201cA\u201d \u2013 \xe9 la"),
        (None, b"CAF\xc9\xa0\xbb", "CAF\xc9\xa0\xbb"),
        (None, "caf\xc3\xa9".encode(), "caf\xc3\xa9"),
    ],
)
def test_wrongly_declared_or_truncated_text_is_decoded(
    declared: bytes | None, value: bytes, text: str
) -> None:
    record = dataset(1, 90, declared) if declared else b""
    assert read_iptc(record + dataset(2, 120, value))["Caption/Abstract"] == text


@pytest.mark.parametrize("text", ["\u200b\u200b", "\ufeff", "\xa0\u200d \u2060", "\x01\x02"])
def test_text_without_visible_characters_is_empty(text: str) -> None:
    assert read_iptc(dataset(2, 120, text.encode())) == {}
    assert original_metadata(image_file(xmp={"dc:description": text}), UPLOADED) == {}


UNICODE, ASCII, JIS = b"UNICODE\0", b"ASCII\0\0\0", b"JIS\0\0\0\0\0"


@pytest.mark.parametrize(
    ("tag", "kind", "value", "text"),
    [
        (0x9286, 7, UNICODE + "H\xe9 \u6f22".encode("utf-16-be"), "H\xe9 \u6f22"),
        (0x9286, 7, UNICODE + "H\xe9llo there".encode(), "H\xe9llo there"),
        (0x9286, 7, UNICODE + b"Hello there", "Hello there"),
        (0x9286, 7, UNICODE + "\u6f22\u5b57\u6f22\u5b57".encode("utf-16-le"), "\u6f22\u5b57" * 2),
        (0x9286, 7, UNICODE + "Hello".encode("utf-16-le") + b"x", "Hello"),
        (0x9286, 7, ASCII + b"it\x92s", "it\u2019s"),
        (0x9286, 7, JIS + "\u65e5\u672c".encode("iso2022_jp"), "\u65e5\u672c"),
        (0x9286, 7, JIS + "\u65e5\u672c\u8a9e".encode("euc_jp"), "\u65e5\u672c\u8a9e"),
        (0x9286, 7, JIS + "\u65e5\u672c\u8a9e".encode("shift_jis"), "\u65e5\u672c\u8a9e"),
        (0x9C9B, 1, "H\xe9\u6f22\0".encode("utf-16-le"), "H\xe9\u6f22"),
        (0x9C9B, 1, "\ufeffH\xe9".encode("utf-16-be"), "H\xe9"),
        (0x9C9B, 1, "Hello".encode("utf-16-be"), "Hello"),
        (0x9C9B, 1, b"Hello there\0", "Hello there"),
        (0x9C9B, 2, "Hello\0".encode("utf-16-le"), "Hello"),
        (0x010E, 1, b"Hello\0", "Hello"),
        (0x010E, 7, "caf\xe9".encode("cp1252"), "caf\xe9"),
        (0x010E, 2, "Hello there\0".encode("utf-16-le"), "Hello there"),
        (0x010E, 2, b"\xef\xbb\xbfcaf\xc3\xa9\0", "caf\xe9"),
        (0x010E, 2, b"first\0second\0", "first"),
        (0x8298, 2, "\xa9 Jo Bloggs".encode("utf-16-le"), "\xa9 Jo Bloggs"),
    ],
)
def test_exif_text_with_a_wrong_charset_or_type_is_decoded(
    tag: int, kind: int, value: bytes, text: str
) -> None:
    entry = {tag: (kind, len(value), value)}
    found = read(jpeg(exif_segment(tiff({} if tag == 0x9286 else entry, sub=entry))))
    [read_back] = (found.exif_sub if tag == 0x9286 else found.exif).values()
    assert read_back == text


@pytest.mark.parametrize(("charset", "form", "meaning"), [(c, f, m) for c, _, f, m in EVIDENCE])
def test_every_row_of_the_evidence_decides_a_text(charset: str, form: bytes, meaning: str) -> None:
    texts = [bytes.fromhex(data) for data, _, decided in UNDECLARED if decided == charset]
    assert any(re.search(form, text) for text in texts), meaning
    assert detect_charset([]) == WINDOWS


@pytest.mark.parametrize(
    "data",
    [
        jpeg(exif_segment(tiff({0x10E: (2, 4, b"\x93A\x94\0")}))),
        jpeg(exif_segment(tiff({0x10E: (2, 3, b"A\x85\0")}))),
        png(chunk(b"tEXt", b"Title\0\x93A\x94")),
        jpeg(
            segment(
                0xE1,
                b"http://ns.adobe.com/xap/1.0/\0" + XMP_PACKET.replace(b"image/jpeg", b"\x93A\x94"),
            )
        ),
        jpeg(
            segment(
                0xE1,
                b"http://ns.adobe.com/xap/1.0/\0"
                + XMP_PACKET.replace(b"image/jpeg", "\x93A\x94\x81".encode()),
            )
        ),
        iptc_jpeg(dataset(2, 120, b"\x81\x8d \x93A\x94 \x96 b\x85")),
    ],
)
def test_no_kind_of_text_has_a_control_character(data: bytes) -> None:
    found = str(file_metadata(read(data)))
    assert not controls(found)
    assert "A" in found


@given(st.binary(max_size=80))
def test_no_bytes_give_a_control_character(data: bytes) -> None:
    assert not controls(decode(data))
    for value in read_iptc(dataset(2, 120, data)).values():
        assert not controls("".join(value))
    assert not controls(clean(data.decode("latin-1")))


# Datasets that are padded

CAPTION, CREDIT, VERSION = dataset(2, 120, b"A"), dataset(2, 110, b"B"), dataset(2, 0, b"\0\2")
BOTH = {"Caption/Abstract": "A", "Credit": "B"}


@pytest.mark.parametrize(
    ("record", "passed_over"),
    [
        (VERSION + bytes(3) + CAPTION + CREDIT, 3),
        (VERSION + CAPTION + b"\0" + CREDIT + b"\0", 1),
        (bytes(5) + VERSION + CAPTION + CREDIT, 5),
        (VERSION + CAPTION + b"    " + CREDIT, 4),
        (VERSION + CAPTION + b"\xff" * 700 + CREDIT + bytes(1000), 700),
        (VERSION + CAPTION + CREDIT + bytes(40), 0),
        (VERSION + CAPTION + CREDIT + b"trailing", 8),
        (b"Photoshop 3.0\x008BIM\x04\x04\0\0\0\0\0\x2a" + VERSION + CAPTION + CREDIT, 26),
        (VERSION + dataset(2, 120, b"A")[:-1] + b"A surplus" + CREDIT, 8),
        (VERSION + b"\x1c\x02\x05\xff\xff" + CAPTION + CREDIT, 5),
        (VERSION + b"\x1c\x02\x05\x7f\xff" + CAPTION + CREDIT, 5),
        (VERSION + b"\x1c\x00\x1c\x99\x00" + CAPTION + CREDIT, 5),
        (VERSION + CAPTION + b"\x1c\x1c\x1c" + CREDIT, 3),
        # Lengths that count one or more NULs that were not written.
        (VERSION + b"\x1c\x02\x78\x00\x02A" + CREDIT, 0),
        (VERSION + b"\x1c\x02\x78\x00\x05A" + CREDIT + VERSION, 0),
        # Lengths in fewer and in more bytes than four; in none; in the other order of bytes.
        (VERSION + b"\x1c\x02\x78\x80\x01\x01A" + CREDIT, 0),
        (VERSION + b"\x1c\x02\x78\x80\x08" + bytes(7) + b"\x01A" + CREDIT, 0),
        (VERSION + b"\x1c\x02\x05\x80\x00" + CAPTION + CREDIT, 0),
        (VERSION + b"\x1c\x02\x05\x01\x00x" + CAPTION + CREDIT, 6),
        # The order of records and datasets; an empty or blank one behind one that is not.
        (dataset(3, 10, b"\0\1") + CREDIT + CAPTION + VERSION, 0),
        (VERSION + CAPTION + dataset(2, 120, b"") + CREDIT + dataset(2, 110, b"  "), 0),
        (VERSION + dataset(2, 110, b"first") + CAPTION + CREDIT, 0),
    ],
)
def test_padding_and_damage_are_skipped_and_counted(record: bytes, passed_over: int) -> None:
    found = read(iptc_jpeg(record))
    assert {name: text for name, text in found.iptc.items() if name != "Record Version"} == BOTH
    counted = {"iptcBytesPassedOver": str(passed_over)} if passed_over else {}
    assert found.reading == counted
    assert file_metadata(found).get("reading", {}) == counted


def test_resources_without_their_padding_are_read() -> None:
    odd = b"8BIM\x04\x25\0\0" + b"\0\0\0\3abc"
    data = jpeg(photoshop_segment(odd + resource(0x0404, CAPTION)))
    assert read(data).iptc == {"Caption/Abstract": "A"}
    padded = jpeg(photoshop_segment(odd + b"\0" + resource(0x0404, CAPTION)))
    assert read(padded).iptc == {"Caption/Abstract": "A"}


def test_bytes_that_only_look_like_a_dataset_are_not_read_as_one() -> None:
    unknown = b"\x1c\x09\xee\x00\x01x"
    reading = Reading()
    assert read_iptc(CAPTION + b"\0" + unknown + b"\0" + CREDIT, reading) == BOTH
    assert reading.passed_over == 8


def test_the_search_for_the_next_dataset_is_limited() -> None:
    reading = Reading()
    noise = b"\x1c\x02\x05\xff\xfe" * (MAX_CANDIDATES + 10)
    assert read_iptc(CAPTION + noise + CREDIT, reading) == {"Caption/Abstract": "A"}
    assert reading.passed_over == len(noise + CREDIT)


# Defaults of cameras and programs

CAMERAS = [
    "OLYMPUS DIGITAL CAMERA",
    "OLYMPUS DIGITAL CAMERA         ",
    " DIGITAL CAMERA ",
    "KONICA MINOLTA DIGITAL CAMERA",
    "SANYO DIGITAL CAMERA",
    "MEDION DIGITAL CAMERA",
    "MOULTRIE DIGITAL GAME CAMERA",
    "SAMSUNG DIGITAL CAMERA",
    "KODAK Digital Still Camera",
    "SONY DSC",
    "EPSON DSC picture",
    "SAMSUNG CAMERA PICTURES",
    "<KENOX S730  / Samsung S730>",
    "<Digimax i5, Samsung #1>",
    "Exif_JPEG_PICTURE",
    "DCF 1.0",
    "binary comment",
    "My beautiful picture",
    "HELLOMOTO",
    "DCIM\\100MEDIA\\DJI_0008.JPG",
    "DSC00019",
    "IMG_20190101_000418.jpg",
    "20190101_123456.jpg",
    "P1010001",
    "WhatsApp Image 2020-01-01 at 10.00.00",
    "c:\\photos\\x.jpg",
    "Optimized by JPEGmini 3.14",
    "Created with Adobe Photoshop Elements",
    "SHOT ON MI A1",
    "\xff\xff\xff\xff",
    "Created with GIMP",
    "Processed with VSCO with a6 preset",
]
SHORT = [
    "SAMSUNG",
    "Scanner",
    "default",
    "smart",
    "hdr",
    "oznorWO",
    "sdr_HDRB",
    "mde_soft",
    "_cuva",
]


@pytest.mark.parametrize("text", CAMERAS + SHORT)
@pytest.mark.parametrize("copied", [False, True])
def test_a_cameras_default_is_not_a_description_and_stays_in_file_metadata(
    text: str,
    copied: bool,  # noqa: FBT001 - a parameter
) -> None:
    # Editors copy the description of Exif to XMP and IPTC.
    copies = {"xmp": {"dc:description": text}, "iptc": {"Caption/Abstract": text}} if copied else {}
    file = image_file(exif={"ImageDescription": text}, **copies)
    assert "description" not in original_metadata(file, UPLOADED)
    assert file_metadata(file)["exif"]["ImageDescription"] == text.rstrip()
    real = image_file(exif={"ImageDescription": "A harbour"}, xmp={"dc:description": CAMERAS[0]})
    assert original_metadata(real, UPLOADED)["description"] == "A harbour"


@pytest.mark.parametrize("text", ["Smart", "Scanner", "Samsung", "Mon", "Burst"])
def test_short_words_are_defaults_only_where_a_camera_wrote_them(text: str) -> None:
    file = image_file(exif={"ImageDescription": "A harbour"}, xmp={"dc:description": text})
    assert original_metadata(file, UPLOADED)["description"] == text


@pytest.mark.parametrize(
    "text", ["Canon", "CANON EOS 5D", "Canon  Canon EOS 5D", "Snapseed 2.0", "Canon EOS 5D "]
)
def test_a_camera_or_program_name_is_not_a_description(text: str) -> None:
    camera = {"Make": "Canon", "Model": "Canon EOS 5D", "Software": "Snapseed 2.0"}
    file = image_file(exif={"ImageDescription": text, **camera}, xmp={"photoshop:Headline": text})
    assert original_metadata(file, UPLOADED) == {}
    other = image_file(exif={"Make": "Nikon"}, xmp={"dc:description": text})
    assert original_metadata(other, UPLOADED)["description"] == text.rstrip()


@pytest.mark.parametrize(
    ("field", "group", "name", "text"),
    [
        ("copyright", "exif", "Copyright", "COPYRIGHT, 2007"),
        ("copyright", "exif", "Copyright", "Copyright,"),
        ("copyright", "exif", "Copyright", "(C) by RDC-5300 User"),
        ("copyright", "xmp", "dc:rights", "\xa9 2019."),
        ("byline", "exif", "Artist", "Picasa"),
        ("title", "xmp", "photoshop:Headline", "IMG_1234"),
        ("title", "iptc", "Headline", "Untitled-1"),
        ("suppliersReference", "xmp", "dc:title", "Untitled-3"),
        ("suppliersReference", "xmp", "dc:title", "Sans titre-1"),
    ],
)
def test_defaults_are_recognised_in_other_fields(
    field: str, group: str, name: str, text: str
) -> None:
    file = image_file(**{group: {name: text}})
    assert field not in original_metadata(file, UPLOADED)
    [passed] = explain(file, UPLOADED)[field].passed_over
    assert (passed.source, passed.text) == (f"{group} {name}", text)
    assert passed.why.startswith("says nothing")


@pytest.mark.parametrize(
    ("field", "text"),
    [
        ("title", "SONY UNVEILS NEW DIGITAL CAMERA"),
        ("description", "An Olympus digital camera on a table"),
        ("description", "A harbour"),
        ("description", "Untitled (1982), by Jean-Michel Basquiat"),
        ("copyright", "\xa9 Jo Bloggs 2007"),
        ("copyright", "Copyright Reuters"),
        ("byline", "Photographer"),
        ("bylineTitle", "Photographer"),
        ("suppliersReference", "DSC_1234"),
        ("credit", "Samsung"),
        ("credit", "Handout"),
        ("country", "NA"),
        ("city", "None"),
        ("title", "No country for old men"),
        ("title", "Sin City"),
        ("title", "Your Name"),
        ("title", "No comment"),
        ("title", "Missing"),
        ("title", "Digital camera"),
        ("description", "Canon digital camera"),
        ("keywords", "unknown"),
        ("keywords", "blank"),
        ("specialInstructions", "see caption"),
        ("byline", "Anonymous"),
        ("source", "See the World Ltd"),
        ("description", "x" * 200 + " unknown"),
        ("description", "Photographer unknown"),
        ("description", "Taken with love"),
        ("description", "Shot on the beach"),
        ("title", "To be or not to be"),
        ("byline", "Nan Goldin"),
        ("credit", "Unknown Pleasures"),
        ("credit", "None, Smith"),
        ("title", "I am not a .jpg"),
    ],
)
def test_informative_text_is_kept(field: str, text: str) -> None:
    assert why_uninformative(field, text) is None


# Placeholders


@pytest.mark.parametrize(
    "text",
    [
        "(Credit too long, see caption)",
        "Credit too long - see caption",
        "[Byline too long for this field, see special instructions]",
        "See caption",
        "(see caption for credit)",
        "Multiple; see description",
        "Full credit in caption",
        "siehe Bildtext",
        "voir la l\xe9gende",
        "N/A",
        "n.a.",
        "--",
        "...",
        "?",
        "(null)",
        "undefined",
        "None",
        "Unknown",
        "unbekannt",
        "TBC",
        "No credit",
        "no credit available",
        "Not available",
        "[credit]",
        "%credit%",
        "Credit goes here",
        "Enter credit here",
        "(Binary data 1234 bytes, use -b option to extract)",
        "Mandatory credit: see caption",
        "credit see below",
        "See IPTC",
        "v\xe9ase leyenda",
        "N / A",
        "n/a, n/a",
        "Unknown; unknown",
        "unknown photographer",
        "Photographer: unknown",
        "uncredited",
        "to be confirmed",
        "none given",
        "<blank>",
        "#N/A",
        "[object Object]",
        "Photographer's name",
        "Firstname Lastname",
        "YOUR COMPANY NAME",
        "n\xe9ant",
        "\u4e0d\u660e",
        "\u043d\u0435\u0438\u0437\u0432\u0435\u0441\u0442\u043d\u043e",
    ],
)
def test_a_placeholder_is_never_chosen(text: str) -> None:
    file = image_file(xmp={"photoshop:Credit": text}, iptc={"Credit": "Agence Exemple"})
    assert original_metadata(file, UPLOADED)["credit"] == "Agence Exemple"
    decision = explain(file, UPLOADED)["credit"]
    assert decision.sources == ["iptc Credit"]
    assert [passed.source for passed in decision.passed_over] == ["xmp photoshop:Credit"]
    alone = image_file(xmp={"photoshop:Credit": text})
    assert "credit" not in original_metadata(alone, UPLOADED)
    assert file_metadata(alone)["xmp"]["photoshop:Credit"] == text


@pytest.mark.parametrize(
    ("field", "groups", "expected"),
    [
        ("byline", {"xmp": {"dc:creator": ["n/a", "Jo Bloggs"]}}, "Jo Bloggs"),
        (
            "description",
            {"xmp": {"dc:description": "no caption"}, "iptc": {"Caption/Abstract": "B"}},
            "B",
        ),
        ("keywords", {"xmp": {"dc:subject": ["n/a"]}, "iptc": {"Keywords": ["a"]}}, ["a"]),
        ("keywords", {"iptc": {"Keywords": ["a; -; null"]}}, ["a"]),
        ("peopleInImage", {"xmp": {"Iptc4xmpExt:PersonInImage": ["Unknown", "Ann"]}}, ["Ann"]),
        ("city", {"xmp": {"photoshop:City": "-"}, "iptc": {"City": "Rome"}}, "Rome"),
        (
            "country",
            {
                "xmp": {"photoshop:Country": "unknown"},
                "iptc": {"Country/Primary Location Code": "NA"},
            },
            "NA",
        ),
    ],
)
def test_placeholders_are_recognised_in_other_fields(
    field: str, groups: Mapping[str, Any], expected: object
) -> None:
    assert original_metadata(image_file(**groups), UPLOADED)[field] == expected


@pytest.mark.parametrize("entry", [*DEFAULTS, *PLACEHOLDERS])
def test_every_entry_of_the_lists_has_an_example_and_its_evidence(entry: Entry) -> None:
    assert entry.known_from
    for field in entry.fields:
        why = why_uninformative(field, entry.example, FileWriter(description=entry.example))
        assert why is not None
        assert why.endswith(entry.writer)
        plain = why_uninformative(field, entry.example)
        assert (plain is None) == entry.only_copies


@given(st.text(max_size=60))
def test_any_text_can_be_classified(text: str) -> None:
    assert (why_uninformative("description", text) or "says nothing").startswith("says nothing")


def test_an_explanation_names_the_winner_and_all_others() -> None:
    file = image_file(
        exif={"ImageDescription": "OLYMPUS DIGITAL CAMERA", "Artist": "J. B."},
        exif_sub={"DateTimeOriginal": "2999:01:01 00:00:00"},
        iptc={"Caption/Abstract": "A harbour", "By-line": [" "], "Category": "QQQ"},
        xmp={"dc:creator": ["Jo", "Ann"], "photoshop:DateCreated": "soon"},
    )
    found = {
        name: (each.value, each.sources, [(p.source, p.text, p.why) for p in each.passed_over])
        for name, each in explain(file, UPLOADED).items()
    }
    assert found == {
        "dateTaken": (
            None,
            [],
            [
                ("exifSub DateTimeOriginal", "2999:01:01 00:00:00", "later than the upload"),
                ("xmp photoshop:DateCreated", "soon", "no date"),
            ],
        ),
        "description": (
            "A harbour",
            ["iptc Caption/Abstract"],
            [
                (
                    "exif ImageDescription",
                    "OLYMPUS DIGITAL CAMERA",
                    "says nothing; left by cameras: the name of their kind",
                )
            ],
        ),
        "byline": (
            "Jo",
            ["xmp dc:creator"],
            [
                ("xmp dc:creator", "Ann", "a better source has a value"),
                ("iptc By-line", "", "blank"),
                ("exif Artist", "J. B.", "a better source has a value"),
            ],
        ),
        "subjects": (None, [], [("iptc Category", "QQQ", "no known category")]),
    }


# Hours over the day's end


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2015:08:22 24:08:19", "2015-08-22T00:08:19.000Z"),
        ("2019:01:01 24:04:20", "2019-01-01T00:04:20.000Z"),
        ("2015:08:22 24:00:00", "2015-08-22T00:00:00.000Z"),
        ("2015:08:22 24:59:59.25", "2015-08-22T00:59:59.250Z"),
        ("2015:08:22 24:08:19+02:00", "2015-08-21T22:08:19.000Z"),
        ("2015-08-22T24:08:19Z", "2015-08-22T00:08:19.000Z"),
        ("20150822T240819+0000", "2015-08-22T00:08:19.000Z"),
        ("20150822240819", "2015-08-22T00:08:19.000Z"),
        ("22/08/2015 24:08", "2015-08-22T00:08:00.000Z"),
        ("Sat Aug 22 24:08:19 UTC 2015", "2015-08-22T00:08:19.000Z"),
        ("2015:08:22 00:08:19 AM", "2015-08-22T00:08:19.000Z"),
        ("2015:12:31 24:30:00", "2015-12-31T00:30:00.000Z"),
        ("2015:08:22 25:08:19", "2015-08-22T00:00:00.000Z"),
        ("2015:08:22 24:08:19.5-03:30", "2015-08-22T03:38:19.500Z"),
        ("2015: 8:22 24: 8:19", "2015-08-22T00:08:19.000Z"),
        ("20150822T240819Z", "2015-08-22T00:08:19.000Z"),
    ],
)
def test_hour_24_means_hour_0_of_the_same_day(text: str, expected: str) -> None:
    when = first_plausible([text], datetime(2030, 1, 1, tzinfo=UTC))
    assert when is not None
    assert format_date(when) == expected


def test_hour_24_is_read_in_every_source_of_the_date() -> None:
    taken = {
        "exif": image_file(exif_sub={"DateTimeOriginal": "2015:08:22 24:08:19"}),
        "iptc": image_file(iptc={"Date Created": "20150822", "Time Created": "240819+0000"}),
        "xmp": image_file(xmp={"photoshop:DateCreated": "2015-08-22T24:08:19"}),
    }
    for group, file in taken.items():
        found: FileMetadata = file
        assert original_metadata(found, UPLOADED)["dateTaken"] == "2015-08-22T00:08:19.000Z", group


def test_defaults_are_recognised_in_a_whole_file() -> None:
    packet = XMP_PACKET.replace(
        b' dc:format="image/jpeg"',
        b' xmlns:p="http://ns.adobe.com/photoshop/1.0/" p:Credit="(Credit too long, see caption)"',
    )
    data = jpeg(
        exif_segment(tiff({0x10E: ascii_tag("OLYMPUS DIGITAL CAMERA         ")})),
        segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + packet),
        photoshop_segment(resource(0x0404, dataset(2, 110, b"Agence"))),
    )
    assert original_metadata(read(data), UPLOADED) == {"credit": "Agence"}
