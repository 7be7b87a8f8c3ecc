"""What end-to-end tests do with runs."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable
from typing import Any

from reindex.domain.run_records import RunRecord
from reindex.settings import Bucket
from tests.local.stack import LocalStack

#: Long enough for a machine that has other things to do.
_PATIENCE_SECONDS = 120


def eventually(
    holds: Callable[[], bool], what: str, *, patience: float = _PATIENCE_SECONDS
) -> None:
    """Wait until something holds.

    Args:
        holds: Whether it does.
        what: What is waited for.
        patience: Seconds after which it is given up.

    Raises:
        AssertionError: It does not come to hold.
    """
    deadline = time.monotonic() + patience
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
