from __future__ import annotations

import struct

import pytest

from reindex.image.icc import read_icc
from reindex.image.ranged import Memory
from tests.unit.image.files import profile


def localised(*records: tuple[bytes, str]) -> bytes:
    head = b"mluc" + bytes(4) + struct.pack(">II", len(records), 12)
    at = len(head) + 12 * len(records)
    table, texts = b"", b""
    for language, text in records:
        data = text.encode("utf-16-be")
        table += struct.pack(">2s2sII", language, b"US", len(data), at + len(texts))
        texts += data
    return head + table + texts


def described(text: bytes) -> bytes:
    return b"desc" + bytes(4) + struct.pack(">I", len(text) + 1) + text + bytes(80)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (described(b"sRGB IEC61966-2.1"), "sRGB IEC61966-2.1"),
        (localised((b"en", "Display P3")), "Display P3"),
        (localised((b"de", "Anzeige"), (b"en", "Display")), "Display"),
        (localised((b"de", "Anzeige"), (b"fr", "Ecran")), "Anzeige"),
        (b"text" + bytes(4) + b"plain\0", "plain"),
    ],
)
def test_the_description_is_read_in_each_of_its_types(value: bytes, text: str) -> None:
    assert read_icc(Memory(profile((b"desc", value))))["Profile Description"] == text


def test_the_header_is_read() -> None:
    found = read_icc(Memory(profile((b"cprt", b"text" + bytes(4) + b"Free"))))
    assert found["Color space"] == "RGB"
    assert found["Class"] == "mntr"
    assert found["Version"] == "4.3"
    assert found["Profile Date/Time"] == "2024:02:29 12:30:00"
    assert found["Rendering Intent"] == "Perceptual"
    assert found["Profile Copyright"] == "Free"


@pytest.mark.parametrize("length", [0, 10, 127])
def test_other_bytes_are_not_read_as_a_profile(length: int) -> None:
    assert read_icc(Memory(profile()[:length])) == {}
    assert read_icc(Memory(b"\xff" * 200)) == {}


def test_a_truncated_profile_gives_its_header() -> None:
    whole = profile((b"desc", described(b"sRGB")))
    assert read_icc(Memory(whole[:140]))["Color space"] == "RGB"
