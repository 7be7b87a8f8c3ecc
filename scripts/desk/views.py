"""Pieces of HTML that several panels use."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final
from urllib.parse import urlencode

from reindex.reports.markup import Markup, element, joined
from reindex.reports.page import table

#: Moods of a notice, which name its colours in :data:`reindex.reports.page.STYLE`.
OK: Final = "ok"
ATTENTION: Final = "attention"
BAD: Final = "bad"

_SIGNS: Final = {OK: "✓", ATTENTION: "!", BAD: "✗"}


def notice(mood: str, headline: str, *details: str) -> Markup:
    """Return a box with a sign, a headline and details: markup, or text that is escaped.

    Args:
        mood: ``ok``, ``attention`` or ``bad``.
        headline: What is so.
        details: What to know, or to do.
    """
    sign = element("span", _SIGNS[mood], aria_hidden="true")
    return element(
        "div",
        element("p", element("strong", sign, f" {headline}")),
        *(d if isinstance(d, Markup) else element("p", d) for d in details),
        class_=f"notice {mood}",
    )


def command(text: str) -> Markup:
    """Return a command to copy."""
    return element("code", text, class_="command")


def action(name: str, label: str, fields: Mapping[str, str], *inputs: Markup) -> Markup:
    """Return a button that shows the plan of an action.

    Args:
        name: Of the action.
        label: On the button.
        fields: What the action is about.
        inputs: Shown before the button.
    """
    hidden = (
        element("input", type="hidden", name=key, value=value)
        for key, value in {"action": name, **fields}.items()
    )
    button_id = "-".join(("act", name, *fields.values()))
    return element(
        "form",
        *hidden,
        *inputs,
        element("button", label, id=button_id),
        method="post",
        action="plans",
        class_="action",
    )


def explained_link(image_id: str, *content: str) -> Markup:
    """Return a link that explains an image on the page."""
    return element(
        "a",
        *(content or (element("code", image_id),)),
        href=f"?{urlencode({'id': image_id})}",
        data_explain=image_id,
    )


def thumbnail_of(image_id: str) -> Markup:
    """Return an image's thumbnail, which is loaded when it is scrolled to."""
    return element(
        "img",
        src=f"thumbnails?{urlencode({'id': image_id})}",
        alt=f"Thumbnail of {image_id}",
        loading="lazy",
        class_="thumbnail",
    )


def scrolled_table(
    label: str, heads: Sequence[str], rows: Iterable[Sequence[str]], numbers: Iterable[int] = ()
) -> Markup:
    """Return a table that the keyboard can scroll where it is wider than the window."""
    made = table(heads, rows, numbers=numbers)
    return element("div", made, tabindex="0", role="region", aria_label=label, class_="scrolled")


def definitions(facts: Mapping[str, str]) -> Markup:
    """Return names and values."""
    pairs = (joined(element("dt", name), element("dd", said)) for name, said in facts.items())
    return element("dl", *pairs)
