"""``reindex resubmit``."""

from __future__ import annotations

import click

from .ingest_options import ingest_wiring
from .options import failure_options
from .session import Session, example, on_stack


@click.command(
    epilog=example("reindex resubmit --code unexpected", "reindex resubmit 3f9a01c2b7de --yes")
)
@click.argument("names", metavar="[ID|KEY]...", nargs=-1)
@failure_options("reindex submissions")
@click.option("--by", "submitter", metavar="NAME", help="That NAME submitted.")
@click.option("--yes", is_flag=True, help="Do it; without, the plan is only printed.")
@on_stack
def resubmit(
    session: Session,
    *,
    names: tuple[str, ...],
    codes: tuple[str, ...],
    fingerprints: tuple[str, ...],
    submitter: str | None,
    yes: bool,
) -> None:
    """Submit failed submissions again.

    Prints the plan; --yes applies it. A submission must fit every kind of option that is given,
    and of each kind one. ID is that of a submission or of an image.
    """
    if not (names or codes or fingerprints or submitter):
        raise click.UsageError("which? Give an ID, --code, --fingerprint or --by.")
    from reindex.steps.submissions import Resubmitting, Wanted

    from .operation_view import show_done, show_plan
    from .operations import ResubmitFiles

    wiring = ingest_wiring(session)
    wanted = Wanted(submitter=submitter, codes=codes, fingerprints=fingerprints, names=names)
    resubmitting = Resubmitting(wiring.submissions, wiring.submitted_files, wiring.high_priority)
    operation = ResubmitFiles(resubmitting, wanted)
    if not yes:
        show_plan(operation.plan())
        return
    session.on_interrupt("some submissions were sent again; repeat it for the rest")
    show_done(operation.apply())
