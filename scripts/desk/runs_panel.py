"""The panel of past runs: what each came to, and the trend of images that are not verified."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from reindex.reports.fill_rates_table import shown_fill_rates
from reindex.reports.markup import Markup, element, joined
from reindex.reports.page import dollars
from reindex.reports.run_summary import RunSummary
from reindex.text import duration

from ..run_history import RunHistory
from .views import ATTENTION, notice, scrolled_table

#: Seconds between looks for a run that ended.
KEEP_SECONDS: Final = 900.0

#: Runs that are shown.
_RUNS: Final = 20

#: Length of the longest bar of the trend.
_BAR: Final = 60


@dataclass(frozen=True, slots=True)
class RunsReader:
    """Reads past runs."""

    history: RunHistory

    def read(self) -> Sequence[RunSummary]:
        """Return past runs, the latest first.

        Raises:
            StoreUnavailable: A service does not answer.
        """
        return self.history.latest(_RUNS)


def view(runs: Sequence[RunSummary]) -> Markup:
    """Show past runs."""
    if not runs:
        return notice(ATTENTION, "No run has been started yet.")
    most = max(map(_percent, runs)) or 1.0
    heads = (
        "run", "started, UTC", "ended", "images", "not verified", "share", "mostly", "took", "cost",
        "source and options",
    )  # fmt: skip
    rows = [
        (
            _report_link(run),
            run.started_at[:16].replace("T", " "),
            run.status,
            "" if run.images is None else f"{run.images:,}",
            "" if run.failed is None else f"{run.failed:,}",
            "" if run.failed is None else _share(_percent(run), most),
            max(run.failures, key=lambda code: run.failures[code], default=""),
            "" if run.duration_seconds is None else duration(run.duration_seconds),
            "" if run.dollars is None else dollars(run.dollars),
            _told(run),
        )
        for run in runs
    ]
    return joined(scrolled_table("Past runs", heads, rows, numbers=(3, 4, 7, 8)), _fill_rates(runs))


def _fill_rates(runs: Sequence[RunSummary]) -> Markup:
    """Show how many documents have each field, by run."""
    known = [(run.started_at[:10], run.filled) for run in reversed(runs) if run.filled]
    title = element("h3", "Fields of the index")
    if not known:
        return joined(title, element("p", "No run has counted them yet.", class_="soft"))
    *earlier, (_, latest) = known
    return joined(title, shown_fill_rates(latest, earlier))


def _report_link(run: RunSummary) -> Markup:
    name = element("code", run.run_id)
    # A run without counts has no page: it failed before, or was a round of a migration.
    return name if run.images is None else element("a", name, href=f"reports/{run.run_id}")


def _told(run: RunSummary) -> str:
    options = [] if run.options is None else [run.source_in_words, run.options_in_words]
    return "; ".join(text for text in (*options, run.reason) if text)


def _percent(run: RunSummary) -> float:
    return 100 * (run.failed or 0) / run.images if run.images else 0.0


def _share(percent: float, most: float) -> Markup:
    """Return a percentage, and a bar as long as its part of the largest one."""
    bar = element("rect", width=f"{percent / most * _BAR:.0f}", height=9, class_="failed-bar")
    drawn = element("svg", bar, width=_BAR, height=9, aria_hidden="true", class_="trend-bar")
    return joined(drawn, f" {percent:.2f}%")
