"""Control of a run's phases: their schedules, the execution and its task tokens."""

from __future__ import annotations

from typing import Protocol

from reindex.domain.states import Phase


class Phases(Protocol):
    """Control of a run: its phases' rules, its execution and its task tokens."""

    def turn_off(self, phase: Phase) -> None:
        """Turn a phase's schedule off; no effect if it is off."""
        ...

    def is_on(self, phase: Phase) -> bool:
        """Return True if a phase's schedule is on."""
        ...

    def is_running(self, execution: str) -> bool:
        """Return True if an execution of the state machine still runs."""
        ...

    def heartbeat(self, token: str) -> bool:
        """Send a heartbeat; return False if no task waits for the token."""
        ...

    def succeed(self, token: str, *, again: bool) -> bool:
        """End the phase; return False if no task waits for the token.

        Args:
            token: The phase's task token.
            again: True if work is left for the previous phase.
        """
        ...

    def fail(self, token: str, error: str, cause: str) -> bool:
        """Fail the phase; return False if no task waits for the token."""
        ...
