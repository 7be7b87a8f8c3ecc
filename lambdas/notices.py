"""Sends notices: a run ended, or it is held."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reindex.handling import Context, lambda_handler
from reindex.wiring import Wiring


@lambda_handler("notices")
def handler(wiring: Wiring, event: Mapping[str, Any], context: Context) -> None:  # noqa: ARG001
    """Send the notice for an event of EventBridge; after an error, Lambda retries."""
    wiring.run_steps.notifier.handle(event)
