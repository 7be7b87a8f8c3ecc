"""A run's status, as people see it."""

from __future__ import annotations

import json
from collections.abc import Sequence

import click
from rich.console import Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table

from reindex.domain.run_records import RETRIED, UNCHANGED, WAITING
from reindex.domain.states import CODES
from reindex.reports.estimate import COUNTING
from reindex.reports.failure_groups import FailureGroup
from reindex.steps.batch_check import QUEUE_NOT_EMPTY, QUEUE_NOT_QUIET
from reindex.text import counted, duration

from .run_status import RunStatus, StatusReader
from .session import Session
from .terminal import console, grid, note, show, table

#: The counts of images that the index phase retries or postpones, in addition to the states.
_DETOURS = (RETRIED, WAITING)

#: Gates that the time left says already.
_WAITS = (QUEUE_NOT_EMPTY, QUEUE_NOT_QUIET)


def line(status: RunStatus) -> str:
    """Return a status in one line."""
    run = status.run
    parts = [f"run {run.run_id}", phase(status)]
    if run.index:
        parts.append(f"{status.progress.percent}% done")
    if left := time_left(status):
        parts.append(left)
    parts.append(images(status))
    if status.rate is not None and not status.is_over:
        parts.append(f"{status.rate:,.1f} images/s")
    parts.append(f"backlog {status.backlog.total:,}")
    if status.dead_letters:
        parts.append(f"dead letters {status.dead_letters:,}")
    if gate := held_by(status):
        parts.append(f"held by: {gate}")
    return " · ".join(parts)


def phase(status: RunStatus) -> str:
    """Return a run's present step, or how it ended."""
    run = status.run
    if status.next_run:
        return f"{run.status}; run {status.next_run} gathers ids or is being opened"
    if status.is_over:
        return run.status
    if status.is_dead:
        return "its execution has ended, its record is open"
    if not run.index:
        return "gathering ids, or being checked"
    name = f"{run.phase} phase" if run.phase else "between phases"
    if run.round:
        name += f", round {run.round + 1}"
    if run.opening:
        name += ", opening"
    if status.is_silent and status.progress.reason != COUNTING:
        name += ", its schedule is off"
    return f"{name}, paused" if run.paused else name


def time_left(status: RunStatus) -> str | None:
    """Return the time left, or why it is unknown; None if the run does not continue."""
    if status.is_over or status.is_dead or status.run.paused or not status.run.index:
        return None
    seconds = status.progress.seconds_left
    return status.progress.reason if seconds is None else f"{duration(max(1.0, seconds))} left"


def held_by(status: RunStatus) -> str | None:
    """Return the gate that holds it, unless the time left says so; None when none does."""
    gate = status.run.held_by
    return None if status.is_over or gate in _WAITS else gate


def images(status: RunStatus) -> str:
    """Return the number of images that the present phase has finished."""
    done = "projected" if status.is_projecting else "finished"
    return f"{status.done:,} of {status.run.total:,} {done}"


def bulks(status: RunStatus) -> str:
    """Return the number of concurrent bulks, and the reason for it."""
    pace = status.run.indexer_pace
    return f"{pace.get('concurrency')} side by side, set by {pace.get('set_by')}"


def cost(status: RunStatus) -> str:
    """Return the run's estimated cost, so far and in total."""
    said = f"about ${status.cost.so_far:,.2f}"
    if status.is_over:
        return said
    said += f" so far, ${status.cost.total:,.2f} in all"
    budget = status.run.budget
    return said if budget is None else f"{said}, of a budget of ${budget:,.2f}"


def view(status: RunStatus) -> RenderableType:
    """Return a status in full."""
    run = status.run
    made = grid()
    made.add_row("run", run.run_id)
    made.add_row("phase", phase(status))
    if run.index:
        made.add_row("index", run.index)
    if run.gathered:
        made.add_row(
            "gathered", ", ".join(f"{n:,} {_in_words(k)}" for k, n in run.gathered.items())
        )
    if run.index:
        made.add_row("work done", f"{status.progress.percent}%")
    if left := time_left(status):
        made.add_row("time left", left.removesuffix(" left"))
    made.add_row("images", images(status))
    counts = [*CODES, UNCHANGED, *_DETOURS]
    moved = ", ".join(f"{run.counts[kind]:,} {kind}" for kind in counts if run.counts.get(kind))
    made.add_row("moved", moved or "nothing yet")
    _add_speed(made, status)
    elapsed = (run.ended_at or status.at) - run.started_at
    made.add_row("elapsed", duration(elapsed))
    if not status.is_over:
        made.add_row("last moved", f"{duration(max(0.0, status.at - run.progressed_at))} ago")
    if run.reason:
        made.add_row("reason", run.reason)
    if run.report:
        made.add_row("report", run.report)
    return made


def _add_speed(made: Table, status: RunStatus) -> None:
    """Say how fast it goes, what holds it, and what it costs."""
    run = status.run
    depth = status.backlog
    made.add_row(
        "backlog",
        f"{depth.visible:,} waiting, {depth.in_flight:,} in flight, {depth.delayed:,} delayed",
    )
    made.add_row("dead letters", f"{status.dead_letters:,}")
    if status.rate is not None:
        made.add_row("rate", f"{status.rate:,.1f} images/s")
    if gate := held_by(status):
        made.add_row("held by", gate)
    if run.indexer_pace and not status.is_over:
        made.add_row("bulks", bulks(status))
    made.add_row("cost", cost(status))


def _in_words(kind: str) -> str:
    return kind.replace("_", " ")


def show_first_failures(groups: Sequence[FailureGroup]) -> None:
    """Print the groups of a run's first failures; nothing if there are none."""
    if not groups:
        return
    total = sum(group.count for group in groups)
    click.echo()
    note(f"Of the first {counted(total, 'failure')}:")
    shown = table("images", "code", "fingerprint", "why", right=("images",))
    for group in groups:
        shown.add_row(f"{group.count:,}", group.code, group.fingerprint, group.message)
    show(shown)


def follow(session: Session, *, seconds: float, as_json: bool) -> None:
    """Show how the run goes on until it has ended.

    Raises:
        ClickException: There is no run, or it did not succeed.
    """
    last: RunStatus | None = None
    out = console()
    looks = StatusReader.of(session.wiring).watch(seconds)
    if as_json:
        for last in looks:
            click.echo(json.dumps(last.as_json()))
    elif out.is_terminal:
        with Live(console=out, auto_refresh=False) as live:
            for last in looks:
                live.update(_with_bar(last), refresh=True)
    else:
        said = ""
        for last in looks:
            if (text := line(last)) != said:
                note(text)
                said = text
    _judge(last)


def _with_bar(status: RunStatus) -> RenderableType:
    return Group(view(status), ProgressBar(total=1.0, completed=status.progress.share, width=60))


def _judge(last: RunStatus | None) -> None:
    if last is None:
        raise click.ClickException("no run has been started yet")
    run = last.run
    if last.is_dead:
        raise click.ClickException(
            f"the execution of run {run.run_id} has ended and left its record open: "
            "start again to take it over, or abort it"
        )
    if run.status != "succeeded":
        why = f": {run.reason}" if run.reason else ""
        raise click.ClickException(f"run {run.run_id} {run.status}{why}")
