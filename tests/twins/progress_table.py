"""The progress table in memory."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence
from threading import RLock

from reindex.domain.progress import ProgressRow, to_values
from reindex.stores.interfaces.paging import Cursor
from reindex.stores.interfaces.progress_table import Change, FoundRows, RowPage


class MemoryProgressTable:
    """A progress table that threads may share.

    Args:
        page_size: Rows on a page of `scan`.

    Attributes:
        rows: By id.
        unreadable: By id, what is wrong with rows that a test has spoilt.
    """

    def __init__(self, *, page_size: int = 100) -> None:
        self.rows: dict[str, ProgressRow] = {}
        self.unreadable: dict[str, str] = {}
        self._page_size = page_size
        self._lock = RLock()

    def insert(self, rows: Sequence[ProgressRow]) -> set[str]:
        _refuse_repeats([row.id for row in rows])
        for row in rows:
            to_values(row)
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
            to_values(change.after)
            if change.before.id != change.after.id or change.before.rev >= change.after.rev:
                raise ValueError(f"{change.before} may not become {change.after}")
        with self._lock:
            written = [change.after for change in changes if self._stands(change.before)]
            self._put(written)
        return {row.id for row in written}

    def delete(self, row: ProgressRow, entered: Callable[[], bool]) -> bool:
        """Delete a row if it is as read, and if that is entered in the ledger."""
        with self._lock:
            if not self._stands(row) or not entered():
                return False
            del self.rows[row.id]
            return True

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


def _refuse_repeats(ids: Sequence[str]) -> None:
    if len(set(ids)) != len(ids):
        raise ValueError("an id comes twice")
