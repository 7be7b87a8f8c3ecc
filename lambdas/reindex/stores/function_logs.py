"""What the functions log, in CloudWatch Logs."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from reindex.stores.aws import error_code, unavailable
from reindex.stores.interfaces import LoggedLine

if TYPE_CHECKING:
    from mypy_boto3_logs import CloudWatchLogsClient

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
        self._groups = {
            name: f"/aws/lambda/image-reindex-{stage.lower()}-{name.replace('_', '-')}"
            for name in functions
        }

    def search(self, text: str, since: float) -> Iterator[LoggedLine]:
        """Yield the structured lines of all functions that hold a text, function by function.

        Args:
            text: A word, as an id or a key.
            since: Epoch seconds.

        Raises:
            StoreUnavailable: CloudWatch Logs does not answer.
        """
        # In its pattern language a term with other characters than letters is quoted.
        pattern = json.dumps(text, ensure_ascii=False)
        pages = self._client.get_paginator("filter_log_events")
        for function, group in self._groups.items():
            with unavailable(_SERVICE):
                try:
                    for page in pages.paginate(
                        logGroupName=group, filterPattern=pattern, startTime=int(since * 1000)
                    ):
                        for found in page["events"]:
                            yield from _line(found["timestamp"] / 1000, function, found["message"])
                except ClientError as error:
                    # A function that was never invoked may have no group.
                    if error_code(error) != "ResourceNotFoundException":
                        raise


def _line(at: float, function: str, message: str) -> Iterator[LoggedLine]:
    """Yield a structured line; of metrics and of Lambda's own lines nothing."""
    try:
        values = json.loads(message)
    except ValueError:
        return
    if isinstance(values, dict) and "message" in values and "_aws" not in values:
        yield LoggedLine(at, function, values)
