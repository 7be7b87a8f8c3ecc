"""The functions' logs in CloudWatch Logs."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from reindex.domain.failures import StoreUnavailable
from reindex.settings import function_name
from reindex.stores.aws import error_code, unavailable
from reindex.stores.interfaces.function_logs import FoundLines, LoggedLine

if TYPE_CHECKING:
    from mypy_boto3_logs import CloudWatchLogsClient

#: Log groups that are read concurrently: the service answers some ten such calls a second.
#: https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/cloudwatch_limits_cwl.html
GROUPS_AT_ONCE = 4

_SERVICE = "CloudWatch Logs"


class FunctionLogs:
    """The logs of a stage's functions.

    Args:
        client: Of CloudWatch Logs.
        stage: The deployment.
        functions: By their handlers' modules.
    """

    def __init__(self, client: CloudWatchLogsClient, stage: str, functions: Sequence[str]) -> None:
        self._client = client
        self._groups = {name: f"/aws/lambda/{function_name(stage, name)}" for name in functions}

    def search(self, text: str, since: float) -> Iterator[LoggedLine]:
        """Yield the structured lines of all functions that contain a text, function by function.

        Args:
            text: A word, such as an id or a key.
            since: Epoch seconds.

        Raises:
            StoreUnavailable: CloudWatch Logs does not answer.
        """
        for function in self._groups:
            for page in self._pages(function, text, since):
                yield from page

    def search_within(self, text: str, since: float, until: float, seconds: float) -> FoundLines:
        """Return the structured lines of all functions that contain a text.

        Args:
            text: A word, such as an id or a key.
            since: Epoch seconds; older lines are left out.
            until: Epoch seconds; later lines are left out.
            seconds: Time for the search; a log that is not read to its end by then is ``unread``.
        """
        deadline = time.monotonic() + seconds
        lines: list[LoggedLine] = []
        unread: dict[str, str] = {}

        def read(function: str) -> None:
            try:
                for page in self._pages(function, text, since):
                    lines.extend(line for line in page if line.at <= until)
                    if time.monotonic() > deadline:
                        unread[function] = "there was no time to read all of it"
                        return
            except StoreUnavailable as error:
                unread[function] = str(error)

        with ThreadPoolExecutor(GROUPS_AT_ONCE, thread_name_prefix="logs") as pool:
            list(pool.map(read, self._groups))
        return FoundLines(sorted(lines, key=lambda line: line.at), unread)

    def _pages(self, function: str, text: str, since: float) -> Iterator[Sequence[LoggedLine]]:
        """Yield pages of a function's lines that contain a text.

        Raises:
            StoreUnavailable: CloudWatch Logs does not answer.
        """
        # A filter pattern must quote terms that contain other characters than letters.
        pattern = json.dumps(text, ensure_ascii=False)
        pages = self._client.get_paginator("filter_log_events")
        with unavailable(_SERVICE):
            try:
                for page in pages.paginate(
                    logGroupName=self._groups[function],
                    filterPattern=pattern,
                    startTime=int(since * 1000),
                ):
                    yield [
                        line
                        for found in page["events"]
                        for line in _line(found["timestamp"] / 1000, function, found["message"])
                    ]
            except ClientError as error:
                # A function that was never invoked may have no group.
                if error_code(error) != "ResourceNotFoundException":
                    raise


def _line(at: float, function: str, message: str) -> Iterator[LoggedLine]:
    """Yield the line if it is structured, and neither a metric nor one of Lambda's own."""
    try:
        values = json.loads(message)
    except ValueError:
        return
    if isinstance(values, dict) and "message" in values and "_aws" not in values:
        yield LoggedLine(at, function, values)
