"""The functions' logs in memory."""

from __future__ import annotations

from reindex.domain.failures import StoreUnavailable
from reindex.stores.interfaces.function_logs import BoundedLogSearch, FoundLines, LoggedLine
from tests.twins.outages import Outages


class MemoryLogs(Outages, BoundedLogSearch):
    """The twin of ``FunctionLogs``.

    Attributes:
        lines: What the functions logged.
    """

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[LoggedLine] = []

    def search_within(self, text: str, since: float, until: float, seconds: float) -> FoundLines:
        try:
            self.answer()
        except StoreUnavailable as error:
            return FoundLines(unread={"indexer": str(error)})
        found = [
            line
            for line in self.lines
            if text in line.values.values() and since <= line.at <= until
        ]
        return FoundLines(sorted(found, key=lambda line: line.at))
