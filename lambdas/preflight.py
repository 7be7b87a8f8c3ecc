"""Opens a run: finds what would make it fail before anything is touched."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reindex.handling import Context, lambda_handler
from reindex.wiring import Wiring


@lambda_handler("preflight")
def handler(wiring: Wiring, event: Mapping[str, Any], context: Context) -> dict[str, Any]:  # noqa: ARG001
    """Check and pin; the event is ``{"execution": arn}``."""
    return wiring.run_steps.preflight.open_run(event["execution"])
