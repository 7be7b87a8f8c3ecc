"""The product's tables: the images' progress, the work list, and the run itself."""

from __future__ import annotations

from collections.abc import Sequence

from aws_cdk import RemovalPolicy
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_kms as kms
from constructs import Construct


class ProgressTable(Construct):
    """The progress table, and the tables of the work list and of the run beside it."""

    def __init__(
        self, scope: Construct, construct_id: str, *, disposable: bool, key: kms.IKey | None
    ) -> None:
        super().__init__(scope, construct_id)
        self.progress = own_table(self, "Progress", disposable=disposable, key=key)
        self.work = own_table(self, "Work", disposable=disposable, key=key, keys=("phase", "chunk"))
        self.runs = own_table(self, "Runs", disposable=disposable, key=key)


def own_table(
    scope: Construct,
    construct_id: str,
    *,
    disposable: bool,
    key: kms.IKey | None,
    keys: Sequence[str] = ("id",),
) -> dynamodb.Table:
    """Make a table of the product's own."""
    partition_key, *sort_keys = map(string_attribute, keys)
    return dynamodb.Table(
        scope,
        construct_id,
        partition_key=partition_key,
        sort_key=sort_keys[0] if sort_keys else None,
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


def string_attribute(name: str) -> dynamodb.Attribute:
    """Return the attribute of a key."""
    return dynamodb.Attribute(name=name, type=dynamodb.AttributeType.STRING)
