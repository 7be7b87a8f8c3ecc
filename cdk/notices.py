"""Notices of runs that ended or are held: two rules that invoke the notices function."""

from __future__ import annotations

from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from cdk.names import Names

#: Every way in which an execution ends.
#: https://docs.aws.amazon.com/step-functions/latest/dg/eventbridge-integration.html
_ENDINGS = ["SUCCEEDED", "FAILED", "TIMED_OUT", "ABORTED"]


class Notices(Construct):
    """The events that notices are sent for."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        names: Names,
        function: lambda_.IFunction,
        state_machine: sfn.IStateMachine,
        stalled: cloudwatch.IAlarm | None,
    ) -> None:
        super().__init__(scope, construct_id)
        self._names = names
        self._target = targets.LambdaFunction(function)
        self._rule(
            "RunEnded",
            "run-ended",
            "Sends a notice when a run ends",
            events.EventPattern(
                source=["aws.states"],
                detail_type=["Step Functions Execution Status Change"],
                detail={
                    "stateMachineArn": [state_machine.state_machine_arn],
                    "status": _ENDINGS,
                },
            ),
        )
        if stalled:
            self._rule(
                "RunHeld",
                "run-held",
                "Sends a notice when a run is held",
                events.EventPattern(
                    source=["aws.cloudwatch"],
                    detail_type=["CloudWatch Alarm State Change"],
                    resources=[stalled.alarm_arn],
                    detail={"state": {"value": ["ALARM"]}},
                ),
            )

    def _rule(
        self, construct_id: str, name: str, description: str, pattern: events.EventPattern
    ) -> None:
        events.Rule(
            self,
            construct_id,
            rule_name=self._names.notice(name),
            description=description,
            event_pattern=pattern,
            targets=[self._target],
        )
