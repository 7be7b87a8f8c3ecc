"""Eager mode: the steps of a run, in one process and in order, for a few images.

From id to verified in seconds, without a state machine, a schedule or a queue. It takes the very
same steps, and the same guards: what batch-index would put on the queue goes straight to the
indexer.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from reindex.batches import in_batches
from reindex.domain.chunks import Chunk
from reindex.domain.failures import StoreUnavailable
from reindex.domain.messages import OutgoingMessage
from reindex.domain.progress import ProgressRow
from reindex.domain.run_records import RunRecord
from reindex.domain.states import State
from reindex.steps.ambient import Clock
from reindex.steps.batch_check import CheckPhase
from reindex.steps.batch_index import IndexPhase
from reindex.steps.deliveries import Delivery
from reindex.steps.index_messages import Indexer
from reindex.steps.phase_work import Deadline
from reindex.steps.upload import Upload
from reindex.stores.interfaces.progress_table import ProgressTable
from reindex.stores.interfaces.queues import Depth
from reindex.stores.interfaces.runs import Runs

#: Images worked on together.
PAGE: Final = 500

#: Times that an image is tried whose projection or check may pass next time.
TRIES: Final = 5

#: Seconds before it is tried again; doubled each time.
_FIRST_PAUSE: Final = 1.0

#: A deadline that no page reaches.
_NO_DEADLINE: Final = Deadline(float("inf"), float("inf"))


@dataclass(slots=True)
class InlineQueue:
    """A low-priority queue that passes each message to the indexer within the call that sends it.

    Attributes:
        indexer: Writes the documents.
    """

    indexer: Indexer

    def depth(self) -> Depth:
        """Return an empty queue's depth."""
        return Depth(0, 0, 0)

    def send(self, messages: Sequence[OutgoingMessage]) -> set[str]:
        """Have the documents written; return the ids of those that have had their verdict."""
        deliveries = [Delivery(m.id, m.id, m.body(), 1) for m in messages]
        again = set(self.indexer.handle(deliveries))
        return {m.id for m in messages} - again


class NoPostponing:
    """Deliveries without a queue: nothing is redelivered, so nothing is postponed."""

    def postpone(self, seconds: Mapping[str, int]) -> None:
        """Do nothing."""


class NoWorkList:
    """A work list that ignores what is added: the rows are worked on at once.

    If the process dies, its rows are still unfinished, and the Tally of the next run lists them.
    """

    def add(self, chunks: Sequence[Chunk]) -> None:
        """Do nothing."""


@dataclass(slots=True)
class EagerResult:
    """The outcomes of images.

    Attributes:
        rows: By id, as they are now.
        without_row: Ids that are not valid, or whose row cannot be read.
    """

    rows: dict[str, ProgressRow] = field(default_factory=dict)
    without_row: list[str] = field(default_factory=list)

    @property
    def states(self) -> Counter[str]:
        """The number of images in each state."""
        return Counter(str(row.state) for row in self.rows.values())

    @property
    def unfinished(self) -> list[ProgressRow]:
        """Images that have work left after all tries."""
        return [row for row in self.rows.values() if row.state.phase]


@dataclass(frozen=True, slots=True)
class Eager:
    """Reindexes a few images at once.

    Attributes:
        index_phase: With :class:`InlineQueue` for its queue.
        check_phase: With :class:`InlineQueue` for its queue.
    """

    table: ProgressTable
    runs: Runs
    index_phase: IndexPhase
    check_phase: CheckPhase
    clock: Clock

    def reindex(
        self,
        run: RunRecord,
        ids: Sequence[str],
        *,
        settle: bool = True,
    ) -> EagerResult:
        """Reindex images, and record each in the progress table.

        Args:
            run: Says which index, and under which name; it need not be the open run's record.
            ids: Of the images.
            settle: True if an image that a live writer has just changed is waited for, as in a
                run; without, reads by secondary index may show less than that writer wrote.

        Raises:
            StoreUnavailable: A service does not answer; the images that are left stay queued.
            IndexMisconfigured: The index cannot be used.
        """
        result = EagerResult()
        # This run has no messages on a queue: a document that is not found now is missing.
        quiet = replace(run, quiet_since=0.0)
        phase = self.index_phase if settle else without_settling(self.index_phase)
        for number, page in enumerate(in_batches(list(dict.fromkeys(ids)), PAGE)):
            upload = Upload(
                self.table, NoWorkList(), self.runs, self.clock, f"{run.run_id}-{number:06d}"
            )
            upload.upload(page)
            self._work(phase, quiet, page, result)
        return result

    def _work(
        self, phase: IndexPhase, run: RunRecord, ids: Sequence[str], result: EagerResult
    ) -> None:
        pause = _FIRST_PAUSE
        for attempt in range(TRIES):
            found = self.table.read(ids)
            left = [row for row in found.rows.values() if row.state.phase]
            if not left:
                break
            if attempt:
                self.clock.sleep(pause)
                pause *= 2
            settled_at = max((row.due_at or 0 for row in left if row.waits), default=0)
            self.clock.sleep(max(0.0, settled_at - self.clock.now()))
            problem = self._try(phase, run, left)
            if problem is not None and attempt == TRIES - 1:
                raise problem
        found = self.table.read(ids)
        result.rows |= found.rows
        result.without_row += [image_id for image_id in ids if image_id not in found.rows]

    def _try(
        self, phase: IndexPhase, run: RunRecord, rows: Sequence[ProgressRow]
    ) -> Exception | None:
        """Project, write and check rows once; return what kept some from it."""
        queued = [row for row in rows if row.state is State.QUEUED]
        enqueued = [row for row in rows if row.state is not State.QUEUED]
        if queued:
            done = phase.page(run, queued, _NO_DEADLINE)
            if done.problem is not None:
                return done.problem
            enqueued += [row for row in done.after if row.state is State.ENQUEUED]
        if enqueued:
            try:
                self.check_phase.page(run, enqueued, _NO_DEADLINE)
            except StoreUnavailable as error:
                return error
        return None


def without_settling(phase: IndexPhase) -> IndexPhase:
    """Return the same phase, which does not wait for what live writers have just changed."""
    return replace(phase, pace=replace(phase.pace, settle_seconds=0))
