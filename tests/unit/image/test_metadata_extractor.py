"""Texts as metadata-extractor gives them: one table for each kind of tag."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from reindex.domain.failures import ReindexFailure
from reindex.image.extract import extract
from reindex.image.file_metadata import file_metadata
from reindex.image.limits import MAX_VALUE
from reindex.image.metadata_extractor.exif_names import GPS_NAMES, NAMES
from reindex.image.metadata_extractor.numbers import Fraction, decimal
from reindex.image.original_metadata import original_metadata
from reindex.image.ranged import open_bytes, open_path
from reindex.tag_names import TagNames
from tests.bench.tag_names import UNEXPLAINED, Agreement, compare, tables
from tests.corpus import corpus, damaged, photos
from tests.unit.image.files import (
    Tag,
    ascii_tag,
    chunk,
    dataset,
    exif_segment,
    jpeg,
    photoshop_segment,
    png,
    profile,
    rationals,
    resource,
    segment,
    short,
    tiff,
)
from tests.unit.image.test_document_docs import DOCS
from tests.unit.image.test_extract import check_form
from tests.unit.image.test_icc import described, localised

Maps = dict[str, Any]


def shown(data: bytes) -> Maps:
    found = extract(open_bytes(data), TagNames.METADATA_EXTRACTOR)
    check_form(found)
    return file_metadata(found)


def of_exif(
    ifd0: Mapping[int, Tag] | None = None,
    sub: Mapping[int, Tag] | None = None,
    gps: Mapping[int, Tag] | None = None,
    interop: Mapping[int, Tag] | None = None,
) -> Maps:
    return shown(jpeg(exif_segment(tiff(ifd0 or {}, sub, gps, interop))))


def undefined(data: bytes) -> Tag:
    return 7, len(data), data


def signed(*values: tuple[int, int]) -> Tag:
    return 10, len(values), b"".join(struct.pack("<ii", *value) for value in values)


@pytest.mark.parametrize(
    ("tag", "value", "name", "text"),
    [
        (0x0112, short(6), "Orientation", "Right side, top (Rotate 90 CW)"),
        (0x0112, short(9), "Orientation", "Unknown (9)"),
        (0x011A, rationals((72, 1)), "X Resolution", "72 dots per unit"),
        (0x0128, short(2), "Resolution Unit", "Inch"),
        (0x0132, ascii_tag("2024:05:17 09:30:00"), "Date/Time", "2024:05:17 09:30:00"),
        (0x013E, rationals((3127, 10000), (1, 2)), "White Point", "3127/10000 1/2"),
        (
            0x0214,
            rationals((0, 1), (255, 1), (128, 1), (254, 1), (127, 1), (253, 1)),
            "Reference Black/White",
            "[0,128,127] [255,254,253]",
        ),
        (
            0x0102,
            (3, 3, struct.pack("<3H", 8, 8, 8)),
            "Bits Per Sample",
            "8 8 8 bits/component/pixel",
        ),
        (0x0117, (3, 20, bytes(40)), "Strip Byte Counts", f"{'0 ' * 20}bytes"),
        (0x0111, (4, 20, bytes(80)), "Strip Offsets", "[20 values]"),
        (0x0212, (3, 2, struct.pack("<2H", 2, 2)), "YCbCr Sub-Sampling", "YCbCr4:2:0"),
        (0x9C9B, (1, 8, "Hafen"[:4].encode("utf-16-le")), "Windows XP Title", "Hafe"),
    ],
)
def test_ifd0_tags_have_the_librarys_texts(tag: int, value: Tag, name: str, text: str) -> None:
    assert of_exif(ifd0={tag: value})["exif"] == {name: text}


@pytest.mark.parametrize(
    ("tag", "value", "name", "text"),
    [
        (0x829A, rationals((10, 600)), "Exposure Time", "1/60 sec"),
        (0x829A, rationals((5, 10)), "Exposure Time", "0.5 sec"),
        (0x829D, rationals((28, 10)), "F-Number", "f/2.8"),
        (0x8822, short(2), "Exposure Program", "Program normal"),
        (0x8827, short(400), "ISO Speed Ratings", "400"),
        (0x9000, undefined(b"0220"), "Exif Version", "2.20"),
        (0x9101, undefined(bytes([1, 2, 3, 0])), "Components Configuration", "YCbCr"),
        (0x9102, rationals((1, 1)), "Compressed Bits Per Pixel", "1 bit/pixel"),
        (0x9102, rationals((5, 2)), "Compressed Bits Per Pixel", "2.5 bits/pixel"),
        (0x9201, signed((6, 1)), "Shutter Speed Value", "1/64 sec"),
        (0x9201, signed((-1, 1)), "Shutter Speed Value", "2 sec"),
        (0x9202, rationals((3, 1)), "Aperture Value", "f/2.8"),
        (0x9203, signed((1448, 1000)), "Brightness Value", "1.448"),
        (0x9204, signed((-1, 3)), "Exposure Bias Value", "-1/3 EV"),
        (0x9206, rationals((225, 100)), "Subject Distance", "2.25 metres"),
        (0x9206, rationals((0xFFFFFFFF, 1)), "Subject Distance", "Infinity"),
        (0x9207, short(255), "Metering Mode", "(Other)"),
        (0x9209, short(0x19), "Flash", "Flash fired, auto"),
        (0x9209, short(0x10), "Flash", "Flash did not fire"),
        (0x9209, short(0x47), "Flash", "Flash fired, return detected, red-eye reduction"),
        (0x920A, rationals((415, 100)), "Focal Length", "4.2 mm"),
        (0x9286, undefined(b"ASCII\0\0\0hello"), "User Comment", "hello"),
        (0xA001, short(65535), "Color Space", "Undefined"),
        (0xA002, short(640), "Exif Image Width", "640 pixels"),
        (0xA217, short(2), "Sensing Method", "One-chip color area sensor"),
        (0xA300, undefined(b"\3"), "File Source", "Digital Still Camera (DSC)"),
        (
            0xA302,
            undefined(struct.pack("<HH", 2, 2) + bytes([0, 1, 1, 2])),
            "CFA Pattern",
            "[Red,Green][Green,Blue]",
        ),
        (0xA404, rationals((0, 1)), "Digital Zoom Ratio", "Digital zoom not used"),
        (0xA405, short(0), "Focal Length 35", "Unknown"),
        (
            0xA432,
            rationals((24, 1), (70, 1), (28, 10), (4, 1)),
            "Lens Specification",
            "24-70mm f/2.8-4.0",
        ),
        (0xA432, rationals((50, 1), (50, 1), (0, 0), (0, 0)), "Lens Specification", "50mm"),
    ],
)
def test_exif_tags_have_the_librarys_texts(tag: int, value: Tag, name: str, text: str) -> None:
    assert of_exif(sub={tag: value})["exifSub"] == {name: text}


def test_a_focal_plane_resolution_is_inverted_and_has_a_unit() -> None:
    found = of_exif(sub={0xA20E: rationals((56800, 7)), 0xA210: short(2)})["exifSub"]
    assert found["Focal Plane X Resolution"] == "7/56800 inches"


def test_interoperability_goes_with_the_exif_directory() -> None:
    found = of_exif(interop={1: ascii_tag("R98"), 2: undefined(b"0100")})["exifSub"]
    assert found == {
        "Interoperability Index": "Recommended Exif Interoperability Rules (ExifR98)",
        "Interoperability Version": "1.00",
    }


def test_a_place_has_degrees_minutes_and_seconds() -> None:
    found = of_exif(
        gps={
            0: (1, 4, bytes([2, 3, 0, 0])),
            1: ascii_tag("N"),
            2: rationals((51, 1), (45, 1), (4467, 100)),
            3: ascii_tag("W"),
            4: rationals((1, 1), (35, 1), (198, 10)),
            5: (1, 1, b"\1"),
            6: rationals((4281, 100)),
            7: rationals((7, 1), (11, 1), (4307, 100)),
            12: ascii_tag("K"),
            13: rationals((11, 10)),
            16: ascii_tag("T"),
            17: rationals((2325, 100)),
        }
    )["exif"]
    assert found == {
        "GPS Version ID": "2.300",
        "GPS Latitude Ref": "N",
        "GPS Latitude": "51° 45' 44.67\"",
        "GPS Longitude Ref": "W",
        "GPS Longitude": "-1° 35' 19.8\"",
        "GPS Altitude Ref": "Below sea level",
        "GPS Altitude": "42.81 metres",
        "GPS Time-Stamp": "07:11:43.070 UTC",
        "GPS Speed Ref": "km/h",
        "GPS Speed": "1.1 km/h",
        "GPS Img Direction Ref": "True direction",
        "GPS Img Direction": "23.25 degrees",
    }


def test_an_incomplete_place_has_no_text() -> None:
    found = of_exif(gps={1: ascii_tag("N"), 2: rationals((51, 1), (45, 1), (0, 1))})["exif"]
    assert found == {"GPS Latitude Ref": "N"}


@pytest.mark.parametrize(
    ("record", "texts"),
    [
        (dataset(1, 90, b"\x1b%G"), {"Coded Character Set": "UTF-8"}),
        (dataset(1, 90, b"\x1b(B"), {"Coded Character Set": "(B"}),
        (dataset(2, 0, b"\0\4"), {"Application Record Version": "4"}),
        (dataset(2, 10, b"5"), {"Urgency": "53"}),
        (dataset(2, 25, b"a") + dataset(2, 25, b"b"), {"Keywords": "a;b"}),
        (dataset(2, 20, b"SPO") + dataset(2, 20, b"SOC"), {"Supplemental Category(s)": "SPO SOC"}),
        (dataset(2, 55, b"20240517"), {"Date Created": "2024:05:17"}),
        (dataset(2, 55, b"2024"), {"Date Created": "2024"}),
        (dataset(2, 60, b"164742+0000"), {"Time Created": "16:47:42+0000"}),
        (dataset(2, 60, b"164742"), {"Time Created": "16:47:42"}),
        (dataset(2, 122, b"Jo"), {"Caption Writer/Editor": "Jo"}),
        (dataset(2, 231, b"no name"), {}),
    ],
)
def test_iptc_datasets_have_the_librarys_texts(record: bytes, texts: dict[str, str]) -> None:
    # Something else, so that there always is a map.
    record += dataset(2, 90, b"Rome")
    found = shown(jpeg(photoshop_segment(resource(0x0404, record))))["iptc"]
    assert found == {**texts, "City": "Rome"}


def icc(*tags: tuple[bytes, bytes]) -> dict[str, str]:
    data = b"ICC_PROFILE\0\1\1" + profile(*tags)
    found: dict[str, str] = shown(jpeg(segment(0xE2, data)))["icc"]
    return found


def test_profile_headers_have_the_librarys_texts() -> None:
    found = icc()
    assert found["Class"] == "Display Device"
    assert found["Color space"] == "RGB"
    assert found["Profile Date/Time"] == "2024:02:29 12:30:00"
    assert found["Signature"] == "acsp"
    assert found["Tag Count"] == "0"
    assert found["Version"] == "4.3.0"


@pytest.mark.parametrize(
    ("signature", "value", "name", "text"),
    [
        (b"desc", described(b"sRGB"), "Profile Description", "sRGB"),
        (
            b"desc",
            localised((b"en", "Display"), (b"de", "Anzeige")),
            "Profile Description",
            "2 enUS(Display) deUS(Anzeige)",
        ),
        (
            b"wtpt",
            b"XYZ " + bytes(4) + struct.pack(">6H", 0, 62289, 1, 0, 1, 5843),
            "Media White Point",
            "(0.9505, 1, 1.0892)",
        ),
        (
            b"rTRC",
            b"curv" + bytes(4) + struct.pack(">I3H", 3, 0, 5, 65535),
            "Red TRC",
            "0.0, 0.0000763, 1.0",
        ),
        (
            b"meas",
            b"meas" + bytes(4) + struct.pack(">I6HIII", 1, 0, 0, 0, 0, 0, 0, 0, 655, 2),
            "Measurement",
            "1931 2° Observer, Backing (0, 0, 0), Geometry Unknown, Flare 1%, Illuminant D65",
        ),
        (b"tech", b"sig " + bytes(4) + b"CRT ", "Technology", "CRT"),
        (b"chad", b"sf32" + bytes(40), "Chromatic Adaptation", "sf32 (0x73663332): 44 bytes"),
    ],
)
def test_profile_tags_have_the_librarys_texts(
    signature: bytes, value: bytes, name: str, text: str
) -> None:
    assert icc((signature, value))[name] == text


def test_a_table_of_colours_is_shown_by_its_size() -> None:
    found = icc((b"A2B0", b"mft2" + bytes(40_000)))
    assert found["AToB 0"] == "mft2 (0x6D667432): 40004 bytes"


def test_getty_has_readable_names_and_document_dates() -> None:
    packet = (
        b'<x:xmpmeta xmlns:x="adobe:ns:meta/">'
        b'<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        b'<rdf:Description xmlns:g="http://xmp.gettyimages.com/gift/1.0/" g:AssetID="1"'
        b' g:OriginalCreateDateTime="0001-01-01T00:00:00.0000Z"/></rdf:RDF></x:xmpmeta>'
    )
    data = jpeg(segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + packet))
    assert shown(data)["getty"] == {
        "Asset ID": "1",
        "Original Create Date Time": "0001-01-01T00:00:00.000Z",
    }


@pytest.mark.parametrize(
    ("fraction", "text"),
    [
        (Fraction(3, 1), "3"),
        (Fraction(6, 2), "3"),
        (Fraction(3, 10), "0.3"),
        (Fraction(20, 1200), "1/60"),
        (Fraction(-332188877, 335544320), "-332188877/335544320"),
        (Fraction(0, 0), "0"),
        (Fraction(1, 0), "1/0"),
    ],
)
def test_a_fraction_is_an_integer_a_short_decimal_or_reduced(fraction: Fraction, text: str) -> None:
    assert fraction.text == text


@pytest.mark.parametrize(
    ("number", "most", "least", "text"),
    [
        (2.25, 1, 0, "2.3"),
        (4.0, 1, 0, "4"),
        (4.0, 1, 1, "4.0"),
        (1e300, 3, 0, f"{int(1e300)}"),
        (float("nan"), 3, 0, "nan"),
    ],
)
def test_decimals_are_rounded_half_up(number: float, most: int, least: int, text: str) -> None:
    assert decimal(number, most, least) == text


@pytest.mark.parametrize("kind", [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12])
@pytest.mark.parametrize("count", [1, 2, 4, 100])
def test_every_tag_may_have_a_value_of_any_type(kind: int, count: int) -> None:
    size = count * {1: 1, 2: 1, 6: 1, 7: 1, 3: 2, 8: 2, 5: 8, 10: 8, 12: 8}.get(kind, 4)
    for fill in (b"\0", b"\xff", b"9", b"\x7f\xf0"):
        value = kind, count, (fill * size)[:size]
        tags = dict.fromkeys(NAMES, value)
        block = tiff(tags, tags, dict.fromkeys(GPS_NAMES, value), tags)
        shown(png(chunk(b"eXIf", block)))


def test_a_long_text_is_cut_and_named_in_trimmed() -> None:
    found = extract(
        open_bytes(png(chunk(b"eXIf", tiff({0x010E: ascii_tag("x" * 40_000)})))),
        TagNames.METADATA_EXTRACTOR,
    )
    assert found.renamed is not None
    assert len(found.renamed["exif"]["Image Description"]) == MAX_VALUE
    assert "exif" in found.trimmed


def test_only_file_metadata_changes() -> None:
    record = dataset(2, 120, b"A harbour") + dataset(2, 25, b"sea") + dataset(2, 25, b"town")
    data = jpeg(
        exif_segment(
            tiff(
                {0x0112: short(6), 0x010E: ascii_tag("Not this")},
                {0x9003: ascii_tag("2024:05:17 09:30:00"), 0x9291: ascii_tag("25")},
            )
        ),
        photoshop_segment(resource(0x0404, record)),
    )
    standard = extract(open_bytes(data))
    renamed = extract(open_bytes(data), TagNames.METADATA_EXTRACTOR)
    uploaded = datetime(2024, 6, 1, tzinfo=UTC)
    derived = original_metadata(renamed, uploaded)
    assert derived == original_metadata(standard, uploaded)
    assert derived["dateTaken"] == "2024-05-17T09:30:00.250Z"
    assert derived["keywords"] == ["sea", "town"]
    assert replace(renamed, renamed=None) == standard
    assert file_metadata(renamed)["iptc"]["Keywords"] == "sea;town"
    assert file_metadata(standard)["iptc"]["Keywords"] == ["sea", "town"]


@pytest.fixture(scope="module")
def agreement() -> Agreement:
    return compare(corpus())


def test_names_and_values_agree_with_what_the_library_gives(agreement: Agreement) -> None:
    assert agreement.photos >= 90
    assert agreement.of_names >= 0.99
    assert agreement.of_values >= 0.95


def test_the_documentation_shows_the_rate_of_agreement(agreement: Agreement) -> None:
    assert tables(agreement) in DOCS.read_text(encoding="utf-8"), tables(agreement)


def test_every_disagreement_has_a_known_reason(agreement: Agreement) -> None:
    assert [each for each in agreement.differences if each.reason == UNEXPLAINED] == []


@pytest.mark.parametrize("which", [photos, damaged])
def test_any_file_gives_texts_and_ranged_reading_gives_the_same(which: Any) -> None:
    for path in which(corpus()):
        assert _outcome(path, whole=False) == _outcome(path, whole=True), path.name


def _outcome(path: Path, *, whole: bool) -> object:
    with open_path(path, whole=whole) as file:
        try:
            found = extract(file, TagNames.METADATA_EXTRACTOR)
        except ReindexFailure as failure:
            return failure.code
    check_form(found)
    return found
