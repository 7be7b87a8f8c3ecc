"""The indexer: from messages on the low-priority queue to documents, a verdict for each."""

from __future__ import annotations

import json
import logging
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any
from uuid import uuid4

from reindex.domain.claim_checks import claimed_key, key_claimed_by
from reindex.domain.document_parts import with_preserved
from reindex.domain.failures import (
    IndexGone,
    IndexMisconfigured,
    IndexRefused,
    IndexUnavailable,
    InternalFailure,
    ReindexFailure,
    StoreUnavailable,
)
from reindex.domain.indexer_pace import BulkCounts
from reindex.domain.messages import Message, UnreadableMessage, document_text
from reindex.domain.outcomes import OK, with_more
from reindex.domain.progress import ProgressRow, Retry
from reindex.domain.run_records import RunRecord
from reindex.domain.states import State
from reindex.steps.ambient import Clock, Meter
from reindex.steps.deliveries import GROUP_CHARACTERS, MAX_NOT_TAKEN, Delivery, postpone, set_aside
from reindex.steps.first_failures import record_failures
from reindex.steps.listing import write_and_list
from reindex.stores.interfaces.index import Index, IndexWrite, Verdict, WriteResult
from reindex.stores.interfaces.progress_table import Change, ProgressTable
from reindex.stores.interfaces.queues import DeadLetters, Deliveries
from reindex.stores.interfaces.run_files import RunFiles
from reindex.stores.interfaces.runs import Runs
from reindex.stores.interfaces.work_list import WorkLister
from reindex.time_limit import TimeLimit

log = logging.getLogger(__name__)

#: Waits between attempts inside one invocation, seconds; after them the message goes back.
PATIENCE = (0.5, 1.0, 2.0)

#: Seconds that a further attempt to write must have.
WRITE_SECONDS = 15


@dataclass(frozen=True, slots=True)
class _Readable:
    """A message that can be written.

    Attributes:
        message: With what it claims.
        body: As it came.
        receive_count: How often it has been delivered, this time included.
    """

    message: Message
    body: str
    receive_count: int

    @property
    def is_old(self) -> bool:
        """True if it has been coming for so long that it is given up next time."""
        return self.receive_count >= MAX_NOT_TAKEN


