"""Executions of the state machine."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class Execution:
    """The status of an execution.

    Attributes:
        status: ``RUNNING``, ``SUCCEEDED``, ``FAILED``, ``TIMED_OUT``, ``ABORTED``.
        error: Name of what failed it.
        cause: Message of the failed lambda or of the state machine.
    """

    status: str
    error: str = ""
    cause: str = ""

    @property
    def is_running(self) -> bool:
        """True if it has not ended."""
        return self.status == "RUNNING"

    @property
    def message(self) -> str:
        """Why it failed: a lambda's own message, without its stack trace."""
        try:
            said = json.loads(self.cause)["errorMessage"]
        except (ValueError, TypeError, KeyError):
            said = self.cause
        return str(said or self.error or f"the execution ended: {self.status}")


@dataclass(frozen=True, slots=True)
class PastExecution:
    """An execution, as a list shows it.

    Attributes:
        arn: Its ARN.
        status: As in :class:`Execution`.
        started_at: With zone.
        ended_at: With zone; None while it runs.
    """

    arn: str
    status: str
    started_at: datetime
    ended_at: datetime | None


class RunStarter(Protocol):
    """Starts executions of the state machine."""

    def start(self, name: str, options: Mapping[str, Any]) -> str:
        """Start an execution, unless one of that name exists, and return its ARN."""
        ...

    def find(self, name: str) -> Execution | None:
        """Return the execution of a name; None if there is none."""
        ...
