"""``reindex prepare-index``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from .errors import Findings
from .session import Session, example, on_stack

if TYPE_CHECKING:
    from reindex.stores.search.index import SearchIndex
    from reindex.wiring import Wiring


@click.command(
    epilog=example("reindex prepare-index", "reindex prepare-index --mapping our-mapping.json")
)
@click.option(
    "--mapping",
    "file",
    type=click.Path(exists=True, dir_okay=False),
    metavar="FILE",
    help="The library's own mapping, for documents of another shape than ours: JSON with "
    "mappings and settings, as an index is created, or the mapping alone.",
)
@on_stack
def prepare_index(session: Session, *, file: str | None) -> None:
    """Make or adapt the index so that it takes the documents.

    Without an index behind the alias, one is made with our mapping and analysers, or those of
    --mapping, to which the field for provenance is added. One that
    exists is given the field for provenance, and otherwise left as it is; what its mapping
    lacks is named, and the exit status is 1. It may be repeated.
    """
    from reindex.settings import Elasticsearch, Projection

    from .terminal import note

    wiring = session.wiring
    alias = wiring.settings[Elasticsearch].index_alias
    documents = wiring.settings[Projection]
    index = _index_with_mapping(wiring, file) if file else wiring.own_index
    if not file and (documents.document_mapping or not documents.own_documents):
        _require(index, alias)
    session.on_interrupt("the index may be half prepared; repeat it")
    prepared = index.prepare(alias)
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


def _require(index: SearchIndex, alias: str) -> None:
    """Refuse to make an index of our mapping for documents of another shape."""
    from reindex.domain.failures import IndexMisconfigured

    try:
        index.resolve(alias)
    except IndexMisconfigured as error:
        raise click.UsageError(
            f"{error} The stage's documents have a shape of their own: give --mapping FILE."
        ) from error


def _index_with_mapping(wiring: Wiring, file: str) -> SearchIndex:
    from pathlib import Path

    from reindex.stores.search.schema import library_schema

    return wiring.own_index_with_schema(library_schema(Path(file).read_text(encoding="utf-8")))
