"""The progress table: one row per image to reindex."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from reindex.domain.ledger import Forgetting
from reindex.domain.progress import ProgressRow
from reindex.stores.interfaces.paging import Cursor


@dataclass(frozen=True, slots=True)
class Change:
    """A row as it was read, and the row to write."""

    before: ProgressRow
    after: ProgressRow


@dataclass(frozen=True, slots=True)
class FoundRows:
    """Rows that were read by id; an id without a row is in neither.

    Attributes:
        rows: By id.
        unreadable: By id, why an item is not a row: another program wrote it.
    """

    rows: Mapping[str, ProgressRow] = field(default_factory=dict)
    unreadable: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RowPage:
    """A page of rows.

    Attributes:
        rows: In no order.
        next: Position of the next page; None at the end.
        unreadable: By id, why an item is not a row: another program wrote it.
    """

    rows: Sequence[ProgressRow]
    next: Cursor | None
    unreadable: Mapping[str, str] = field(default_factory=dict)


class ProgressTable(Protocol):
    """One row per image to reindex."""

    def insert(self, rows: Sequence[ProgressRow]) -> set[str]:
        """Write each row unless its id has one; return the ids that were new."""
        ...

    def read(self, ids: Sequence[str]) -> FoundRows:
        """Read rows consistently."""
        ...

    def write(self, changes: Sequence[Change]) -> set[str]:
        """Write each row on condition that ``state`` and ``rev`` are as read.

        Returns:
            The ids of the written rows. Another process has changed the others.
        """
        ...

    def scan(self, segment: int, segments: int, after: Cursor | None) -> RowPage:
        """Page through one of ``segments`` disjoint parts of the table, consistently."""
        ...


class Forgetter(Protocol):
    """Removes images from the progress table, and records that in the ledger."""

    def forget(self, rows: Sequence[ProgressRow], operation: Forgetting) -> set[str]:
        """Delete finished rows, each on condition that its ``state`` and ``rev`` are as read.

        The ledger's items of the row's upload and of the operation change in the same transaction.

        Returns:
            The ids of the deleted rows. The others were changed by another process, or no upload
            in the ledger brought them.

        Raises:
            ValueError: A row has work left.
        """
        ...
