"""The functions' logs, searched."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from moto import mock_aws

from reindex.settings import function_name
from reindex.stores.aws import client_config
from reindex.stores.function_logs import FunctionLogs
from tests.unit.aws import SESSION, Calls

if TYPE_CHECKING:
    from mypy_boto3_logs import CloudWatchLogsClient

GROUPS = {name: f"/aws/lambda/{function_name('TEST', name)}" for name in ("indexer", "tally")}
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


def logged(message: str) -> str:
    return json.dumps({"message": message})


def test_the_lines_with_an_id_of_all_functions_in_order_of_time(
    client: CloudWatchLogsClient,
) -> None:
    now = time.time()
    put(client, "indexer", now - 1, logged(f"refused {ID}"))
    put(client, "tally", now - 2, logged(f"counted {ID}"))
    put(client, "tally", now - 2, logged("another"))
    put(client, "tally", now - 500, logged(f"too early {ID}"))

    found = FunctionLogs(client, "TEST", [*GROUPS]).search_within(ID, now - 100, now, 5)

    assert [(line.function, line.values["message"]) for line in found.lines] == [
        ("tally", f"counted {ID}"),
        ("indexer", f"refused {ID}"),
    ]
    assert found.unread == {}


def test_pages_are_read_to_the_end_or_said_not_to_be(client: CloudWatchLogsClient) -> None:
    now = time.time()
    calls = Calls(client, "FilterLogEvents")
    page = {"events": [{"timestamp": int(now * 1000), "message": logged(ID)}], "nextToken": "more"}
    for _ in range(2):
        calls.answer(page)
        calls.answer({"events": page["events"]})
    logs = FunctionLogs(client, "TEST", ["indexer"])

    assert len(logs.search_within(ID, now - 9, now + 1, 5).lines) == 2
    assert [call.get("nextToken") for call in calls.parameters] == [None, "more"]
    assert logs.search_within(ID, now - 9, now, 0).unread == {
        "indexer": "there was no time to read all of it"
    }


def test_a_log_that_refuses_us_hides_no_other(client: CloudWatchLogsClient) -> None:
    now = time.time()
    Calls(client, "FilterLogEvents").refuse("AccessDeniedException")
    put(client, "tally", now - 1, logged(f"counted {ID}"))

    found = [
        FunctionLogs(client, "TEST", [name]).search_within(ID, now - 9, now, 5) for name in GROUPS
    ]

    assert "AccessDeniedException" in found[0].unread["indexer"]
    assert [line.function for line in found[1].lines] == ["tally"]


def test_a_function_that_was_never_invoked_logged_nothing(client: CloudWatchLogsClient) -> None:
    client.delete_log_group(logGroupName=GROUPS["indexer"])
    found = FunctionLogs(client, "TEST", ["indexer"]).search_within(ID, 0, time.time(), 5)
    assert (found.lines, found.unread) == ([], {})
