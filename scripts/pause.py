"""``reindex pause``."""

from __future__ import annotations

import click

from scripts.run_control import RunControl
from scripts.session import Session, example, on_stack


@click.command(epilog=example("reindex pause"))
@on_stack
def pause(session: Session) -> None:
    """Hold the open run.

    No image is begun until it is resumed.

    Ticks notice within seconds, and keep the run alive while it is paused. Messages already
    on the low-priority queue are still written.
    """
    session.stands("the run may be paused; reindex status tells")
    run = RunControl.of(session.wiring).pause()
    already = " already" if run.paused else ""
    click.echo(f"Run {run.run_id} is{already} paused.")
