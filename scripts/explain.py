"""``reindex explain``."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from .session import Session, example, on_stack

if TYPE_CHECKING:
    from reindex.repairs.image_evidence import Evidence
    from reindex.repairs.image_verdict.verdicts import Verdict


@click.command(
    epilog=example(
        "reindex explain 4e1243bd22c66e76c2ba9eddc1f91394e57f9f83",
        "reindex explain 4e1243bd22c66e76c2ba9eddc1f91394e57f9f83 --json | jq -r .command",
    )
)
@click.argument("image_id", metavar="ID")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@click.option(
    "--wait",
    type=click.FloatRange(min=0.1),
    default=10.0,
    show_default=True,
    metavar="SECONDS",
    help="How long to wait for answers.",
)
@on_stack
def explain(session: Session, *, image_id: str, as_json: bool, wait: float) -> None:
    """Say why an image is found, or not, and what to do.

    Shows what happened to it in order of time: in the originals bucket, the library's tables, the
    progress table, the index, the runs and the functions' logs. Then what is so now, marked +
    when it is as it should be, ! when it is not, and ? when it is not known. It ends with one
    sentence and one command.

    What does not answer in time is not known. Nothing is changed, but messages of the dead-letter
    queue are hidden from others for the seconds in which they are read. The exit status is 0 if a
    search finds the image and its document is what would be projected now, else 1.
    """
    from .explaining import explained_image

    evidence, found = explained_image(session.wiring, image_id, wait)
    if as_json:
        click.echo(_json(evidence, found))
    else:
        _show(evidence, found)
    if not found.is_fine:
        raise click.ClickException(found.cause.replace("_", " "))


def _json(evidence: Evidence, found: Verdict) -> str:
    from reindex.domain.progress import iso
    from reindex.repairs.image_history import events, facts

    return json.dumps(
        {
            "id": evidence.image_id,
            "at": iso(evidence.at),
            "fine": found.is_fine,
            "cause": found.cause,
            "sentence": found.sentence,
            "command": found.command,
            "events": [event.to_json() for event in events(evidence)],
            "facts": [fact.to_json() for fact in facts(evidence)],
        },
        indent=2,
        ensure_ascii=False,
    )


def _show(evidence: Evidence, found: Verdict) -> None:
    from reindex.domain.progress import iso
    from reindex.repairs.image_history import events, facts

    from .terminal import note, show, table

    history = table("at", "source", "what happened")
    for event in events(evidence):
        history.add_row(iso(event.at), event.source, event.text)
    show(history)
    click.echo()
    now = table("", "now", "")
    for fact in facts(evidence):
        mark = {True: "+", False: "!", None: "?"}[fact.fine]
        now.add_row(mark, fact.name, fact.text)
    show(now)
    click.echo()
    note(found.sentence)
    note(f"  {found.command}")
