"""The options that the verbs of the live lane share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from reindex.wiring import Wiring

    from .session import Session


def ingest_wiring(session: Session) -> Wiring:
    """Return the wiring of a stage that has a live lane.

    Raises:
        ClickException: It has none.
    """
    wiring = session.wiring
    if not wiring.has_ingest:
        raise click.ClickException(
            f'stage {session.named_stage()} has no live lane: add "ingest" to it and deploy'
        )
    return wiring
