"""One invocation of a phase's lambda by its schedule.

A tick is admitted by the run record, takes its worker's lease, and passes over the due rows of
its shards, page after page, until its time is up or the phase is drained. What is done with a
page is the phase's own: :mod:`reindex.steps.batch_index` and :mod:`reindex.steps.batch_check`.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from reindex.batches import in_batches
from reindex.failures import StoreUnavailable, WorkerDied
from reindex.progress import ProgressRow, Retry
from reindex.records import Lease, RunRecord
from reindex.settings import PhaseRules
from reindex.states import SHARDS, Phase, shards_of_worker
from reindex.steps.ambient import Clock, Meter
from reindex.steps.samples import Sample, keep
from reindex.stores.interfaces import Change, Cursor, Phases, ProgressTable, RunFiles, Runs

log = logging.getLogger(__name__)

#: Ids in hand at once: with ids of the longest kind they fill 256 KB of the lease's 400 KB item.
PAGE_SIZE = 500

#: Ids in hand at once of those that were in the hand of one who died.
SUSPECTS = 25

#: Seconds between looks at a gate that holds, or at work that is due later.
PAUSE_SECONDS = 5

#: Seconds by which a lease outlives its function's time-out, against clocks that differ.
LEASE_MARGIN = 5

#: Characters of a gate's name in the run record.
MAX_GATE = 200

#: Seconds of a function's time kept for settling what has already been answered.
SETTLING_MARGIN = 10


class Admission(StrEnum):
    """Whether a tick may work, and why not."""

    WORK = "work"
    OPENING = "the phase is being opened"
    PAUSED = "paused"
    NO_RUN = "no run is open"
    OTHER_PHASE = "the run is in another phase"
    EXECUTION_ENDED = "the execution no longer runs"
    TOKEN_DEAD = "nobody waits for the phase any more"  # noqa: S105 (a reason, no secret)

    @property
    def turns_rule_off(self) -> bool:
        """Whether the rule that sent this tick has nothing left to tick for."""
        return self in {
            Admission.NO_RUN,
            Admission.OTHER_PHASE,
            Admission.EXECUTION_ENDED,
            Admission.TOKEN_DEAD,
        }


class Outcome(StrEnum):
    """How a tick ended."""

    TURNED_AWAY = "turned away"
    LEASE_TAKEN = "another tick holds the lease"
    LEASE_LOST = "the lease was lost"
    WORKED = "worked"
    DRAINED = "drained"
    GAVE_UP = "gave up: nothing has moved for too long"


@dataclass(slots=True)
class TickReport:
    """What one tick did.

    Attributes:
        outcome: How it ended.
        admission: Whether it was admitted, and why not.
        moved: Rows that changed, by what they became.
        held_by: The gate that held it last; None when none did.
        held: Seconds that it waited, by the gate it waited for.
        noted: The gate that the run record names, as far as this tick knows.
    """

    outcome: Outcome
    admission: Admission
    moved: Counter[str] = field(default_factory=Counter)
    held_by: str | None = None
    held: dict[str, float] = field(default_factory=dict)
    noted: str | None = None

    def as_json(self) -> dict[str, object]:
        """The report as the lambda returns and logs it."""
        return {
            "outcome": self.outcome,
            "admission": self.admission,
            "moved": dict(self.moved),
            "heldBy": self.held_by,
        }


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
    """How many rows may be worked on now; the gate that holds when none may."""

    rows: int
    held_by: str | None = None


class PhaseWork(Protocol):
    """What a phase does."""

    @property
    def phase(self) -> Phase:
        """Which phase it is."""
        ...

    def room(self, run: RunRecord) -> Room:
        """How many rows may be worked on now."""
        ...

    def page(
        self, run: RunRecord, rows: Sequence[ProgressRow], deadline: Deadline
    ) -> Mapping[str, int]:
        """Work on rows that are due; return how many became what."""
        ...


def admit(run: RunRecord | None, phase: Phase, *, running: bool) -> Admission:
    """Decide whether a tick of ``phase`` may work, but for what only its token can tell."""
    if run is None or not run.is_open:
        return Admission.NO_RUN
    if run.phase != phase:
        return Admission.OTHER_PHASE
    if not running:
        return Admission.EXECUTION_ENDED
    if run.opening or run.task_token is None:
        return Admission.OPENING
    return Admission.WORK


@dataclass(frozen=True, slots=True)
class Ticker:
    """Runs ticks: everything a tick needs, given once."""

    table: ProgressTable
    runs: Runs
    phases: Phases
    rules: PhaseRules
    retry: Retry
    clock: Clock
    meter: Meter
    files: RunFiles

    def tick(self, work: PhaseWork, worker: int, holder: str) -> TickReport:
        """Work one worker's shards of a phase, for one tick.

        Args:
            work: The phase.
            worker: Number of the worker.
            holder: Names this invocation.
        """
        run = self.runs.current()
        running = run is not None and run.is_open and self.phases.is_running(run.execution)
        admission = admit(run, work.phase, running=running)
        if run and admission is Admission.WORK:
            token = run.task_token or ""
            if not self.phases.heartbeat(token):
                # The state machine may have opened the phase anew: its rule is to stay on.
                again = self._is_open_anew(work.phase, token)
                admission = Admission.OPENING if again else Admission.TOKEN_DEAD
            elif run.paused:
                admission = Admission.PAUSED
        if run is None or admission is not Admission.WORK:
            if admission.turns_rule_off:
                self.phases.turn_off(work.phase)
            if run and admission is Admission.PAUSED:
                paused = Sample(self.clock.now(), 0, work.phase, worker, held={admission: 0})
                keep(self.files, run.run_id, paused)
            return TickReport(Outcome.TURNED_AWAY, admission)
        return self._admitted(run, work, worker, holder)

    def _is_open_anew(self, phase: Phase, token: str) -> bool:
        """Whether a phase has another token by now than one that nobody waits on, or will."""
        run = self.runs.current()
        return bool(run and run.is_open and run.phase is phase and run.task_token != token)

    def _admitted(self, run: RunRecord, work: PhaseWork, worker: int, holder: str) -> TickReport:
        now = self.clock.now()
        deadline = Deadline(
            soft=now + self.rules.tick_seconds,
            hard=now + self.rules.function_seconds - SETTLING_MARGIN,
        )
        until = now + self.rules.function_seconds + LEASE_MARGIN
        lease = self.runs.take_lease(work.phase, worker, holder, now, until)
        if lease is None:
            return TickReport(Outcome.LEASE_TAKEN, Admission.WORK)
        report = TickReport(Outcome.WORKED, Admission.WORK, noted=run.held_by)
        self.meter.count("ImagesInRun", run.total)
        self._charge(lease, run)
        latest: RunRecord | None = None
        try:
            latest = self._work_until(deadline, run, work, lease, report)
            self.runs.release(lease)
        except _LeaseLost:
            report.outcome = Outcome.LEASE_LOST
        # Before the phase may end: what comes after it reads the samples.
        seconds = self.clock.now() - now
        sample = Sample(now, seconds, work.phase, worker, dict(report.moved), report.held)
        keep(self.files, run.run_id, sample)
        if latest:
            report.outcome = self._close(latest, work.phase, report)
        return report

    def _charge(self, lease: Lease, run: RunRecord) -> None:
        """Count a death against the ids that a dead worker had in hand.

        A row with such a failure travels alone from then on: see batch_index.
        """
        if not lease.left_behind:
            return
        death = WorkerDied("the worker died with this image in hand").as_failure()
        now = self.clock.now()
        changes = [
            Change(row, row.failed(death, run_id=run.run_id, retry=self.retry, now=now))
            for row in self.table.read(lease.left_behind).values()
            if row.state.phase is Phase.INDEX
        ]
        self.table.write(changes)
        # From here on they are accounted for: a second death must not charge them again.
        self.runs.hold(lease, [])
        self.meter.count("ImagesLeftByDeadWorkers", len(changes))
        in_hand = len(lease.left_behind)
        log.warning("a worker died", extra={"in_hand": in_hand, "charged": len(changes)})

    def _work_until(
        self, deadline: Deadline, run: RunRecord, work: PhaseWork, lease: Lease, report: TickReport
    ) -> RunRecord | None:
        """Pass over the worker's shards until time is up or nothing is left.

        Returns:
            The run as last read; None when it ended, moved on or was paused meanwhile.
        """
        latest: RunRecord | None = run
        while latest and self.clock.now() < deadline.soft:
            before = report.moved.total()
            try:
                latest = self._pass(deadline, latest, work, lease, report)
                if latest and report.moved.total() == before:
                    if not self._has_work(work.phase):
                        break
                    self._rest(deadline, report)
            except StoreUnavailable as error:
                log.warning("a service is unavailable", extra={"reason": str(error)})
                self._note_gate(run, f"unavailable: {error}"[:MAX_GATE], report)
                self._rest(deadline, report)
        return latest

    def _pass(
        self, deadline: Deadline, run: RunRecord, work: PhaseWork, lease: Lease, report: TickReport
    ) -> RunRecord | None:
        for page in self._due_pages(work.phase, lease.worker):
            left = page
            while left and self.clock.now() < deadline.soft:
                room = work.room(run)
                self._note_gate(run, room.held_by, report)
                # Read after the room: an abort or a pause counts, and so does what it noted.
                latest = self.runs.current()
                admission = admit(latest, work.phase, running=True)
                if latest is None or latest.paused or admission is not Admission.WORK:
                    return None
                run = latest
                if room.rows <= 0:
                    self._rest(deadline, report)
                    continue
                ids, left = left[: room.rows], left[room.rows :]
                self._work_page(deadline, run, work, lease, ids, report)
        return run

    def _work_page(
        self,
        deadline: Deadline,
        run: RunRecord,
        work: PhaseWork,
        lease: Lease,
        ids: Sequence[str],
        report: TickReport,
    ) -> None:
        now = self.clock.now()
        rows = [row for row in self.table.read(ids).values() if row.is_due(work.phase, now)]
        for in_hand in _held_together(rows):
            if not self.runs.hold(lease, [row.id for row in in_hand]):
                raise _LeaseLost
            moved = Counter(work.page(run, in_hand, deadline))
            if moved.total():
                report.moved.update(moved)
                self.runs.moved(run.run_id, moved, self.clock.now())

    def _due_pages(self, phase: Phase, worker: int) -> Iterator[Sequence[str]]:
        """Page forward, once, through what is due in the worker's shards.

        A page is filled across shards, so that a small reindex is as concurrent as a large one.
        """
        ids: list[str] = []
        for shard in shards_of_worker(worker, self.rules.workers):
            after: Cursor | None = None
            while True:
                room = PAGE_SIZE - len(ids)
                found = self.table.due(phase, shard, self.clock.now(), after, room)
                ids += found.ids
                after = found.next
                if len(ids) == PAGE_SIZE:
                    yield ids
                    ids = []
                if after is None:
                    break
        if ids:
            yield ids

    def _has_work(self, phase: Phase) -> bool:
        return any(self.table.has_work(phase, shard) for shard in range(SHARDS))

    def _rest(self, deadline: Deadline, report: TickReport) -> None:
        """Wait a little; that time is charged to the gate that holds, if one does."""
        seconds = max(0.0, min(PAUSE_SECONDS, deadline.soft - self.clock.now()))
        self.clock.sleep(seconds)
        if report.held_by:
            report.held[report.held_by] = report.held.get(report.held_by, 0.0) + seconds

    def _note_gate(self, run: RunRecord, gate: str | None, report: TickReport) -> None:
        """Say in the run record which gate holds, when that changed."""
        report.held_by = gate
        if gate != report.noted:
            report.noted = gate
            self.runs.update(run.run_id, {"held_by": gate})
            log.info("gate", extra={"held_by": gate})

    def _close(self, run: RunRecord, phase: Phase, report: TickReport) -> Outcome:
        """End the phase when it is drained, or when it has been held for too long."""
        token = run.task_token or ""
        if not self._has_work(phase):
            # The rule first: a phase that has ended must not tick.
            self.phases.turn_off(phase)
            self.phases.succeed(token)
            return Outcome.DRAINED
        idle = self.clock.now() - run.progressed_at
        self.meter.seconds("SecondsWithoutProgress", 0 if report.moved else max(0.0, idle))
        if idle > self.rules.max_hold_seconds and not report.moved:
            self.phases.turn_off(phase)
            cause = f"nothing moved for {idle:.0f} s; held by: {report.noted or 'no gate'}"
            self.phases.fail(token, "ReindexHeld", cause)
            return Outcome.GAVE_UP
        return Outcome.WORKED


def _held_together(rows: Sequence[ProgressRow]) -> Iterator[Sequence[ProgressRow]]:
    """What a worker takes in hand at once.

    What may have killed one is taken few at a time, and alone once it may have killed another:
    most of what was in hand is blameless, and all of it one by one would take minutes.
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
