"""Gathers everything that is known of one image: reads only, concurrently, in bounded time."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from reindex.domain import stamps
from reindex.domain.differences import differences
from reindex.domain.digest import comparable, digest
from reindex.domain.failures import (
    CredentialsRejected,
    Failure,
    IndexMisconfigured,
    InternalFailure,
    ReindexFailure,
    StoreUnavailable,
)
from reindex.domain.messages import Message, UnreadableMessage
from reindex.domain.progress import ProgressRow
from reindex.domain.provenance import Indexed
from reindex.domain.submissions import SubmissionRow
from reindex.image.truth import UserData
from reindex.repairs.image_evidence import (
    Comparison,
    DeadLetters,
    Evidence,
    IndexFacts,
    IndexProblem,
    LatestRun,
    NoIndex,
    Place,
    Unknown,
)
from reindex.reports.forecast import StageCapacity, bill
from reindex.reports.samples import Sample, kept
from reindex.steps.ambient import Clock
from reindex.stores.interfaces.function_logs import BoundedLogSearch, FoundLines
from reindex.stores.interfaces.index import Index
from reindex.stores.interfaces.library import Library, ObjectHistory
from reindex.stores.interfaces.phases import Phases
from reindex.stores.interfaces.progress_table import ProgressTable
from reindex.stores.interfaces.queues import DeadLetter, DeadLetterReview, IndexerConcurrency, Queue
from reindex.stores.interfaces.run_files import RunFiles
from reindex.stores.interfaces.runs import Runs
from reindex.stores.interfaces.submissions import Submissions

#: Which share of the time the index may take, so that some is left to compare what it answers with
#: the truth.
_INDEX_SHARE = 0.6

#: Seconds for which the dead-letter queue is searched, and for which its messages stay hidden
#: from other consumers if the command is killed.
_LETTERS_SECONDS = 4.0
_HIDDEN_SECONDS = 15

#: A document that a search does not find is searched for again after so long: the index may be
#: about to show it. This is the default of ``index.refresh_interval``, and a bit.
_REFRESH_SECONDS = 1.2

#: Seconds around a row's last change for which log lines and ticks are read.
_LOG_BEFORE = 3_600
_LOG_AFTER = 900
_TICKS_AROUND = 900

Answer = TypeVar("Answer")

Project = Callable[[Mapping[str, str]], dict[str, Any] | Failure]
"""Builds the image's document, without what an index's misfits would refuse."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Explaining:
    """Gathers the evidence on images.

    Attributes:
        connect: Makes the index's client, for which credentials may have to be read.
        preserve: Dotted fields that the index holds and the truth does not.
        has_thumbnails: True if the library keeps any.
        submissions: The submissions table; None in a stage without a live lane.
        stage_capacity: For what its run costs.
    """

    table: ProgressTable
    runs: Runs
    phases: Phases
    queue: Queue
    indexers: IndexerConcurrency
    letters: DeadLetterReview
    library: Library
    connect: Callable[[], Index]
    files: RunFiles
    logs: BoundedLogSearch
    clock: Clock
    place: Place
    preserve: Sequence[str]
    has_thumbnails: bool
    submissions: Submissions | None
    stage_capacity: StageCapacity

    def evidence(self, image_id: str, project: Project, seconds: float) -> Evidence:
        """Gather everything that is known of an image, in a bounded time.

        What does not answer by then, or fails, is Unknown; nothing is changed.

        Args:
            image_id: Of the image.
            project: Builds its document.
            seconds: How long it may take.
        """
        start = time.monotonic()
        end = start + seconds
        asked_index = _Asked(lambda: self._index(image_id), start + _INDEX_SHARE * seconds)
        row_asked = _Asked(lambda: self._row(image_id), end)
        run_asked = _Asked(self._run, end)
        original = _Asked(lambda: self._original(image_id), end)
        thumbnail = _Asked(lambda: self._thumbnail(image_id), end)
        user_data = _Asked(lambda: self._user_data(image_id), end)
        submissions = _Asked(lambda: self._submissions(image_id), end)
        letters = _Asked(lambda: self._letters(image_id), end)
        queue = _Asked(self.queue.depth, end)
        enabled = _Asked(self.indexers.is_enabled, end)
        row, run = row_asked.answer(), run_asked.answer()
        logs = _Asked(lambda: self._logs(image_id, row, end), end)
        gates = _Asked(lambda: self._gates(row, run), end)
        index, misfits = _index_facts(asked_index.answer())
        compared = _Asked(lambda: self._comparison(index, misfits, project), end)
        return Evidence(
            image_id=image_id,
            at=self.clock.now(),
            place=self.place,
            original=_or_failure(original.answer()),
            thumbnail=thumbnail.answer(),
            user_data=_or_failure(user_data.answer()),
            submissions=submissions.answer(),
            row=row,
            run=run,
            queue=queue.answer(),
            indexer_enabled=enabled.answer(),
            letters=letters.answer(),
            index=index,
            comparison=compared.answer(),
            gates=gates.answer(),
            logs=_lines(logs.answer()),
        )

    def _row(self, image_id: str) -> ProgressRow | Unknown | None:
        found = self.table.read([image_id])
        if image_id in found.unreadable:
            return Unknown(found.unreadable[image_id])
        return found.rows.get(image_id)

    def _run(self) -> LatestRun | None:
        record = self.runs.current()
        if record is None:
            return None
        return LatestRun(
            record,
            is_running=self.phases.is_running(record.execution),
            ticks=record.phase is None or self.phases.is_on(record.phase),
            dollars=bill(record, self.clock.now(), self.stage_capacity).total,
        )

    def _original(self, image_id: str) -> ObjectHistory | Failure:
        try:
            return self.library.history(image_id)
        except ReindexFailure as failure:
            return failure.as_failure()

    def _thumbnail(self, image_id: str) -> bool | Unknown | None:
        if not self.has_thumbnails:
            return None
        try:
            return self.library.thumbnail(image_id) is not None
        except ReindexFailure as failure:
            return Unknown(f"{failure.code}: {failure.message}")

    def _user_data(self, image_id: str) -> UserData | Failure:
        return self.library.user_data([image_id])[image_id]

    def _submissions(self, image_id: str) -> Sequence[SubmissionRow]:
        return self.submissions.of_image(image_id) if self.submissions else []

    def _letters(self, image_id: str) -> DeadLetters:
        """Look for an image's messages; one that cannot be read is its if it names the id."""
        end = time.monotonic() + _LETTERS_SECONDS
        total = self.letters.depth().total
        reasons: list[str] = []
        seen: dict[str, DeadLetter] = {}
        try:
            while time.monotonic() < end and (batch := self.letters.receive(_HIDDEN_SECONDS)):
                fresh = [letter for letter in batch if letter.message_id not in seen]
                seen |= {letter.message_id: letter for letter in batch}
                reasons += [
                    letter.reason or "it was delivered too often"
                    for letter in fresh
                    if _is_of(letter.body, image_id)
                ]
                if not fresh:
                    break
        finally:
            self.letters.release([letter.receipt for letter in seen.values()])
        return DeadLetters(reasons, len(seen), total)

    def _index(self, image_id: str) -> tuple[IndexFacts, Mapping[str, str]] | NoIndex:
        """Return the image's document, and the fields whose mapping may reject ours."""
        try:
            index = self.connect()
            name = index.resolve(self.place.alias)
            document = _or_unknown(lambda: index.read(name, [image_id], ["*"]).get(image_id))
            found = _or_unknown(lambda: index.finds(self.place.alias, image_id))
            if found is False and isinstance(document, Indexed):
                self.clock.sleep(_REFRESH_SECONDS)
                found = _or_unknown(lambda: index.finds(self.place.alias, image_id))
            facts = IndexFacts(name, _or_unknown(lambda: index.health(name)), document, found)
            return facts, index.misfits(name)
        except CredentialsRejected as error:
            return NoIndex(IndexProblem.REJECTED, str(error))
        except IndexMisconfigured as error:
            return NoIndex(IndexProblem.UNUSABLE, str(error))
        except StoreUnavailable as error:
            return NoIndex(IndexProblem.SILENT, str(error))

    def _comparison(
        self, index: IndexFacts | NoIndex, misfits: Mapping[str, str], project: Project
    ) -> Comparison | Failure | None:
        """Hold the document against what would be projected now."""
        projected = project(misfits)
        document = index.document if isinstance(index, IndexFacts) else None
        if isinstance(projected, Failure) or not isinstance(document, Indexed):
            return projected if isinstance(projected, Failure) else None
        if digest(document.source, self.preserve) == digest(projected, self.preserve):
            return Comparison(same=True)
        there = comparable(document.source, self.preserve)
        fields = differences(there, comparable(projected, self.preserve))
        return Comparison(same=False, fields=[found.path for found in fields])

    def _gates(
        self, row: ProgressRow | Unknown | None, run: LatestRun | Unknown | None
    ) -> Sequence[Sample]:
        """Return the ticks around the row's last change that were held."""
        if not isinstance(row, ProgressRow):
            return ()
        open_run = run.record.run_id if isinstance(run, LatestRun) and run.record.is_open else None
        run_id = row.run_id or open_run
        changed = stamps.parse(row.updated_at)
        if run_id is None or changed is None:
            return ()
        ticks = kept(self.files, run_id, changed - _TICKS_AROUND, changed + _TICKS_AROUND)
        return [sample for sample in ticks if sample.held]

    def _logs(self, image_id: str, row: ProgressRow | Unknown | None, end: float) -> FoundLines:
        now = self.clock.now()
        changed = stamps.parse(row.updated_at) if isinstance(row, ProgressRow) else None
        around = now if changed is None else changed
        seconds = max(0.0, end - time.monotonic() - 0.5)
        until = min(now + 1, around + _LOG_AFTER)
        return self.logs.search_within(image_id, around - _LOG_BEFORE, until, seconds)


