"""Feeds messages of the low-priority queue to the search index."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reindex.handling import Context, batch_answer, deliveries_of, lambda_handler
from reindex.wiring import Wiring


@lambda_handler("indexer")
def handler(wiring: Wiring, event: Mapping[str, Any], context: Context) -> dict[str, Any]:  # noqa: ARG001
    """Write a batch of messages; the answer names those that must come again."""
    return batch_answer(wiring.run_steps.indexer.handle(deliveries_of(event)))
