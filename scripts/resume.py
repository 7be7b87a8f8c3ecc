"""``reindex resume``."""

from __future__ import annotations

import click

from .session import Session, example, on_stack


@click.command(epilog=example("reindex resume"))
@on_stack
def resume(session: Session) -> None:
    """Let a paused run go on, from where it was held."""
    from .run_control import RunControl
    from .terminal import note

    session.on_interrupt("the run may go on; reindex status tells")
    run = RunControl.of(session.wiring).resume()
    note(f"Run {run.run_id} {'goes on' if run.paused else 'was not paused'}.")