class _Asked(Generic[Answer]):
    """A question that a thread of its own puts, and that is waited for until a moment.

    The thread is a daemon: one that a service keeps waiting delays neither the answer nor the end
    of the command.
    """

    def __init__(self, ask: Callable[[], Answer], end: float) -> None:
        self._ask = ask
        self._end = end
        self._answer: Answer | Unknown = Unknown("it did not answer in time")
        self._thread = threading.Thread(target=self._put, daemon=True)
        self._thread.start()

    def _put(self) -> None:
        try:
            self._answer = self._ask()
        except InternalFailure as error:
            self._answer = Unknown(str(error))
        except Exception as error:  # noqa: BLE001 - shown as why this fact is not known
            self._answer = Unknown(f"unexpected {type(error).__name__}: {error}")

    def answer(self) -> Answer | Unknown:
        """Wait for the answer."""
        self._thread.join(max(0.0, self._end - time.monotonic()))
        return self._answer


def _or_unknown(ask: Callable[[], Answer]) -> Answer | Unknown:
    """Ask the index something that it may not answer, although it answers others."""
    try:
        return ask()
    except StoreUnavailable as error:
        return Unknown(str(error))


def _or_failure(found: Answer | Failure | Unknown) -> Answer | Failure:
    """Return an unknown fact as the failure that an image would have for it."""
    if isinstance(found, Unknown):
        return Failure("source_unavailable", found.reason)
    return found


def _index_facts(
    found: tuple[IndexFacts, Mapping[str, str]] | NoIndex | Unknown,
) -> tuple[IndexFacts | NoIndex, Mapping[str, str]]:
    match found:
        case Unknown():
            return NoIndex(IndexProblem.SILENT, found.reason), {}
        case NoIndex():
            return found, {}
        case facts, misfits:
            return facts, misfits


def _lines(found: FoundLines | Unknown) -> FoundLines:
    return (
        FoundLines(unread={"all functions": found.reason}) if isinstance(found, Unknown) else found
    )


def _is_of(body: str, image_id: str) -> bool:
    try:
        return Message.parse(body).id == image_id
    except UnreadableMessage:
        return image_id in body
