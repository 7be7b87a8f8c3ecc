"""Control of a run's phases: their schedules, the execution and its task tokens."""

from __future__ import annotations

from typing import Protocol

from reindex.domain.states import Phase


class Phases(Protocol):
    """The switches of a run: its phases' rules, and its execution."""

    def turn_off(self, phase: Phase) -> None:
        """Turn a phase's schedule off; harmless when it is off."""
        ...

    def is_on(self, phase: Phase) -> bool:
        """Return True if a phase's schedule is on."""
        ...

    def is_running(self, execution: str) -> bool:
        """Return True if an execution of the state machine still runs."""
        ...

    def heartbeat(self, token: str) -> bool:
        """Say that the phase lives; False when nobody waits on that token any more."""
        ...

    def succeed(self, token: str, *, again: bool) -> bool:
        """End the phase; False when nobody waits on that token any more.

        Args:
            token: The phase's.
            again: Work is left for the phase before.
        """
        ...

    def fail(self, token: str, error: str, cause: str) -> bool:
        """Fail the phase; False when nobody waits on that token any more."""
        ...
