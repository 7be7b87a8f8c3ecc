"""``reindex runs``."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from .session import Session, example, on_stack, stage_option, with_session

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reindex.reports.run_summary import RunSummary

#: The text of an unknown value.
_ABSENT = ""


@click.group(
    invoke_without_command=True,
    epilog=example(
        "reindex runs",
        "reindex runs --limit 100 --json | jq -r 'select(.status == \"failed\") | .run_id'",
        "reindex runs compare 20261022-031500-ab12 20261122-031500-cd34",
    ),
)
@click.option(
    "--limit", type=click.IntRange(1, 1_000), default=20, show_default=True, metavar="N",
    help="Show so many runs, the latest first.",
)  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@click.pass_context
@stage_option(environment=False)
@with_session
def runs(session: Session, context: click.Context, *, limit: int, as_json: bool) -> None:
    """Show past runs, the latest first.

    That is: how each ended, where its ids came from, how many images there were and how many were
    not verified at its end, how long it took and what it cost, by the estimate. A run that has no
    report, for it failed before that, or was aborted, is shown with what is known of it.
    """
    if context.invoked_subcommand:
        return
    session.named_stage()
    from .run_history import RunHistory

    found = RunHistory.of(session.wiring).latest(limit)
    if as_json:
        for run in found:
            click.echo(json.dumps(run.to_json(), ensure_ascii=False))
    else:
        _show(found)


@runs.command(epilog=example("reindex runs compare 20261022-031500-ab12 20261122-031500-cd34"))
@click.argument("first", metavar="RUN")
@click.argument("second", metavar="RUN")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@on_stack
def compare(session: Session, *, first: str, second: str, as_json: bool) -> None:
    """Compare the results of two runs, and show what changed from one to the other.

    Images by state, and by kind of failure, are those of the whole progress table at each run's
    end.
    """
    from dataclasses import asdict

    from reindex.reports.run_summary import compared

    from .run_history import RunHistory
    from .terminal import show, table

    history = RunHistory.of(session.wiring)
    lines = list(compared(history.whole_report(first), history.whole_report(second)))
    if as_json:
        for line in lines:
            click.echo(json.dumps(asdict(line), ensure_ascii=False))
        return
    shown = table("", first, second, "change", right=(first, second, "change"))
    for line in lines:
        shown.add_row(line.name, line.first, line.second, line.change)
    show(shown)


def _show(found: Sequence[RunSummary]) -> None:
    from reindex.reports.page import dollars, moment
    from reindex.text import duration

    from .terminal import show, table

    numbers = ("images", "not verified", "took", "cost")
    shown = table("run", "started", "ended", *numbers, "source and options", right=numbers)
    for run in found:
        told = [] if run.options is None else [run.source_in_words, run.options_in_words]
        shown.add_row(
            run.run_id,
            moment(run.started_at),
            run.status,
            _ABSENT if run.images is None else f"{run.images:,}",
            _ABSENT if run.failed is None else f"{run.failed:,}",
            _ABSENT if run.duration_seconds is None else duration(run.duration_seconds),
            _ABSENT if run.dollars is None else dollars(run.dollars),
            "; ".join(text for text in (*told, run.reason) if text),
        )
    show(shown)
