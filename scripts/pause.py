"""``reindex pause``."""

from __future__ import annotations

import click

from .session import Session, example, on_stack


@click.command(epilog=example("reindex pause"))
@on_stack
def pause(session: Session) -> None:
    """Hold the open run.

    No image is begun until it is resumed.

    Ticks notice within seconds, and keep the run alive while it is paused. Messages already
    on the low-priority queue are still written.
    """
    from .run_control import RunControl
    from .terminal import note

    session.on_interrupt("the run may be paused; reindex status tells")
    run = RunControl.of(session.wiring).pause()
    already = " already" if run.paused else ""
    note(f"Run {run.run_id} is{already} paused.")
