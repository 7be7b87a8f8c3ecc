"""A small plot of one value over time, as SVG without inline styles."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Final

from reindex.reports.markup import Markup, element

#: Size of the whole, in its own units.
_WIDTH: Final = 440
_HEIGHT: Final = 130

#: The plot's own left, right, top and bottom.
_LEFT: Final = 76
_RIGHT: Final = 432
_TOP: Final = 10
_BOTTOM: Final = 104

Point = tuple[float, float]
"""Epoch seconds, and a value that is not negative."""


def line_plot(name: str, points: Sequence[Point], shown: Callable[[float], str]) -> Markup:
    """Draw a value over time.

    Args:
        name: Of the value; unique on the page.
        points: At least two, in order of time.
        shown: Returns a value for people.
    """
    start, end = points[0][0], points[-1][0]
    top = max(value for _, value in points) or 1.0
    across = (_RIGHT - _LEFT) / max(end - start, 1e-9)
    up = (_BOTTOM - _TOP) / top
    path = " ".join(
        f"{_LEFT + (at - start) * across:.1f},{_BOTTOM - value * up:.1f}" for at, value in points
    )
    key = name.replace(" ", "-")
    latest = f"{name}: {shown(points[-1][1])} at {_clock(end)}, at most {shown(top)}"
    return element(
        "svg",
        element("title", latest, id=f"{key}-plot"),
        *(_level(_BOTTOM - value * up, shown(value)) for value in (0.0, top)),
        element("polyline", points=path, class_="series enqueued"),
        element("text", _clock(start), x=_LEFT, y=_HEIGHT - 8, class_="from"),
        element("text", f"{_clock(end)} UTC", x=_RIGHT, y=_HEIGHT - 8, class_="across"),
        role="img",
        aria_labelledby=f"{key}-plot",
        viewBox=f"0 0 {_WIDTH} {_HEIGHT}",
        class_="plot small",
    )


def _level(y: float, label: str) -> Markup:
    line = element("line", x1=_LEFT, x2=_RIGHT, y1=f"{y:.1f}", y2=f"{y:.1f}", class_="grid")
    text = element("text", label, x=_LEFT - 8, y=f"{y:.1f}", dy="0.32em", class_="across")
    return element("g", line, text)


def _clock(at: float) -> str:
    return f"{datetime.fromtimestamp(at, UTC):%H:%M:%S}"
