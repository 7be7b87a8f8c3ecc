"""Brings the ids of a run's source into the progress table, and starts a migration's rounds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reindex.handling import Context, lambda_handler
from reindex.wiring import Wiring


@lambda_handler("gather")
def handler(wiring: Wiring, event: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """Do the step that the event names.

    ``plan`` and ``part`` gather a run's ids, and know its ``input``; ``catch_up`` starts the next
    round of a migration, if there is one to start.
    """
    match event["step"]:
        case "plan":
            return wiring.run_steps.gathering.plan(event["execution"], event["input"])
        case "part":
            # The run's id alone would not do: an invocation that is tried again is another upload.
            upload = f"{event['run_id']}-{context.aws_request_id}"
            return wiring.run_steps.gathering.part(
                event["run_id"], upload, event["input"], event["part"], event["cursor"]
            )
        case "catch_up":
            return {"outcome": wiring.migration_steps.catch_up.tick()}
        case step:
            raise ValueError(f"gathering has no step {step!r}")
