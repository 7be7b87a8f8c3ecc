"""SQS queues, and how fast the indexer drains one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from reindex.domain.messages import OutgoingMessage
from reindex.domain.submissions import IndexImage


@dataclass(frozen=True, slots=True)
class Depth:
    """A queue's approximate counts; they lag by up to a minute on AWS."""

    visible: int
    in_flight: int
    delayed: int

    @property
    def total(self) -> int:
        """Every message the queue still holds."""
        return self.visible + self.in_flight + self.delayed


class Queue(Protocol):
    """A queue whose depth can be read."""

    def depth(self) -> Depth:
        """Return the approximate numbers of its messages."""
        ...


class Backlog(Queue, Protocol):
    """The low-priority queue, as batch-index sends to it."""

    def send(self, messages: Sequence[OutgoingMessage]) -> set[str]:
        """Send messages, packed into as few batches as fit; return the ids accepted."""
        ...


class Deliveries(Protocol):
    """A queue, as the function that consumes its messages sees it."""

    def postpone(self, seconds: Mapping[str, int]) -> None:
        """Extend the visibility timeout of deliveries: seconds by receipt handle."""
        ...


class DeadLetters(Queue, Protocol):
    """The dead-letter queue."""

    def put(self, body: str, reason: str) -> None:
        """Set a message aside, with the reason."""
        ...


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A message that was set aside.

    Attributes:
        message_id: The same at each delivery.
        receipt: Receipt handle of this delivery.
        body: As it was sent.
        reason: Why it was set aside; empty if it was delivered too often.
    """

    message_id: str
    receipt: str
    body: str
    reason: str


class DeadLetterReview(Queue, Protocol):
    """The dead-letter queue, as an operator's commands see it."""

    def receive(self, seconds: int) -> Sequence[DeadLetter]:
        """Receive up to ten messages with that visibility timeout; none if the queue is empty."""
        ...

    def release(self, receipts: Sequence[str]) -> None:
        """Make messages visible again at once, by their receipt handles."""
        ...

    def remove(self, letters: Sequence[DeadLetter]) -> None:
        """Delete messages."""
        ...


class HighPriority(Queue, Protocol):
    """The high-priority queue."""

    def send(self, messages: Sequence[IndexImage], delay_seconds: int = 0) -> None:
        """Send messages; all of them were accepted when it returns.

        Args:
            messages: To send.
            delay_seconds: Time before they can be received.
        """
        ...


class IndexerConcurrency(Protocol):
    """The maximum number of concurrent indexers of the low-priority queue."""

    def allow(self, concurrency: int) -> None:
        """Set the maximum number of concurrent indexers; it takes effect after some seconds."""
        ...

    def is_enabled(self) -> bool:
        """Return True if the queue's event source mapping is enabled."""
        ...
