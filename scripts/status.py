"""``reindex status``."""

from __future__ import annotations

import json

import click

from .session import Session, example, on_stack


@click.command(
    epilog=example(
        "reindex status", "reindex status --watch", "reindex status --json | jq .settled"
    )
)
@click.option("--watch", is_flag=True, help="Go on until the run has ended.")
@click.option(
    "--interval",
    type=click.FloatRange(min=0.1),
    default=2.0,
    show_default=True,
    metavar="SECONDS",
    help="Between looks, with --watch.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object per look.")
@on_stack
def status(session: Session, *, watch: bool, interval: float, as_json: bool) -> None:
    """Show the status of the run.

    That is: phase, share of the work done, time left, counts, rate, backlog, and the gate that
    holds it; and, until there is a report, what its first thousand failures have in common.

    Work and time left are those of both phases and the waits between them, until every image is
    checked; the Tally and the report come after. Where no time can be promised, it says why. With
    --watch the exit status is 0 if the run succeeds, else 1.
    """
    from reindex.reports.failure_groups import groups_of

    from .run_status import StatusReader
    from .status_view import follow, show_first_failures, view
    from .terminal import note, show

    session.on_interrupt("the run goes on")
    if watch:
        follow(session, seconds=interval, as_json=as_json)
        return
    reader = StatusReader.of(session.wiring)
    found = reader.look()
    if found is None and not as_json and (first := reader.being_opened(None)):
        note(f"Run {first} gathers ids or is being opened.")
    elif found is None:
        click.echo("null" if as_json else "No run has been started yet.")
    elif as_json:
        click.echo(json.dumps(found.as_json()))
    else:
        show(view(found))
        if not found.run.report:
            groups = groups_of(session.wiring.runs.first_failures(found.run.run_id))
            show_first_failures(groups)
