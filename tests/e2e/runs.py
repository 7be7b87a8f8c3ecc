"""What end-to-end tests do with runs."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from reindex.records import RunRecord
from reindex.settings import Bucket, PhaseRules, Queue
from tests.local.stack import LocalStack

#: Long enough for a machine that has other things to do.
_PATIENCE_SECONDS = 120


def eventually(holds: Callable[[], bool], what: str) -> None:
    """Wait until something holds.

    Raises:
        AssertionError: It does not come to hold.
    """
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while not holds():
        assert time.monotonic() < deadline, f"still not so: {what}"
        time.sleep(0.2)


def upload(stack: LocalStack, ids: Iterable[str]) -> str:
    """Ask for images to be reindexed; return the counts that the command prints."""
    done = stack.reindex("upload-ids", "-", stdin="\n".join(ids))
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def run(stack: LocalStack) -> str:
    """Run a reindex from start to report, and return its id."""
    done = stack.reindex("start", "--watch")
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.split()[0]


def record(stack: LocalStack) -> RunRecord:
    """The latest run's record."""
    found = stack.runs.current()
    assert found is not None
    return found


def report(stack: LocalStack, run_id: str) -> dict[str, Any]:
    """A run's report, from the bucket."""
    answer = stack.client("s3").get_object(
        Bucket=stack.settings[Bucket].run_bucket, Key=f"reports/{run_id}.json"
    )
    found: dict[str, Any] = json.loads(answer["Body"].read())
    return found


@contextmanager
def indexer_stopped(stack: LocalStack) -> Iterator[None]:
    """Keep messages on the low-priority queue for the time of a `with` block."""
    functions = stack.client("lambda")
    queue = stack.settings[Queue].reingest_queue_url.rpartition("/")[2]
    [mapping] = (
        found
        for found in functions.list_event_source_mappings()["EventSourceMappings"]
        if found["EventSourceArn"].endswith(f":{queue}")
    )
    functions.update_event_source_mapping(UUID=mapping["UUID"], Enabled=False)
    try:
        yield
    finally:
        functions.update_event_source_mapping(UUID=mapping["UUID"], Enabled=True)


def rules_that_are_on(stack: LocalStack) -> list[str]:
    """Names of the phases' rules that tick."""
    rules = stack.settings[PhaseRules]
    events = stack.client("events")
    return [
        name
        for name in (rules.index_rule, rules.check_rule)
        if events.describe_rule(Name=name)["State"] == "ENABLED"
    ]
