"""Control of a run: its EventBridge rules, its execution and its task tokens."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from reindex.domain.states import Phase
from reindex.stores.aws import error_code, unavailable

if TYPE_CHECKING:
    from mypy_boto3_events import EventBridgeClient
    from mypy_boto3_stepfunctions import SFNClient

_RULES = "EventBridge"
_EXECUTIONS = "Step Functions"

#: Errors of Step Functions for a token that no task waits for: the phase has ended or timed out,
#: its execution has ended, or the token is invalid.
_DEAD_TOKEN = {"TaskTimedOut", "TaskDoesNotExist", "InvalidToken"}

#: Most characters of a task failure's error and cause.
#: https://docs.aws.amazon.com/step-functions/latest/apireference/API_SendTaskFailure.html
_MAX_ERROR = 256
_MAX_CAUSE = 32_768


class AwsPhases:
    """The rules of the two phases, the run's execution and its task tokens.

    Args:
        events: Client of EventBridge.
        stepfunctions: Client of Step Functions.
        rules: The name of each phase's rule, on the default bus.
    """

    def __init__(
        self, events: EventBridgeClient, stepfunctions: SFNClient, rules: Mapping[Phase, str]
    ) -> None:
        self._events = events
        self._stepfunctions = stepfunctions
        self._rules = rules

    def turn_off(self, phase: Phase) -> None:
        """Turn a phase's schedule off; no effect if it is off.

        A tick that was started before may still arrive.

        Raises:
            StoreUnavailable: EventBridge does not answer.
        """
        with unavailable(_RULES):
            self._events.disable_rule(Name=self._rules[phase])

    def is_on(self, phase: Phase) -> bool:
        """Return True if a phase's schedule is on.

        Raises:
            StoreUnavailable: EventBridge does not answer.
        """
        with unavailable(_RULES):
            return self._events.describe_rule(Name=self._rules[phase])["State"] == "ENABLED"

    def is_running(self, execution: str) -> bool:
        """Return True if an execution of the state machine still runs; False when there is none.

        Args:
            execution: Its ARN.

        Raises:
            StoreUnavailable: Step Functions does not answer.
        """
        with unavailable(_EXECUTIONS):
            try:
                found = self._stepfunctions.describe_execution(executionArn=execution)
            except ClientError as error:
                if error_code(error) != "ExecutionDoesNotExist":
                    raise
                return False
        return found["status"] == "RUNNING"

    def heartbeat(self, token: str) -> bool:
        """Send a heartbeat; return False if no task waits for the token.

        Raises:
            StoreUnavailable: Step Functions does not answer.
        """
        return _was_awaited(lambda: self._stepfunctions.send_task_heartbeat(taskToken=token))

    def succeed(self, token: str, *, again: bool) -> bool:
        """End the phase; return False if no task waits for the token.

        Args:
            token: The phase's task token.
            again: True if work is left for the previous phase. The state machine's next choice
                reads it.

        Raises:
            StoreUnavailable: Step Functions does not answer.
        """
        output = json.dumps({"again": again})
        return _was_awaited(
            lambda: self._stepfunctions.send_task_success(taskToken=token, output=output)
        )

    def fail(self, token: str, error: str, cause: str) -> bool:
        """Fail the phase; return False if no task waits for the token.

        Args:
            token: The phase's task token.
            error: A name that the state machine's Retry and Catch use.
            cause: A description for people.

        Raises:
            StoreUnavailable: Step Functions does not answer.
        """
        return _was_awaited(
            lambda: self._stepfunctions.send_task_failure(
                taskToken=token, error=error[:_MAX_ERROR], cause=cause[:_MAX_CAUSE]
            )
        )


class AwsCatchUpSchedule:
    """The rule that starts the rounds of a migration.

    Args:
        events: Client of EventBridge.
        rule: Its name, on the default bus.
    """

    def __init__(self, events: EventBridgeClient, rule: str) -> None:
        self._events = events
        self._rule = rule

    def turn_on(self) -> None:
        """Turn it on; no effect if it is on.

        Raises:
            StoreUnavailable: EventBridge does not answer.
        """
        with unavailable(_RULES):
            self._events.enable_rule(Name=self._rule)

    def turn_off(self) -> None:
        """Turn it off; no effect if it is off.

        Raises:
            StoreUnavailable: EventBridge does not answer.
        """
        with unavailable(_RULES):
            self._events.disable_rule(Name=self._rule)


def _was_awaited(call: Callable[[], object]) -> bool:
    with unavailable(_EXECUTIONS):
        try:
            call()
        except ClientError as error:
            if error_code(error) not in _DEAD_TOKEN:
                raise
            return False
    return True
