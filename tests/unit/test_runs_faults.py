"""What the runs table makes of answers that were lost."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from typing import TYPE_CHECKING, Any, cast

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from reindex.domain.failures import StoreUnavailable
from reindex.domain.ledger import Ledger, UploadRecord
from reindex.domain.run_records import RunRecord
from reindex.stores.runs.store import DynamoRuns

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

NOW = 1_795_305_600.0


class LosesAnswers:
    """A client that loses the answer to each write, and makes it again as botocore does."""

    def __init__(self, client: DynamoDBClient) -> None:
        self.get_item = client.get_item
        self.get_paginator = client.get_paginator
        self._client = client

    def put_item(self, **request: Any) -> Any:
        self._client.put_item(**request)
        return self._again(self._client.put_item, request)

    def update_item(self, **request: Any) -> Any:
        self._client.update_item(**request)
        return self._again(self._client.update_item, request)

    def _again(self, call: Any, request: dict[str, Any]) -> Any:
        try:
            return call(**request)
        except ClientError as error:
            error.response["ResponseMetadata"]["RetryAttempts"] = 1
            raise


@pytest.fixture
def client() -> Iterator[DynamoDBClient]:
    with mock_aws(), closing(boto3.client("dynamodb", region_name="us-east-1")) as client:
        client.create_table(
            TableName="runs",
            BillingMode="PAY_PER_REQUEST",
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        )
        yield client


@pytest.fixture
def runs(client: DynamoDBClient) -> DynamoRuns:
    return DynamoRuns(cast("Any", LosesAnswers(client)), "runs")


def record(run_id: str = "run-1") -> RunRecord:
    return RunRecord(
        run_id=run_id,
        execution=f"arn:execution:{run_id}",
        index="images_2",
        alias="images",
        started_at=NOW,
        progressed_at=NOW,
    )


def test_a_run_whose_opening_was_not_answered_is_open(runs: DynamoRuns) -> None:
    assert runs.open(record(), None)
    assert runs.open(record("run-2"), record())
    assert runs.current() == record("run-2")


def test_a_run_whose_end_was_not_answered_has_ended(runs: DynamoRuns) -> None:
    runs.open(record(), None)
    assert runs.update("run-1", {"status": "failed", "reason": "it stalled", "held_by": None})
    assert not runs.update("run-1", {"status": "aborted"})


def test_an_upload_whose_total_was_not_answered_is_counted_once(runs: DynamoRuns) -> None:
    runs.record_upload("a", Ledger(2, 10), done=False)
    runs.record_upload("a", Ledger(5, 25), done=True)
    assert runs.uploads() == {"a": UploadRecord(Ledger(5, 25), done=True)}


def test_a_table_that_is_not_there_is_named_by_the_service(client: DynamoDBClient) -> None:
    missing = DynamoRuns(client, "no-such-table")
    with pytest.raises(StoreUnavailable, match="DynamoDB: GetItem: ResourceNotFoundException"):
        missing.current()
    with pytest.raises(StoreUnavailable, match="DynamoDB: UpdateItem: ResourceNotFoundException"):
        missing.update("run-1", {"paused": True})
