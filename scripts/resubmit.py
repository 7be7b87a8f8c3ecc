"""``reindex resubmit``."""

from __future__ import annotations

from collections import Counter

import click

from reindex.text import counted

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
    from reindex.steps.submissions import Resubmitting, Wanted, listed

    from .terminal import note

    wiring = ingest_wiring(session)
    wanted = Wanted(
        failed=True, submitter=submitter, codes=codes, fingerprints=fingerprints, names=names
    )
    rows = listed(wiring.lane.submissions, wiring.lane.submitted_files, wanted)
    for code, count in Counter(row.failure.code for row in rows if row.failure).most_common():
        note(f"{count:,}  {code}")
    if not yes:
        click.echo(f"Would send {counted(len(rows), 'submission')} again; --yes does.")
        return
    session.on_interrupt("some submissions were sent again; repeat it for the rest")
    resubmitting = Resubmitting(
        wiring.lane.submissions, wiring.lane.submitted_files, wiring.lane.high_priority
    )
    left = resubmitting.resubmit(rows)
    for row in left:
        note(f"{row.ref.id}  {row.ref.key}  its file is not in the failed bucket")
    click.echo(f"Sent {counted(len(rows) - len(left), 'submission')} again.")
