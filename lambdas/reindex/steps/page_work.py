"""The work on one page of a chunk's rows.

An error is charged only to what caused it. A service that does not answer, or an index that
cannot be used, throttles the lane and is named as its gate. After any other error the batch is
halved until the image that causes it is alone, and that image is charged with it.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from reindex.domain import outcomes
from reindex.domain.failures import (
    Failure,
    IndexMisconfigured,
    ReindexFailure,
    StoreUnavailable,
    UnexpectedError,
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
from reindex.steps.shift_result import ShiftResult
from reindex.stores.interfaces.progress_table import Change, ProgressTable
from reindex.stores.interfaces.runs import Runs
from reindex.stores.interfaces.work_list import WorkList

log = logging.getLogger(__name__)

#: Characters of a gate's name in the run record.
MAX_GATE = 200


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


class LeaseLost(Exception):
    """Another worker took the chunk over: this one outlived its time."""


@dataclass(frozen=True, slots=True)
class PageWork:
    """Works pages of rows.

    Attributes:
        tools: What all lanes of the tick share.
        deadline: Of the tick.
        result: Of the lane: what is done with a page is added.
    """

    tools: LaneTools
    deadline: Deadline
    result: ShiftResult

    @property
    def _phase(self) -> Phase:
        return self.tools.phase_work.phase

    def _now(self) -> float:
        return self.tools.clock.now()

    def work_page(self, assignment: Assignment, capacity: Capacity) -> None:
        """Work the next rows.

        Raises:
            StoreUnavailable: A service does not answer: the rows are back in the assignment.
            IndexMisconfigured: The index cannot be used: the rows are back in the assignment.
        """
        page = assignment.next_page(min(capacity.rows, PAGE_SIZE))
        try:
            self._work_rows(assignment, self.certain(assignment, page), capacity)
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
            except (StoreUnavailable, IndexMisconfigured, LeaseLost):
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
            raise LeaseLost
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
            if gate_of(done.problem):
                raise done.problem
            left = self.certain(assignment, left)
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

    def certain(self, assignment: Assignment, rows: Sequence[ProgressRow]) -> list[ProgressRow]:
        """Return rows as they are now: those that may have changed are read again.

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


def gate_of(error: Exception) -> str | None:
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
