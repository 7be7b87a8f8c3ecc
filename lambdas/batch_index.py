"""A tick of the index phase: have documents built, and put them on the low-priority queue."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reindex.handling import Context, lambda_handler
from reindex.wiring import Wiring


@lambda_handler("batch_index")
def handler(wiring: Wiring, event: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """Work for one tick; the event is ``{"worker": k}``, fixed by the rule."""
    return wiring.run_steps.ticker.tick(
        wiring.run_steps.index_phase, event["worker"], context.aws_request_id
    ).as_json()
