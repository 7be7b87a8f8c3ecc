"""One invocation of a phase's lambda by its schedule.

A tick is admitted by the run record, works (:mod:`reindex.steps.shift`), and closes: it ends the
phase when nothing is left to do, or when the phase cannot go on. The close is reached however
the work ended, so that a phase in which every tick fails ends by itself, and says why.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from reindex.domain.indexer_pace import IndexerPace
from reindex.domain.progress import Retry
from reindex.domain.run_records import RunRecord
from reindex.domain.states import Phase
from reindex.reports import samples
from reindex.reports.run_estimate import estimated
from reindex.reports.samples import Sample
from reindex.settings import PhaseRules
from reindex.steps.ambient import Clock, Meter
from reindex.steps.attempt import attempt
from reindex.steps.phase_work import PhaseWork
from reindex.steps.shift import Shift
from reindex.steps.shift_result import ShiftResult
from reindex.stores.interfaces.phases import Phases
from reindex.stores.interfaces.progress_table import ProgressTable
from reindex.stores.interfaces.run_files import RunFiles
from reindex.stores.interfaces.runs import Runs
from reindex.stores.interfaces.work_list import WorkList

log = logging.getLogger(__name__)

#: Ticks in a row that end in an error before the phase fails with it.
MAX_FAILED_TICKS = 10

#: Seconds after ``max_hold_seconds`` in which a phase can be failed by its ticks.
_OVERDUE_SECONDS = 600

#: Characters of an error in a phase's end.
_MAX_ERROR = 500


class Admission(StrEnum):
    """The reason why a tick may work, or may not."""

    WORK = "work"
    OPENING = "the phase is being opened"
    PAUSED = samples.PAUSED
    NO_RUN = "no run is open"
    OTHER_PHASE = "the run is in another phase"
    EXECUTION_ENDED = "the execution no longer runs"
    TOKEN_DEAD = "nobody waits for the phase any more"  # noqa: S105 (a reason, no secret)

    @property
    def turns_rule_off(self) -> bool:
        """True if the rule that sent this tick has nothing left to tick for."""
        return self in {
            Admission.NO_RUN,
            Admission.OTHER_PHASE,
            Admission.EXECUTION_ENDED,
            Admission.TOKEN_DEAD,
        }


class Outcome(StrEnum):
    """The outcome of a tick."""

    TURNED_AWAY = "turned away"
    WORKED = "worked"
    FAILED = "ended in an error"
    DRAINED = "drained"
    GAVE_UP = "gave up: no progress for too long"
    PHASE_FAILED = "gave up: every tick ends in an error"


@dataclass(frozen=True, slots=True)
class TickReport:
    """The report of one tick.

    Attributes:
        outcome: How it ended.
        admission: Admitted or not, and why.
        transitions: Rows that changed, by what they became.
        held_by: The gate that held it last; None when none did.
        error: What it ended in; None when it ended well.
    """

    outcome: Outcome
    admission: Admission
    transitions: Mapping[str, int] = field(default_factory=Counter)
    held_by: str | None = None
    error: str | None = None

    def as_json(self) -> dict[str, object]:
        """Return the report as the lambda returns and logs it."""
        return {
            "outcome": self.outcome,
            "admission": self.admission,
            "moved": dict(self.transitions),
            "heldBy": self.held_by,
            "error": self.error,
        }


def admit(run: RunRecord | None, phase: Phase, *, running: bool) -> Admission:
    """Decide if a tick of ``phase`` may work; the task token is checked later."""
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
    work_list: WorkList
    runs: Runs
    phases: Phases
    rules: PhaseRules
    retry: Retry
    clock: Clock
    meter: Meter
    files: RunFiles

    def tick(self, work: PhaseWork, worker: int, holder: str) -> TickReport:
        """Work on a phase, for one tick.

        Args:
            work: The phase.
            worker: Which of the rule's targets this is, for its samples.
            holder: Names this invocation.

        Raises:
            StoreUnavailable: The run record cannot be read, or a phase cannot be ended. No
                heartbeat follows, so that the state machine opens the phase again, or ends it.
        """
        run = self.runs.current()
        running = run is not None and run.is_open and self.phases.is_running(run.execution)
        admission = admit(run, work.phase, running=running)
        if run and admission is Admission.WORK:
            if self._should_have_ended(run):
                # No heartbeat: if the phase cannot be failed now either, its silence ends it.
                return self._fail_phase(run, work.phase, "the phase could not be ended before")
            admission = self._heartbeat(run, work.phase)
        if run is None or admission is not Admission.WORK:
            if admission.turns_rule_off:
                self.phases.turn_off(work.phase)
            if run and admission is Admission.PAUSED:
                paused = Sample(self.clock.now(), 0, work.phase, worker, held={admission: 0})
                attempt(
                    "the sample cannot be kept",
                    lambda: samples.keep(self.files, run.run_id, paused),
                )
            return TickReport(Outcome.TURNED_AWAY, admission)
        return self._admitted(run, work, worker, holder)

    def _should_have_ended(self, run: RunRecord) -> bool:
        """Return True if a tick before this one wanted to fail the phase, and could not."""
        idle = self.clock.now() - run.progressed_at
        overdue = idle > self.rules.max_hold_seconds + _OVERDUE_SECONDS
        return run.failed_ticks >= MAX_FAILED_TICKS or (overdue and not run.paused)

    def _heartbeat(self, run: RunRecord, phase: Phase) -> Admission:
        token = run.task_token or ""
        if not self.phases.heartbeat(token):
            # The state machine may have opened the phase anew: its rule is to stay on.
            reopened = self._is_reopened(phase, token)
            return Admission.OPENING if reopened else Admission.TOKEN_DEAD
        return Admission.PAUSED if run.paused else Admission.WORK

    def _is_reopened(self, phase: Phase, token: str) -> bool:
        """Return True if the phase was opened again, with a token other than this one."""
        run = self.runs.current()
        return bool(run and run.is_open and run.phase is phase and run.task_token != token)

    def _admitted(self, run: RunRecord, work: PhaseWork, worker: int, holder: str) -> TickReport:
        started = self.clock.now()
        self.meter.count("ImagesInRun", run.total)
        shift = Shift(
            self.table,
            self.work_list,
            self.runs,
            self.rules,
            self.retry,
            self.clock,
            self.meter,
            work,
        )
        done = shift.work(run, holder)
        pace = IndexerPace.of((done.latest or run).indexer_pace)
        # Before the phase may end: what comes after it reads the samples.
        sample = Sample(
            started,
            self.clock.now() - started,
            work.phase,
            worker,
            dict(done.transitions),
            dict(done.gate_seconds),
            pace.concurrency if pace else 0,
            pace.set_by if pace else "",
        )
        attempt("the sample cannot be kept", lambda: samples.keep(self.files, run.run_id, sample))
        attempt("the progress cannot be measured", lambda: self._measure_progress(work))
        outcome = self._close(run, work.phase, done)
        return TickReport(outcome, Admission.WORK, done.transitions, done.held_by, done.error)

    def _measure_progress(self, work: PhaseWork) -> None:
        """Write how far the run is; no seconds where none can be promised."""
        run = self.runs.current()
        if run is None or not run.is_open:
            return
        progress = estimated(run, self.clock.now(), work.pace)
        self.meter.count("PercentDone", progress.percent)
        if progress.seconds_left is not None:
            self.meter.seconds("SecondsLeft", progress.seconds_left)

    def _close(self, run: RunRecord, phase: Phase, done: ShiftResult) -> Outcome:
        """End the phase when nothing is left to do, or when it cannot go on."""
        latest = done.latest
        if latest is None:
            # Another phase is at work, or none: the end is theirs to see.
            return Outcome.WORKED
        if done.error is None and self._end_if_drained(latest, phase, done):
            return Outcome.DRAINED
        failed_ticks = self._count_failed_ticks(latest, done)
        idle = 0.0 if done.progressed else max(0.0, self.clock.now() - latest.progressed_at)
        self.meter.seconds("SecondsWithoutProgress", idle)
        if failed_ticks >= MAX_FAILED_TICKS:
            return self._fail_phase(run, phase, done.error or "").outcome
        if idle > self.rules.max_hold_seconds:
            reason = done.error or done.held_by or "no gate"
            return self._give_up(latest, phase, idle, reason).outcome
        return Outcome.FAILED if done.error else Outcome.WORKED

    def _end_if_drained(self, run: RunRecord, phase: Phase, done: ShiftResult) -> bool:
        try:
            if self.work_list.earliest(phase) is not None:
                return False
            again = phase is Phase.CHECK and self.work_list.earliest(Phase.INDEX) is not None
            # The rule first: a phase that has ended must not tick.
            self.phases.turn_off(phase)
            self.phases.succeed(run.task_token or "", again=again)
        except Exception as error:
            # The edge of a tick: it counts as one that failed, and the next tries again.
            log.exception("the phase could not be ended")
            done.error = f"{type(error).__name__}: {error}"
            return False
        return True

    def _count_failed_ticks(self, run: RunRecord, done: ShiftResult) -> int:
        """Count a tick that failed; begin anew after one that made progress, or was held."""
        count = run.failed_ticks
        if done.error:
            count += 1
        elif done.progressed or done.held_by:
            count = 0
        if count != run.failed_ticks:
            changes = {"failed_ticks": count}
            attempt("a tick cannot be counted", lambda: self.runs.update(run.run_id, changes))
        return count

    def _give_up(self, run: RunRecord, phase: Phase, idle: float, reason: str) -> TickReport:
        """Fail a phase that has made no progress for too long."""
        cause = f"nothing moved for {idle:.0f} s; held by: {reason}"
        self._end(phase, lambda token: self.phases.fail(token, "ReindexHeld", cause), run)
        return TickReport(Outcome.GAVE_UP, Admission.WORK)

    def _fail_phase(self, run: RunRecord, phase: Phase, error: str) -> TickReport:
        cause = f"{MAX_FAILED_TICKS} ticks in a row ended in an error; the last: {error}"
        self._end(
            phase, lambda token: self.phases.fail(token, "TicksFailed", cause[:_MAX_ERROR]), run
        )
        return TickReport(Outcome.PHASE_FAILED, Admission.WORK, error=error)

    def _end(self, phase: Phase, end: Callable[[str], object], run: RunRecord) -> None:
        """Turn the phase's rule off, if that can be done, and end the phase.

        What ends a phase in failure turns the rules off, too: see the state machine.
        """
        attempt("the rule cannot be turned off", lambda: self.phases.turn_off(phase))
        end(run.task_token or "")
