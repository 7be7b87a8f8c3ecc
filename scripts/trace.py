"""``reindex trace``."""

from __future__ import annotations

from datetime import UTC, datetime

import click

from .session import Session, example, on_stack


@click.command(
    epilog=example(
        "reindex trace 4e1243bd22c66e76c2ba9eddc1f91394e57f9f83",
        "reindex trace 3f9a01c2b7de --since 7d",
    )
)
@click.argument("name", metavar="ID|KEY")
@click.option(
    "--since",
    metavar="AGE|TIME",
    default="1d",
    show_default=True,
    help="How far back logs are searched: 30m, 12h, 7d, or ISO 8601.",
)
@on_stack
def trace(session: Session, *, name: str, since: str) -> None:
    """Tell the story of one image or submission.

    Shows what its rows and the logs of all functions say of it, in order of time. ID is that of an
    image or of a submission; KEY is a submission's in the ingest bucket.
    """
    from reindex.steps.trace import trace as traced

    from .terminal import note
    from .times import epoch_of

    wiring = session.wiring
    start = epoch_of(since, wiring.clock.now())
    events = traced(
        name,
        wiring.submissions if wiring.has_ingest else None,
        wiring.table,
        wiring.function_logs,
        start,
    )
    if not events:
        raise click.ClickException(f"nothing is known of {name} since {since}")
    for event in events:
        at = datetime.fromtimestamp(event.at, UTC).isoformat(timespec="milliseconds")
        note(f"{at.removesuffix('+00:00')}Z  {event.where:<24}  {event.what}")
