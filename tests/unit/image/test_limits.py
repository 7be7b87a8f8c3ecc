from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from reindex.image.limits import MAX_FIELDS, MAX_MAP, MAX_VALUE, bounded


def test_values_within_the_limits_are_unchanged() -> None:
    values: dict[str, str | list[str]] = {"a": "x", "b": ["y", "z"]}
    assert bounded(values) == (values, False)


def test_names_lose_dots_and_blanks() -> None:
    assert bounded({" a.b ": "x", "  ": "y"}) == ({"a_b": "x"}, False)


def test_a_long_text_is_cut_between_characters() -> None:
    kept, cut = bounded({"a": "日" * MAX_VALUE})
    assert cut
    assert len(str(kept["a"]).encode()) in range(MAX_VALUE - 3, MAX_VALUE + 1)


def test_the_first_entries_of_a_large_map_are_kept() -> None:
    kept, cut = bounded({"a": ["x" * 1000] * 1000, "b": "y"})
    assert cut
    assert kept.keys() == {"a"}
    assert sum(map(len, kept["a"])) == MAX_MAP - len("a")


def test_the_number_of_entries_and_the_length_of_names_are_limited() -> None:
    kept, cut = bounded({str(number): "x" for number in range(MAX_FIELDS + 1)})
    assert cut
    assert len(kept) == MAX_FIELDS
    assert bounded({"n" * 300: "x"}) == ({}, True)


@given(
    st.dictionaries(
        st.text(max_size=300), st.text(max_size=40) | st.lists(st.text(max_size=40), max_size=5)
    )
)
def test_every_leaf_is_a_text_or_a_list_of_texts_and_none_is_empty(
    values: dict[str, str | list[str]],
) -> None:
    for name, value in bounded(values)[0].items():
        assert name
        assert name == name.strip()
        assert "." not in name
        assert value
        assert all(value)
