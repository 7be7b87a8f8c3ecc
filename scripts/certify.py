"""``reindex certify``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from reindex.text import counted

from .session import Session, example, on_stack

if TYPE_CHECKING:
    from reindex.repairs.certify import Certified

#: Parts of the table that are read at once.
_SEGMENTS = 8


@click.command(epilog=example("reindex certify", "reindex certify --deep"))
@click.option(
    "--deep", is_flag=True, help="Also derive each digest again from the document in the index."
)
@on_stack
def certify(session: Session, *, deep: bool) -> None:
    """Prove that nothing is missing.

    Recomputes the latest run's certificate from the progress table and from the index, and
    names every difference, one a line. The exit status is 0 if there is none, else 1. What
    was uploaded, edited or deleted since the run is a difference too.
    """
    from reindex.repairs.certify import Certified, Certifying
    from reindex.settings import Elasticsearch

    from .terminal import note

    wiring = session.wiring
    place = wiring.settings[Elasticsearch]
    certifying = Certifying(
        table=wiring.table,
        runs=wiring.runs,
        index=wiring.index,
        files=wiring.files,
        alias=place.index_alias,
        preserve=place.preserve,
        segments=_SEGMENTS,
    )
    counts = Certified()
    for difference in certifying.differences(counts, deep=deep):
        note(f"{difference.about}: {difference.what}")
    if counts.differences:
        raise click.ClickException(f"{counted(counts.differences, 'difference')}: {_sum(counts)}")
    note(f"Nothing is missing: {_sum(counts)}.")


def _sum(counts: Certified) -> str:
    return (
        f"{counted(counts.images, 'image')} in the table, {counts.verified:,} verified; "
        f"{counted(counts.documents, 'document')} of reindexes in {counts.index}, "
        f"{counts.others:,} of others"
    )
