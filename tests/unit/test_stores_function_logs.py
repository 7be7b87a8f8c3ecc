"""The functions' logs, searched."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from moto import mock_aws

from reindex.stores.aws import client_config
from reindex.stores.function_logs import CloudWatchLogs
from tests.unit.aws import SESSION, Calls

if TYPE_CHECKING:
    from mypy_boto3_logs import CloudWatchLogsClient

GROUPS = {"indexer": "/aws/lambda/x-indexer", "tally": "/aws/lambda/x-tally"}
ID = "4e1243bd"


@pytest.fixture
def client() -> Iterator[CloudWatchLogsClient]:
    with mock_aws():
        made = SESSION.client("logs", config=client_config(attempts=1))
        for group in GROUPS.values():
            made.create_log_group(logGroupName=group)
            made.create_log_stream(logGroupName=group, logStreamName="one")
        yield made


def put(client: CloudWatchLogsClient, function: str, at: float, text: str) -> None:
    client.put_log_events(
        logGroupName=GROUPS[function],
        logStreamName="one",
        logEvents=[{"timestamp": int(at * 1000), "message": text}],
    )


def test_the_lines_with_an_id_of_all_functions_in_order_of_time(
    client: CloudWatchLogsClient,
) -> None:
    now = time.time()
    refused = json.dumps({"message": "refused", "id": ID})
    put(client, "indexer", now - 1, refused)
    put(client, "tally", now - 2, f"counted {ID}")
    put(client, "tally", now - 2, "another")
    put(client, "tally", now - 500, f"too early {ID}")

    found = CloudWatchLogs(client, GROUPS).search(ID, now - 100, now, 5)

    assert [(line.function, line.text) for line in found.lines] == [
        ("tally", f"counted {ID}"),
        ("indexer", refused),
    ]
    assert found.unread == {}


def test_pages_are_read_to_the_end_or_said_not_to_be(client: CloudWatchLogsClient) -> None:
    now = time.time()
    calls = Calls(client, "FilterLogEvents")
    page = {"events": [{"timestamp": int(now * 1000), "message": ID}], "nextToken": "more"}
    calls.answer(page)
    calls.answer({"events": page["events"]})
    logs = CloudWatchLogs(client, {"indexer": GROUPS["indexer"]})

    assert len(logs.search(ID, now - 9, now, 5).lines) == 2
    assert [call.get("nextToken") for call in calls.parameters] == [None, "more"]
    assert logs.search(ID, now - 9, now, 0).unread == {
        "indexer": "there was no time to read all of it"
    }


def test_a_log_that_refuses_us_hides_no_other(client: CloudWatchLogsClient) -> None:
    now = time.time()
    put(client, "tally", now - 1, f"counted {ID}")
    client.delete_log_group(logGroupName=GROUPS["indexer"])

    found = CloudWatchLogs(client, GROUPS).search(ID, now - 9, now, 5)

    assert [line.function for line in found.lines] == ["tally"]
    assert "ResourceNotFoundException" in found.unread["indexer"]
