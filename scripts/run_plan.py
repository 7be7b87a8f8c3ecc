"""The forecast of a run, before it is started."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reindex.domain.source_kinds import BUCKET, FILE, INDEX
from reindex.text import counted

if TYPE_CHECKING:
    from reindex.domain.options import Source
    from reindex.reports.forecast import Forecast
    from reindex.wiring import Wiring

    from .run_options import Asked

#: The limits of the index phase's speed, in words.
_BOUNDS = {
    "workers": "the workers' own processors",
    "projection": "the projection calls that the workers wait on",
    "indexer": "the bulks that the indexer sends",
}


def planned(wiring: Wiring, source: Source, asked: Asked) -> str:
    """Count what a run would reindex, and say what that takes.

    Raises:
        IndexMisconfigured: The alias does not have exactly one index.
        SourceUnusable: The index rejects the query.
        StoreUnavailable: A service does not answer.
    """
    from reindex.reports.forecast import forecast

    images, where = _counted(wiring, source, asked)
    if asked.limit is not None:
        images = min(images, asked.limit)
    found = forecast(images, images, images, wiring.run_steps.stage_capacity)
    return f"{counted(images, 'image')} {where}: {in_words(found)}"


def in_words(found: Forecast) -> str:
    """Return a forecast in a few words."""
    return (
        f"about {found.hours:,.1f} h and ${found.dollars:,.2f}, bound by {_BOUNDS[found.bound_by]}"
    )


def _counted(wiring: Wiring, source: Source, asked: Asked) -> tuple[int, str]:
    """Return the number of a source's images, and a description of the source."""
    from reindex.settings import Elasticsearch, Rounds
    from reindex.steps.scanning import scan_all
    from reindex.stores.search.ids import matching

    from .id_files import ids_of, open_ids
    from .terminal import progress

    with progress("Counting"):
        if source.kind in (INDEX, BUCKET):
            index = wiring.index.resolve(wiring.settings[Elasticsearch].index_alias)
            count = wiring.index.count(index, matching(source.query, source.lacking))
            # Listing the bucket would take a request for each thousand originals.
            where = "of the index" if source.kind == INDEX else "as the index has documents"
            return count, where
        if source.kind == FILE and asked.file:
            with open_ids(asked.file) as lines:
                return sum(1 for id_ in ids_of(lines, lower=False) if id_), "of the file"
        pages = scan_all(wiring.table, wiring.settings[Rounds].tally_segments)
        count = sum(row.state.phase is not None for page in pages for row in page.rows)
        return count, "with work left in the table"
