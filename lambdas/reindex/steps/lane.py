"""One lane of a tick: chunk after chunk of rows, page after page.

An error is charged only to what caused it. A service that does not answer, or an index that
cannot be used, throttles the lane and is named as its gate. After any other error the batch is
halved until the image that causes it is alone, and that image is charged with it. Only when a
worker died are all images charged that it had in progress.
"""

from __future__ import annotations

import itertools
import logging
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from reindex.domain import outcomes
from reindex.domain.chunks import TakenChunk, UnreadableChunk, chunks_of
from reindex.domain.failures import (
    Failure,
    IndexMisconfigured,
    ReindexFailure,
    StoreUnavailable,
    UnexpectedError,
    WorkerDied,
)
from reindex.domain.progress import ProgressRow, Retry
from reindex.domain.run_records import RETRIED, RunRecord
from reindex.domain.states import Phase
from reindex.reports.run_estimate import speeds_with_page
from reindex.settings import PhaseRules
from reindex.steps.ambient import Clock, Meter
from reindex.steps.assignment import Assignment
from reindex.steps.first_failures import record_failures
from reindex.steps.phase_work import PAGE_SIZE, Capacity, Deadline, PageResult, PhaseWork
from reindex.stores.interfaces.progress_table import Change, ProgressTable
from reindex.stores.interfaces.runs import Runs
from reindex.stores.interfaces.work_list import WorkList

log = logging.getLogger(__name__)

#: Seconds between looks at a gate that holds, or at work that is due later.
PAUSE_SECONDS = 5

#: Seconds between looks at chunks that others hold: what follows from them is due at once.
HELD_SECONDS = 1

#: Characters of a gate's name in the run record.
MAX_GATE = 200


@dataclass(slots=True)
class ShiftResult:
    """The outcome of one tick's work.

    Attributes:
        latest: The run as last read; None when it ended, moved on or was paused meanwhile.
        transitions: Rows that changed, by what they became.
        progressed: True if any row changed that does not merely test a gate.
        held_by: The gate that held it last; None when none did.
        held: Seconds that it waited, by the gate it waited for.
        noted: The gate that the run record names.
        unforeseen: What failed last that no gate accounts for, be it one image's or all's.
        error: What the work ended in; None when it ended well.
    """

    latest: RunRecord | None
    transitions: Counter[str] = field(default_factory=Counter)
    progressed: bool = False
    held_by: str | None = None
    held: dict[str, float] = field(default_factory=dict)
    noted: str | None = None
    unforeseen: str | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True)
class LaneTools:
    """The objects that the lanes of a tick share."""

    table: ProgressTable
    work_list: WorkList
    runs: Runs
    rules: PhaseRules
    retry: Retry
    clock: Clock
    meter: Meter
    phase_work: PhaseWork


