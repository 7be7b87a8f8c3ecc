"""The states that our state machines have in common: invocations, and parts worked concurrently."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from aws_cdk import Duration
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_stepfunctions as sfn
from aws_cdk import aws_stepfunctions_tasks as tasks
from constructs import Construct

from cdk.monitoring import log_group
from cdk.nag import accept
from cdk.stage_settings import StageSettings

#: Attempts with pauses of up to a minute, at random: some three minutes, and over half an hour. The
#: long wait is for a turn: gatherers and tally segments work for ten minutes each, and an account
#: may let only some of them run at once.
ATTEMPTS = 10
LONG_ATTEMPTS = 90

#: Lambda's own faults, and what keeps it from starting a function for a while: the account's
#: concurrency is used up, a function in a VPC that was idle for weeks is made active again, or
#: a deployment is under way.
#: https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html
_LAMBDA_FAULTS = [
    "Lambda.ClientExecutionTimeoutException",
    "Lambda.CodeArtifactUserPendingException",
    "Lambda.EC2ThrottledException",
    "Lambda.EC2UnexpectedException",
    "Lambda.ENILimitReachedException",
    "Lambda.ENINotReadyException",
    "Lambda.KMSThrottlingException",
    "Lambda.ResourceConflictException",
    "Lambda.ResourceNotReadyException",
    "Lambda.ServiceException",
    "Lambda.AWSLambdaException",
    "Lambda.SdkClientException",
    "Lambda.TooManyRequestsException",
]

#: A function that was killed, or ran out of time. All our functions may be invoked again.
_DEATHS = ["Lambda.Unknown", "Runtime.ExitError", "Sandbox.Timedout", "States.Timeout"]

#: The errors that our functions raise if a service does not answer. Each function may be invoked
#: again with the same input: it finds the work that is already done.
_PASSING = ["StoreUnavailable"]

ANY = ["States.ALL"]

#: Stores the error that was caught, for the run's record and the execution's end.
REMEMBER_ERROR = {
    "error_name": "{% $states.errorOutput.Error %}",
    "error_cause": "{% $exists($states.errorOutput.Cause) ? $states.errorOutput.Cause : '' %}",
}


#: Wildcards in what a state machine may do, and why nothing narrower would do.
_WILDCARDS = {
    "Resource::<Functions.+\\.Arn>:\\*": "CDK grants a function with its versions",
    "Resource::\\*": "The delivery of logs, and tracing, know no resources",
    "Action::kms:(GenerateDataKey|ReEncrypt)\\*": "Two variants of one action, on one key",
}


class Steps(Construct):
    """A state machine: makes its states, then the machine."""

    #: The state that every error leads to; None lets an error fail the execution.
    _failure: sfn.IChainable | None = None

    def _machine(
        self,
        construct_id: str,
        name: str,
        comment: str,
        *,
        settings: StageSettings,
        definition: sfn.IChainable,
    ) -> sfn.StateMachine:
        """Make the state machine, with its log; record why its policy has wildcards."""
        machine = sfn.StateMachine(
            self,
            construct_id,
            state_machine_name=name,
            state_machine_type=sfn.StateMachineType.STANDARD,
            comment=comment,
            query_language=sfn.QueryLanguage.JSONATA,
            definition_body=sfn.DefinitionBody.from_chainable(definition),
            logs=sfn.LogOptions(
                destination=log_group(self, "Logs", f"/aws/vendedlogs/states/{name}", settings),
                level=sfn.LogLevel.ALL,
                include_execution_data=True,
            ),
            tracing_enabled=settings.tracing,
        )
        for pattern, reason in _WILDCARDS.items():
            accept(machine.role, "AwsSolutions-IAM5", reason, only=[pattern])
        if not settings.tracing:
            reason = "Traces help to find delays: an execution's log has every transition"
            accept(machine, "AwsSolutions-SF2", reason)
        return machine

    def _in_parts(
        self,
        name: str,
        function: lambda_.IFunction,
        *,
        item: str,
        items: str,
        payload: Mapping[str, Any],
        at_once: int | None = None,
    ) -> sfn.Map:
        """Parts that are worked concurrently, each by as many invocations as it takes.

        Args:
            name: Of the state.
            function: Answers with ``next``: the cursor to go on from, null at the part's end.
            item: What a part is called, in the payload too; and the step that works it.
            items: The parts.
            payload: Further input of every invocation.
            at_once: Most parts that are worked concurrently; as many as there are, if None.
        """
        work = self._invoke(
            f"{name} {item}",
            function,
            {
                **payload,
                "step": item,
                item: f"{{% $states.input.{item} %}}",
                "cursor": "{% $states.input.cursor %}",
            },
            outputs={
                item: f"{{% $states.input.{item} %}}",
                "cursor": "{% $states.result.Payload.next %}",
            },
            catch=False,
        )
        work.next(
            sfn.Choice.jsonata(self, f"{item.capitalize()} done?")
            .when(sfn.Condition.jsonata("{% $states.input.cursor != null %}"), work)
            .otherwise(sfn.Succeed.jsonata(self, f"{item.capitalize()} is done", outputs={}))
        )
        parts = sfn.Map.jsonata(
            self,
            name,
            items=sfn.ProvideItems.jsonata(items),
            item_selector={
                item: "{% $states.context.Map.Item.Value %}",
                "cursor": "{% null %}",
            },
            max_concurrency=at_once,
            outputs={},
        ).item_processor(work)
        self._or_fail(parts)
        return parts

    def _invoke(
        self,
        name: str,
        function: lambda_.IFunction,
        payload: Mapping[str, Any],
        *,
        outputs: Any,
        assign: Mapping[str, Any] | None = None,
        catch: bool = True,
        attempts: int = ATTEMPTS,
    ) -> tasks.LambdaInvoke:
        state = tasks.LambdaInvoke.jsonata(
            self,
            name,
            lambda_function=function,
            payload=sfn.TaskInput.from_object(payload),
            assign=assign,
            outputs=outputs,
            retry_on_service_exceptions=False,
        )
        retry(state, _LAMBDA_FAULTS, LONG_ATTEMPTS)
        retry(state, [*_DEATHS, *_PASSING], attempts)
        if catch:
            self._or_fail(state)
        return state

    def _or_fail(self, state: sfn.TaskStateBase | sfn.Map) -> None:
        """Let every error of a state lead to the failure, if there is one."""
        if self._failure:
            state.add_catch(self._failure, errors=ANY, assign=REMEMBER_ERROR, outputs={})


def retry(state: sfn.TaskStateBase, faults: Sequence[str], attempts: int = ATTEMPTS) -> None:
    """Try a state again after each of some faults, so many times."""
    state.add_retry(
        errors=[*faults],
        interval=Duration.seconds(1),
        backoff_rate=2,
        max_delay=Duration.seconds(60),
        max_attempts=attempts,
        jitter_strategy=sfn.JitterType.FULL,
    )
