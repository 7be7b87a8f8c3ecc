"""The indexer: from messages on the low-priority queue to documents, a verdict for each."""

from __future__ import annotations

import json
import logging
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from reindex.failures import Failure, IndexMisconfigured, IndexRefused, StoreUnavailable
from reindex.progress import ProgressRow, Retry
from reindex.records import (
    Message,
    UnreadableMessage,
    claimed_key,
    document_text,
    key_claimed_by,
)
from reindex.states import State
from reindex.steps.ambient import Clock, Meter
from reindex.stores.interfaces import (
    Change,
    DeadLetters,
    Deliveries,
    Index,
    IndexWrite,
    ProgressTable,
    RunFiles,
    Verdict,
)

log = logging.getLogger(__name__)

#: Waits between attempts inside one invocation, seconds; after them the message goes back.
PATIENCE = (0.5, 1.0, 2.0)

#: A message that went back comes again after this many seconds per delivery, up to the cap:
#: a brown-out of an hour costs a message a handful of its deliveries.
RETURN_SECONDS = 30
RETURN_CAP = 900


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


@dataclass(frozen=True, slots=True)
class Indexer:
    """Feeds messages to the index."""

    table: ProgressTable
    index: Index
    files: RunFiles
    queue: Deliveries
    dead_letters: DeadLetters
    retry: Retry
    clock: Clock
    meter: Meter

    def handle(self, deliveries: Sequence[Delivery]) -> list[str]:
        """Write each message's document under its guard.

        Returns:
            The ``message_id`` of each delivery that must come again.
        """
        readable: dict[str, Message] = {}
        again: set[str] = set()
        for delivery in deliveries:
            try:
                readable[delivery.message_id] = self._whole(Message.parse(delivery.body))
            except UnreadableMessage as error:
                self.dead_letters.put(delivery.body, str(error))
                self.meter.count("MessagesUnreadable")
                log.error("unreadable message", extra={"reason": str(error)})  # noqa: TRY400
            except StoreUnavailable as error:
                again.add(delivery.message_id)
                log.warning("a claim check cannot be read", extra={"reason": str(error)})
        again |= self._write_all(readable)
        returned = [d for d in deliveries if d.message_id in again]
        if returned:
            self.meter.count("MessagesReturned", len(returned))
            self.queue.postpone(
                {d.receipt: min(RETURN_CAP, RETURN_SECONDS * d.receive_count) for d in returned}
            )
        return [d.message_id for d in returned]

    def _whole(self, message: Message) -> Message:
        """The message with what it left behind claim checks fetched."""
        image, preserved = message.image, message.preserved
        if key := key_claimed_by(image):
            image = document_text(self._fetched(key))
        if key := claimed_key(preserved):
            preserved = self._fetched(key)
        return replace(message, image=image, preserved=preserved)

    def _fetched(self, key: str) -> dict[str, Any]:
        try:
            found: dict[str, Any] = json.loads(self.files.get(key))
        except KeyError as error:
            raise UnreadableMessage(f"its claim check names no file: {key}") from error
        return found

    def _write_all(self, messages: Mapping[str, Message]) -> set[str]:
        """Write messages, waiting a little for an index that is busy; return those left over."""
        left = dict(messages)
        for wait in (*PATIENCE, None):
            for index, ids in _by_index(left).items():
                for message_id in self._write(index, {m: left[m] for m in ids}):
                    del left[message_id]
            if not left or wait is None:
                break
            self.clock.sleep(wait)
        return set(left)

    def _write(self, index: str, messages: Mapping[str, Message]) -> set[str]:
        """Write the messages of one index; return those that have had their verdict."""
        writes = [
            IndexWrite(message.id, message.guard, _document(message))
            for message in messages.values()
        ]
        try:
            results = self.index.write(index, writes)
        except (IndexMisconfigured, StoreUnavailable) as error:
            log.warning("the index cannot be written", extra={"reason": str(error)})
            return set()
        done = set(messages)
        refused: list[tuple[Message, str]] = []
        for (message_id, message), result in zip(messages.items(), results, strict=True):
            if result.verdict is Verdict.REFUSED:
                refused.append((message, result.reason))
            if result.verdict is Verdict.UNAVAILABLE:
                done.discard(message_id)
        # A refusal that cannot be recorded is not acknowledged: the message brings it again.
        if refused and not self._record_refusals(refused):
            ids = {message.id for message, _ in refused}
            done -= {m for m, message in messages.items() if message.id in ids}
        for name, verdict in (
            ("ImagesIndexed", Verdict.WRITTEN),
            ("ImagesSuperseded", Verdict.CONFLICT),
            ("ImagesRefused", Verdict.REFUSED),
            ("WritesUnavailable", Verdict.UNAVAILABLE),
        ):
            self.meter.count(name, sum(r.verdict is verdict for r in results))
        return done

    def _record_refusals(self, refused: Sequence[tuple[Message, str]]) -> bool:
        """Note in each row why the index refused its document; False when it cannot be noted."""
        try:
            rows = self.table.read(list({message.id for message, _ in refused}))
            changes = {
                row.id: Change(row, self._refused(row, message, reason))
                for message, reason in refused
                if (row := rows.get(message.id)) and _is_about(message, row)
            }
            self.table.write(list(changes.values()))
        except StoreUnavailable as error:
            log.warning("a refusal cannot be recorded", extra={"reason": str(error)})
            return False
        return True

    def _refused(self, row: ProgressRow, message: Message, reason: str) -> ProgressRow:
        failure: Failure = IndexRefused("the index refused the document", reason).as_failure()
        self.meter.failures(failure.code, 1)
        return row.failed(failure, run_id=message.run_id, retry=self.retry, now=self.clock.now())


def _document(message: Message) -> Mapping[str, Any] | str:
    if not message.preserved:
        return message.image
    return merged(json.loads(message.image), message.preserved)


def merged(document: Mapping[str, Any], preserved: Mapping[str, Any]) -> dict[str, Any]:
    """The document with what only the index holds put back; what the truth says wins."""
    result = dict(document)
    for key, value in preserved.items():
        if key not in result:
            result[key] = value
        elif isinstance(value, dict) and isinstance(result[key], dict):
            result[key] = merged(result[key], value)
    return result


def _by_index(messages: Mapping[str, Message]) -> dict[str, list[str]]:
    by_index: dict[str, list[str]] = defaultdict(list)
    for message_id, message in messages.items():
        by_index[message.index].append(message_id)
    return by_index


def _is_about(message: Message, row: ProgressRow) -> bool:
    """Whether the row still stands where this message left it.

    The indexer may be quicker than the settling: the row is then still queued.
    """
    enqueued = (State.ENQUEUED, message.rev + 1, message.digest)
    return (row.state, row.rev) == (State.QUEUED, message.rev) or (
        (row.state, row.rev, row.digest) == enqueued
    )
