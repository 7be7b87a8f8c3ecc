from __future__ import annotations

import struct

import pytest

from reindex.image.iptc import MAX_DATASETS, read_iptc
from tests.unit.image.files import dataset


@pytest.mark.parametrize(
    ("declared", "value", "text"),
    [
        (None, "Grüße".encode(), "Grüße"),
        (None, "Grüße".encode("latin-1"), "Grüße"),
        (b"\x1b%G", "Łódź".encode(), "Łódź"),
        (b"\x1b%G", "Grüße".encode("latin-1"), "Grüße"),
        (b"\x1b.A", "é".encode("latin-1"), "é"),
        (b"\x1b-B", "Łódź".encode("iso8859_2"), "Łódź"),
        (b"\x1b-L", "Привет".encode("iso8859_5"), "Привет"),
        (b"\x1b%/L", "日本".encode("utf-16-be"), "日本"),
        (b"???", "é".encode(), "é"),
    ],
)
def test_text_is_in_the_declared_set_else_utf8_else_latin1(
    declared: bytes | None, value: bytes, text: str
) -> None:
    record = dataset(1, 90, declared) if declared else b""
    assert read_iptc(record + dataset(2, 120, value))["Caption/Abstract"] == text


@pytest.mark.parametrize(
    ("number", "name"),
    [
        (5, "Object Name"),
        (55, "Date Created"),
        (60, "Time Created"),
        (90, "City"),
        (95, "Province/State"),
        (101, "Country/Primary Location Name"),
        (103, "Original Transmission Reference"),
        (116, "Copyright Notice"),
    ],
)
def test_a_dataset_that_occurs_once_is_a_text(number: int, name: str) -> None:
    assert read_iptc(dataset(2, number, b"x")) == {name: "x"}


@pytest.mark.parametrize(
    ("number", "name"),
    [(20, "Supplemental Categories"), (25, "Keywords"), (80, "By-line"), (85, "By-line Title")],
)
def test_a_dataset_that_may_repeat_is_a_list_even_of_one(number: int, name: str) -> None:
    assert read_iptc(dataset(2, number, b"x")) == {name: ["x"]}
    twice = dataset(2, number, b"x") + dataset(2, number, b"y")
    assert read_iptc(twice) == {name: ["x", "y"]}


def test_nuls_trailing_blanks_and_empty_datasets_are_removed() -> None:
    record = dataset(2, 90, b"Rome\0 \r\n") + dataset(2, 101, b" \0") + dataset(2, 25, b"")
    assert read_iptc(record) == {"City": "Rome"}


def test_binary_numbers_are_decimal() -> None:
    assert read_iptc(dataset(2, 0, b"\0\4")) == {"Record Version": "4"}


def test_the_last_value_of_a_single_dataset_wins() -> None:
    assert read_iptc(dataset(2, 90, b"a") + dataset(2, 90, b"b")) == {"City": "b"}


def test_the_length_of_an_extended_dataset_is_read() -> None:
    long = bytes([0x1C, 2, 120, 0x80, 4]) + struct.pack(">I", 40_000) + b"x" * 40_000
    assert read_iptc(long + dataset(2, 90, b"Rome")) == {
        "Caption/Abstract": "x" * 40_000,
        "City": "Rome",
    }


@pytest.mark.parametrize(
    "damage", [b"\0\0\0\0\0", b"\x1c\2", bytes([0x1C, 2, 5, 0xFF, 0xFF]), dataset(2, 5, b"ab")[:-1]]
)
def test_damage_ends_the_reading(damage: bytes) -> None:
    assert read_iptc(dataset(2, 90, b"Rome") + damage) == {"City": "Rome"}


def test_unknown_datasets_are_left_out_and_their_number_is_limited() -> None:
    assert read_iptc(dataset(3, 7, b"x")) == {}
    many = read_iptc(dataset(2, 25, b"x") * (MAX_DATASETS + 5))
    assert len(many["Keywords"]) == MAX_DATASETS
