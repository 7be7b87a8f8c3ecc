"""``reindex abort``."""

from __future__ import annotations

import click

from .session import Session, example, on_stack


@click.command(epilog=example("reindex abort"))
@on_stack
def abort(session: Session) -> None:
    """End the run now.

    Both schedules go off, the execution is stopped, the run record closed.

    Safe at any point of a run, and to repeat. What is settled stays so; what is not keeps its
    place for the next start. Messages already on the low-priority queue are still written.
    """
    from .operation_view import show_done
    from .operations import Abort
    from .run_control import RunControl
    from .run_status import StatusReader

    session.on_interrupt("the abort may be half done; repeat it")
    wiring = session.wiring
    show_done(Abort(RunControl.of(wiring), StatusReader.of(wiring)).apply())
