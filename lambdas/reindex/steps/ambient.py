"""The clock and the metrics of the steps, and names that sort by time."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from datetime import UTC, datetime
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


def fresh_name(clock: Clock) -> str:
    """Return a name for a run or an upload that sorts by time: ``20261122-031500-ab12``."""
    stamp = datetime.fromtimestamp(clock.now(), UTC).strftime("%Y%m%d-%H%M%S")
    return f"{stamp}-{os.urandom(2).hex()}"


class Meter(Protocol):
    """A writer of metrics."""

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
