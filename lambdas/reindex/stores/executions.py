"""The executions of the state machine: started, looked at and stopped."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from reindex.stores.aws import error_code, unavailable
from reindex.stores.interfaces.executions import Execution, PastExecution

if TYPE_CHECKING:
    from mypy_boto3_stepfunctions import SFNClient

_SERVICE = "Step Functions"


class Executions:
    """The state machine of one stage.

    Args:
        client: Of Step Functions.
        state_machine: ARN.
    """

    def __init__(self, client: SFNClient, state_machine: str) -> None:
        self._client = client
        self._state_machine = state_machine

    def arn(self, name: str) -> str:
        """Return the ARN of the execution of a name."""
        return f"{self._state_machine.replace(':stateMachine:', ':execution:')}:{name}"

    @unavailable(_SERVICE)
    def find(self, name: str) -> Execution | None:
        """Look at the execution of a name; None when there is none.

        Raises:
            StoreUnavailable: Step Functions does not say.
        """
        try:
            return self.look(self.arn(name))
        except ClientError as error:
            if error_code(error) != "ExecutionDoesNotExist":
                raise
            return None

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
        """Return the executions that were started last, the latest first (eventually consistent).

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
