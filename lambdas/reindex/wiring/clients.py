"""The clients of the AWS services that this account's own resources are reached through."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import boto3

from reindex.stores.aws import CLIENT_CONFIG, client_config, unavailable

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_events import EventBridgeClient
    from mypy_boto3_lambda import LambdaClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sns import SNSClient
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_stepfunctions import SFNClient

#: Connections per client: the most threads that any step has calling one service.
CONNECTIONS = 32


class Clients:
    """The clients, each created on first use: a function pays for those that it needs."""

    @cached_property
    def dynamodb(self) -> DynamoDBClient:
        """DynamoDB."""
        return boto3.client("dynamodb", config=client_config(max_pool_connections=CONNECTIONS))

    @cached_property
    def s3(self) -> S3Client:
        """S3."""
        return boto3.client("s3", config=client_config(max_pool_connections=CONNECTIONS))

    @cached_property
    def sqs(self) -> SQSClient:
        """SQS."""
        return boto3.client("sqs", config=client_config(max_pool_connections=CONNECTIONS))

    @cached_property
    def events(self) -> EventBridgeClient:
        """EventBridge."""
        return boto3.client("events", config=CLIENT_CONFIG)

    @cached_property
    def stepfunctions(self) -> SFNClient:
        """Step Functions."""
        return boto3.client("stepfunctions", config=CLIENT_CONFIG)

    @cached_property
    def lambda_(self) -> LambdaClient:
        """Lambda, for short calls; the projection is invoked by a client of its own."""
        return boto3.client("lambda", config=CLIENT_CONFIG)

    @cached_property
    def sns(self) -> SNSClient:
        """SNS."""
        return boto3.client("sns", config=CLIENT_CONFIG)

    @cached_property
    def caller(self) -> str:
        """The ARN of the identity whose credentials this process has."""
        with unavailable("STS"):
            return str(boto3.client("sts", config=CLIENT_CONFIG).get_caller_identity()["Arn"])

    def secret(self, arn: str) -> str:
        """Return the text of a secret of Secrets Manager."""
        with unavailable("Secrets Manager"):
            client = boto3.client("secretsmanager", config=CLIENT_CONFIG)
            return client.get_secret_value(SecretId=arn)["SecretString"]
