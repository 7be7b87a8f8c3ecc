"""The executions of the state machine."""

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
        """Return the execution of a name; None if there is none.

        Raises:
            StoreUnavailable: Step Functions does not answer.
        """
        try:
            return self.look(self.arn(name))
        except ClientError as error:
            if error_code(error) != "ExecutionDoesNotExist":
                raise
            return None

    @unavailable(_SERVICE)
    def start(self, name: str, options: Mapping[str, Any]) -> str:
        """Start an execution, and return its ARN.

        A second call with the same name, as after a lost answer, starts no second execution.

        Args:
            name: Of the execution; also the id of its run.
            options: Its input.

        Raises:
            StoreUnavailable: Step Functions does not accept it.
        """
        return self._client.start_execution(
            stateMachineArn=self._state_machine, name=name, input=json.dumps(options)
        )["executionArn"]

    @unavailable(_SERVICE)
    def look(self, execution: str) -> Execution:
        """Return the status of an execution.

        Raises:
            StoreUnavailable: Step Functions does not answer.
        """
        found = self._client.describe_execution(executionArn=execution)
        return Execution(found["status"], found.get("error", ""), found.get("cause", ""))

    @unavailable(_SERVICE)
    def running(self) -> list[str]:
        """Return the ARNs of the executions that run (eventually consistent).

        Raises:
            StoreUnavailable: Step Functions does not answer.
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
            StoreUnavailable: Step Functions does not answer.
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
        """Stop an execution; no effect if it has ended.

        Raises:
            StoreUnavailable: Step Functions does not accept it.
        """
        try:
            self._client.stop_execution(executionArn=execution, error="ReindexAborted", cause=cause)
        except ClientError as error:
            if error_code(error) != "ExecutionDoesNotExist":
                raise
