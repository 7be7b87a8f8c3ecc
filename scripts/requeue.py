"""``reindex requeue``."""

from __future__ import annotations

from uuid import uuid4

import click

from reindex.domain.states import State

from .id_files import read_ids
from .options import failure_options
from .selections import RESTING, SEGMENTS
from .session import Session, example, on_stack


@click.command(
    epilog=example(
        "reindex requeue --code source_unavailable",
        "reindex requeue --code source_unavailable --limit 100 --yes",
        "reindex requeue --state inconsistent --state unknown_error --yes",
        "reindex requeue --ids ids.txt --yes",
    )
)
@click.option(
    "--state", "states", type=click.Choice(RESTING), multiple=True, help="Images in this state."
)
@failure_options("reindex report")
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

    from .operation_view import show_done, show_plan
    from .operations import RequeueImages

    ids = read_ids(file) if file else None
    selection = Selection(frozenset(map(State, states)), codes, fingerprints, ids)
    wiring, name = session.wiring, f"requeue-{uuid4()}"
    requeuing = Requeue(wiring.table, wiring.work_list, wiring.clock, name, SEGMENTS)
    operation = RequeueImages(requeuing, selection, limit)
    if not yes:
        show_plan(operation.plan())
        return
    session.on_interrupt("some images were queued again; repeat it for the rest")
    show_done(operation.apply())
