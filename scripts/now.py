"""``reindex now``."""

from __future__ import annotations

import click

from .session import Session, example, on_stack

#: Images of one call of the projection, at most.
_MOST = 100


@click.command(epilog=example("reindex now 4e1243bd22c66e76c2ba9eddc1f91394e57f9f83"))
@click.argument("ids", metavar="ID...", nargs=-1, required=True)
@on_stack
def now(session: Session, *, ids: tuple[str, ...]) -> None:
    """Reindex single images at once, without a run.

    Each is projected from the truth of now, written under the same guard as in a run, and read
    back. One that has a row in the progress table gets its outcome recorded there. Reads by
    secondary index may be seconds behind: usages or leases that were changed in this moment may be
    missing. Exit status 1 if one of them is not verified.
    """
    from reindex.text import counted

    from .terminal import note

    wanted = list(dict.fromkeys(ids))
    if len(wanted) > _MOST:
        raise click.UsageError(f"At most {_MOST} images: more are a run's work.")
    session.on_interrupt("some images may have been written; repeat it")
    outcomes = session.wiring.lane.now.refresh(wanted)
    for image_id, outcome in outcomes.items():
        failure = outcome.failure
        detail = f" ({failure.detail})" if failure and failure.detail else ""
        said = f"{failure.code}: {failure.message}{detail}" if failure else "verified"
        note(f"{image_id}  {said}")
    if failed := sum(outcome.failure is not None for outcome in outcomes.values()):
        raise click.ClickException(f"{counted(failed, 'image')} not verified")
