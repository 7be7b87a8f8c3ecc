"""``reindex prepare-index``."""

from __future__ import annotations

import click

from .errors import Findings
from .session import Session, example, on_stack


@click.command(epilog=example("reindex prepare-index"))
@on_stack
def prepare_index(session: Session) -> None:
    """Make or adapt the index so that it takes our documents.

    Without an index behind the alias, one is made with our mapping and analysers. One that
    exists is given the field for provenance, and otherwise left as it is; what its mapping
    lacks is named, and the exit status is 1. It may be repeated.
    """
    from reindex.settings import Elasticsearch

    from .terminal import note

    session.on_interrupt("the index may be half prepared; repeat it")
    alias = session.wiring.settings[Elasticsearch].index_alias
    prepared = session.wiring.index.prepare(alias)
    if prepared.created:
        note(f"Created index {prepared.index} behind alias {alias}.")
    elif prepared.provenance_added:
        note(f"Added the field for provenance to index {prepared.index}.")
    else:
        note(f"Index {prepared.index} needs no change.")
    if prepared.misfits:
        note(
            "Documents are written without what these fields of other documents' making cannot "
            f"take: {', '.join(prepared.misfits)}."
        )
    if prepared.lacking:
        raise Findings("its mapping will not take our documents", prepared.lacking)
