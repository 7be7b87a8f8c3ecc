"""The fill rates of an index's fields over several runs, as a part of a page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from reindex.reports.fill_rates import field_rates, percent
from reindex.reports.markup import Markup, element, joined
from reindex.reports.page import table
from reindex.text import counted

#: Runs before the latest one whose rates are shown.
EARLIER_COLUMNS: Final = 4


def shown_fill_rates(
    counts: Mapping[str, int], earlier: Sequence[tuple[str, Mapping[str, int]]]
) -> Markup:
    """Show how many documents have each field.

    Args:
        counts: After the latest run, as :func:`reindex.reports.fill_rates.count_filled` returns
            them.
        earlier: The same after runs before, the latest last, each with the column's name.
    """
    rates = field_rates(counts, earlier[-1][1] if earlier else {})
    columns = earlier[-EARLIER_COLUMNS:]
    rows = [
        (
            element("code", rate.path),
            *(_rate(percent(filled, rate.path)) for _, filled in columns),
            _rate(rate.percent),
            f"{rate.points:+.1f}" if rate.points else "",
        )
        for rate in rates
    ]
    heads = ("field", *(name for name, _ in columns), "now", "points")
    names = ", ".join(rate.path for rate in rates if rate.fell)
    return joined(
        element(
            "p",
            f"{counted(counts[''], 'document')} can be searched. "
            + (
                f"Fewer of them have {names} than after the run before."
                if names
                else "No field is much rarer than after the run before."
            ),
        ),
        element(
            "details",
            element("summary", counted(len(rows), "field")),
            table(heads, rows, numbers=range(1, len(heads))),
        ),
    )


def _rate(rate: float | None) -> str:
    return "" if rate is None else f"{rate:.1f}%"
