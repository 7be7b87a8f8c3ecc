"""What other people's text looks like where people read it."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reindex.text import printable, printable_lines


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("", ""),
        ("plain", "plain"),
        ("naïve 写真 😀 👩\u200d💻", "naïve 写真 😀 👩\u200d💻"),
        ("\x1b]0;title\x07", r"\x1b]0;title\x07"),
        ("a\nb\r\tc", r"a\nb\r\tc"),
        ("\x7f\x80\x9b2J\x9f", r"\x7f\x80\x9b2J\x9f"),
        ("\u202egnp.exe\u2069", r"\u202egnp.exe\u2069"),
        ("a\u2028b\u2029c\x85d", r"a\u2028b\u2029c\x85d"),
        ("half \ud800", r"half \ud800"),
    ],
)
def test_controls_and_reordering_are_shown_as_escapes(text: str, shown: str) -> None:
    assert printable(text) == shown


@given(st.text())
def test_what_is_printable_is_one_line_without_controls(text: str) -> None:
    shown = printable(text)
    assert shown.splitlines() in ([], [shown])
    assert not {unicodedata.category(c) for c in shown} & {"Cc", "Cs", "Zl", "Zp"}
    assert not {unicodedata.bidirectional(c) for c in shown} & {
        *("LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI")
    }
    assert printable(shown) == shown


def test_line_breaks_of_our_own_can_stay() -> None:
    assert printable_lines("not opened:\n  a\x1b[2J\n  b\r") == ("not opened:\n  a\\x1b[2J\n  b\\r")
