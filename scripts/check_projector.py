"""``reindex check-projector``."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

import click

from reindex.text import counted

from .session import Session, example, on_stack

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reindex.wiring import Wiring

#: Images that are requested, by default.
_SAMPLE = 20


@click.command(
    epilog=example(
        "reindex check-projector",
        "reindex check-projector --sample 100",
        "reindex check-projector --ids ids.txt",
    )
)
@click.option(
    "--ids", "file", metavar="FILE", help="Ask for these images, one id a line; - is stdin."
)
@click.option(
    "--sample",
    type=click.IntRange(1, 1_000),
    metavar="N",
    help=f"Ask for so many images of the originals bucket (default: {_SAMPLE}).",
)
@on_stack
def check_projector(session: Session, *, file: str | None, sample: int | None) -> None:
    """Check what builds the documents against the contract.

    For a library whose own image loader or function does: it is asked for images that exist, for
    one that does not, for an odd id and for a hundred at once. One line for each demand; the exit
    status is 1 unless all hold. Nothing is written but what is too large to travel, which expires.
    """
    from reindex.repairs.projector_check import ProjectorCheck
    from reindex.settings import Elasticsearch

    from .terminal import note

    wiring = session.wiring
    alias = wiring.settings[Elasticsearch].index_alias
    ids = _ids(wiring, file, sample)
    index = wiring.index.resolve(alias)
    check = ProjectorCheck(wiring.projector, wiring.files, wiring.clock, wiring.index, index)
    broken = 0
    for finding in check.findings(ids):
        broken += not finding.holds
        detail = f": {finding.detail}" if finding.detail else ""
        note(f"{'holds' if finding.holds else 'FAILS'}  {finding.demand}{detail}")
    if broken:
        raise click.ClickException(f"{counted(broken, 'demand')} of the contract not kept")


def _ids(wiring: Wiring, file: str | None, sample: int | None) -> Sequence[str]:
    from reindex.domain.options import Source
    from reindex.domain.source_kinds import BUCKET

    from .id_files import read_ids

    if file:
        return list(islice(read_ids(file), sample))
    source = wiring.id_source(Source(kind=BUCKET))
    parts = source.parts(1)
    found = source.page(parts[0], None).ids[: sample or _SAMPLE] if parts else ()
    if not found:
        raise click.ClickException("the originals bucket is empty: name images with --ids")
    return found
