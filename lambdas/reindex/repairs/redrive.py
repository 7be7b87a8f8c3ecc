"""Processes the dead-letter queue: ids are queued again, and old messages are never replayed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from uuid import uuid4

from reindex.domain.failures import DeadLettered, MessageDiscarded
from reindex.domain.messages import Message, UnreadableMessage
from reindex.domain.progress import ProgressRow, RecordedFailure, Retry
from reindex.domain.states import State
from reindex.steps.ambient import Clock
from reindex.steps.listing import write_and_list
from reindex.stores.interfaces.progress_table import Change, ProgressTable
from reindex.stores.interfaces.queues import DeadLetter, DeadLetterReview
from reindex.stores.interfaces.work_list import WorkList

#: Seconds for which a message is hidden from who else looks: those of one pass.
HIDDEN_SECONDS = 120

#: Ids shown for each group of messages.
EXAMPLES = 3

#: Why the queue itself sets messages aside.
_TOO_OFTEN = "delivered too often"


class Standing(StrEnum):
    """The state of a message's image."""

    LOST = "waits for this message"
    MOVED_ON = "has moved on"
    UNKNOWN = "is not in the table"
    UNREADABLE = "cannot be told: the message is unreadable"


@dataclass(slots=True)
class Group:
    """Messages set aside for one cause, whose images have the same state.

    Attributes:
        count: How many.
        examples: Ids of some images.
    """

    count: int = 0
    examples: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Found:
    """A message, and the row of its image as far as there is one."""

    letter: DeadLetter
    message: Message | None
    row: ProgressRow | None

    @property
    def cause(self) -> str:
        return self.letter.reason or _TOO_OFTEN

    @property
    def standing(self) -> Standing:
        if self.message is None:
            return Standing.UNREADABLE
        row = self.row
        if row is None:
            return Standing.UNKNOWN
        ours = (row.run_id, row.digest) == (self.message.run_id, self.message.digest)
        waits = row.state in {State.ENQUEUED, State.INCONSISTENT}
        return Standing.LOST if ours and waits else Standing.MOVED_ON


@dataclass(slots=True)
class Redriven:
    """The outcome for the messages.

    Attributes:
        moved: Images that were queued again, or given up.
        dropped: Messages removed.
        left: Messages left where they are.
    """

    moved: int = 0
    dropped: int = 0
    left: int = 0


@dataclass(frozen=True, slots=True)
class Redrive:
    """An operator's actions on the dead-letter queue."""

    table: ProgressTable
    work_list: WorkList
    letters: DeadLetterReview
    clock: Clock

    def look(self) -> Mapping[tuple[str, Standing], Group]:
        """Group the messages by cause and by their images' state, without changing anything.

        Raises:
            StoreUnavailable: A service does not answer.
        """
        groups: dict[tuple[str, Standing], Group] = {}
        receipts: list[str] = []
        try:
            for batch in self._batches(set()):
                receipts += [found.letter.receipt for found in batch]
                for found in batch:
                    group = groups.setdefault((found.cause, found.standing), Group())
                    group.count += 1
                    if found.message and len(group.examples) < EXAMPLES:
                        group.examples.append(found.message.id)
        finally:
            self.letters.release(receipts)
        return groups

    def send_round(self) -> Redriven:
        """Queue the images again that wait for these messages, and drop the messages.

        A message whose image has moved on is merely dropped. One that cannot be read, or whose
        image is not in the table, stays. It may be repeated after a failure.

        Raises:
            StoreUnavailable: A service does not answer.
        """
        done = Redriven()
        seen: set[str] = set()
        kept: list[str] = []
        for batch in self._batches(seen):
            lost = [found for found in batch if found.standing is Standing.LOST]
            written = self._write(lost, self._round_again)
            done.moved += len(written)
            gone = [
                found.letter
                for found in batch
                if found.standing is Standing.MOVED_ON
                or (found.message and found.message.id in written)
            ]
            kept += [found.letter.receipt for found in batch if found.letter not in gone]
            self._remove(gone, seen)
            done.dropped += len(gone)
        self.letters.release(kept)
        done.left = len(kept)
        return done

    def discard(self) -> Redriven:
        """Drop every message; an image that still waits for one becomes a known error.

        Raises:
            StoreUnavailable: A service does not answer.
        """
        done = Redriven()
        seen: set[str] = set()
        for batch in self._batches(seen):
            waiting = [
                found
                for found in batch
                if found.standing is Standing.LOST
                and found.row
                and found.row.state is State.ENQUEUED
            ]
            done.moved += len(self._write(waiting, self._given_up))
            self._remove([found.letter for found in batch], seen)
            done.dropped += len(batch)
        return done

    def _batches(self, seen: set[str]) -> Iterator[Sequence[_Found]]:
        """Every message once, with its image's row.

        Args:
            seen: Ids of the messages that are passed over: those that come are added.
        """
        while letters := self.letters.receive(HIDDEN_SECONDS):
            fresh = [letter for letter in letters if letter.message_id not in seen]
            if not fresh:
                # A pass so long that the first ones have come back.
                self.letters.release([letter.receipt for letter in letters])
                return
            seen.update(letter.message_id for letter in fresh)
            messages = [_parsed(letter) for letter in fresh]
            rows = self.table.read(list({message.id for message in messages if message})).rows
            yield [
                _Found(letter, message, rows.get(message.id) if message else None)
                for letter, message in zip(fresh, messages, strict=True)
            ]

    def _remove(self, letters: Sequence[DeadLetter], seen: set[str]) -> None:
        """Remove messages; they do not come again, so their ids need not be held."""
        self.letters.remove(letters)
        seen.difference_update(letter.message_id for letter in letters)

    def _write(self, lost: Sequence[_Found], after: Callable[[_Found], ProgressRow]) -> set[str]:
        # Two messages of one image: one move.
        changes = {found.row.id: Change(found.row, after(found)) for found in lost if found.row}
        name = f"redrive-{uuid4()}"
        return write_and_list(self.table, self.work_list, [*changes.values()], name)

    def _round_again(self, found: _Found) -> ProgressRow:
        assert found.row
        now = self.clock.now()
        why = DeadLettered("its message was set aside", found.cause).as_failure()
        return replace(found.row.requeued(now), failure=RecordedFailure.of(why, now))

    def _given_up(self, found: _Found) -> ProgressRow:
        assert found.row
        assert found.message
        why = MessageDiscarded("its message was discarded", found.cause).as_failure()
        return found.row.failed(
            why, run_id=found.message.run_id, retry=Retry(), now=self.clock.now()
        )


def _parsed(letter: DeadLetter) -> Message | None:
    try:
        return Message.parse(letter.body)
    except UnreadableMessage:
        return None
