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
    from .operation_view import show_done
    from .operations import Pause
    from .run_control import RunControl

    session.on_interrupt("the run may be paused; reindex status tells")
    show_done(Pause(RunControl.of(session.wiring)).apply())
