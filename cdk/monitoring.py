"""Logs, and the alarms that wake somebody."""

from __future__ import annotations

from aws_cdk import Duration, RemovalPolicy
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_logs as logs
from aws_cdk import aws_sqs as sqs
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from cdk.stage_settings import RETENTION, StageSettings


def log_group(
    scope: Construct, construct_id: str, name: str, settings: StageSettings
) -> logs.LogGroup:
    """A log group of the stage's retention; logs are gone with their stack."""
    return logs.LogGroup(
        scope,
        construct_id,
        log_group_name=name,
        retention=RETENTION[settings.log_retention_days],
        removal_policy=RemovalPolicy.DESTROY,
    )


class Monitoring(Construct):
    """Alarms."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        state_machine: sfn.IStateMachine,
        dead_letters: sqs.IQueue,
    ) -> None:
        super().__init__(scope, construct_id)
        self._alarm(
            "RunFailed",
            state_machine.metric_failed(period=Duration.minutes(5), statistic="Sum"),
            "A reindex failed: its execution's cause and the run record say why.",
        )
        self._alarm(
            "DeadLetters",
            dead_letters.metric_approximate_number_of_messages_visible(
                period=Duration.minutes(5), statistic="Maximum"
            ),
            "Messages reached the dead-letter queue: the indexer could not read or settle them.",
        )

    def _alarm(
        self, construct_id: str, metric: cloudwatch.Metric, description: str
    ) -> cloudwatch.Alarm:
        return metric.create_alarm(
            self,
            construct_id,
            alarm_description=description,
            threshold=1,
            evaluation_periods=1,
            comparison_operator=cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
            treat_missing_data=cloudwatch.TreatMissingData.NOT_BREACHING,
        )
