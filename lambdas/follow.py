"""Sends images to be indexed whose rows or crops have changed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reindex.handling import Context, lambda_handler
from reindex.wiring import Wiring


@lambda_handler("follow")
def handler(wiring: Wiring, event: Mapping[str, Any], context: Context) -> None:  # noqa: ARG001
    """Follow a batch of changes; an error has the whole batch tried again."""
    wiring.lane.follow.handle(event["Records"])
