"""Feeds messages of the low-priority queue to the search index."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reindex.handling import Context, lambda_handler
from reindex.steps.index_messages import Delivery
from reindex.wiring import Wiring


@lambda_handler("indexer")
def handler(wiring: Wiring, event: Mapping[str, Any], context: Context) -> dict[str, Any]:  # noqa: ARG001
    """Write a batch of messages; the answer names those that must come again."""
    deliveries = [
        Delivery(
            message_id=record["messageId"],
            receipt=record["receiptHandle"],
            body=record["body"],
            receive_count=int(record["attributes"]["ApproximateReceiveCount"]),
        )
        for record in event["Records"]
    ]
    again = wiring.indexer.handle(deliveries)
    return {"batchItemFailures": [{"itemIdentifier": message_id} for message_id in again]}
