"""``reindex prepare-index``."""

from __future__ import annotations

import click

from reindex.settings import Elasticsearch
from scripts.session import Session, example, on_stack


@click.command(epilog=example("reindex prepare-index"))
@on_stack
def prepare_index(session: Session) -> None:
    """Make or adapt the index so that it takes our documents.

    Without an index behind the alias, one is made with our mapping and analysers. One that
    exists is given the field for provenance, and otherwise left as it is; what its mapping
    lacks is named, and the exit status is 1. It may be repeated.
    """
    session.stands("the index may be half prepared; repeat it")
    alias = session.wiring.settings[Elasticsearch].index_alias
    prepared = session.wiring.index.prepare(alias)
    if prepared.created:
        click.echo(f"Created index {prepared.index} behind alias {alias}.")
    elif prepared.provenance_added:
        click.echo(f"Added the field for provenance to index {prepared.index}.")
    else:
        click.echo(f"Index {prepared.index} needs no change.")
    if prepared.lacking:
        lacking = "\n".join(f"  {what}" for what in prepared.lacking)
        raise click.ClickException(f"its mapping will not take our documents:\n{lacking}")
