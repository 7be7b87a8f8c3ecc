from __future__ import annotations

import tracemalloc
from collections import deque
from collections.abc import Iterable

import pytest

from scripts.id_forms import Form, IdForms, form_of

LOWER, UPPER = "0123456789abcdef" * 2, "0123456789ABCDEF" * 2
MIXED = "0123456789abcDEF" * 2
DIGITS = "0123456789"


@pytest.mark.parametrize(
    ("image_id", "form"),
    [
        (LOWER, Form.LOWER_HEX),
        (UPPER, Form.UPPER_HEX),
        (MIXED, Form.MIXED_HEX),
        (DIGITS, Form.DIGITS),
        ("7", Form.DIGITS),
        ("3f2504e0-4f89-41d3-9a0c-0305e82c3301", Form.LOWER_HEX),
        ("3F2504E0-4F89-41D3-9A0C-0305E82C3301", Form.UPPER_HEX),
        (f"{LOWER[:8]} {LOWER[8:]}", Form.BLANKS),
        (f"{LOWER}\tphoto.jpg", Form.BLANKS),
        ("two\u00a0words\nin lines", Form.BLANKS),
        ("image_id", Form.OTHER),
        ("decade", Form.OTHER),
        ("ABADCAFE.jpg", Form.OTHER),
        (f"{LOWER}\udcff", Form.OTHER),
    ],
)
def test_an_id_has_a_form(image_id: str, form: Form) -> None:
    assert form_of(image_id) is form


def warnings(known: list[str], ids: Iterable[str]) -> list[str]:
    forms = IdForms(known)
    passed = list(forms.counting(ids))
    assert passed == list(ids)
    return list(forms.warnings())


def test_each_form_that_differs_from_most_in_the_table_is_a_line() -> None:
    ids = ["image_id", LOWER, UPPER, "", UPPER, DIGITS, f"{LOWER} x"]
    most = "most ids in the table are lower-case hex digits."
    # One odd id in the table does not matter, nor do random hex digits that are all decimal.
    assert warnings([LOWER, LOWER, "image_id"], ids) == [
        f"Warning: 2 ids are upper-case hex digits, such as {UPPER}; {most}",
        f"Warning: 1 id is text with blanks inside, such as {LOWER} x; {most}",
        f"Warning: 1 id is text without blanks, such as image_id; {most}",
    ]


@pytest.mark.parametrize(
    ("known", "ids"),
    [
        ([LOWER, UPPER], [LOWER, UPPER, "a b"]),  # neither is more than half
        ([MIXED], [LOWER, UPPER, DIGITS]),
        (["IMG-1"], [LOWER, UPPER, DIGITS, "x"]),
        (["a b"], [LOWER, "x"]),
        ([], [LOWER, "image_id", "a b", DIGITS]),
        ([], [LOWER, UPPER]),
        ([], []),
    ],
)
def test_what_cannot_be_called_odd_is_not(known: list[str], ids: list[str]) -> None:
    assert warnings(known, ids) == []


def test_blanks_are_odd_among_text_without() -> None:
    [line] = warnings(["IMG-1"], ["IMG 2"])
    assert line == (
        "Warning: 1 id is text with blanks inside, such as IMG 2; most ids in the table are text "
        "without blanks."
    )


def test_without_a_table_to_compare_with_the_upload_decides_the_case() -> None:
    [line] = warnings([], [UPPER, LOWER, LOWER, "image_id"])
    assert line == (
        f"Warning: 1 id is upper-case hex digits, such as {UPPER}; most ids of this upload are "
        "lower-case hex digits."
    )


def test_an_example_is_safe_to_show_and_short() -> None:
    [line] = warnings([LOWER], ["\x1b[2J" + "z" * 1_000])
    assert r"such as \x1b[2Jz" in line
    assert line.isprintable()
    assert len(line) < 200


def test_memory_does_not_grow_with_the_ids() -> None:
    ids = (f"{number:032{case}}" for number in range(100_000) for case in "xX")
    forms = IdForms([LOWER])
    tracemalloc.start()
    try:
        deque(forms.counting(ids), maxlen=0)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 64 * 1024
    [line] = forms.warnings()
    # Most of these numbers have a letter among their hex digits.
    assert "ids are upper-case hex digits, such as 0000000000000000000000000000000A;" in line
