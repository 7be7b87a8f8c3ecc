"""Builds the documents of images, from the truth alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reindex.handling import Context, lambda_handler
from reindex.wiring import Wiring


@lambda_handler("image_projection")
def handler(wiring: Wiring, event: Mapping[str, Any], context: Context) -> dict[str, Any]:  # noqa: ARG001
    """Build documents of at most 100 ids.

    The event is ``{"ids": [...], "run_id": ..., "misfits": {...}}``; ``misfits`` may be missing.
    """
    misfits = event.get("misfits")
    return wiring.run_steps.projection.project(event["ids"], event["run_id"], misfits).to_event()
