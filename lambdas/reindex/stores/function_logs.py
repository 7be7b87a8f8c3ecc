"""The functions' log groups in CloudWatch Logs, searched for one text."""

from __future__ import annotations

import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from reindex.domain.failures import StoreUnavailable
from reindex.stores.aws import unavailable
from reindex.stores.interfaces import FoundLines, LogLine

if TYPE_CHECKING:
    from mypy_boto3_logs import CloudWatchLogsClient
    from mypy_boto3_logs.type_defs import FilterLogEventsRequestTypeDef

#: Groups that are read at once: the service answers some ten such calls a second.
#: https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/cloudwatch_limits_cwl.html
GROUPS_AT_ONCE = 4

_SERVICE = "CloudWatch Logs"


class CloudWatchLogs:
    """What the functions logged.

    Args:
        client: Of CloudWatch Logs.
        groups: The log group of each function, by the function's name.
    """

    def __init__(self, client: CloudWatchLogsClient, groups: Mapping[str, str]) -> None:
        self._client = client
        self._groups = groups

    def search(self, text: str, since: float, until: float, seconds: float) -> FoundLines:
        """Return the lines that contain a text.

        Args:
            text: To look for.
            since: Epoch seconds; older lines are left out.
            until: Epoch seconds; later lines are left out.
            seconds: How long the search may take; a log that is not read by then is unread.
        """
        deadline = time.monotonic() + seconds
        lines: list[LogLine] = []
        unread: dict[str, str] = {}

        def read(function: str) -> None:
            try:
                if not self._read(function, text, (since, until), deadline, lines):
                    unread[function] = "there was no time to read all of it"
            except StoreUnavailable as error:
                unread[function] = str(error)

        with ThreadPoolExecutor(GROUPS_AT_ONCE, thread_name_prefix="logs") as pool:
            list(pool.map(read, self._groups))
        return FoundLines(sorted(lines, key=lambda line: line.at), unread)

    def _read(
        self,
        function: str,
        text: str,
        between: tuple[float, float],
        deadline: float,
        lines: list[LogLine],
    ) -> bool:
        """Add a function's lines; return False when there was no time to read all of them.

        Raises:
            StoreUnavailable: The service does not answer, or refuses us.
        """
        request: FilterLogEventsRequestTypeDef = {
            "logGroupName": self._groups[function],
            "startTime": int(between[0] * 1000),
            "endTime": int(between[1] * 1000),
            "filterPattern": _pattern(text),
        }
        while time.monotonic() < deadline:
            with unavailable(_SERVICE):
                page = self._client.filter_log_events(**request)
            lines += [
                LogLine(function, found["timestamp"] / 1000, found["message"].rstrip())
                for found in page["events"]
                if text in found["message"]
            ]
            if "nextToken" not in page:
                return True
            request["nextToken"] = page["nextToken"]
        return False


def _pattern(text: str) -> str:
    """The filter pattern of lines that contain a text.

    https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/FilterAndPatternSyntax.html
    """
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
