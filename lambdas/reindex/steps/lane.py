"""One lane of a tick: chunk after chunk of rows, page after page.

Only when a worker died are all images charged that it had in progress: see :mod:`.page_work` for
other errors.
"""

from __future__ import annotations

import itertools
import logging
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial

from reindex.domain.chunks import TakenChunk, UnreadableChunk, chunks_of
from reindex.domain.failures import IndexMisconfigured, StoreUnavailable, WorkerDied
from reindex.domain.progress import ProgressRow
from reindex.domain.run_records import UNREADABLE_CHUNKS, RunRecord
from reindex.domain.states import Phase
from reindex.steps.assignment import Assignment
from reindex.steps.attempt import attempt
from reindex.steps.page_work import LaneTools, LeaseLost, PageWork, gate_of
from reindex.steps.phase_work import Deadline
from reindex.steps.shift_result import ShiftResult
from reindex.stores.interfaces.progress_table import Change

log = logging.getLogger(__name__)

#: Seconds between looks at a gate that holds, or at work that is due later.
PAUSE_SECONDS = 5

#: Seconds between looks at chunks that others lease: what follows from them is due at once.
LEASED_SECONDS = 1


@dataclass(frozen=True, slots=True)
class Lane:
    """Works one chunk after another.

    Attributes:
        tools: What all lanes of the tick share.
        holder: Names this lane of this invocation.
        is_first: True if it is the one that probes, and waits, for all.
        deadline: Of the tick.
        until: Epoch seconds until which a chunk that is taken is ours.
        result: What it comes to.
        unsettled: Chunks that could not be settled when they should have been: tried again.
    """

    tools: LaneTools
    holder: str
    is_first: bool
    deadline: Deadline
    until: float
    result: ShiftResult
    unsettled: list[Assignment] = field(default_factory=list)
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    @property
    def _pages(self) -> PageWork:
        return PageWork(self.tools, self.deadline, self.result)

    @property
    def _phase(self) -> Phase:
        return self.tools.phase_work.phase

    def _now(self) -> float:
        return self.tools.clock.now()

    def work(self) -> ShiftResult:
        """Work until time is up or nothing is left; whatever goes wrong is in the result."""
        result = self.result
        run = result.latest
        assert run is not None
        try:
            while result.latest and self._now() < self.deadline.soft:
                run = result.latest
                try:
                    if not self._next_chunk():
                        break
                except (StoreUnavailable, IndexMisconfigured) as error:
                    self._record_error(error, run)
                    self._rest()
        except Exception as error:  # noqa: BLE001 - the edge of a tick: its end must be reached
            self._record_error(error, run)
        for assignment in self.unsettled:
            attempt("the chunk cannot be settled", partial(self._settle, assignment))
        if result.unforeseen and not result.transitions:
            # No image could be identified as the cause.
            result.error = result.error or result.unforeseen
        return result

    def _record_error(self, error: Exception, run: RunRecord) -> None:
        """Record what ended the work: a gate if a service or the index is not usable."""
        gate = gate_of(error)
        if gate:
            self._note_gate(run, gate)
        else:
            log.error("the tick's work failed", exc_info=error)
            self.result.error = f"{type(error).__name__}: {error}"

    def _next_chunk(self) -> bool:
        """Work the next chunk, or wait for one; return whether the lane may go on."""
        while self.unsettled:
            # Before its lease expires: after that, another worker would assume that this one died.
            self._settle(self.unsettled[-1])
            self.unsettled.pop()
        work_list = self.tools.work_list
        taken = work_list.take(self._phase, self.holder, self._now(), self.until)
        if taken:
            return self._work_chunk(taken)
        run, due_at = self.result.latest, work_list.earliest(self._phase)
        assert run is not None
        if due_at is not None and due_at > self._now() + PAUSE_SECONDS:
            # The remaining rows wait until they are due, and not for a gate.
            self._note_gate(run, None)
        if due_at is None or due_at > self.deadline.soft or not self.is_first:
            # One lane is enough to wait for the others' chunks, and for what is due later.
            return False
        self._rest(LEASED_SECONDS if due_at <= self._now() else PAUSE_SECONDS)
        self.result.latest = self._still_admitted(run)
        return self.result.latest is not None

    def _work_chunk(self, taken: TakenChunk) -> bool:
        """Work a chunk once through, and settle it; return whether the lane may go on."""
        work_list = self.tools.work_list
        try:
            assignment = Assignment(taken, list(work_list.rows(taken)))
        except UnreadableChunk as error:
            # The rows are still there, with work left: the Tally's scan lists them again.
            self.tools.meter.count("ChunksUnreadable")
            log.warning("a chunk is unreadable", extra={"chunk": taken.name, "reason": str(error)})
            # Before the chunk is removed: a run without a scan must know that it is not done.
            assert self.result.latest is not None
            run_id = self.result.latest.run_id
            self.tools.runs.record_progress(run_id, {UNREADABLE_CHUNKS: 1}, None)
            work_list.settle(taken, [])
            return True
        except StoreUnavailable:
            if not taken.abandoned:
                attempt("the chunk cannot be given back", partial(work_list.release, taken))
            raise
        try:
            if taken.abandoned:
                # If this fails, the chunk is kept: its lease runs out, and it is charged then.
                self._take_over(assignment)
            return self._work_and_settle(assignment)
        except LeaseLost:
            self._list_changed(assignment)
            return True

    def _work_and_settle(self, assignment: Assignment) -> bool:
        """Work a chunk, and settle it, later if need be; return whether the lane may go on."""
        try:
            may_go_on = self._work_pages(assignment)
            self._settle(assignment)
        except LeaseLost:
            raise
        except Exception:
            self.unsettled.append(assignment)
            raise
        return may_go_on

    def _list_changed(self, assignment: Assignment) -> None:
        """List the rows that we changed of a chunk that another worker has taken over.

        That worker may have read them before we changed them.
        """
        log.warning("a chunk was taken over", extra={"chunk": assignment.chunk.name})
        self.tools.work_list.add(chunks_of(assignment.changed, self._name()))

    def _take_over(self, assignment: Assignment) -> None:
        """Read the rows of a chunk that was abandoned again; charge those that were in progress."""
        rows, (start, end) = assignment.left, assignment.chunk.in_progress or (0, 0)
        suspects = {row.id: row for row in rows[start:end]}
        assignment.uncertain = {row.id for row in rows}
        assignment.left = self._pages.certain(assignment, rows)
        if self._phase is Phase.INDEX:
            self._charge_death(assignment, suspects)
        # From here on they are accounted for: a second death must not charge them again.
        if not self.tools.work_list.mark(assignment.chunk, 0, 0):
            raise LeaseLost

    def _charge_death(self, assignment: Assignment, suspects: dict[str, ProgressRow]) -> None:
        """Charge one failure to each image that a dead worker had in progress.

        A row with such a failure travels alone from then on, in ever smaller chunks.
        """
        run = self.result.latest
        assert run is not None
        death = WorkerDied("the worker died with this image in progress").as_failure()
        now = self._now()
        changes = {
            row.id: Change(
                row, row.failed(death, run_id=run.run_id, retry=self.tools.retry, now=now)
            )
            for row in assignment.left
            if row == suspects.get(row.id)
        }
        written = self.tools.table.write([*changes.values()]) if changes else set()
        assignment.changed += [changes[image_id].after for image_id in written]
        assignment.dropped |= changes.keys() - written
        assignment.left = [row for row in assignment.left if row.id not in changes]
        self.tools.meter.count("ImagesLeftByDeadWorkers", len(written))
        log.warning("a worker died", extra={"suspects": len(suspects), "charged": len(written)})

    def _settle(self, assignment: Assignment) -> None:
        """Give a chunk back, or replace it with what follows from it.

        Raises:
            StoreUnavailable: It may be retried. If it never succeeds, the lease expires, and the
                worker that then takes the chunk reads its rows again.
        """
        work_list, chunk = self.tools.work_list, assignment.chunk
        try:
            assignment.left = self._pages.certain(assignment, assignment.left)
            assignment.put_off = self._pages.certain(assignment, assignment.put_off)
            if assignment.is_untouched:
                work_list.release(chunk)
                return
            later = self._now() + PAUSE_SECONDS
            following = [
                *chunks_of([*assignment.left, *assignment.changed], self._name()),
                *chunks_of(assignment.put_off, self._name(), not_before=later),
            ]
            settled = work_list.settle(chunk, following)
        except Exception:
            attempt("the chunk cannot be marked", partial(work_list.mark, chunk, 0, 0))
            raise
        if not settled:
            self._list_changed(assignment)

    def _name(self) -> str:
        """Return a name for chunks, that no other has."""
        return f"{self.holder}-{next(self._numbers):04d}"

    def _work_pages(self, assignment: Assignment) -> bool:
        """Work once through a chunk's rows; return whether the lane may go on."""
        result = self.result
        while assignment.left and self._now() < self.deadline.soft:
            assert result.latest is not None
            capacity = self.tools.phase_work.capacity(result.latest)
            self._note_gate(result.latest, capacity.held_by)
            # Read after the capacity: an abort or a pause counts, and so does what it noted.
            result.latest = self._still_admitted(result.latest)
            if result.latest is None:
                return False
            if capacity.is_probe and not self.is_first:
                return False
            if capacity.rows <= 0:
                self._rest()
                continue
            try:
                self._pages.work_page(assignment, capacity)
            except (StoreUnavailable, IndexMisconfigured) as error:
                self._record_error(error, result.latest)
                self._rest()
            if capacity.is_probe:
                return False
        return True

    def _still_admitted(self, run: RunRecord) -> RunRecord | None:
        """Return the run's present record; None if it ended, changed phase or was paused."""
        latest = self.tools.runs.current()
        stands = (
            latest is not None
            and latest.is_open
            and latest.phase is run.phase
            and not latest.opening
            and latest.task_token == run.task_token
            and not latest.paused
        )
        return latest if stands else None

    def _rest(self, pause: float = PAUSE_SECONDS) -> None:
        """Wait a little; that time is charged to the gate that holds, if one does."""
        result = self.result
        seconds = max(0.0, min(pause, self.deadline.soft - self._now()))
        self.tools.clock.sleep(seconds)
        if result.held_by:
            result.gate_seconds[result.held_by] = (
                result.gate_seconds.get(result.held_by, 0.0) + seconds
            )

    def _note_gate(self, run: RunRecord, gate: str | None) -> None:
        """Write into the run record which gate holds, when that changed."""
        self.result.held_by = gate
        if gate == self.result.noted:
            return
        log.info("gate", extra={"held_by": gate})
        changes = {"held_by": gate}
        if attempt("the gate cannot be noted", lambda: self.tools.runs.update(run.run_id, changes)):
            self.result.noted = gate
