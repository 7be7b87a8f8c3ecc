"""The deliveries of queues' messages: one is postponed, or set aside as a dead letter."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass

from reindex.domain.failures import StoreUnavailable
from reindex.stores.interfaces.queues import DeadLetters, Deliveries

log = logging.getLogger(__name__)

#: A message that went back comes again after this many seconds per delivery, up to the cap:
#: a brown-out of an hour costs a message a handful of its deliveries.
RETURN_SECONDS = 30
RETURN_CAP = 900

#: Deliveries after which a document that the index answers for, and does not take, is given up
#: for now: its message has been coming for 40 minutes by then, and keeps the queue from being
#: quiet for all other images.
MAX_NOT_TAKEN = 12

#: Characters of documents that are written together, those behind claim checks included: a
#: batch of five hundred of the largest would not fit in the function's memory.
GROUP_CHARACTERS = 30_000_000


@dataclass(frozen=True, slots=True)
class Delivery:
    """One delivery of a message.

    Attributes:
        message_id: SQS's name of the message.
        receipt: Handle of this delivery.
        body: As sent.
        receive_count: How often it has been delivered, this time included.
    """

    message_id: str
    receipt: str
    body: str
    receive_count: int


def postpone(queue: Deliveries, returned: Sequence[Delivery]) -> None:
    """Hide messages that must come again, for longer each time."""
    try:
        queue.postpone(
            {d.receipt: min(RETURN_CAP, RETURN_SECONDS * d.receive_count) for d in returned}
        )
    except StoreUnavailable as error:
        # They come again all the same, only sooner.
        log.warning("messages cannot be postponed", extra={"reason": str(error)})


def set_aside(dead_letters: DeadLetters, body: str, reason: str) -> bool:
    """Put a message on a dead-letter queue; return False if the queue does not accept it."""
    log.error("unreadable message", extra={"reason": reason})
    try:
        dead_letters.put(body, reason)
    except StoreUnavailable as error:
        log.warning("a message cannot be set aside", extra={"reason": str(error)})
        return False
    return True
