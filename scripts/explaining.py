"""One image, explained on a stage."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from reindex import settings as groups
from reindex.repairs.explain import Explaining
from reindex.repairs.image_evidence import Evidence, Place
from reindex.repairs.image_verdict.deciding import verdict
from reindex.repairs.image_verdict.verdicts import Verdict

from .projecting import projected

if TYPE_CHECKING:
    from reindex.wiring import Wiring


def explained_image(wiring: Wiring, image_id: str, seconds: float) -> tuple[Evidence, Verdict]:
    """Return what is known of an image, and what follows from it.

    Args:
        wiring: Of the stage.
        image_id: Which image.
        seconds: How long to wait for answers; what does not answer in time is not known.
    """
    project = partial(projected, wiring, image_id)
    evidence = _explaining(wiring).evidence(image_id, project, seconds)
    return evidence, verdict(evidence)


def _explaining(wiring: Wiring) -> Explaining:
    place = wiring.settings[groups.Elasticsearch]
    library = wiring.settings[groups.LibrarySettings]
    return Explaining(
        table=wiring.table,
        runs=wiring.runs,
        phases=wiring.phases,
        queue=wiring.backlog,
        indexers=wiring.indexers,
        letters=wiring.dead_letters,
        library=wiring.library,
        connect=lambda: wiring.index,
        files=wiring.files,
        logs=wiring.function_logs,
        clock=wiring.clock,
        place=Place(
            cluster_url=place.elasticsearch_url.split(",")[0].strip(),
            alias=place.index_alias,
            secret=place.elasticsearch_secret,
            indexer_mapping=wiring.settings[groups.IndexerFeed].indexer_mapping,
            status_table=library.status_table,
            progress_table=wiring.settings[groups.Tables].progress_table,
            max_backlog=wiring.settings[groups.Pace].max_backlog,
        ),
        preserve=place.preserve,
        has_thumbnails=library.thumbnails_bucket is not None,
        submissions=wiring.submissions if wiring.has_ingest else None,
        stage_capacity=wiring.run_steps.stage_capacity,
    )
