"""``reindex abort``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from reindex.text import counted

from .session import Session, example, on_stack

if TYPE_CHECKING:
    from .run_control import Aborted

_OTHERS = "; the others keep their places for the next start"


@click.command(epilog=example("reindex abort"))
@on_stack
def abort(session: Session) -> None:
    """End the run now.

    Both schedules go off, the execution is stopped, the run record closed.

    Safe at any point of a run, and to repeat. What is settled stays so; what is not keeps its
    place for the next start. Messages already on the low-priority queue are still written.
    """
    from .run_control import RunControl
    from .run_status import StatusReader
    from .terminal import note

    session.on_interrupt("the abort may be half done; repeat it")
    control = RunControl.of(session.wiring)
    done = control.abort()
    note(_what_was_done(done))
    after = StatusReader.of(session.wiring).look()
    if after and done.closed:
        others = "" if after.settled >= after.run.total else _OTHERS
        note(f"{counted(after.settled, 'image')} of {after.run.total:,} settled by it{others}.")
        if after.backlog.total:
            note(f"{counted(after.backlog.total, 'message')} on the queue will still be written.")


def _what_was_done(done: Aborted) -> str:
    if done.run is None and not done.stopped:
        return "Nothing to abort: no run has been started yet."
    if done.run and done.closed:
        return f"Run {done.run.run_id} is aborted; both schedules are off."
    if done.stopped:
        return f"Execution {', '.join(done.stopped)} is stopped; both schedules are off."
    assert done.run is not None
    return f"Nothing to abort: run {done.run.run_id} has {_ended(done.run.status)}."


def _ended(status: str) -> str:
    return "been aborted" if status == "aborted" else status
