"""What every handler does around its step: settings once, structured logs, metrics out."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Mapping
from functools import cache, wraps
from typing import Any, Protocol

from aws_lambda_powertools import Logger
from aws_lambda_powertools.logging.utils import copy_config_to_registered_loggers

from reindex.settings import FUNCTIONS
from reindex.wiring import Wiring


class Context(Protocol):
    """What a step may know of its invocation."""

    aws_request_id: str

    def get_remaining_time_in_millis(self) -> int:
        """Milliseconds until Lambda ends the invocation."""
        ...


#: Seconds of an invocation that no store may wait into: for its answer, logs and metrics.
CLOSING_SECONDS = 5

Step = Callable[[Wiring, Mapping[str, Any], Context], Any]
Handler = Callable[[Mapping[str, Any], Context], Any]


@cache
def _wiring(function: str) -> Wiring:
    return Wiring(os.environ, FUNCTIONS[function])


@cache
def _logging(function: str) -> Logger:
    logger = Logger(service=function)
    copy_config_to_registered_loggers(logger, include={"reindex"})
    # boto3's own lines say nothing that ours do not, and cost as much.
    logging.getLogger("botocore").setLevel(logging.WARNING)
    logging.getLogger("elastic_transport").setLevel(logging.ERROR)
    return logger


def lambda_handler(function: str) -> Callable[[Step], Handler]:
    """Make a step the handler of a function.

    Args:
        function: Its name in :data:`reindex.settings.FUNCTIONS`.
    """

    def decorate(step: Step) -> Handler:
        @wraps(step)
        def handle(event: Mapping[str, Any], context: Context) -> Any:
            logger = _logging(function)
            logger.append_keys(request_id=context.aws_request_id)
            wiring = _wiring(function)
            left = context.get_remaining_time_in_millis() / 1000
            wiring.time_limit.start(max(0.0, left - CLOSING_SECONDS))
            try:
                return step(wiring, event, context)
            finally:
                wiring.meter.flush()
                if wiring.is_outdated:
                    _wiring.cache_clear()

        return handle

    return decorate
