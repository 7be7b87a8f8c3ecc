"""Queues in memory: the backlog with its deliveries, and the dead letters."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from reindex.domain.messages import OutgoingMessage
from reindex.stores.interfaces.queues import (
    Backlog,
    DeadLetter,
    DeadLetterReview,
    DeadLetters,
    Deliveries,
    Depth,
)
from tests.twins.outages import Outages


@dataclass
class Delivery:
    """One message in the queue: hidden while it is in flight."""

    receipt: str
    body: str
    received: int = 0
    in_flight: bool = False
    hidden_for: int | None = None

    @property
    def record(self) -> dict[str, Any]:
        """The record of a lambda's SQS event."""
        return {
            "messageId": self.receipt,
            "receiptHandle": self.receipt,
            "body": self.body,
            "attributes": {"ApproximateReceiveCount": str(self.received)},
            "messageAttributes": {},
            "eventSource": "aws:sqs",
            "eventSourceARN": "arn:aws:sqs:eu-west-1:000000000000:backlog",
            "awsRegion": "eu-west-1",
        }


class MemoryBacklog(Outages, Backlog, Deliveries):
    """The twin of ``SqsBacklog`` and ``SqsDeliveries``.

    Attributes:
        deliveries: What the queue holds, oldest first.
        reported: Counts to answer instead of the true ones: SQS's lag.
        rejected: Ids that the queue does not accept.
    """

    def __init__(self) -> None:
        super().__init__()
        self._receipts = itertools.count()
        self.deliveries: list[Delivery] = []
        self.reported: Depth | None = None
        self.rejected: set[str] = set()

    @property
    def bodies(self) -> list[str]:
        """The bodies of all messages the queue holds."""
        return [delivery.body for delivery in self.deliveries]

    def depth(self) -> Depth:
        self.answer()
        in_flight = sum(delivery.in_flight for delivery in self.deliveries)
        return self.reported or Depth(len(self.deliveries) - in_flight, in_flight, 0)

    def send(self, messages: Sequence[OutgoingMessage]) -> set[str]:
        self.answer()
        accepted = [message for message in messages if message.id not in self.rejected]
        for message in accepted:
            self.put_raw(message.body())
        return {message.id for message in accepted}

    def put_raw(self, body: str) -> None:
        """Put any text on the queue."""
        self.deliveries.append(Delivery(str(next(self._receipts)), body))

    def receive(self, limit: int = 10) -> list[Delivery]:
        """Take up to ``limit`` messages; they are in flight until deleted or returned."""
        taken = [delivery for delivery in self.deliveries if not delivery.in_flight][:limit]
        for delivery in taken:
            delivery.in_flight = True
            delivery.received += 1
        return taken

    def event(self, limit: int = 10) -> dict[str, Any]:
        """Take up to ``limit`` messages as a lambda's event."""
        return {"Records": [delivery.record for delivery in self.receive(limit)]}

    def settle(self, answer: Mapping[str, Any]) -> None:
        """Take a lambda's answer: its failures return to the queue, all others in flight go."""
        failed = {failure["itemIdentifier"] for failure in answer["batchItemFailures"]}
        self.deliveries = [d for d in self.deliveries if not d.in_flight or d.receipt in failed]
        for delivery in self.deliveries:
            delivery.in_flight = False

    def postpone(self, seconds: Mapping[str, int]) -> None:
        self.answer()
        for delivery in self.deliveries:
            if delivery.receipt in seconds:
                delivery.hidden_for = seconds[delivery.receipt]


class MemoryDeadLetters(Outages, DeadLetters, DeadLetterReview):
    """The twin of ``SqsDeadLetters``."""

    def __init__(self) -> None:
        super().__init__()
        self._ids = itertools.count()
        self._letters: dict[str, DeadLetter] = {}
        self._hidden: set[str] = set()

    @property
    def letters(self) -> list[tuple[str, str]]:
        """(body, reason) of each message set aside."""
        return [(letter.body, letter.reason) for letter in self._letters.values()]

    def put(self, body: str, reason: str) -> None:
        self.answer()
        self.put_raw(body, reason)

    def put_raw(self, body: str, reason: str = "") -> None:
        """Move any message here, as a queue does without a reason."""
        name = str(next(self._ids))
        self._letters[name] = DeadLetter(name, name, body, reason)

    def depth(self) -> Depth:
        self.answer()
        return Depth(len(self._letters) - len(self._hidden), len(self._hidden), 0)

    def receive(self, seconds: int) -> Sequence[DeadLetter]:
        self.answer()
        visible = [letter for name, letter in self._letters.items() if name not in self._hidden]
        self._hidden |= {letter.message_id for letter in visible[:10]}
        return visible[:10]

    def release(self, receipts: Sequence[str]) -> None:
        self.answer()
        # A message's receipt is its name here.
        self._hidden -= set(receipts)

    def remove(self, letters: Sequence[DeadLetter]) -> None:
        self.answer()
        for letter in letters:
            del self._letters[letter.message_id]
            self._hidden.discard(letter.message_id)
