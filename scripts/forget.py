"""``reindex forget``."""

from __future__ import annotations

import click

from reindex.domain.states import State
from reindex.text import counted

from .id_files import read_ids
from .selections import RESTING, SEGMENTS, left_alone, show_chosen
from .session import Session, example, on_stack


@click.command(
    epilog=example(
        "reindex forget --state not_found",
        "reindex forget --state not_found --yes",
        "reindex forget --ids gone.txt --yes",
    )
)
@click.option(
    "--state", "states", type=click.Choice(RESTING), multiple=True, help="Images in this state."
)
@click.option("--ids", "file", metavar="FILE|-", help="Named in a file, one id per line.")
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help="At most so many.")
@click.option("--yes", is_flag=True, help="Do it; without, the plan is only printed.")
@on_stack
def forget(
    session: Session, *, states: tuple[str, ...], file: str | None, limit: int | None, yes: bool
) -> None:
    """Take finished images out of the progress table.

    For images that the library has deleted. Prints the plan; --yes applies it. With both options
    an image must fit both. Images in work are left alone. Documents in the index are left alone,
    too. The ledger keeps what has left, when and by whom, and each report's certificate shows it.
    An id that is uploaded again begins anew.
    """
    if not (states or file):
        raise click.UsageError("which images? Give --state or --ids.")
    from reindex.domain.ledger import Forgetting
    from reindex.repairs.forget import Forget
    from reindex.repairs.requeue import Selection
    from reindex.steps.ambient import fresh_name

    wiring = session.wiring
    selection = Selection(frozenset(map(State, states)), ids=read_ids(file) if file else None)
    forgetting = Forget(wiring.table, wiring.forgetter, SEGMENTS)
    if not yes:
        plan = forgetting.plan(selection, limit)
        show_chosen(plan)
        click.echo(f"Would forget {counted(plan.total, 'image')}{left_alone(plan)}; --yes does.")
        return
    session.on_interrupt("some images have left the table; repeat it for the rest")
    words = [f"state {', '.join(states)}"] if states else []
    operation = Forgetting(
        name=fresh_name(wiring.clock),
        at=wiring.clock.now(),
        by=wiring.clients.caller,
        what=" and ".join([*words, *(["a list of ids"] if file else [])]),
    )
    done = forgetting.apply(selection, operation, limit)
    show_chosen(done)
    click.echo(f"Forgot {counted(done.total - done.moved, 'image')}{left_alone(done)}.")
