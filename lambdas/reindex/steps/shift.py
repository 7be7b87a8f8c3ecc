"""The work of one admitted tick: page after page of due rows, until its time is up.

What goes wrong stays with what it is about. A service that does not answer, or an index that
cannot be used, holds the tick and is named. Anything unforeseen is halved until the image it is
about stands alone; that image is charged with it. Only a worker that died, and left its lease
behind, charges every image it had in progress.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from reindex import outcomes
from reindex.batches import in_batches
from reindex.failures import (
    Failure,
    IndexMisconfigured,
    ReindexFailure,
    StoreUnavailable,
    UnexpectedError,
    WorkerDied,
)
from reindex.progress import ProgressRow, Retry
from reindex.records import RETRIED, Lease, RunRecord
from reindex.settings import Pace, PhaseRules
from reindex.states import Phase, shards_of_worker
from reindex.steps.ambient import Clock, Meter
from reindex.steps.run_estimate import speeds_with_page
from reindex.stores.interfaces import Change, Cursor, ProgressTable, Runs

log = logging.getLogger(__name__)

#: Ids in progress at once: with ids of the longest kind they fill 256 KB of the lease's 400 KB
#: item.
PAGE_SIZE = 500

#: Page size for images whose previous worker died: kept small to isolate the one that kills it.
SUSPECTS = 25

#: Seconds between looks at a gate that holds, or at work that is due later.
PAUSE_SECONDS = 5

#: Seconds by which a lease outlives its function's time-out, against clocks that differ.
LEASE_MARGIN = 5

#: Characters of a gate's name in the run record.
MAX_GATE = 200

#: Seconds of a function's time kept for recording what was done, and for the end of the tick.
CLOSING_SECONDS = 15


@dataclass(frozen=True, slots=True)
class Deadline:
    """Until when a tick starts work, and until when its function lives.

    Attributes:
        soft: Epoch seconds after which no page is started.
        hard: Epoch seconds after which nothing is started.
    """

    soft: float
    hard: float


@dataclass(frozen=True, slots=True)
class Room:
    """How many rows may be worked on now.

    Attributes:
        rows: How many.
        held_by: The gate that holds the others; None when none does.
        is_probe: Whether these rows are only to find out if the gate still has its reason: no
            more are worked on in this tick.
    """

    rows: int
    held_by: str | None = None
    is_probe: bool = False


@dataclass(slots=True)
class PageResult:
    """What was done with a page of rows.

    Attributes:
        moved: Rows that changed, by what they became.
        outcomes: Images by failure code, or ``ok``: see :mod:`reindex.outcomes`.
        problem: What kept the other rows from being worked; None when all were.
    """

    moved: Counter[str] = field(default_factory=Counter)
    outcomes: Counter[str] = field(default_factory=Counter)
    problem: Exception | None = None


class PhaseWork(Protocol):
    """What a phase does."""

    @property
    def phase(self) -> Phase:
        """Which phase it is."""
        ...

    @property
    def pace(self) -> Pace:
        """How fast it may go, and how long it waits."""
        ...

    def room(self, run: RunRecord) -> Room:
        """How many rows may be worked on now."""
        ...

    def page(self, run: RunRecord, rows: Sequence[ProgressRow], deadline: Deadline) -> PageResult:
        """Work on rows that are due."""
        ...


@dataclass(slots=True)
class ShiftResult:
    """What one tick's work came to.

    Attributes:
        latest: The run as last read; None when it ended, moved on or was paused meanwhile.
        moved: Rows that changed, by what they became.
        progressed: Whether any row changed that does not merely test a gate.
        held_by: The gate that held it last; None when none did.
        held: Seconds that it waited, by the gate it waited for.
        noted: The gate that the run record names.
        set_aside: Rows that could not even be charged with what went wrong: what it was, by id.
        unforeseen: What failed last that no gate accounts for, be it one image's or all's.
        error: What the work ended in; None when it ended well.
        lease_taken: Another tick held the lease: nothing was done.
        lease_lost: Another tick took the lease over.
    """

    latest: RunRecord | None
    moved: Counter[str] = field(default_factory=Counter)
    progressed: bool = False
    held_by: str | None = None
    held: dict[str, float] = field(default_factory=dict)
    noted: str | None = None
    set_aside: dict[str, str] = field(default_factory=dict)
    unforeseen: str | None = None
    error: str | None = None
    lease_taken: bool = False
    lease_lost: bool = False


@dataclass(frozen=True, slots=True)
class Shift:
    """Works one worker's shards of a phase for the time of one tick."""

    table: ProgressTable
    runs: Runs
    rules: PhaseRules
    retry: Retry
    clock: Clock
    meter: Meter
    phase_work: PhaseWork
    worker: int

    @property
    def _phase(self) -> Phase:
        return self.phase_work.phase

    def work(self, run: RunRecord, holder: str) -> ShiftResult:
        """Work until time is up or nothing is left; whatever goes wrong is in the result.

        Args:
            run: As it was admitted.
            holder: Names this invocation.
        """
        now = self.clock.now()
        deadline = Deadline(
            soft=now + self.rules.tick_seconds,
            hard=now + self.rules.function_seconds - CLOSING_SECONDS,
        )
        result = ShiftResult(run, noted=run.held_by)
        try:
            until = now + self.rules.function_seconds + LEASE_MARGIN
            lease = self.runs.take_lease(self._phase, self.worker, holder, now, until)
            if lease is None:
                result.lease_taken = True
                return result
            # If this fails, the lease is kept: it runs out by itself, and is charged then.
            self._charge_abandoned(lease, run)
        except Exception as error:  # noqa: BLE001 - the edge of a tick: its end must be reached
            self._record_error(error, run, result)
            return result
        try:
            self._work_until(deadline, lease, result)
        except _LeaseLost:
            result.lease_lost = True
        except Exception as error:  # noqa: BLE001 - likewise
            self._record_error(error, run, result)
        # A caught error is no death: the lease is given back empty, and nobody is charged.
        if result.unforeseen and not result.moved:
            # Not even one image could be told to be its cause.
            result.error = result.error or result.unforeseen
        attempt("the lease cannot be given back", lambda: self.runs.release(lease))
        return result

    def _record_error(self, error: Exception, run: RunRecord, result: ShiftResult) -> None:
        """Record what ended the work: a gate if a service or the index is not usable."""
        gate = _gate(error)
        if gate:
            self._note_gate(run, gate, result)
        else:
            log.error("the tick's work failed", exc_info=error)
            result.error = f"{type(error).__name__}: {error}"

    def _charge_abandoned(self, lease: Lease, run: RunRecord) -> None:
        """Charge one failure to each image that a dead worker had in progress.

        A row with such a failure travels alone from then on: see batch_index.
        """
        if not lease.left_behind:
            return
        death = WorkerDied("the worker died with this image in progress").as_failure()
        now = self.clock.now()
        changes = [
            Change(row, row.failed(death, run_id=run.run_id, retry=self.retry, now=now))
            for row in self.table.read(lease.left_behind).rows.values()
            if row.state.phase is Phase.INDEX
        ]
        self.table.write(changes)
        # From here on they are accounted for: a second death must not charge them again.
        self.runs.hold(lease, [])
        self.meter.count("ImagesLeftByDeadWorkers", len(changes))
        abandoned = len(lease.left_behind)
        log.warning("a worker died", extra={"abandoned": abandoned, "charged": len(changes)})

    def _work_until(self, deadline: Deadline, lease: Lease, result: ShiftResult) -> None:
        """Pass over the worker's shards until time is up or nothing is left."""
        while result.latest and self.clock.now() < deadline.soft:
            run, before = result.latest, result.moved.total()
            try:
                may_go_on = self._pass(deadline, lease, result)
                if not may_go_on:
                    return
                if result.moved.total() == before:
                    if not self._has_other_work(result):
                        return
                    self._rest(deadline, result)
            except (StoreUnavailable, IndexMisconfigured) as error:
                self._record_error(error, run, result)
                self._rest(deadline, result)

    def _has_other_work(self, result: ShiftResult) -> bool:
        """Whether a shard of this worker shows work beside what was set aside."""
        shown = sum(
            self.table.has_work(self._phase, shard)
            if not result.set_aside
            else self.table.count_work(self._phase, shard)
            for shard in shards_of_worker(self.worker, self.rules.workers)
        )
        return shown > len(result.set_aside)

    def _pass(self, deadline: Deadline, lease: Lease, result: ShiftResult) -> bool:
        """Work once through what is due in the worker's shards.

        Returns:
            Whether the tick may go on.
        """
        shards = shards_of_worker(self.worker, self.rules.workers)
        for page in due_pages(self.table, self._phase, shards, self.clock, result.set_aside):
            left = page
            while left and self.clock.now() < deadline.soft:
                assert result.latest is not None
                room = self.phase_work.room(result.latest)
                self._note_gate(result.latest, room.held_by, result)
                # Read after the room: an abort or a pause counts, and so does what it noted.
                result.latest = self._still_admitted(result.latest)
                if result.latest is None:
                    return False
                if room.rows <= 0:
                    self._rest(deadline, result)
                    continue
                ids, left = left[: room.rows], left[room.rows :]
                self._work_ids(deadline, lease, ids, room, result)
                if room.is_probe:
                    return False
        return True

    def _still_admitted(self, run: RunRecord) -> RunRecord | None:
        """The run as it stands; None when it ended, moved on or was paused."""
        latest = self.runs.current()
        stands = (
            latest is not None
            and latest.is_open
            and latest.phase is run.phase
            and not latest.opening
            and latest.task_token == run.task_token
            and not latest.paused
        )
        return latest if stands else None

    def _work_ids(
        self,
        deadline: Deadline,
        lease: Lease,
        ids: Sequence[str],
        room: Room,
        result: ShiftResult,
    ) -> None:
        """Work ids; halve what fails in an unforeseen way until the image it is about is alone."""
        groups = [ids]
        while groups and self.clock.now() < deadline.soft:
            group = groups.pop()
            try:
                problem = self._work_group(deadline, lease, group, room, result)
            except (StoreUnavailable, IndexMisconfigured, _LeaseLost):
                raise
            except Exception as error:  # noqa: BLE001 - the image it is about is found below
                problem = error
            if problem is None:
                continue
            result.unforeseen = f"{type(problem).__name__}: {problem}"
            if len(group) == 1:
                self._charge(group[0], problem, result)
            else:
                middle = len(group) // 2
                groups += [group[middle:], group[:middle]]

    def _work_group(
        self,
        deadline: Deadline,
        lease: Lease,
        ids: Sequence[str],
        room: Room,
        result: ShiftResult,
    ) -> Exception | None:
        """Work ids together, but for suspects; return what was unforeseen, if anything was."""
        run = result.latest
        assert run is not None
        started = self.clock.now()
        found = self.table.read(ids)
        for image_id, reason in found.unreadable.items():
            self._set_aside(image_id, reason, result)
        due = [row for row in found.rows.values() if row.is_due(self._phase, started)]
        unforeseen: Exception | None = None
        for rows in _isolation_groups(due):
            if self.clock.now() >= deadline.soft:
                break
            if not self.runs.hold(lease, [row.id for row in rows]):
                raise _LeaseLost
            done = self.phase_work.page(run, rows, deadline)
            self._record(run, done, room, started, result)
            if done.problem:
                if _gate(done.problem):
                    raise done.problem
                unforeseen = done.problem
        return unforeseen

    def _record(
        self, run: RunRecord, done: PageResult, room: Room, started: float, result: ShiftResult
    ) -> None:
        """Add what was done with a page to the tick's result and to the run's record."""
        if not done.moved.total():
            return
        # A probe is no progress: else a run that only probes would never be given up.
        progressed = not room.is_probe
        result.moved.update(done.moved)
        result.progressed |= progressed
        now = self.clock.now()
        changes: dict[str, Any] = {}
        if self._phase is Phase.INDEX:
            changes["recent_projections"] = outcomes.with_more(
                run.recent_projections, done.outcomes, room.held_by
            )
        if not room.held_by:
            # What a gate lets through is no measure of how fast the phase goes.
            changes["speeds"] = speeds_with_page(run, self._phase, started, now)
        self.runs.moved(run.run_id, done.moved, now if progressed else None, changes)

    def _charge(self, image_id: str, error: Exception, result: ShiftResult) -> None:
        """Record in an image's row what failed when it alone was worked on."""
        log.error("unforeseen", extra={"image_id": image_id}, exc_info=error)
        failure = _failure_of(error)
        run = result.latest
        assert run is not None
        try:
            row = self.table.read([image_id]).rows[image_id]
            if row.state.phase is self._phase:
                now = self.clock.now()
                after = row.failed(failure, run_id=run.run_id, retry=self.retry, now=now)
                self.table.write([Change(row, after)])
                self.meter.failures(failure.code, 1)
                kind = RETRIED if after.state is row.state else str(after.state)
                done = PageResult(Counter([kind]), Counter([failure.code]))
                self._record(run, done, Room(1), now, result)
        except StoreUnavailable:
            raise
        except Exception as problem:  # noqa: BLE001
            # Not even that can be done: nothing is known of such a row but that it is there.
            self._set_aside(image_id, f"{type(problem).__name__}: {problem}", result)

    def _set_aside(self, image_id: str, reason: str, result: ShiftResult) -> None:
        """Leave a row that cannot be worked to the Tally, which names it in the report."""
        if image_id not in result.set_aside:
            self.meter.count("RowsUnreadable")
            log.error("a row is set aside", extra={"image_id": image_id, "reason": reason})
        result.set_aside[image_id] = reason

    def _rest(self, deadline: Deadline, result: ShiftResult) -> None:
        """Wait a little; that time is charged to the gate that holds, if one does."""
        seconds = max(0.0, min(PAUSE_SECONDS, deadline.soft - self.clock.now()))
        self.clock.sleep(seconds)
        if result.held_by:
            result.held[result.held_by] = result.held.get(result.held_by, 0.0) + seconds

    def _note_gate(self, run: RunRecord, gate: str | None, result: ShiftResult) -> None:
        """Write into the run record which gate holds, when that changed."""
        result.held_by = gate
        if gate == result.noted:
            return
        log.info("gate", extra={"held_by": gate})
        changes = {"held_by": gate}
        if attempt("the gate cannot be noted", lambda: self.runs.update(run.run_id, changes)):
            result.noted = gate


