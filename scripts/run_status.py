"""The status of a run, from its record and the queues' depths, without a scan."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from reindex.domain.failures import StoreUnavailable
from reindex.domain.progress import iso
from reindex.domain.run_records import RunRecord, run_id_of
from reindex.domain.states import Phase
from reindex.reports.estimate import Estimate
from reindex.reports.forecast import Bill, StageCapacity, bill
from reindex.reports.run_estimate import estimated, finished, images_per_second, to_index
from reindex.settings import Pace
from reindex.steps.ambient import Clock
from reindex.stores.executions import Executions
from reindex.stores.interfaces.phases import Phases
from reindex.stores.interfaces.queues import Depth, Queue
from reindex.stores.interfaces.runs import Runs

if TYPE_CHECKING:
    from reindex.wiring import Wiring

#: Looks in a row that may fail.
_MISSES = 5


@dataclass(frozen=True, slots=True)
class RunStatus:
    """The status of a run.

    Attributes:
        run: Its record.
        running: True if its execution runs.
        ticks: True if its phase's schedule is on; true between phases.
        next_run: The run that comes after it, and that Preflight has not opened yet.
        backlog: Of the low-priority queue.
        dead_letters: Messages set aside.
        at: When it was looked at, epoch seconds.
        progress: How much of its work is done, and how long the rest takes.
        cost: What it has cost so far, and will.
    """

    run: RunRecord
    running: bool
    backlog: Depth
    dead_letters: int
    at: float
    progress: Estimate
    cost: Bill
    ticks: bool = True
    next_run: str | None = None

    @property
    def is_over(self) -> bool:
        """True if the run has ended, and said so."""
        return not self.run.is_open

    @property
    def is_silent(self) -> bool:
        """True if its phase waits for ticks that do not come: its rule is disabled.

        For a moment that is so at each phase's end.
        """
        return not self.is_over and not self.run.opening and not self.ticks

    @property
    def is_dead(self) -> bool:
        """True if its execution has ended without closing the record."""
        return self.run.is_open and not self.running

    @property
    def settled(self) -> int:
        """Images that are where they will rest, as far as this run counted them."""
        return finished(self.run)

    @property
    def placed(self) -> int:
        """Images that the index phase is done with: left to the check, or finished."""
        return self.run.total - to_index(self.run)

    @property
    def done(self) -> int:
        """Images that the present phase is done with; of a run that is over, the settled ones."""
        return self.placed if self.is_projecting else self.settled

    @property
    def is_projecting(self) -> bool:
        """True if it is in its index phase."""
        return not self.is_over and self.run.phase is Phase.INDEX

    @property
    def rate(self) -> float | None:
        """Images per second, of the present phase in its recent past; None if not measured.

        Of a run that is over, the average.
        """
        if not self.is_over:
            return images_per_second(self.run, self.run.phase) if self.run.phase else None
        seconds = (self.run.ended_at or self.at) - self.run.started_at
        return self.settled / seconds if seconds > 0 and self.settled else None

    def as_json(self) -> dict[str, Any]:
        """Return the status for scripts."""
        run = self.run
        return {
            "run_id": run.run_id,
            "status": run.status,
            "running": self.running,
            "ticks": self.ticks,
            "next_run": self.next_run,
            "phase": run.phase,
            "round": run.round,
            "paused": run.paused,
            "held_by": run.held_by,
            "index": run.index,
            "total": run.total,
            "placed": self.placed,
            "settled": self.settled,
            "counts": dict(run.counts),
            "rate": self.rate,
            "percent_done": self.progress.percent,
            "eta_seconds": None if self.is_dead else self.progress.seconds_left,
            "no_eta_for": self.progress.reason,
            "backlog": asdict(self.backlog),
            "dead_letters": self.dead_letters,
            "bulks_side_by_side": run.indexer_pace.get("concurrency"),
            "bulks_held_by": run.indexer_pace.get("set_by"),
            "dollars_so_far": round(self.cost.so_far, 2),
            "dollars_in_all": round(self.cost.total, 2),
            "budget": run.budget,
            "started_at": iso(run.started_at),
            "progressed_at": iso(run.progressed_at),
            "ended_at": iso(run.ended_at) if run.ended_at else None,
            "reason": run.reason,
            "report": run.report,
        }


@dataclass(frozen=True, slots=True)
class StatusReader:
    """Looks at runs."""

    runs: Runs
    phases: Phases
    backlog: Queue
    dead_letters: Queue
    executions: Executions
    clock: Clock
    pace: Pace
    stage_capacity: StageCapacity

    @classmethod
    def of(cls, wiring: Wiring) -> StatusReader:
        """Return the reader of a stage's runs."""
        return cls(
            wiring.runs,
            wiring.phases,
            wiring.backlog,
            wiring.dead_letters,
            wiring.executions,
            wiring.clock,
            wiring.settings[Pace],
            wiring.run_steps.stage_capacity,
        )

    def look(self) -> RunStatus | None:
        """Return the status of the latest run; None before the first.

        Raises:
            StoreUnavailable: A service does not answer.
        """
        run = self.runs.current()
        if run is None:
            return None
        running = self.phases.is_running(run.execution)
        if run.is_open and not running:
            # It may have been closed between the two questions.
            run = self.runs.current() or run
        now = self.clock.now()
        return RunStatus(
            run,
            running,
            self.backlog.depth(),
            self.dead_letters.depth().total,
            now,
            estimated(run, now, self.pace),
            bill(run, now, self.stage_capacity),
            ticks=run.phase is None or self.phases.is_on(run.phase),
            next_run=self.being_opened(run),
        )

    def being_opened(self, run: RunRecord | None) -> str | None:
        """Return the run that gathers ids, or that Preflight judges; None when there is none.

        Args:
            run: The latest run's record.

        Raises:
            StoreUnavailable: Step Functions does not say.
        """
        if run and run.is_open:
            return None
        names = map(run_id_of, self.executions.running())
        return next((name for name in names if not run or name != run.run_id), None)

    def watch(self, seconds: float) -> Iterator[RunStatus]:
        """Look again and again until the run has ended, or its execution has.

        Args:
            seconds: Between looks.

        Raises:
            StoreUnavailable: A service does not answer.
        """
        while (status := self._look_patiently(seconds)) is not None:
            yield status
            if (status.is_over and not status.next_run) or status.is_dead:
                return
            self.clock.sleep(seconds)

    def _look_patiently(self, seconds: float) -> RunStatus | None:
        """Look; a watch through a night must outlive a service's bad minute."""
        for _ in range(_MISSES):
            try:
                return self.look()
            except StoreUnavailable:
                self.clock.sleep(seconds)
        return self.look()
