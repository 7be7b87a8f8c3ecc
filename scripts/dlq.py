"""``reindex dlq``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from reindex.text import counted

from .session import Session, example, on_stack

if TYPE_CHECKING:
    from reindex.repairs.redrive import Redrive


@click.command(epilog=example("reindex dlq", "reindex dlq --requeue"))
@click.option("--requeue", is_flag=True, help="Queue the images again, and drop the messages.")
@click.option("--discard", is_flag=True, help="Drop the messages, and give the images up.")
@on_stack
def dlq(session: Session, *, requeue: bool, discard: bool) -> None:
    """Show the dead-letter queue, or clear it.

    Messages are grouped by why they were set aside and by their images' state. Old
    messages are never replayed: with --requeue their images are projected anew. A message
    whose image has moved on is merely dropped; one that cannot be read stays until it is
    discarded. With --discard, an image that still waits for its message becomes a known
    error. Either way the image's row says so: dead_lettered, or message_discarded.
    """
    if requeue and discard:
        raise click.UsageError("--requeue or --discard, not both.")
    from reindex.repairs.redrive import Redrive

    wiring = session.wiring
    redrive = Redrive(wiring.table, wiring.work_list, wiring.dead_letters, wiring.clock)
    if requeue:
        session.on_interrupt("some messages were dealt with; repeat it for the rest")
        done = redrive.send_round()
        click.echo(
            f"{counted(done.moved, 'image')} queued again, "
            f"{counted(done.dropped, 'message')} dropped, {done.left:,} left."
        )
    elif discard:
        session.on_interrupt("some messages were dropped; repeat it for the rest")
        done = redrive.discard()
        click.echo(
            f"{counted(done.dropped, 'message')} dropped, {counted(done.moved, 'image')} given up."
        )
    else:
        session.on_interrupt("messages that were looked at come back within two minutes")
        _show(redrive)


def _show(redrive: Redrive) -> None:
    from .terminal import show, table

    groups = redrive.look()
    if not groups:
        click.echo("The dead-letter queue is empty.")
        return
    made = table("messages", "set aside because", "the image", "for example", right=("messages",))
    for (cause, standing), group in sorted(groups.items(), key=lambda pair: -pair[1].count):
        made.add_row(f"{group.count:,}", cause, standing, ", ".join(group.examples))
    show(made)
