"""Markup that cannot be broken out of."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from reindex.reports.markup import Markup, element, joined
from tests.unit.html import read


def test_text_is_escaped_and_elements_are_not() -> None:
    made = element("p", "a < b & ", element("b", '"c"'))
    assert made == "<p>a &lt; b &amp; <b>&quot;c&quot;</b></p>"


def test_attributes_are_escaped_and_named_as_in_html() -> None:
    made = element("p", class_="a", aria_label='"><script>', x=1.5)
    assert made == '<p class="a" aria-label="&quot;&gt;&lt;script&gt;" x="1.5"></p>'


def test_an_element_without_an_end() -> None:
    assert element("meta", charset="utf-8") == '<meta charset="utf-8">'


def test_what_is_joined_is_markup_again() -> None:
    made = joined("<", element("b", ">"))
    assert element("p", made) == "<p>&lt;<b>&gt;</b></p>"
    assert isinstance(made, Markup)


def test_halves_of_surrogate_pairs_can_be_encoded() -> None:
    assert element("p", "a\ud800b", title="\udc00").encode()


@given(st.text(st.characters(codec="utf-8", exclude_characters="\r\0")), st.text())
def test_whatever_is_put_in_comes_out_as_text(text: str, value: str) -> None:
    found = read(element("p", text, title=value))
    assert [tag for tag, _ in found.elements] == ["p"]
    assert found.text == text
