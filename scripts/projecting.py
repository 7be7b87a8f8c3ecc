"""One image's document, built now."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from reindex.domain.claim_checks import key_claimed_by
from reindex.domain.failures import Failure, ReindexFailure, StoreUnavailable
from reindex.settings import OWN, Projection
from reindex.steps.ambient import fresh_name

if TYPE_CHECKING:
    from reindex.wiring import Wiring


def projected(
    wiring: Wiring, image_id: str, misfits: Mapping[str, str]
) -> dict[str, Any] | Failure:
    """Return an image's document, or why it cannot be built.

    It is built here, or by the function of a stage that has another.

    Raises:
        InternalFailure: The function cannot be asked, died, or had no time.
    """
    run_id = fresh_name(wiring.clock)
    if wiring.settings[Projection].projection_by == OWN:
        try:
            return wiring.run_steps.projection.document(image_id, run_id, misfits)
        except ReindexFailure as failure:
            return failure.as_failure()
    answer = wiring.projector.project([image_id], run_id, misfits)
    if image_id in answer.failures:
        return answer.failures[image_id]
    if not answer.images:
        raise StoreUnavailable("no time was left to build it: try again")
    text = answer.images[0].image
    key = key_claimed_by(text)
    document: dict[str, Any] = json.loads(wiring.files.get(key) if key else text)
    return document
