"""Ids to reindex, in memory."""

from __future__ import annotations

from collections.abc import Sequence

from reindex.stores.interfaces.id_sources import IdPage, IdSource, Part
from reindex.stores.interfaces.paging import Cursor


class MemoryIds(IdSource):
    """The twin of ``BucketIds``, ``FileIds`` and ``IndexIds``.

    Attributes:
        ids: All of them; they may change while they are read.
        page_size: Of a page.
    """

    def __init__(self, ids: Sequence[str], page_size: int = 3) -> None:
        self.ids = list(ids)
        self.page_size = page_size

    def parts(self, at_most: int) -> Sequence[Part]:
        return [{"of": at_most, "part": part} for part in range(min(at_most, len(self.ids)))]

    def page(self, part: Part, after: Cursor | None) -> IdPage:
        ids = self.ids[part["part"] :: part["of"]]
        start = after["start"] if after else 0
        end = start + self.page_size
        return IdPage(ids[start:end], {"start": end} if end < len(ids) else None)
