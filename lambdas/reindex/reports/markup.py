"""Elements of HTML and SVG as text that cannot be broken out of.

A piece of text is escaped where it is put into an element, unless it is :class:`Markup`, which
only elements are. So a page made with :func:`element` needs no care with values.
"""

from __future__ import annotations

from html import escape

from reindex.text import well_formed

#: Elements that have no end.
_VOID = frozenset({"img", "input", "link", "meta"})


class Markup(str):
    """Text that is markup already."""

    __slots__ = ()


def element(name: str, /, *children: str, **attributes: str | float) -> Markup:
    """Return an element.

    Args:
        name: Of the element.
        children: What is in it, in order.
        attributes: By name; an underscore represents a hyphen, but one at the end is only
            there because the name is a keyword of Python.
    """
    said = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{_safe(str(value))}"'
        for key, value in attributes.items()
    )
    end = "" if name in _VOID else f"</{name}>"
    return Markup(f"<{name}{said}>{joined(*children)}{end}")


def joined(*pieces: str) -> Markup:
    """Return pieces next to each other."""
    return Markup("".join(p if isinstance(p, Markup) else _safe(p) for p in pieces))


def _safe(text: str) -> str:
    return escape(well_formed(text))
