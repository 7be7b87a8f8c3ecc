"""Executions of the state machine."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class Execution:
    """How an execution stands.

    Attributes:
        status: ``RUNNING``, ``SUCCEEDED``, ``FAILED``, ``TIMED_OUT``, ``ABORTED``.
        error: Name of what failed it.
        cause: What a failed lambda or the state machine said of it.
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
        """Why it failed, for people: a lambda's own message, without its stack trace."""
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
        ended_at: Likewise; None while it runs.
    """

    arn: str
    status: str
    started_at: datetime
    ended_at: datetime | None


class RunStarter(Protocol):
    """Starts executions of the state machine."""

    def start(self, name: str, told: Mapping[str, Any]) -> str:
        """Start an execution, and return its ARN; asked twice for one name, it starts one."""
        ...

    def find(self, name: str) -> Execution | None:
        """Look at the execution of a name; None when there is none."""
        ...
