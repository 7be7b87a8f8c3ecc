"""The product's two tables: the images' progress, and the run itself."""

from __future__ import annotations

from aws_cdk import RemovalPolicy
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_kms as kms
from constructs import Construct

#: The sparse index of rows with work left; the progress store queries it by this name.
WORK_INDEX = "work"


class ProgressTable(Construct):
    """The progress table with its sparse index, and the ``runs`` table beside it."""

    def __init__(
        self, scope: Construct, construct_id: str, *, disposable: bool, key: kms.IKey | None
    ) -> None:
        super().__init__(scope, construct_id)
        self.progress = self._table("Progress", disposable=disposable, key=key)
        self.progress.add_global_secondary_index(
            index_name=WORK_INDEX,
            partition_key=_key("work", dynamodb.AttributeType.STRING),
            sort_key=_key("due_at", dynamodb.AttributeType.NUMBER),
            projection_type=dynamodb.ProjectionType.KEYS_ONLY,
        )
        self.runs = self._table("Runs", disposable=disposable, key=key)

    def _table(
        self, construct_id: str, *, disposable: bool, key: kms.IKey | None
    ) -> dynamodb.Table:
        return dynamodb.Table(
            self,
            construct_id,
            partition_key=_key("id", dynamodb.AttributeType.STRING),
            billing_mode=dynamodb.BillingMode.PAY_PER_REQUEST,
            point_in_time_recovery_specification=dynamodb.PointInTimeRecoverySpecification(
                point_in_time_recovery_enabled=True
            ),
            encryption=dynamodb.TableEncryption.CUSTOMER_MANAGED
            if key
            else dynamodb.TableEncryption.AWS_MANAGED,
            encryption_key=key,
            deletion_protection=not disposable,
            removal_policy=RemovalPolicy.DESTROY if disposable else RemovalPolicy.RETAIN,
        )


def _key(name: str, kind: dynamodb.AttributeType) -> dynamodb.Attribute:
    return dynamodb.Attribute(name=name, type=kind)
