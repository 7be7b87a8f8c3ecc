"""The summary of a run, and the comparison of two runs. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Self

from reindex.domain.options import options_in_words, source_in_words
from reindex.domain.progress import iso
from reindex.domain.run_records import RunRecord
from reindex.domain.states import CODES, State
from reindex.reports.fill_rates import field_rates
from reindex.reports.page import dollars
from reindex.text import duration


def is_whole(stored: Mapping[str, Any]) -> bool:
    """Return True if a stored report counts the whole table, unlike that of a migration's round."""
    return "images" in stored


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSummary:
    """The summary of a run. A run without a report has fewer values.

    Attributes:
        run_id: Of the run.
        status: ``open``, or how it ended: ``succeeded``, ``failed``, ``aborted``.
        started_at: ISO 8601.
        duration_seconds: None while it is open.
        options: What it was started with; None when that is not known.
        images: Rows of the progress table at its end.
        states: Images by state, at its end.
        failures: Images by failure code, at its end.
        dollars: What it cost, by the estimate.
        filled: Documents of the index by field, at its end: see
            :func:`reindex.reports.fill_rates.count_filled`.
        reason: Why it failed.
    """

    run_id: str
    status: str
    started_at: str
    duration_seconds: float | None = None
    options: Mapping[str, Any] | None = None
    images: int | None = None
    states: Mapping[str, int] = field(default_factory=dict)
    failures: Mapping[str, int] = field(default_factory=dict)
    dollars: float | None = None
    filled: Mapping[str, int] = field(default_factory=dict)
    reason: str | None = None

    @classmethod
    def of_report(cls, stored: Mapping[str, Any]) -> Self:
        """Summarise a stored report."""
        found = cls(
            run_id=stored["run_id"],
            status=stored["status"],
            started_at=stored["started_at"],
            options=stored.get("options"),
            reason="; ".join(stored["problems"]) or None,
        )
        if not is_whole(stored):
            return found
        return replace(
            found,
            duration_seconds=stored["duration_seconds"],
            images=stored["images"],
            states={state: count for state, count in stored["states"].items() if count},
            failures=stored["failure_codes"],
            dollars=stored["cost"]["total"],
            filled=stored.get("filled", {}),
        )

    @classmethod
    def of_record(cls, run: RunRecord, dollars: float) -> Self:
        """Summarise a run that has no report: one that is open, or failed before it."""
        return cls(
            run_id=run.run_id,
            status=run.status,
            started_at=iso(run.started_at),
            duration_seconds=run.ended_at - run.started_at if run.ended_at else None,
            options=run.known_options,
            dollars=dollars,
            reason=run.reason,
        )

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Self:
        """Read a stored summary."""
        return cls(**raw)

    def to_json(self) -> dict[str, Any]:
        """Return it as it is stored and printed."""
        return asdict(self)

    @property
    def verified(self) -> int | None:
        """Images that were verified at its end."""
        return None if self.images is None else self.states.get(State.VERIFIED, 0)

    @property
    def failed(self) -> int | None:
        """Images that were not verified at its end."""
        return None if self.images is None else self.images - self.states.get(State.VERIFIED, 0)

    @property
    def source_in_words(self) -> str:
        """A description of the source of its ids."""
        return "not known" if self.options is None else source_in_words(self.options)

    @property
    def options_in_words(self) -> str:
        """A description of its other options; empty if it had none."""
        return "not known" if self.options is None else options_in_words(self.options)


@dataclass(frozen=True, slots=True)
class Comparison:
    """One value of two runs.

    Attributes:
        name: Of what.
        first: Of the first run, for people.
        second: Of the second.
        change: From the first to the second; empty if it is not known.
    """

    name: str
    first: str
    second: str
    change: str = ""


def compared(first: Mapping[str, Any], second: Mapping[str, Any]) -> Iterator[Comparison]:
    """Hold two stored reports against each other: what they came to, then why images failed.

    Args:
        first: The report of one run.
        second: The report of another.
    """
    a, b = RunSummary.of_report(first), RunSummary.of_report(second)
    for name in ("status", "started_at", "source_in_words", "options_in_words"):
        label = name.removesuffix("_in_words").replace("_", " ")
        yield Comparison(label, str(getattr(a, name)), str(getattr(b, name)))
    yield Comparison("index", first["index"], second["index"])
    yield Comparison(
        "duration",
        duration(first["duration_seconds"]),
        duration(second["duration_seconds"]),
        _percent(first["duration_seconds"], second["duration_seconds"]),
    )
    yield Comparison(
        "cost",
        dollars(first["cost"]["total"]),
        dollars(second["cost"]["total"]),
        _percent(first["cost"]["total"], second["cost"]["total"]),
    )
    yield _counts("images", first["images"], second["images"])
    for state in CODES:
        counts = a.states.get(state, 0), b.states.get(state, 0)
        if any(counts):
            yield _counts(str(state), *counts)
    for rate in field_rates(b.filled, a.filled):
        if rate.points:
            yield Comparison(
                f"documents with {rate.path}",
                f"{rate.before:.1f} %",
                f"{rate.percent:.1f} %",
                f"{rate.points:+.1f} points",
            )
    kinds = {**first["failures"], **second["failures"]}
    for fingerprint, kind in sorted(kinds.items(), key=lambda pair: (pair[1]["code"], pair[0])):
        counts = (
            first["failures"].get(fingerprint, {}).get("count", 0),
            second["failures"].get(fingerprint, {}).get("count", 0),
        )
        yield _counts(f"{kind['code']} {fingerprint}: {kind['message']}", *counts)


def _counts(name: str, first: int, second: int) -> Comparison:
    change = f"{second - first:+,}" if first != second else ""
    return Comparison(name, f"{first:,}", f"{second:,}", change)


def _percent(first: float, second: float) -> str:
    return f"{(second - first) / first:+.0%}" if first else ""