@dataclass(frozen=True, slots=True)
class Indexer:
    """Feeds messages to the index."""

    table: ProgressTable
    work_list: WorkLister
    runs: Runs
    index: Index
    files: RunFiles
    queue: Deliveries
    dead_letters: DeadLetters
    retry: Retry
    clock: Clock
    meter: Meter
    time_limit: TimeLimit = field(default_factory=TimeLimit)

    def handle(self, deliveries: Sequence[Delivery]) -> list[str]:
        """Write each message's document under its guard.

        Returns:
            The ``message_id`` of each delivery that must come again.
        """
        again: set[str] = set()
        for group in self._groups(deliveries, again):
            again |= self._write_all(group)
        returned = [d for d in deliveries if d.message_id in again]
        if returned:
            self.meter.count("MessagesReturned", len(returned))
            postpone(self.queue, returned)
        return [d.message_id for d in returned]

    def _groups(
        self, deliveries: Sequence[Delivery], again: set[str]
    ) -> Iterator[Mapping[str, _Readable]]:
        """Yield the readable messages, in groups that fit in memory with what they claim.

        Args:
            deliveries: As they came.
            again: Added to: what cannot be read now, or cannot be set aside.
        """
        group: dict[str, _Readable] = {}
        size = 0
        for delivery in deliveries:
            try:
                message = self._whole(Message.parse(delivery.body))
            except UnreadableMessage as error:
                if not self._set_aside(delivery.body, str(error)):
                    again.add(delivery.message_id)
                continue
            except StoreUnavailable as error:
                log.warning("a claim check cannot be read", extra={"reason": str(error)})
                given_up = delivery.receive_count >= MAX_NOT_TAKEN
                if not (given_up and self._set_aside(delivery.body, str(error))):
                    again.add(delivery.message_id)
                continue
            group[delivery.message_id] = _Readable(message, delivery.body, delivery.receive_count)
            size += len(message.image)
            if size >= GROUP_CHARACTERS:
                yield group
                group, size = {}, 0
        if group:
            yield group

    def _set_aside(self, body: str, reason: str) -> bool:
        """Put a message on the dead-letter queue; return False if that fails."""
        self.meter.count("MessagesUnreadable")
        return set_aside(self.dead_letters, body, reason)

    def _whole(self, message: Message) -> Message:
        """Return the message with what it left behind claim checks fetched."""
        image, preserved = message.image, message.preserved
        if key := key_claimed_by(image):
            image = document_text(self._fetched(key))
        if key := claimed_key(preserved):
            preserved = self._fetched(key)
        return replace(message, image=image, preserved=preserved)

    def _fetched(self, key: object) -> dict[str, Any]:
        if not isinstance(key, str):
            raise UnreadableMessage("its claim check names no file")
        try:
            found = json.loads(self.files.get(key))
        except KeyError as error:
            raise UnreadableMessage(f"its claim check names no file: {key}") from error
        except ValueError as error:
            raise UnreadableMessage(f"what it claims is no JSON: {key}") from error
        if not isinstance(found, dict):
            raise UnreadableMessage(f"what it claims is no object: {key}")
        return found

    def _write_all(self, messages: Mapping[str, _Readable]) -> set[str]:
        """Write messages, waiting a little for an index that is busy; return those left over."""
        left = dict(messages)
        for wait in (*PATIENCE, None):
            for place, ids in _by_index(left).items():
                for message_id in self._isolated(*place, {m: left[m] for m in ids}):
                    del left[message_id]
            if not left or wait is None or self.time_limit.left() < WRITE_SECONDS:
                break
            self.clock.sleep(wait)
        return set(left)

    def _isolated(
        self, index: str, uuid: str | None, messages: Mapping[str, _Readable]
    ) -> set[str]:
        """Write messages; halve what fails in an unforeseen way, and set aside what it fails on."""
        try:
            done = self._write(index, uuid, messages)
        except Exception as error:
            if len(messages) > 1:
                return self._in_halves(index, uuid, messages)
            log.exception("unforeseen")
            [(message_id, readable)] = messages.items()
            reason = f"{type(error).__name__}: {error}"
            return {message_id} if self._set_aside(readable.body, reason) else set()
        # One document may keep a whole request from being answered, each time it is in one.
        left = {m: r for m, r in messages.items() if m not in done and r.is_old}
        if 1 < len(left) == len(messages):
            return self._in_halves(index, uuid, left)
        return done

    def _in_halves(
        self, index: str, uuid: str | None, messages: Mapping[str, _Readable]
    ) -> set[str]:
        """Write messages in two requests; return those that have had their verdict."""
        ids = list(messages)
        done: set[str] = set()
        for half in (ids[: len(ids) // 2], ids[len(ids) // 2 :]):
            if self.time_limit.left() >= WRITE_SECONDS:
                done |= self._isolated(index, uuid, {m: messages[m] for m in half})
        return done

    def _write(self, index: str, uuid: str | None, messages: Mapping[str, _Readable]) -> set[str]:
        """Write the messages of one index; return those that have had their verdict."""
        try:
            # Right before the write: a run that begins now gets to its first image later.
            run = self.runs.current()
        except InternalFailure as error:
            log.warning("the run record cannot be read", extra={"reason": str(error)})
            return set()
        over = _of_earlier_runs(messages, run)
        if over:
            log.info("messages of earlier runs are dropped", extra={"count": len(over)})
        left = {m: readable for m, readable in messages.items() if m not in over}
        return over | (self._write_current(index, uuid, left, run) if left else set())

    def _write_current(
        self,
        index: str,
        uuid: str | None,
        messages: Mapping[str, _Readable],
        run: RunRecord | None,
    ) -> set[str]:
        """Write messages that no later run has made outdated."""
        writes = [
            IndexWrite(m.id, m.guard, _document(m)) for m in (r.message for r in messages.values())
        ]
        started = self.clock.now()
        try:
            results = self.index.write(index, writes, uuid)
        except IndexGone as error:
            # They could not be written ever after: the check finds their images not written.
            self.meter.count("MessagesForGoneIndex", len(messages))
            log.warning("the index is gone", extra={"reason": str(error), "count": len(messages)})
            return set(messages)
        except (IndexMisconfigured, StoreUnavailable) as error:
            log.warning("the index cannot be written", extra={"reason": str(error)})
            return set()
        took = self.clock.now() - started
        judged = [
            (message_id, readable, result)
            for (message_id, readable), result in zip(messages.items(), results, strict=True)
        ]
        refused = [
            (readable.message, result.reason)
            for _, readable, result in judged
            if result.verdict is Verdict.REFUSED
        ]
        not_taken = self._not_taken(judged)
        waiting = {m for m, _, r in judged if r.verdict in {Verdict.UNAVAILABLE, Verdict.NOT_TAKEN}}
        done = (messages.keys() - waiting) | _ids_of(messages, not_taken)
        # A refusal that cannot be recorded is not acknowledged, so its message is delivered again.
        if refused and not self._record_refusals(refused):
            done -= _ids_of(messages, refused)
        if not_taken and not self._record_not_taken(not_taken):
            done -= _ids_of(messages, not_taken)
        self._count(results, messages, refused, not_taken, took, run)
        return done

    def _not_taken(
        self, judged: Sequence[tuple[str, _Readable, WriteResult]]
    ) -> list[tuple[Message, str]]:
        """Return the messages that the index has answered for, and not taken, often enough.

        None while a shard is missing: that is not these documents' failure.
        """
        # Alone in its request, a document that is not answered for is not taken either, unless
        # the index answers nothing at all.
        kinds = {Verdict.NOT_TAKEN} | ({Verdict.UNAVAILABLE} if len(judged) == 1 else set())
        found = [
            (readable.message, result.reason)
            for _, readable, result in judged
            if result.verdict in kinds and readable.is_old
        ]
        return [] if found and self._is_red(judged[0][1].message.index) else found

    def _is_red(self, index: str) -> bool:
        try:
            return self.index.health(index) == "red"
        except (IndexMisconfigured, StoreUnavailable):
            return True

    def _count(
        self,
        results: Sequence[WriteResult],
        messages: Mapping[str, _Readable],
        refused: Sequence[tuple[Message, str]],
        not_taken: Sequence[tuple[Message, str]],
        took: float,
        run: RunRecord | None,
    ) -> None:
        """Count what became of writes: for people, for the gate of failures, for the pace."""
        unanswered = (Verdict.UNAVAILABLE, Verdict.NOT_TAKEN)
        for name, verdicts in (
            ("ImagesIndexed", (Verdict.WRITTEN,)),
            ("ImagesSuperseded", (Verdict.CONFLICT,)),
            ("ImagesRefused", (Verdict.REFUSED,)),
            ("WritesUnavailable", unanswered),
        ):
            self.meter.count(name, sum(r.verdict in verdicts for r in results))
        answered = sum(r.verdict not in unanswered for r in results)
        if answered:
            self.meter.seconds("BulkSecondsPerDocument", took / answered)
        failed = Counter({IndexRefused.code: len(refused), IndexUnavailable.code: len(not_taken)})
        for code, count in failed.items():
            if count:
                self.meter.failures(code, count)
        accepted = sum(r.verdict in {Verdict.WRITTEN, Verdict.CONFLICT} for r in results)
        run_ids = {readable.message.run_id for readable in messages.values()}
        if run is None or run.run_id not in run_ids:
            return
        try:
            sent = BulkCounts(1, answered, round(took * 1000), len(results) - answered)
            self.runs.record_bulks(run.run_id, asdict(sent))
            # In a run that no refusal was met in, successes need not be counted.
            if failed.total() or run.recent_writes:
                recent = with_more(run.recent_writes, {OK: accepted, **failed}, run.held_by)
                self.runs.update(run.run_id, {"recent_writes": recent})
        except StoreUnavailable as error:
            log.warning("the run record does not answer", extra={"reason": str(error)})

    def _record_refusals(self, refused: Sequence[tuple[Message, str]]) -> bool:
        """Record in each row why the index refused its document; False when that fails."""
        return self._record(
            refused, lambda reason: IndexRefused("the index refused the document", reason)
        )

    def _record_not_taken(self, not_taken: Sequence[tuple[Message, str]]) -> bool:
        """Record in each row that the index does not take its document; False when that fails."""
        what = "the index did not take the document, though it answered"
        return self._record(not_taken, lambda reason: IndexUnavailable(what, reason))

    def _record(
        self,
        failed: Sequence[tuple[Message, str]],
        failure: Callable[[str], ReindexFailure],
    ) -> bool:
        now = self.clock.now()
        try:
            rows = self.table.read(list({message.id for message, _ in failed})).rows
            changes = {
                row.id: Change(
                    row,
                    row.failed(
                        failure(reason).as_failure(),
                        run_id=message.run_id,
                        retry=self.retry,
                        now=now,
                    ),
                )
                for message, reason in failed
                if (row := rows.get(message.id)) and _is_about(message, row)
            }
            name = f"indexer-{uuid4()}"
            written = write_and_list(self.table, self.work_list, [*changes.values()], name)
        except StoreUnavailable as error:
            log.warning("a failure cannot be recorded", extra={"reason": str(error)})
            return False
        after = [changes[image_id].after for image_id in written]
        for run_id in {message.run_id for message, _ in failed}:
            record_failures(self.runs, run_id, {}, (row for row in after if row.run_id == run_id))
        return True


def _of_earlier_runs(messages: Mapping[str, _Readable], run: RunRecord | None) -> set[str]:
    """Return the messages of runs that ended without success before this run began.

    Their images are projected anew. Where this run finds a document unchanged, no write of it
    changes the version that such a message expects, so nothing else would refuse the message.
    """
    earlier = set(run.unfinished) if run else set()
    return {m for m, readable in messages.items() if readable.message.run_id in earlier}


def _ids_of(messages: Mapping[str, _Readable], chosen: Sequence[tuple[Message, str]]) -> set[str]:
    """Return the message ids of all messages that are about the same images as some."""
    images = {message.id for message, _ in chosen}
    return {m for m, readable in messages.items() if readable.message.id in images}


def _document(message: Message) -> Mapping[str, Any] | str:
    if not message.preserved:
        return message.image
    return with_preserved(json.loads(message.image), message.preserved)


def _by_index(messages: Mapping[str, _Readable]) -> dict[tuple[str, str | None], list[str]]:
    by_index: dict[tuple[str, str | None], list[str]] = defaultdict(list)
    for message_id, readable in messages.items():
        by_index[readable.message.index, readable.message.index_uuid].append(message_id)
    return by_index


def _is_about(message: Message, row: ProgressRow) -> bool:
    """Return True if the row is as it was when this message was sent.

    The indexer may be quicker than the settling: the row is then still queued.
    """
    enqueued = (State.ENQUEUED, message.rev + 1, message.digest)
    return (row.state, row.rev) == (State.QUEUED, message.rev) or (
        (row.state, row.rev, row.digest) == enqueued
    )
