"""Reads HTML as a browser would, as far as tests ask."""

from __future__ import annotations

from html.parser import HTMLParser

Attributes = dict[str, str | None]

_VOID = {"meta"}


class Page(HTMLParser):
    """What is in a page.

    Attributes:
        elements: Every element with its attributes, in order.
        style: The text of its style sheets.
        pieces: Its other text, piece by piece.
    """

    def __init__(self) -> None:
        super().__init__()
        self.elements: list[tuple[str, Attributes]] = []
        self.style = ""
        self.pieces: list[str] = []
        self._open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in _VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag, "elements overlap"

    def handle_data(self, data: str) -> None:
        if "style" in self._open:
            self.style += data
        else:
            self.pieces.append(data)

    def close(self) -> None:
        super().close()
        assert not self._open, "elements without an end"

    @property
    def text(self) -> str:
        """All text but style sheets."""
        return "".join(self.pieces)

    def attributes(self, tag: str) -> list[Attributes]:
        """Of the elements of one kind."""
        return [attributes for name, attributes in self.elements if name == tag]


def read(html: str) -> Page:
    """Read a page, or a piece of one."""
    page = Page()
    page.feed(html)
    page.close()
    return page
