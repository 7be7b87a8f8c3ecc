"""The frame of every handler: it reads settings once, sets up logs, and writes metrics."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterable, Mapping
from functools import cache, wraps
from typing import Any, Protocol

from aws_lambda_powertools import Logger
from aws_lambda_powertools.logging.utils import copy_config_to_registered_loggers

from reindex.settings import ALL_FUNCTIONS
from reindex.steps.deliveries import Delivery
from reindex.wiring import Wiring


class Context(Protocol):
    """The part of Lambda's context object that steps use."""

    aws_request_id: str
    log_group_name: str
    log_stream_name: str

    def get_remaining_time_in_millis(self) -> int:
        """Milliseconds until Lambda ends the invocation."""
        ...


#: Seconds at the end of an invocation in which no store waits: for its answer, logs and metrics.
CLOSING_SECONDS = 5

Step = Callable[[Wiring, Mapping[str, Any], Context], Any]
Handler = Callable[[Mapping[str, Any], Context], Any]


@cache
def _wiring(function: str) -> Wiring:
    return Wiring(os.environ, ALL_FUNCTIONS[function])


@cache
def _logging(function: str) -> Logger:
    logger = Logger(service=function)
    copy_config_to_registered_loggers(logger, include={"reindex"})
    # botocore's lines repeat ours, and logs are paid for by the byte.
    logging.getLogger("botocore").setLevel(logging.WARNING)
    logging.getLogger("elastic_transport").setLevel(logging.ERROR)
    # libvips warns of damaged files, which the image's failure already describes.
    logging.getLogger("pyvips").setLevel(logging.ERROR)
    return logger


def lambda_handler(function: str) -> Callable[[Step], Handler]:
    """Make a step the handler of a function.

    Args:
        function: Its name in :data:`reindex.settings.ALL_FUNCTIONS`.
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


def deliveries_of(event: Mapping[str, Any]) -> list[Delivery]:
    """Return the deliveries of an SQS event."""
    return [
        Delivery(
            message_id=record["messageId"],
            receipt=record["receiptHandle"],
            body=record["body"],
            receive_count=int(record["attributes"]["ApproximateReceiveCount"]),
        )
        for record in event["Records"]
    ]


def batch_answer(again: Iterable[str]) -> dict[str, Any]:
    """Return a batch's answer: SQS deletes all messages except these, which it delivers again."""
    return {"batchItemFailures": [{"itemIdentifier": message_id} for message_id in again]}
