from __future__ import annotations

import struct

import pytest

from reindex.image.exif import Exif, read_exif
from reindex.image.ranged import Memory
from reindex.image.tiff import MAX_ENTRIES, open_tiff
from tests.unit.image.files import Tag, ascii_tag, rationals, short, tiff


def exif(data: bytes) -> Exif:
    structure = open_tiff(Memory(data))
    assert structure is not None
    return read_exif(structure, structure.directory(structure.first))


def undefined(data: bytes) -> Tag:
    return 7, len(data), data


@pytest.mark.parametrize(
    ("tag", "value", "name", "text"),
    [
        (0x010F, ascii_tag("Canon  "), "Make", "Canon"),
        (0x010F, (2, 6, b"Ren\xe9e\0"), "Make", "Renée"),
        (0x010F, (2, 7, "Renée\0".encode()), "Make", "Renée"),
        (0x0132, ascii_tag("2015:10:11 14:41:44"), "DateTime", "2015:10:11 14:41:44"),
        (0x0131, (2, 9, b"new\0older"), "Software", "new"),
        (0x8298, (2, 8, b"Me\0You\0\0"), "Copyright", "Me\nYou"),
        (0x8298, (2, 6, b" \0You\0"), "Copyright", "You"),
        (0x0112, short(6), "Orientation", "6"),
        (0x0102, (3, 3, struct.pack("<HHH", 8, 8, 8)), "BitsPerSample", "8 8 8"),
        (0x011A, rationals((300, 1)), "XResolution", "300"),
        (0x9C9B, (1, 8, "Tü\0\0".encode("utf-16-le")), "XPTitle", "Tü"),
        (0x4746, short(4), "Rating", "4"),
        (0x0119, (8, 1, struct.pack("<h", -5)), "MaxSampleValue", "-5"),
        (0x0154, (11, 1, struct.pack("<f", 0.1)), "SMinSampleValue", "0.1"),
        (0x0155, (12, 1, struct.pack("<d", 1e-7)), "SMaxSampleValue", "1e-07"),
        (0xA436, (129, 4, "Tü\0".encode()), "ImageTitle", "Tü"),
    ],
)
def test_values_of_ifd0_are_text(tag: int, value: Tag, name: str, text: str) -> None:
    assert exif(tiff({tag: value})).exif == {name: text}


@pytest.mark.parametrize(
    ("tag", "value", "name", "text"),
    [
        (0x829A, rationals((1, 60)), "ExposureTime", "0.01666666667"),
        (0x829D, rationals((28, 10)), "FNumber", "2.8"),
        (0x9202, rationals((27, 8)), "ApertureValue", "3.375"),
        (0x9204, (10, 1, struct.pack("<ii", -1, 3)), "ExposureBiasValue", "-0.3333333333"),
        (
            0xA432,
            rationals((24, 1), (70, 1), (0, 0), (1, 0)),
            "LensSpecification",
            "24 70 undef inf",
        ),
        (0x9000, undefined(b"0230"), "ExifVersion", "0230"),
        (0xA000, undefined(b"0100"), "FlashpixVersion", "0100"),
        (0x9101, undefined(b"\1\2\3\0"), "ComponentsConfiguration", "1 2 3 0"),
        (0xA300, undefined(b"\3"), "FileSource", "3"),
        (
            0xA302,
            undefined(b"\2\0\2\0\0\1\1\2"),
            "CFAPattern",
            "2 2 0 1 1 2",
        ),
        (
            0xA302,
            undefined(b"\0\2\0\2\0\1\1\2"),
            "CFAPattern",
            "2 2 0 1 1 2",
        ),
        (0x8827, short(400), "PhotographicSensitivity", "400"),
        (0xA002, short(800), "PixelXDimension", "800"),
        (0x9214, (3, 2, struct.pack("<HH", 5, 6)), "SubjectArea", "5 6"),
        (0x9291, ascii_tag("046"), "SubSecTimeOriginal", "046"),
        (0x9286, undefined(b"ASCII\0\0\0hello \0"), "UserComment", "hello"),
        (0x9286, undefined(b"UNICODE\0" + "日本".encode("utf-16-le")), "UserComment", "日本"),
        (0x9286, undefined(b"UNICODE\0" + "ab".encode("utf-16-be")), "UserComment", "ab"),
        (0x9286, undefined(b"UNICODE\0" + "é".encode("utf-16")), "UserComment", "é"),
        (0x9286, undefined(b"JIS\0\0\0\0\0" + "日".encode("iso2022_jp")), "UserComment", "日"),
        (0x9286, undefined(bytes(8) + "é".encode()), "UserComment", "é"),
        (0x9286, undefined(b"no set at all"), "UserComment", "no set at all"),
    ],
)
def test_values_of_the_exif_directory_are_text(tag: int, value: Tag, name: str, text: str) -> None:
    assert exif(tiff({}, sub={tag: value})).exif_sub == {name: text}


