"""How a test takes a twin's service away for a while."""

from __future__ import annotations

from reindex.domain.failures import StoreUnavailable


class Outages:
    """A service whose next calls can be made to fail."""

    def __init__(self) -> None:
        self.failing = 0

    def fail_next(self, calls: int = 1) -> None:
        """Let this many of the next calls go unanswered."""
        self.failing = calls

    def answer(self) -> None:
        """Say that a call arrived.

        Raises:
            StoreUnavailable: It is one of those that go unanswered.
        """
        if self.failing:
            self.failing -= 1
            raise StoreUnavailable("this twin was told not to answer")
