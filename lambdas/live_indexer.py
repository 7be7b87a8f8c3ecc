"""Brings documents up to date that the high-priority queue names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reindex.handling import Context, batch_answer, deliveries_of, lambda_handler
from reindex.wiring import Wiring


@lambda_handler("live_indexer")
def handler(wiring: Wiring, event: Mapping[str, Any], context: Context) -> dict[str, Any]:  # noqa: ARG001
    """Process a batch of messages; the answer names those that must come again."""
    return batch_answer(wiring.lane.live_messages.handle(deliveries_of(event)))
