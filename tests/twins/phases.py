"""The switches of a run, in memory."""

from __future__ import annotations

from reindex.domain.states import Phase
from reindex.stores.interfaces.phases import Phases
from tests.twins.outages import Outages


class MemoryPhases(Outages, Phases):
    """The twin of ``AwsPhases``.

    Attributes:
        on: The phases whose schedule is on.
        running: The executions that run.
        waiting: The task tokens that a task waits for.
        beats: How many heartbeats were sent.
        succeeded: The tokens on which success was reported.
        again: Whether the phase that ended last left work for the one before.
        failed: The errors and causes reported, by token.
        log: What was done, in order: ``off index``, ``succeed token``, ...
    """

    def __init__(
        self,
        *,
        on: set[Phase] | None = None,
        running: set[str] | None = None,
        waiting: set[str] | None = None,
    ) -> None:
        super().__init__()
        self.on = on or set()
        self.running = running or set()
        self.waiting = waiting or set()
        self.beats = 0
        self.succeeded: list[str] = []
        self.again = False
        self.failed: dict[str, tuple[str, str]] = {}
        self.log: list[str] = []

    def turn_off(self, phase: Phase) -> None:
        self.answer()
        self.on.discard(phase)
        self.log.append(f"off {phase}")

    def is_on(self, phase: Phase) -> bool:
        self.answer()
        return phase in self.on

    def is_running(self, execution: str) -> bool:
        self.answer()
        return execution in self.running

    def heartbeat(self, token: str) -> bool:
        self.answer()
        self.beats += 1
        return token in self.waiting

    def succeed(self, token: str, *, again: bool) -> bool:
        if not self._end(token, "succeed"):
            return False
        self.succeeded.append(token)
        self.again = again
        return True

    def fail(self, token: str, error: str, cause: str) -> bool:
        if not self._end(token, "fail"):
            return False
        self.failed[token] = (error, cause)
        return True

    def _end(self, token: str, how: str) -> bool:
        self.answer()
        if token not in self.waiting:
            return False
        self.waiting.remove(token)
        self.log.append(f"{how} {token}")
        return True
