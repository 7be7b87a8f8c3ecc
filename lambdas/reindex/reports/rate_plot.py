"""A run's rates over time as an SVG that needs nothing but its page's colours."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from reindex.reports.markup import Markup, element, joined
from reindex.text import counted

#: Size of the whole, in its own units.
_WIDTH, _HEIGHT = 920, 300

#: The plot's left, right, top and bottom within the picture.
_LEFT, _RIGHT, _TOP, _BOTTOM = 64, 908, 14, 250

#: Lines across, and marks along the time, at most.
_LINES, _MARKS = 5, 8

#: Opacity of the shade of a gate that throttles all workers all the time.
_SHADE = 0.4

_MINUTE, _DAY = 60, 86_400

#: Seconds between marks along the time.
_MARK_STEPS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200)

_SERIES = ("enqueued", "verified", "failed")

#: Texts of the legend, by CSS class.
_LEGEND = {**{name: name for name in _SERIES}, "gate": "held by a gate"}


def plot(rates: Mapping[str, Any]) -> Markup:
    """Draw the rates of a report.

    The page gives each series' class its colour, and ``held``, the shade of what was held.

    Args:
        rates: As :func:`reindex.reports.timeline.rates` made them, with points.
    """
    return _Plot.of(rates).drawn()


def legend() -> Markup:
    """Return the legend of :func:`plot`, for above it."""
    return element(
        "p",
        *(
            element("span", element("span", class_=f"{name} key"), said)
            for name, said in _LEGEND.items()
        ),
        class_="legend soft",
    )


@dataclass(frozen=True, slots=True)
class _Plot:
    """The data of a plot, and its scales.

    Attributes:
        start: Epoch seconds at the left.
        step: Seconds between points.
        series: Images a second, by series.
        held: The part of the time that a gate held.
        bulks: How many might go on concurrently; 0 where that is not known.
        top: Images a second at the top.
        line: Images a second between lines across.
    """

    start: float
    step: float
    series: Mapping[str, Sequence[float]]
    held: Sequence[float]
    bulks: Sequence[int]
    top: float
    line: float

    @classmethod
    def of(cls, rates: Mapping[str, Any]) -> _Plot:
        series = {name: rates["images_per_second"][name] for name in _SERIES}
        line = _round_step(max(map(max, series.values())) / _LINES)
        return cls(
            start=datetime.fromisoformat(rates["started_at"]).timestamp(),
            step=rates["step_seconds"],
            series=series,
            held=rates["held"],
            bulks=rates["bulks"],
            top=line * max(1, math.ceil(max(map(max, series.values())) / line)),
            line=line,
        )

    def drawn(self) -> Markup:
        return element(
            "svg",
            element("title", "Images per second over time", id="rates-title"),
            element("desc", self._said(), id="rates-desc"),
            joined(*self._across()),
            joined(*self._along()),
            joined(*(self._line(name) for name in _SERIES)),
            joined(*self._steps()),
            role="img",
            aria_labelledby="rates-title rates-desc",
            viewBox=f"0 0 {_WIDTH} {_HEIGHT}",
            class_="plot",
        )

    @property
    def _seconds(self) -> float:
        return self.step * len(self.held)

    def _x(self, seconds: float) -> str:
        return f"{_LEFT + (_RIGHT - _LEFT) * seconds / self._seconds:.1f}"

    def _y(self, rate: float) -> str:
        return f"{_BOTTOM - (_BOTTOM - _TOP) * rate / self.top:.1f}"

    def _said(self) -> str:
        """Return the plot in words, for who does not see it."""
        end = _clock(self.start + self._seconds)
        said = [f"From {_clock(self.start)} to {end} UTC."]
        for name, rates in self.series.items():
            peak = max(rates)
            at = _clock(self.start + self.step * rates.index(peak))
            said.append(
                f"{name.capitalize()}: at most {peak:,.1f} images per second, at {at}."
                if peak
                else f"{name.capitalize()}: none."
            )
        return " ".join(said)

    def _across(self) -> Iterator[Markup]:
        """Yield the horizontal lines, each with its rate."""
        for n in range(round(self.top / self.line) + 1):
            rate = n * self.line
            y = self._y(rate)
            yield element("line", x1=_LEFT, x2=_RIGHT, y1=y, y2=y, class_="grid")
            label = f"{rate:,.0f}" if self.line >= 1 else f"{rate:g}"
            yield element("text", label, x=_LEFT - 8, y=y, dy="0.32em", class_="across")
        middle = (_TOP + _BOTTOM) / 2
        yield element(
            "text",
            "images per second",
            transform=f"translate(14 {middle:.0f}) rotate(-90)",
            class_="axis",
        )

    def _along(self) -> Iterator[Markup]:
        """Yield the marks of the time axis, at round times, each with its time."""
        between = _mark_step(self._seconds)
        mark = math.ceil(self.start / between) * between
        while mark <= self.start + self._seconds:
            x = self._x(mark - self.start)
            yield element("line", x1=x, x2=x, y1=_BOTTOM, y2=_BOTTOM + 5, class_="tick")
            label = _mark(mark, between)
            yield element("text", label, x=x, y=_BOTTOM + 20, class_="along")
            mark += between
        middle = (_LEFT + _RIGHT) / 2
        yield element("text", "time (UTC)", x=f"{middle:.0f}", y=_HEIGHT - 8, class_="axis")

    def _line(self, name: str) -> Markup:
        """Return the SVG of a series: level within each step, and absent where it is zero."""
        path, before = "", 0.0
        for n, rate in enumerate([*self.series[name], 0.0]):
            if before and not rate:
                path += f"V{_BOTTOM}"
            elif rate:
                begin = "" if before else f"M{self._x(self.step * n)} {_BOTTOM}"
                path += f"{begin}V{self._y(rate)}H{self._x(self.step * (n + 1))}"
            before = rate
        return element("path", d=path, class_=f"series {name}")

    def _steps(self) -> Iterator[Markup]:
        """Each step's shade, and its numbers for who points at it."""
        width = f"{(_RIGHT - _LEFT) / len(self.held):.2f}"
        for n, held in enumerate(self.held):
            numbers = ", ".join(f"{name} {self.series[name][n]:,.1f}/s" for name in _SERIES)
            gate = f", held {held:.0%} of the time" if held else ""
            bulks = f", {counted(self.bulks[n], 'bulk')} side by side" if self.bulks[n] else ""
            yield element(
                "rect",
                element("title", f"{_clock(self.start + self.step * n)}: {numbers}{gate}{bulks}"),
                x=self._x(self.step * n),
                y=_TOP,
                width=width,
                height=_BOTTOM - _TOP,
                fill_opacity=f"{_SHADE * held:.2f}",
                class_="held",
            )


def _round_step(least: float) -> float:
    """Return the next of 1, 2, 5, 10, … at least so large."""
    if least <= 0:
        return 1
    power = 10.0 ** math.floor(math.log10(least))
    return next(power * n for n in (1, 2, 5, 10) if power * n >= least * (1 - 1e-9))


def _mark_step(seconds: float) -> float:
    days = math.ceil(seconds / _DAY / _MARKS) * _DAY
    return next((step for step in _MARK_STEPS if seconds / step <= _MARKS), days)


def _mark(at: float, between: float) -> str:
    moment = datetime.fromtimestamp(at, UTC)
    if at % _DAY == 0:
        return f"{moment.day} {moment:%b}"
    return f"{moment:%H:%M:%S}" if between < _MINUTE else f"{moment:%H:%M}"


def _clock(at: float) -> str:
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M:%S}"
