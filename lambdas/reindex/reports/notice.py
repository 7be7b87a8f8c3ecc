"""The notice that is sent to people when a run ends or is throttled. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from reindex.domain.run_records import RunRecord
from reindex.domain.states import State
from reindex.reports.failure_groups import FailureGroup, failure_groups
from reindex.reports.fill_rates import FieldRate, fallen
from reindex.reports.run_summary import RunSummary
from reindex.text import counted, duration

#: Groups of failures that a notice names.
MOST_GROUPS: Final = 3

#: Characters that SNS takes in a subject; it must be ASCII without line breaks.
#: https://docs.aws.amazon.com/sns/latest/api/API_Publish.html
_SUBJECT_CHARACTERS: Final = 100

#: Characters of a reason: a cause may bring a stack trace.
_REASON_CHARACTERS: Final = 1_000


@dataclass(frozen=True, slots=True)
class Notice:
    """A notice.

    Attributes:
        subject: At most 100 ASCII characters.
        text: Lines of plain text.
    """

    subject: str
    text: str

    def with_line(self, line: str) -> Notice:
        """Return the notice with one more line at its end."""
        return Notice(self.subject, f"{self.text}\n\n{line}")


def of_report(stage: str, report: Mapping[str, Any]) -> Notice:
    """Return the notice of a run that has its report."""
    summary = RunSummary.of_report(report)
    commands = _next_after_report(summary)
    return _notice(stage, summary, commands, failure_groups(report), list(fallen(report)))


def of_run_without_report(stage: str, summary: RunSummary) -> Notice:
    """Return the notice of a run that ended before its report."""
    return _notice(stage, summary, ["Status: reindex status", "Go on: reindex start"])


def of_held_run(stage: str, run: RunRecord, now: float) -> Notice:
    """Return the notice of a run that has made no progress for long.

    Args:
        stage: The deployment.
        run: Its record.
        now: Epoch seconds.
    """
    left = f"{sum(run.counts.values()):,} moves so far; {counted(run.total, 'image')} to do"
    lines = [
        f"Run {run.run_id}: no progress for {duration(now - run.progressed_at)}.",
        f"Held by: {run.held_by or 'no gate'}. Phase: {run.phase or 'none'}. {left}.",
        "",
        "Status: reindex status",
        "Stop it for now: reindex pause",
        "End it, losing nothing: reindex abort",
    ]
    return Notice(_subject(stage, run.run_id, "is held"), "\n".join(lines))


def _notice(
    stage: str,
    summary: RunSummary,
    commands: list[str],
    groups: Sequence[FailureGroup] = (),
    fallen: Sequence[FieldRate] = (),
) -> Notice:
    lines = [*_head(summary), *_groups(groups), *_fallen(fallen), "", *commands]
    return Notice(_subject(stage, summary.run_id, summary.status), "\n".join(lines))


def _subject(stage: str, run_id: str, status: str) -> str:
    return f"image-reindex {stage}: run {run_id} {status}"[:_SUBJECT_CHARACTERS]


def _head(summary: RunSummary) -> Iterator[str]:
    took = summary.duration_seconds
    yield f"Run {summary.run_id} {summary.status}" + (
        "." if took is None else f" after {duration(took)}."
    )
    if summary.reason:
        yield f"Reason: {summary.reason[:_REASON_CHARACTERS]}"
    if summary.images is not None:
        best_first = sorted(summary.states.items(), key=lambda pair: pair[0] != State.VERIFIED)
        states = ", ".join(f"{count:,} {state}" for state, count in best_first)
        yield f"{counted(summary.images, 'image')}: {states or 'none'}."
    if summary.dollars:
        yield f"Cost, estimated: ${summary.dollars:,.2f}."


def _fallen(rates: Sequence[FieldRate]) -> Iterator[str]:
    if not rates:
        return
    yield ""
    yield "Fewer documents have these fields than after the run before:"
    for rate in rates[:MOST_GROUPS]:
        yield f"- {rate.path}: {rate.before:.1f} % then, {rate.percent:.1f} % now"


def _groups(groups: Sequence[FailureGroup]) -> Iterator[str]:
    if not groups:
        return
    shown = groups[:MOST_GROUPS]
    yield ""
    yield "The largest groups of failures:" if len(groups) > len(shown) else "Failures:"
    for group in shown:
        yield f"- {counted(group.count, 'image')}: {group.code}: {group.message}"
        if group.examples:
            yield f"  why one of them: reindex explain {group.examples[0]}"
        yield f"  when repaired: {group.command}"


def _next_after_report(summary: RunSummary) -> list[str]:
    found = [f"The report: reindex report --run-id {summary.run_id} --open"]
    if summary.status != "succeeded":
        found.append("Go on: reindex start")
    return found
