"""SQS queues, and how fast the indexer drains one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from reindex.domain.records import OutgoingMessage
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
    """Any queue whose depth is looked at."""

    def depth(self) -> Depth:
        """How much it holds."""
        ...


class Backlog(Queue, Protocol):
    """The low-priority queue, as batch-index fills it."""

    def send(self, messages: Sequence[OutgoingMessage]) -> set[str]:
        """Send messages, packed into as few batches as fit; return the ids accepted."""
        ...


class Deliveries(Protocol):
    """The low-priority queue, as the indexer that drains it sees it."""

    def postpone(self, seconds: Mapping[str, int]) -> None:
        """Hide deliveries for longer before they come again: seconds by receipt handle."""
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
        message_id: The same each time it is received.
        receipt: Handle of this time.
        body: As it was sent.
        reason: Why; empty when it was merely delivered too often.
    """

    message_id: str
    receipt: str
    body: str
    reason: str


class DeadLetterReview(Queue, Protocol):
    """The dead-letter queue, as an operator goes through it."""

    def receive(self, seconds: int) -> Sequence[DeadLetter]:
        """Take up to ten messages, hidden for so long from who else looks; none at the end."""
        ...

    def release(self, receipts: Sequence[str]) -> None:
        """Put messages back at once, by their receipts."""
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
            delay_seconds: Before they can be received.
        """
        ...


class IndexerConcurrency(Protocol):
    """How many indexers the low-priority queue may be given to at once."""

    def allow(self, concurrency: int) -> None:
        """Let so many indexers run side by side from now on; it takes some seconds to follow."""
        ...

    def is_enabled(self) -> bool:
        """Return True if the queue's messages are given to the indexer at all."""
        ...
