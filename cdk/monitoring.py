"""The monitoring of a stage: its logs, its alarms and its dashboard."""

from __future__ import annotations

from aws_cdk import RemovalPolicy
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from constructs import Construct

from cdk.alarms import Alarms
from cdk.dashboard import Dashboard
from cdk.measures import Watched
from cdk.stage_settings import RETENTION, StageSettings


def log_group(
    scope: Construct, construct_id: str, name: str, settings: StageSettings
) -> logs.LogGroup:
    """Create a log group of the stage's retention and key; logs are gone with their stack."""
    key = settings.encryption_key
    return logs.LogGroup(
        scope,
        construct_id,
        log_group_name=name,
        retention=RETENTION[settings.log_retention_days],
        encryption_key=kms.Key.from_key_arn(scope, f"{construct_id}Key", key) if key else None,
        removal_policy=RemovalPolicy.DESTROY,
    )


class Monitoring(Construct):
    """The alarms, and the dashboard that shows what they watch."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        watched: Watched,
        key: kms.IKey | None,
    ) -> None:
        super().__init__(scope, construct_id)
        self.alarms = Alarms(self, "Alarms", watched=watched, key=key)
        Dashboard(
            self,
            "Dashboard",
            watched=watched,
            alarms=[*self.alarms.by_name.values()],
        )
