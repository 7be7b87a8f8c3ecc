"""How a run stands, from its record and the queues' depths: no scan."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from reindex.failures import StoreUnavailable
from reindex.progress import iso
from reindex.records import RunRecord, run_id_of
from reindex.settings import Pace
from reindex.states import Phase, State
from reindex.steps.ambient import Clock
from reindex.steps.batch_index import UNCHANGED
from reindex.stores.interfaces import Depth, Phases, Queue, Runs

from .executions import Executions

if TYPE_CHECKING:
    from reindex.wiring import Wiring

#: Seconds of the recent past that the rate of a watched run is taken from.
RATE_SECONDS = 60.0

#: Looks in a row that may fail.
_MISSES = 5

#: Where the index phase leaves images that no document could be projected of.
_FAILED = (State.KNOWN_ERROR, State.UNKNOWN_ERROR)

_SETTLED = (State.VERIFIED, UNCHANGED, State.INCONSISTENT, State.NOT_FOUND, *_FAILED)


@dataclass(frozen=True, slots=True)
class RunStatus:
    """How a run stands.

    Attributes:
        run: Its record.
        running: Whether its execution runs.
        ticks: Whether its phase's schedule is on; true between phases.
        next_run: The run that comes after it, and that Preflight has not opened yet.
        backlog: Of the low-priority queue.
        dead_letters: Messages set aside.
        at: When it was looked at, epoch seconds.
        rate: Images per second that the phase is done with; None when that cannot be said.
        quiet_seconds: How long the queue must be empty before the check may confirm creates.
    """

    run: RunRecord
    running: bool
    backlog: Depth
    dead_letters: int
    at: float
    ticks: bool = True
    next_run: str | None = None
    rate: float | None = None
    quiet_seconds: float = 0

    @property
    def is_over(self) -> bool:
        """Whether the run has ended, and said so."""
        return not self.run.is_open

    @property
    def is_silent(self) -> bool:
        """Whether its phase waits for ticks that nothing causes: somebody turned its rule off.

        For a moment that is so at each phase's end.
        """
        return not self.is_over and not self.run.opening and not self.ticks

    @property
    def is_dead(self) -> bool:
        """Whether its execution has ended without closing the record."""
        return self.run.is_open and not self.running

    @property
    def settled(self) -> int:
        """Images that are where they will rest, as far as this run counted them."""
        return self._sum(*_SETTLED)

    @property
    def placed(self) -> int:
        """Images that the index phase is done with: left to the check, or failed."""
        return max(0, self._sum(State.ENQUEUED, UNCHANGED, *_FAILED) - self._sum(State.QUEUED))

    @property
    def done(self) -> int:
        """Images that the present phase is done with, at most all of them."""
        done = self.placed if self.run.phase is Phase.INDEX else self.settled
        return min(self.run.total, done)

    @property
    def waits_for_quiet(self) -> bool:
        """Whether the check waits until the queue has been empty for long enough.

        Most images are confirmed at once when that is over, so that no rate tells when.
        """
        if self.is_over or self.run.paused or self.run.phase is not Phase.CHECK:
            return False
        quiet_since = self.run.quiet_since
        return quiet_since is None or self.at - quiet_since < self.quiet_seconds

    @property
    def eta_seconds(self) -> float | None:
        """Seconds until the present phase is done, if it goes on like this; None if none can say.

        None of a phase that waits for the queue to be quiet: see :attr:`waits_for_quiet`.
        """
        left = self.run.total - self.done
        if self.is_over or self.run.paused or self.waits_for_quiet or not self.rate or not left:
            return None
        return left / self.rate

    def since(self, earlier: RunStatus | None) -> RunStatus:
        """The same with its rate, since an earlier look at the same phase or since the start."""
        comparable = (
            earlier is not None
            and earlier.at < self.at
            and (earlier.run.run_id, earlier.run.phase) == (self.run.run_id, self.run.phase)
        )
        if comparable:
            assert earlier is not None
            return replace(self, rate=max(0.0, (self.done - earlier.done) / (self.at - earlier.at)))
        seconds = (self.run.ended_at or self.at) - self.run.started_at
        return replace(self, rate=self.done / seconds if seconds > 0 and self.done else None)

    def as_json(self) -> dict[str, Any]:
        """The status for scripts."""
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
            "eta_seconds": self.eta_seconds,
            "waits_for_quiet": self.waits_for_quiet,
            "backlog": asdict(self.backlog),
            "dead_letters": self.dead_letters,
            "started_at": iso(run.started_at),
            "progressed_at": iso(run.progressed_at),
            "ended_at": iso(run.ended_at) if run.ended_at else None,
            "reason": run.reason,
            "report": run.report,
        }

    def _sum(self, *kinds: str) -> int:
        return sum(self.run.counts.get(kind, 0) for kind in kinds)


@dataclass(frozen=True, slots=True)
class StatusReader:
    """Looks at runs."""

    runs: Runs
    phases: Phases
    backlog: Queue
    dead_letters: Queue
    executions: Executions
    clock: Clock
    quiet_seconds: float

    @classmethod
    def of(cls, wiring: Wiring) -> StatusReader:
        """The reader of a stage's runs."""
        return cls(
            wiring.runs,
            wiring.phases,
            wiring.backlog,
            wiring.dead_letters,
            Executions.of(wiring),
            wiring.clock,
            wiring.settings[Pace].quiet_seconds,
        )

    def look(self) -> RunStatus | None:
        """How the latest run stands; None before the first.

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
        status = RunStatus(
            run,
            running,
            self.backlog.depth(),
            self.dead_letters.depth().total,
            self.clock.now(),
            ticks=run.phase is None or self.phases.is_on(run.phase),
            next_run=self.being_opened(run),
            quiet_seconds=self.quiet_seconds,
        )
        return status.since(None)

    def being_opened(self, run: RunRecord | None) -> str | None:
        """The run that gathers ids, or that Preflight judges; None when there is none.

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
        looks: deque[RunStatus] = deque()
        while (status := self._look_patiently(seconds)) is not None:
            while looks and looks[0].at < status.at - RATE_SECONDS:
                looks.popleft()
            status = status.since(looks[0]) if looks else status
            looks.append(status)
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
