"""A tick of the check phase: look whether the index holds what was projected."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reindex.handling import Context, lambda_handler
from reindex.wiring import Wiring


@lambda_handler("batch_check")
def handler(wiring: Wiring, event: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """Work for one tick; the event is ``{"worker": k}``, fixed by the rule."""
    return wiring.run_steps.ticker.tick(
        wiring.run_steps.check_phase, event["worker"], context.aws_request_id
    ).as_json()
