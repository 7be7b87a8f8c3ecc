"""The servers that the benchmarks measure against, and tables in them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

import boto3

from reindex.stores.aws import client_config
from reindex.wiring.clients import CONNECTIONS
from tests.local.dynamodb import dynamodb_local

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

#: The server does not check credentials.
REGION = "us-east-1"
KEY = "bench"


@contextmanager
def dynamodb() -> Iterator[DynamoDBClient]:
    """An empty DynamoDB Local, and a client of it made as the lambdas make theirs."""
    with dynamodb_local() as url, closing(_client(url)) as client:
        yield client


def _client(url: str) -> DynamoDBClient:
    return boto3.client(
        "dynamodb",
        endpoint_url=url,
        region_name=REGION,
        aws_access_key_id=KEY,
        aws_secret_access_key=KEY,
        config=client_config(max_pool_connections=CONNECTIONS),
    )