def due_pages(
    table: ProgressTable,
    phase: Phase,
    shards: Iterable[int],
    clock: Clock,
    set_aside: Container[str] = (),
) -> Iterator[Sequence[str]]:
    """Page forward, once, through the ids that are due in some shards.

    A page is filled across shards, so that a small reindex is as concurrent as a large one.
    """
    ids: list[str] = []
    for shard in shards:
        after: Cursor | None = None
        while True:
            found = table.due(phase, shard, clock.now(), after, PAGE_SIZE - len(ids))
            ids += [image_id for image_id in found.ids if image_id not in set_aside]
            after = found.next
            if len(ids) == PAGE_SIZE:
                yield ids
                ids = []
            if after is None:
                break
    if ids:
        yield ids


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
    """The gate that an error is; None when it is unforeseen."""
    match error:
        case StoreUnavailable():
            return f"unavailable: {error}"[:MAX_GATE]
        case IndexMisconfigured():
            return f"the index cannot be used: {error}"[:MAX_GATE]
        case _:
            return None


def _failure_of(error: Exception) -> Failure:
    """The failure of the one image that an error is about."""
    if isinstance(error, ReindexFailure):
        return error.as_failure()
    return Failure(
        UnexpectedError.code,
        "something failed in a way we did not foresee",
        f"{type(error).__name__}: {error}",
        # It may have been the moment's doing: the number of attempts is bounded.
        retryable=True,
    )


def _isolation_groups(rows: Sequence[ProgressRow]) -> Iterator[Sequence[ProgressRow]]:
    """Cut rows into what may be in progress together.

    What may have killed a worker is taken few at a time, and alone once it may have killed
    another: most of what a dead worker had in progress is blameless, and all of it one by one
    would take minutes.
    """
    by_deaths: dict[int, list[ProgressRow]] = {0: [], 1: [], 2: []}
    for row in rows:
        suspect = row.failure is not None and row.failure.code == WorkerDied.code
        by_deaths[min(row.attempts, 2) if suspect else 0].append(row)
    yield from in_batches(by_deaths[0], PAGE_SIZE)
    yield from in_batches(by_deaths[1], SUSPECTS)
    yield from in_batches(by_deaths[2], 1)


class _LeaseLost(Exception):
    """Another tick took the lease over: this one outlived its time."""
