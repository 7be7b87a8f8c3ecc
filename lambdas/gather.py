"""Brings the ids of a run's source into the progress table: the plan, and each part."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reindex.handling import Context, lambda_handler
from reindex.wiring import Wiring


@lambda_handler("gather")
def handler(wiring: Wiring, event: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """Do the step that the event names: ``plan`` or ``part``; both know the run's ``input``."""
    match event["step"]:
        case "plan":
            return wiring.gathering.plan(event["execution"], event["input"])
        case "part":
            # The run's id alone would not do: an invocation that is tried again is another upload.
            upload = f"{event['run_id']}-{context.aws_request_id}"
            return wiring.gathering.part(
                event["run_id"], upload, event["input"], event["part"], event["cursor"]
            )
        case step:
            raise ValueError(f"gathering has no step {step!r}")
