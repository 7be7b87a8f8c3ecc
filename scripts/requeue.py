"""``reindex requeue``."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import uuid4

import click

from reindex.domain.states import CODES, State
from reindex.text import counted

from .id_files import read_ids
from .session import Session, example, on_stack

if TYPE_CHECKING:
    from reindex.repairs.requeue import Requeued

#: Parts of the table that are read at once.
_SEGMENTS = 8

#: States in which an image rests; only such can be queued again.
_RESTING = [state.value for state in CODES if state.phase is None]


@click.command(
    epilog=example(
        "reindex requeue --code source_unavailable",
        "reindex requeue --code source_unavailable --limit 100 --yes",
        "reindex requeue --state inconsistent --state unknown_error --yes",
        "reindex requeue --ids ids.txt --yes",
    )
)
@click.option(
    "--state", "states", type=click.Choice(_RESTING), multiple=True, help="Images in this state."
)
@click.option("--code", "codes", multiple=True, metavar="CODE", help="With this failure code.")
@click.option(
    "--fingerprint",
    "fingerprints",
    multiple=True,
    metavar="HEX",
    help="With this failure fingerprint, as reindex report shows it.",
)
@click.option("--ids", "file", metavar="FILE|-", help="Named in a file, one id per line.")
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help="At most so many.")
@click.option("--yes", is_flag=True, help="Do it; without, the plan is only printed.")
@on_stack
def requeue(
    session: Session,
    *,
    states: tuple[str, ...],
    codes: tuple[str, ...],
    fingerprints: tuple[str, ...],
    file: str | None,
    limit: int | None,
    yes: bool,
) -> None:
    """Queue finished images again, each with a clean sheet.

    Prints the plan; --yes applies it. An image must fit every kind of option that is given,
    and of each kind one. Images in work are left alone. The next run, or the one that is
    open, reindexes what is queued.
    """
    if not (states or codes or fingerprints or file):
        raise click.UsageError("which images? Give --state, --code, --fingerprint or --ids.")
    from reindex.repairs.requeue import Requeue, Selection

    ids = read_ids(file) if file else None
    selection = Selection(frozenset(map(State, states)), codes, fingerprints, ids)
    wiring, name = session.wiring, f"requeue-{uuid4()}"
    requeuing = Requeue(wiring.table, wiring.work_list, wiring.clock, name, _SEGMENTS)
    if not yes:
        plan = requeuing.plan(selection, limit)
        _show(plan)
        click.echo(f"Would queue {counted(plan.total, 'image')} again{_aside(plan)}; --yes does.")
        return
    session.on_interrupt("some images were queued again; repeat it for the rest")
    done = requeuing.apply(selection, limit)
    _show(done)
    click.echo(f"Queued {counted(done.total - done.moved, 'image')} again{_aside(done)}.")


def _show(plan: Requeued) -> None:
    from .terminal import show, table

    made = table("state", "failure", "images", right=("images",))
    for (state, code), images in sorted(plan.kinds.items()):
        made.add_row(state, code, f"{images:,}")
    if plan.kinds:
        show(made)


def _aside(plan: Requeued) -> str:
    """What was left alone, in words."""
    kinds = {
        "in work already": plan.in_work,
        "not in the table": plan.absent,
        "with unreadable rows": plan.unreadable,
        "moved meanwhile": plan.moved,
    }
    said = ", ".join(f"{count:,} {kind}" for kind, count in kinds.items() if count)
    return f" ({said})" if said else ""
