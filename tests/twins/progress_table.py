"""The progress table in memory."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from threading import RLock

from reindex.progress import ProgressRow
from reindex.states import Phase, work_key
from reindex.stores.interfaces import Change, Cursor, FoundRows, IdPage, RowPage

_Entry = tuple[str, int]


class MemoryProgressTable:
    """A progress table that threads may share.

    Args:
        index_lags: Whether `due`, `has_work` and `count_work` show writes only once
            `catch_up` is called, as an eventually consistent index may.
        page_size: Rows on a page of `scan`.

    Attributes:
        rows: By id.
        unreadable: What is wrong with the rows that somebody spoilt, by id.
    """

    def __init__(self, *, index_lags: bool = False, page_size: int = 100) -> None:
        self.rows: dict[str, ProgressRow] = {}
        self.unreadable: dict[str, str] = {}
        self._index: dict[str, _Entry] = {}
        self._index_lags = index_lags
        self._page_size = page_size
        self._lock = RLock()

    def catch_up(self) -> None:
        """Make the index show all that was written."""
        with self._lock:
            self._index = {
                row.id: (row.work, row.due_at)
                for row in self.rows.values()
                if row.work is not None and row.due_at is not None
            }

    def insert(self, rows: Sequence[ProgressRow]) -> set[str]:
        _refuse_repeats([row.id for row in rows])
        for row in rows:
            _refuse_lost(row)
        with self._lock:
            new = [row for row in rows if row.id not in self.rows]
            self._put(new)
        return {row.id for row in new}

    def read(self, ids: Sequence[str]) -> FoundRows:
        with self._lock:
            return FoundRows(
                {i: self.rows[i] for i in ids if i in self.rows and i not in self.unreadable},
                {i: self.unreadable[i] for i in ids if i in self.unreadable},
            )

    def write(self, changes: Sequence[Change]) -> set[str]:
        _refuse_repeats([change.after.id for change in changes])
        for change in changes:
            _refuse_lost(change.after)
            if change.before.id != change.after.id or change.before.rev >= change.after.rev:
                raise ValueError(f"{change.before} may not become {change.after}")
        with self._lock:
            written = [change.after for change in changes if self._stands(change.before)]
            self._put(written)
        return {row.id for row in written}

    def due(self, phase: Phase, shard: int, now: float, after: Cursor | None, limit: int) -> IdPage:
        start = (after["due_at"], after["id"]) if after else (-1, "")
        entries = [entry for entry in self._work(phase, shard) if start < entry and entry[0] <= now]
        page = entries[:limit]
        more = len(entries) > limit
        return IdPage(
            [image_id for _, image_id in page],
            {"due_at": page[-1][0], "id": page[-1][1]} if more else None,
        )

    def has_work(self, phase: Phase, shard: int) -> bool:
        return bool(self._work(phase, shard))

    def count_work(self, phase: Phase, shard: int) -> int:
        return len(self._work(phase, shard))

    def scan(self, segment: int, segments: int, after: Cursor | None) -> RowPage:
        start = after["id"] if after else ""
        with self._lock:
            ids = sorted(
                image_id
                for image_id in self.rows
                if image_id > start and zlib.adler32(image_id.encode()) % segments == segment
            )
            page = ids[: self._page_size]
            found = self.read(page)
        following = {"id": page[-1]} if len(ids) > len(page) else None
        return RowPage(list(found.rows.values()), following, found.unreadable)

    def _stands(self, row: ProgressRow) -> bool:
        stored = None if row.id in self.unreadable else self.rows.get(row.id)
        return stored is not None and (stored.state, stored.rev) == (row.state, row.rev)

    def _put(self, rows: Sequence[ProgressRow]) -> None:
        self.rows |= {row.id: row for row in rows}
        if not self._index_lags:
            for row in rows:
                if row.work is None or row.due_at is None:
                    self._index.pop(row.id, None)
                else:
                    self._index[row.id] = (row.work, row.due_at)

    def _work(self, phase: Phase, shard: int) -> list[tuple[int, str]]:
        key = work_key(phase, shard)
        with self._lock:
            return sorted((at, id_) for id_, (work, at) in self._index.items() if work == key)


def _refuse_repeats(ids: Sequence[str]) -> None:
    if len(set(ids)) != len(ids):
        raise ValueError("an id comes twice")


def _refuse_lost(row: ProgressRow) -> None:
    if (row.work is None) != (row.due_at is None):
        raise ValueError(f"a row in state {row.state} due at {row.due_at}")
