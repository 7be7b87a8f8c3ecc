"""An event source mapping in memory."""

from __future__ import annotations

from reindex.stores.interfaces.queues import IndexerConcurrency
from tests.twins.outages import Outages


class MemoryIndexers(Outages, IndexerConcurrency):
    """The twin of ``MappingConcurrency``.

    Attributes:
        allowed: The maximum concurrency after each call; empty before the first.
        enabled: What ``is_enabled`` answers.
    """

    def __init__(self) -> None:
        super().__init__()
        self.allowed: list[int] = []
        self.enabled = True

    def allow(self, concurrency: int) -> None:
        self.answer()
        self.allowed.append(concurrency)

    def is_enabled(self) -> bool:
        self.answer()
        return self.enabled
