"""A library's own projection function, as an owner would write it: ids in, documents out.

It is a file of its own in the asset of a function of its own. That it reads images with our
library is its own affair: what it answers has no digest and no provenance.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from reindex.domain.failures import ReindexFailure
from reindex.settings import FUNCTIONS
from reindex.wiring import Wiring

wiring: Wiring | None = None


def handler(event: Mapping[str, Any], _context: object) -> dict[str, Any]:
    """Answer with the documents of some images."""
    global wiring  # noqa: PLW0603 - kept from one invocation to the next
    wiring = wiring or Wiring(os.environ, FUNCTIONS["image_projection"])
    images, failures = [], []
    for image_id in event["ids"]:
        try:
            document = wiring.run_steps.projection.document(
                image_id, event["run_id"], event.get("misfits")
            )
        except ReindexFailure as failure:
            failures.append(
                {
                    "id": image_id,
                    "code": failure.code,
                    "message": failure.message,
                    "detail": failure.detail,
                    "retryable": failure.retryable,
                }
            )
        else:
            del document["esInfo"]
            images.append({"id": image_id, "image": document})
    return {"images": images, "failures": failures}
