"""The time for which the present invocation may still wait for services."""

from __future__ import annotations

import math
import time


class TimeLimit:
    """The time that is left. Every store checks it before it waits.

    One object lives as long as the process; :meth:`start` is called for each invocation. Without
    it, as in the command, there is no limit.
    """

    def __init__(self) -> None:
        self._ends_at = math.inf

    def start(self, seconds: float) -> None:
        """Begin an invocation that has this many seconds."""
        self._ends_at = time.monotonic() + seconds

    def left(self) -> float:
        """Return the seconds that are left: infinite without a limit, never negative."""
        return max(0.0, self._ends_at - time.monotonic())

    def at_most(self, seconds: float) -> float:
        """Return ``seconds``, or what is left if that is less."""
        return min(seconds, self.left())
