"""``reindex resume``."""

from __future__ import annotations

import click

from .session import Session, example, on_stack


@click.command(epilog=example("reindex resume", "reindex resume --budget 250"))
@click.option(
    "--budget",
    type=click.FloatRange(min=0, min_open=True),
    metavar="DOLLARS",
    help="What the run may cost from now on, in all.",
)
@on_stack
def resume(session: Session, *, budget: float | None) -> None:
    """Let a paused run go on, from where it was held.

    With --budget, a run that its budget holds goes on, too.
    """
    from .operation_view import show_done
    from .operations import Resume
    from .run_control import RunControl

    session.on_interrupt("the run may go on; reindex status tells")
    show_done(Resume(RunControl.of(session.wiring), budget=budget).apply())