class _LeaseLost(Exception):
    """Another worker took the chunk over: this one outlived its time."""


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
        gate = _gate(error)
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
        self._rest(HELD_SECONDS if due_at <= self._now() else PAUSE_SECONDS)
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
        except _LeaseLost:
            self._list_changed(assignment)
            return True

    def _work_and_settle(self, assignment: Assignment) -> bool:
        """Work a chunk, and settle it, later if need be; return whether the lane may go on."""
        try:
            may_go_on = self._work_pages(assignment)
            self._settle(assignment)
        except _LeaseLost:
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
        assignment.left = self._certain(assignment, rows)
        if self._phase is Phase.INDEX:
            self._charge_death(assignment, suspects)
        # From here on they are accounted for: a second death must not charge them again.
        if not self.tools.work_list.mark(assignment.chunk, 0, 0):
            raise _LeaseLost

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

    def _certain(self, assignment: Assignment, rows: Sequence[ProgressRow]) -> list[ProgressRow]:
        """Rows as they are now: those that may have changed are read again.

        Returns:
            The ones with work in this phase that is due. Of the others, the assignment knows.
        """
        doubtful = [row.id for row in rows if row.id in assignment.uncertain]
        if not doubtful:
            return list(rows)
        found = self.tools.table.read(doubtful)
        current: list[ProgressRow] = []
        for row in rows:
            now = found.rows.get(row.id) if row.id in assignment.uncertain else row
            if now is None:
                self._drop(assignment, row.id, found.unreadable.get(row.id, "there is no such row"))
            elif now.state.phase is self._phase and (now.due_at or 0) <= self._now():
                current.append(now)
            else:
                assignment.changed.append(now)
        assignment.uncertain -= set(doubtful)
        return current

    def _settle(self, assignment: Assignment) -> None:
        """Give a chunk back, or replace it with what follows from it.

        Raises:
            StoreUnavailable: It may be retried. If it never succeeds, the lease expires, and the
                worker that then takes the chunk reads its rows again.
        """
        work_list, chunk = self.tools.work_list, assignment.chunk
        try:
            assignment.left = self._certain(assignment, assignment.left)
            assignment.put_off = self._certain(assignment, assignment.put_off)
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
                self._work_page(assignment, capacity)
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

    def _work_page(self, assignment: Assignment, capacity: Capacity) -> None:
        """Work the next rows.

        Raises:
            StoreUnavailable: A service does not answer: the rows are back in the assignment.
            IndexMisconfigured: The index cannot be used: the rows are back in the assignment.
        """
        page = assignment.next_page(min(capacity.rows, PAGE_SIZE))
        try:
            self._work_rows(assignment, self._certain(assignment, page), capacity)
        except Exception:
            assignment.restore(page)
            raise

    def _work_rows(
        self, assignment: Assignment, rows: list[ProgressRow], capacity: Capacity
    ) -> None:
        """Work rows; halve what fails in an unforeseen way until one image is alone."""
        groups = [rows] if rows else []
        while groups:
            group = groups.pop()
            if self._now() >= self.deadline.soft:
                assignment.put_back(group)
                continue
            try:
                problem, group = self._work_group(assignment, group, capacity)
            except (StoreUnavailable, IndexMisconfigured, _LeaseLost):
                raise
            except Exception as error:  # noqa: BLE001 - the image it is about is found below
                problem = error
            if problem is None:
                assignment.put_off += group
                continue
            self.result.unforeseen = f"{type(problem).__name__}: {problem}"
            if len(group) == 1:
                self._charge(assignment, group[0], problem)
            elif group:
                middle = len(group) // 2
                groups += [group[middle:], group[:middle]]

    def _work_group(
        self, assignment: Assignment, rows: Sequence[ProgressRow], capacity: Capacity
    ) -> tuple[Exception | None, list[ProgressRow]]:
        """Work rows together.

        Returns:
            What was unforeseen, if anything was, and the rows that were left as they were.
        """
        run = self.result.latest
        assert run is not None
        if not self.tools.work_list.mark(assignment.chunk, *assignment.window(rows)):
            raise _LeaseLost
        started = self._now()
        try:
            done = self.tools.phase_work.page(run, rows, self.deadline)
        except Exception as error:  # noqa: BLE001 - judged below, as a page's own problem is
            done = PageResult(problem=error)
        assignment.changed += done.after
        assignment.dropped |= done.overtaken
        left = done.rest_of(rows)
        if done.problem or done.is_uncertain:
            assignment.uncertain |= {row.id for row in left}
        self._record(run, done, capacity, started)
        if done.problem:
            if _gate(done.problem):
                raise done.problem
            left = self._certain(assignment, left)
        return done.problem, left

    def _record(self, run: RunRecord, done: PageResult, capacity: Capacity, started: float) -> None:
        """Add what was done with a page to the tick's result and to the run's record."""
        if not done.transitions.total():
            return
        # A probe is not progress: otherwise a run that only probes would never fail.
        progressed = not capacity.is_probe
        self.result.transitions.update(done.transitions)
        self.result.progressed |= progressed
        now = self._now()
        changes: dict[str, Any] = {}
        if self._phase is Phase.INDEX:
            changes["recent_projections"] = outcomes.with_more(
                run.recent_projections, done.outcomes, capacity.held_by
            )
        if not capacity.held_by:
            # Rows processed while a gate throttles are not a measure of the phase's speed.
            changes["speeds"] = speeds_with_page(run, self._phase, started, now)
        runs = self.tools.runs
        runs.record_progress(run.run_id, done.transitions, now if progressed else None, changes)
        record_failures(runs, run.run_id, run.counts, done.after)

    def _charge(self, assignment: Assignment, row: ProgressRow, error: Exception) -> None:
        """Record in an image's row what failed when it alone was worked on."""
        log.error("unforeseen", extra={"image_id": row.id}, exc_info=error)
        failure = _failure_of(error)
        run = self.result.latest
        assert run is not None
        try:
            after = row.failed(failure, run_id=run.run_id, retry=self.tools.retry, now=self._now())
            if not self.tools.table.write([Change(row, after)]):
                assignment.dropped.add(row.id)
                return
        except StoreUnavailable:
            raise
        except Exception as problem:  # noqa: BLE001
            # Not even that can be done: nothing is known of such a row but that it is there.
            self._drop(assignment, row.id, f"{type(problem).__name__}: {problem}")
            return
        assignment.changed.append(after)
        self.tools.meter.failures(failure.code, 1)
        kind = RETRIED if after.state is row.state else str(after.state)
        done = PageResult(Counter([kind]), Counter([failure.code]), [after])
        self._record(run, done, Capacity(1), self._now())

    def _drop(self, assignment: Assignment, image_id: str, reason: str) -> None:
        """Leave a row that cannot be worked to the Tally, which names it in the report."""
        self.tools.meter.count("RowsUnreadable")
        log.error("a row is set aside", extra={"image_id": image_id, "reason": reason})
        assignment.dropped.add(image_id)

    def _rest(self, pause: float = PAUSE_SECONDS) -> None:
        """Wait a little; that time is charged to the gate that holds, if one does."""
        result = self.result
        seconds = max(0.0, min(pause, self.deadline.soft - self._now()))
        self.tools.clock.sleep(seconds)
        if result.held_by:
            result.held[result.held_by] = result.held.get(result.held_by, 0.0) + seconds

    def _note_gate(self, run: RunRecord, gate: str | None) -> None:
        """Write into the run record which gate holds, when that changed."""
        self.result.held_by = gate
        if gate == self.result.noted:
            return
        log.info("gate", extra={"held_by": gate})
        changes = {"held_by": gate}
        if attempt("the gate cannot be noted", lambda: self.tools.runs.update(run.run_id, changes)):
            self.result.noted = gate


def attempt(problem: str, call: Callable[[], object]) -> bool:
    """Do what is for those who watch, or makes the next tick easier, and no work depends on.

    Args:
        problem: What to log when it fails, however it does.
        call: Does it.

    Returns:
        Whether it was done.
    """
    try:
        call()
    except Exception as error:  # noqa: BLE001 - nothing of this may keep a tick from its end
        log.warning(problem, extra={"reason": f"{type(error).__name__}: {error}"})
        return False
    return True


def _gate(error: Exception) -> str | None:
    """Return the gate that an error is; None when it is unforeseen."""
    match error:
        case StoreUnavailable():
            return f"unavailable: {error}"[:MAX_GATE]
        case IndexMisconfigured():
            return f"the index cannot be used: {error}"[:MAX_GATE]
        case _:
            return None


def _failure_of(error: Exception) -> Failure:
    """Return the failure of the one image that an error is about."""
    if isinstance(error, ReindexFailure):
        return error.as_failure()
    return Failure(
        UnexpectedError.code,
        "something failed in a way we did not foresee",
        f"{type(error).__name__}: {error}",
        # It may have been the moment's doing: the number of attempts is bounded.
        retryable=True,
    )
