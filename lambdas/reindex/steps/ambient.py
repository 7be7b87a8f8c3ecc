"""What every step has around it: a clock, and somewhere to count things."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Protocol


class Clock(Protocol):
    """Time, so that tests can own it."""

    def now(self) -> float:
        """Epoch seconds."""
        ...

    def sleep(self, seconds: float) -> None:
        """Wait."""
        ...


@dataclass(frozen=True, slots=True)
class SystemClock:
    """The machine's own time."""

    def now(self) -> float:
        """Epoch seconds."""
        return time.time()

    def sleep(self, seconds: float) -> None:
        """Wait."""
        time.sleep(seconds)


class Meter(Protocol):
    """Where metrics go."""

    def count(self, name: str, value: float = 1) -> None:
        """Add to a count."""
        ...

    def seconds(self, name: str, value: float) -> None:
        """Note a duration."""
        ...

    def bytes(self, name: str, value: float) -> None:
        """Note a size."""
        ...

    def failures(self, code: str, value: int) -> None:
        """Count images that failed, by failure code."""
        ...
