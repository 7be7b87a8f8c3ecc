"""``reindex resume``."""

from __future__ import annotations

import click

from scripts.run_control import RunControl
from scripts.session import Session, example, on_stack


@click.command(epilog=example("reindex resume"))
@on_stack
def resume(session: Session) -> None:
    """Let a paused run go on, from where it was held."""
    session.stands("the run may go on; reindex status tells")
    run = RunControl.of(session.wiring).resume()
    click.echo(f"Run {run.run_id} {'goes on' if run.paused else 'was not paused'}.")
