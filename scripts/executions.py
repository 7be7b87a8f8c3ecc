"""The executions of the state machine: only the command starts, looks at or stops them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from reindex.settings import StateMachine
from reindex.stores.aws import error_code, unavailable

if TYPE_CHECKING:
    from mypy_boto3_stepfunctions import SFNClient

    from reindex.wiring import Wiring

_SERVICE = "Step Functions"


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
        """Whether it has not ended."""
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


class Executions:
    """The state machine of one stage.

    Args:
        client: Of Step Functions.
        state_machine: ARN.
    """

    def __init__(self, client: SFNClient, state_machine: str) -> None:
        self._client = client
        self._state_machine = state_machine

    @classmethod
    def of(cls, wiring: Wiring) -> Executions:
        """The executions of a stage."""
        return cls(wiring.stepfunctions, wiring.settings[StateMachine].state_machine_arn)

    @unavailable(_SERVICE)
    def start(self, name: str, told: Mapping[str, Any]) -> str:
        """Start an execution, and return its ARN.

        Asked twice for one name, as after a lost answer, it starts one.

        Args:
            name: Which names the run too.
            told: Its input.

        Raises:
            StoreUnavailable: Step Functions does not take it.
        """
        return self._client.start_execution(
            stateMachineArn=self._state_machine, name=name, input=json.dumps(told)
        )["executionArn"]

    @unavailable(_SERVICE)
    def look(self, execution: str) -> Execution:
        """How an execution stands.

        Raises:
            StoreUnavailable: Step Functions does not say.
        """
        found = self._client.describe_execution(executionArn=execution)
        return Execution(found["status"], found.get("error", ""), found.get("cause", ""))

    @unavailable(_SERVICE)
    def running(self) -> list[str]:
        """ARNs of the executions that run (eventually consistent).

        Raises:
            StoreUnavailable: Step Functions does not say.
        """
        pages = self._client.get_paginator("list_executions").paginate(
            stateMachineArn=self._state_machine, statusFilter="RUNNING"
        )
        return [found["executionArn"] for page in pages for found in page["executions"]]

    @unavailable(_SERVICE)
    def latest(self, at_most: int) -> list[PastExecution]:
        """The executions that were started last, the latest first (eventually consistent).

        Step Functions forgets an execution 90 days after its end.

        Raises:
            StoreUnavailable: Step Functions does not say.
        """
        pages = self._client.get_paginator("list_executions").paginate(
            stateMachineArn=self._state_machine, PaginationConfig={"MaxItems": at_most}
        )
        return [
            PastExecution(
                found["executionArn"],
                found["status"],
                found["startDate"],
                found.get("stopDate"),
            )
            for page in pages
            for found in page["executions"]
        ]

    @unavailable(_SERVICE)
    def stop(self, execution: str, cause: str) -> None:
        """Stop an execution; harmless when it has ended.

        Raises:
            StoreUnavailable: Step Functions does not take it.
        """
        try:
            self._client.stop_execution(executionArn=execution, error="ReindexAborted", cause=cause)
        except ClientError as error:
            if error_code(error) != "ExecutionDoesNotExist":
                raise
