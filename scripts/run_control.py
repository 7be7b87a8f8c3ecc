"""Starting, pausing and ending runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from reindex.domain.failures import InternalFailure
from reindex.domain.options import RunOptions
from reindex.domain.run_records import RunRecord, run_id_of
from reindex.domain.states import Phase
from reindex.steps.ambient import Clock
from reindex.steps.preflight import PreflightFailed
from reindex.stores.executions import Executions
from reindex.stores.interfaces.phases import Phases
from reindex.stores.interfaces.runs import Runs

if TYPE_CHECKING:
    from reindex.wiring import Wiring

#: Seconds between looks for Preflight's verdict.
_LOOK_SECONDS = 1.0

_ABORTED = "aborted by an operator"


class NotNow(InternalFailure):
    """The state of the run does not allow the operation."""


@dataclass(frozen=True, slots=True)
class Aborted:
    """The outcome of an abort.

    Attributes:
        run: The latest run's record as it was found; None before the first run.
        closed: True if that run was open, and this abort closed it.
        stopped: Executions that were running.
    """

    run: RunRecord | None
    closed: bool
    stopped: Sequence[str]


@dataclass(frozen=True, slots=True)
class RunControl:
    """An operator's hold on runs."""

    runs: Runs
    phases: Phases
    executions: Executions
    clock: Clock

    @classmethod
    def of(cls, wiring: Wiring) -> RunControl:
        """Return the control of a stage's runs."""
        return cls(wiring.runs, wiring.phases, wiring.executions, wiring.clock)

    def require_none_open(self) -> None:
        """Raise if another run is open.

        Raises:
            NotNow: Another run is open, or being opened.
            StoreUnavailable: A service does not answer.
        """
        current = self.runs.current()
        if current and current.is_open and self.phases.is_running(current.execution):
            raise NotNow(f"run {current.run_id} is open: let it end, or abort it")
        # One that Preflight has not judged yet is in no record.
        running = self.executions.running()
        if running:
            raise NotNow(f"run {run_id_of(running[0])} is being opened: let it end, or abort it")

    def start(self, run_id: str, options: RunOptions) -> str:
        """Start a run, and return its execution.

        Raises:
            StoreUnavailable: Step Functions does not answer.
        """
        return self.executions.start(run_id, options.as_input())

    def await_opening(self, run_id: str, execution: str) -> RunRecord:
        """Wait until Preflight has opened the run; return its record.

        Raises:
            PreflightFailed: It did not; names every finding.
            StoreUnavailable: A service does not answer.
        """
        while True:
            # In this order: an execution that ended after the look may have opened the run.
            state = self.executions.look(execution)
            record = self.runs.current()
            if record and record.run_id == run_id and record.index:
                return record
            if not state.is_running:
                raise PreflightFailed(state.message.split("; "))
            self.clock.sleep(_LOOK_SECONDS)

    def open_run(self, run_id: str | None = None) -> RunRecord:
        """Return the record of the open run.

        Args:
            run_id: The run that it must be; None for any.

        Raises:
            NotNow: No run is open, or another one.
            StoreUnavailable: The runs table does not answer.
        """
        run = self.runs.current()
        if run is None or not run.is_open:
            raise NotNow("no run is open")
        if run_id is not None and run.run_id != run_id:
            raise NotNow(f"run {run.run_id} is open, and no longer run {run_id}")
        return run

    def pause(self, run_id: str | None = None) -> RunRecord:
        """Hold the open run; return its record as it was before.

        Args:
            run_id: The run that it must be; None for any.

        Raises:
            NotNow: No run is open, or another one.
            StoreUnavailable: The runs table does not answer.
        """
        return self._change({"paused": True}, run_id)

    def resume(self, budget: float | None = None, run_id: str | None = None) -> RunRecord:
        """Let the paused run go on; return its record as it was before.

        Its time without progress starts anew, so that a long pause is not a stall. What failed for
        one cause before no longer holds it.

        Args:
            budget: US dollars that it may cost in all from now on; None for as much as before.
            run_id: The run that it must be; None for any.

        Raises:
            NotNow: No run is open, or another one.
            StoreUnavailable: The runs table does not answer.
        """
        changes = {
            "paused": False,
            "progressed_at": self.clock.now(),
            "recent_projections": {},
            "recent_writes": {},
            **({} if budget is None else {"budget": budget}),
        }
        return self._change(changes, run_id)

    def abort(self) -> Aborted:
        """End whatever runs; safe at any point of a run, and to repeat.

        A plan that is on its way may still open a record for the execution stopped here. Nothing
        ticks for it, and the next start takes it over.

        Raises:
            StoreUnavailable: A service does not answer: repeat it.
        """
        run = self.runs.current()
        self._turn_off()
        stopped = set(self.executions.running())
        if run and run.is_open and self.phases.is_running(run.execution):
            stopped.add(run.execution)
        for execution in stopped:
            self.executions.stop(execution, _ABORTED)
        closed = bool(run and run.is_open and self._close(run.run_id))
        if stopped:
            # The state machine may have been about to turn one on.
            self._turn_off()
        return Aborted(run, closed, sorted(map(run_id_of, stopped)))

    def _change(self, changes: Mapping[str, object], run_id: str | None) -> RunRecord:
        run = self.open_run(run_id)
        if not self.runs.update(run.run_id, changes):
            raise NotNow("no run is open")
        return run

    def _turn_off(self) -> None:
        for phase in Phase:
            self.phases.turn_off(phase)

    def _close(self, run_id: str) -> bool:
        return self.runs.update(
            run_id,
            {
                "status": "aborted",
                "reason": _ABORTED,
                "ended_at": self.clock.now(),
                "opening": False,
                "phase": None,
                "task_token": None,
                "held_by": None,
            },
        )