def test_gps_values_are_degrees_and_clock_time() -> None:
    gps = {
        0: (1, 4, b"\2\3\0\0"),
        1: ascii_tag("S"),
        2: rationals((12, 1), (30, 1), (36, 1)),
        4: rationals((120, 1), (75, 10), (0, 0)),
        5: (1, 1, b"\0"),
        7: rationals((7, 1), (11, 1), (4307, 100)),
        29: ascii_tag("2018:02:05"),
    }
    assert exif(tiff({}, gps=gps)).exif == {
        "GPSVersionID": "2 3 0 0",
        "GPSLatitudeRef": "S",
        "GPSLatitude": "12.51",
        "GPSLongitude": "120.125",
        "GPSAltitudeRef": "0",
        "GPSTimeStamp": "07:11:43.07",
        "GPSDateStamp": "2018:02:05",
    }


@pytest.mark.parametrize("order", ["<", ">"])
def test_interoperability_and_byte_order(order: str) -> None:
    data = tiff(
        {0x0112: short(8, order)},
        sub={0x829D: rationals((4, 1), order=order)},
        interop={1: ascii_tag("R98"), 2: (7, 4, b"0100")},
        order=order,
    )
    found = exif(data)
    assert found.orientation == 8
    assert found.exif_sub == {
        "FNumber": "4",
        "InteroperabilityIndex": "R98",
        "InteroperabilityVersion": "0100",
    }


@pytest.mark.parametrize("value", [0, 9, 65535])
def test_an_undefined_orientation_is_ignored(value: int) -> None:
    assert exif(tiff({0x0112: short(value)})).orientation is None


@pytest.mark.parametrize(
    ("tag", "value"),
    [
        (0x927C, (7, 3, b"abc")),  # maker note
        (0xEEEE, short(1)),  # named by no table
        (0x0111, (4, 65, bytes(260))),  # a table
        (0x010F, (2, 2, b" \0")),
        (0x010F, (99, 1, b"x")),
    ],
)
def test_binary_unknown_and_empty_values_are_left_out(tag: int, value: Tag) -> None:
    assert exif(tiff({tag: value})).exif == {}


def test_damage_affects_only_the_damaged_entry() -> None:
    data = bytearray(tiff({0x010F: ascii_tag("a long maker"), 0x0112: short(3)}))
    struct.pack_into("<I", data, 10 + 8, 10**9)
    assert exif(bytes(data)).exif == {"Orientation": "3"}


def test_a_truncated_directory_gives_its_complete_entries() -> None:
    data = tiff({0x0112: short(3), 0x4746: short(4)})
    assert exif(data[: 10 + 12 + 5]).exif == {"Orientation": "3"}


def test_a_directory_that_points_to_itself_ends() -> None:
    data = bytearray(tiff({0x0112: short(3)}))
    struct.pack_into("<I", data, 10 + 12, 8)
    structure = open_tiff(Memory(bytes(data)))
    assert structure is not None
    assert len(list(structure.directories(100))) == 1


def test_the_number_of_entries_is_limited() -> None:
    data = b"II*\0\x08\0\0\0\xff\xff" + struct.pack("<HHI4s", 0, 3, 1, bytes(4)) * 65535
    structure = open_tiff(Memory(data))
    assert structure is not None
    found = structure.directory(8)
    assert len(found.entries) <= MAX_ENTRIES
    assert found.next == 0
