"""Whether what a run needs is there and lets us in: the cheapest call that tells."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reindex.domain.failures import StoreUnavailable
from reindex.stores.aws import unavailable
from reindex.stores.projector import READ_SECONDS

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_events import EventBridgeClient
    from mypy_boto3_lambda import LambdaClient
    from mypy_boto3_s3 import S3Client


def bucket(client: S3Client, name: str) -> None:
    """Look whether a bucket lets us list it; without that, an absent object looks forbidden.

    Raises:
        StoreUnavailable: It does not.
    """
    with unavailable(f"S3: bucket {name}"):
        client.list_objects_v2(Bucket=name, MaxKeys=1)


def table(client: DynamoDBClient, name: str) -> None:
    """Look whether a table is there.

    Raises:
        StoreUnavailable: It is not.
    """
    with unavailable(f"DynamoDB: table {name}"):
        client.describe_table(TableName=name)


def function(client: LambdaClient, name: str) -> None:
    """Look whether a function is there that ends while its caller waits.

    Raises:
        StoreUnavailable: It is not there, or may take longer.
    """
    with unavailable(f"Lambda: function {name}"):
        found = client.get_function_configuration(FunctionName=name)
    seconds = found.get("Timeout", 0)
    if seconds > READ_SECONDS:
        raise StoreUnavailable(
            f"Lambda: function {name} has a time-out of {seconds} s: we wait {READ_SECONDS:.0f} s"
        )


def rule(client: EventBridgeClient, name: str) -> None:
    """Look whether a rule is there.

    Raises:
        StoreUnavailable: It is not.
    """
    with unavailable(f"EventBridge: rule {name}"):
        client.describe_rule(Name=name)
