"""Plays what surrounds the functions for a night: the state machine and the schedules.

As the real ones do, it tries a step again that a service did not answer, opens a phase again
that fell silent, and closes the record of a run that failed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Generator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from reindex.domain.failures import StoreUnavailable
from reindex.domain.states import Phase
from tests.twins.wrapped import plain
from tests.unit.steps.world import MAX_ROUNDS, TOKEN, World

HOUR = 3600
TICK_PERIOD = 60

#: As cdk/workflow.py has them.
HEARTBEAT = 300
REOPENINGS = 3
ATTEMPTS = 10


class Killed(BaseException):
    """The process that was working is no more."""


class RunFailed(Exception):
    """The execution failed; the message is its error and cause."""


Steps = Generator[str, None, Any]
"""A play that stops before each thing it does, and names it."""


@dataclass
class Night:
    """Runs in a world, from their start to their end.

    Attributes:
        ticks: How the ticks came out, by outcome or by the exception that killed them.
        minutes: What else happens, every minute.
    """

    world: World
    ticks: Counter[str] = field(default_factory=Counter)
    minutes: Callable[[], None] = lambda: None

    def run(self, run_id: str, hours: float = 100, **options: Any) -> dict[str, Any]:
        """One execution.

        Returns:
            The report's result.

        Raises:
            RunFailed: It failed: the record is closed, and the rules are off.
        """
        result: dict[str, Any] = played(self.execution(run_id, hours, options))
        return result

    def rounds(self, hours: float = 100) -> dict[str, Any]:
        """The rounds of a run that is open, and its report."""
        result: dict[str, Any] = played(self._rounds(hours, {}, work=True))
        return result

    def phase(self, phase: Phase, hours: float = 100) -> None:
        """Open a phase, and let it tick until it has ended.

        Raises:
            RunFailed: It failed, or fell silent for good.
        """
        played(self._phase(phase, hours))

    def execution(self, run_id: str, hours: float, options: Mapping[str, Any]) -> Steps:
        """One execution, step by step."""
        self.world.phases.running.add(run_id)
        try:
            yield from self._gather(run_id, options)
            checked = yield from self._step("check", lambda: self.world.check(run_id))
            result = yield from self._rounds(hours, options, work=checked["work"])
        except Exception as error:
            yield "fail"
            self._close(run_id, str(error))
            raise RunFailed(f"{type(error).__name__}: {error}") from error
        self.world.phases.running.discard(run_id)
        return result

    def _close(self, run_id: str, reason: str) -> None:
        """End a failed execution: if the record is another run's, nothing is touched."""
        runs, phases = plain(self.world.runs), plain(self.world.phases)
        if runs.update(run_id, {"phase": None, "task_token": None}):
            phases.on.clear()
            runs.update(run_id, {"status": "failed", "reason": reason})
        phases.running.discard(run_id)

    def _rounds(self, hours: float, options: Mapping[str, Any], *, work: bool) -> Steps:
        round_ = 0 if work else -1
        while True:
            while work:
                for phase in Phase:
                    yield from self._phase(phase, hours)
                work = self.world.phases.again and round_ < MAX_ROUNDS
                round_ += int(work)
            tally = partial(self.world.tally, round_, options)
            decision = yield from self._step("tally", tally)
            if not decision["again"]:
                return (yield from self._step("report", partial(self.world.report, round_)))
            round_, work = decision["round"], True

    def _phase(self, phase: Phase, hours: float) -> Steps:
        reopened = 0
        end = self.world.clock.now() + hours * HOUR
        yield f"open {phase}"
        self.world.phases.succeeded.clear()
        self._open(phase)
        heard, beats = self.world.clock.now(), self.world.phases.beats
        while True:
            yield f"tick {phase}"
            began = self.world.clock.now()
            self._tick(phase)
            if TOKEN in self.world.phases.succeeded:
                return None
            if TOKEN in self.world.phases.failed:
                raise RunFailed(": ".join(self.world.phases.failed.pop(TOKEN)))
            now = self.world.clock.time = max(self.world.clock.time, began + TICK_PERIOD)
            with suppress(Killed):
                # The indexer may be killed between two ticks: the state machine goes on.
                self.world.clock.meanwhile()
            self.minutes()
            if self.world.phases.beats > beats:
                heard, beats = began, self.world.phases.beats
            if now - heard > HEARTBEAT:
                reopened += 1
                if reopened > REOPENINGS:
                    raise RunFailed(f"States.HeartbeatTimeout: {dict(self.ticks)}")
                self._open(phase)
                heard = now
            if now > end:
                raise AssertionError(f"the {phase} phase has not ended: {dict(self.ticks)}")

    def _gather(self, run_id: str, options: Mapping[str, Any]) -> Steps:
        world = self.world
        planned = yield from self._step(
            "plan", lambda: world.run_steps.gathering.plan(run_id, options)
        )
        for part in planned["parts"]:
            cursor = None
            while True:
                gather = partial(self._gather_part, run_id, options, part, cursor)
                done = yield from self._step("gather", gather)
                cursor = done["next"]
                if cursor is None:
                    break

    def _gather_part(self, run_id: str, options: Mapping[str, Any], part: Any, cursor: Any) -> Any:
        upload = self.world.invocation(run_id)
        return self.world.run_steps.gathering.part(run_id, upload, options, part, cursor)

    def _step(self, name: str, step: Callable[[], Any]) -> Steps:
        """Invoke a function, again and again if a service does not answer or it is killed."""
        for attempt in range(ATTEMPTS):
            yield name
            try:
                return step()
            except (StoreUnavailable, Killed) as error:
                if attempt == ATTEMPTS - 1:
                    raise RunFailed(str(error)) from error
                self.world.clock.time += min(60, 2**attempt)
        raise AssertionError

    def _open(self, phase: Phase) -> None:
        """Open a phase by the state machine's own calls, without injected faults."""
        world = self.world
        wrapped = world.runs
        world.runs = plain(wrapped)
        try:
            world.open_phase(phase)
        except AssertionError as error:
            raise RunFailed("the record is another run's, or closed") from error
        finally:
            world.runs = wrapped

    def _tick(self, phase: Phase) -> None:
        if phase not in self.world.phases.on:
            return
        for worker in range(self.world.workers):
            try:
                self.ticks[str(self.world.tick(phase, worker).outcome)] += 1
            except (Exception, Killed) as error:  # noqa: BLE001 - the function dies of it
                self.ticks[f"{type(error).__name__}: {error}"[:80]] += 1


def played(steps: Steps) -> Any:
    """Play to the end; return what it comes to."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return end.value
