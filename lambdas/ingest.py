"""Processes submitted files: checks, archives, renders, and sends them to be indexed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reindex.domain.submissions import LogPlace
from reindex.handling import Context, batch_answer, deliveries_of, lambda_handler
from reindex.steps.workbench import remove_leftovers
from reindex.wiring import Wiring


@lambda_handler("ingest")
def handler(wiring: Wiring, event: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """Process a batch of messages; the answer names those that must come again."""
    remove_leftovers()
    place = LogPlace(context.aws_request_id, context.log_group_name, context.log_stream_name)
    return batch_answer(wiring.lane.ingest_messages.handle(deliveries_of(event), place))
