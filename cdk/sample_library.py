"""A sample library, for the demo and for test stages.

Buckets and tables have the Grid's keys and indexes, and names computed from the stage, so
that the product's stack is given them by name as it is given a real library's.
"""

from __future__ import annotations

from typing import Any

from aws_cdk import Environment, RemovalPolicy, Stack
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_s3 as s3
from constructs import Construct

from cdk.nag import accept
from cdk.names import Names
from cdk.stage_settings import StageSettings
from reindex.settings import LibrarySettings

_BUCKETS = ("originals", "thumbnails", "crops")

#: Each table's key, and the attribute (also the index's name) that finds one image's rows.
_TABLES: dict[str, tuple[tuple[str, ...], str | None]] = {
    "usages": (("grouping", "usage_id"), "media_id"),
    "leases": (("id",), "mediaId"),
    "collections": (("id",), None),
    "edits": (("id",), None),
    "syndication": (("id",), None),
    "status": (("id",), None),
}


def sample_library(names: Names) -> LibrarySettings:
    """Return the sample library as settings would give it."""
    given: dict[str, Any] = {
        **{f"{bucket}_bucket": names.sample_bucket(bucket) for bucket in _BUCKETS},
        **{f"{table}_table": names.sample_table(table) for table in _TABLES},
    }
    return LibrarySettings(**given)


class SampleLibraryStack(Stack):
    """The sample library. All of it goes when the stack goes, once its buckets are empty."""

    def __init__(self, scope: Construct, settings: StageSettings) -> None:
        names = Names(settings.stage)
        super().__init__(
            scope,
            names.sample_stack,
            env=Environment(account=settings.account, region=settings.region),
            description="Stand-in for an image library, for the demo and for tests",
        )
        for bucket in _BUCKETS:
            self._bucket(bucket, names.sample_bucket(bucket))
        for table, (key, index) in _TABLES.items():
            self._table(table, names.sample_table(table), key, index)
        for rule in ("AwsSolutions-S1", "AwsSolutions-DDB3"):
            accept(self, rule, "It is generated, and can be again: there is nothing to protect")

    def _bucket(self, bucket: str, name: str) -> None:
        s3.Bucket(
            self,
            bucket.capitalize(),
            bucket_name=name,
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            encryption=s3.BucketEncryption.S3_MANAGED,
            enforce_ssl=True,
            removal_policy=RemovalPolicy.DESTROY,
        )

    def _table(self, table: str, name: str, key: tuple[str, ...], index: str | None) -> None:
        partition, *sort = (_text(attribute) for attribute in key)
        made = dynamodb.Table(
            self,
            table.capitalize(),
            table_name=name,
            partition_key=partition,
            sort_key=sort[0] if sort else None,
            billing_mode=dynamodb.BillingMode.PAY_PER_REQUEST,
            removal_policy=RemovalPolicy.DESTROY,
        )
        if index:
            made.add_global_secondary_index(index_name=index, partition_key=_text(index))


def _text(name: str) -> dynamodb.Attribute:
    return dynamodb.Attribute(name=name, type=dynamodb.AttributeType.STRING)
