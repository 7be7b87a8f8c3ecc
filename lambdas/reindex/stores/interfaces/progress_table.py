"""The progress table: one row per image to reindex."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from reindex.domain.progress import ProgressRow
from reindex.domain.records import Forgetting
from reindex.stores.interfaces.paging import Cursor


@dataclass(frozen=True, slots=True)
class Change:
    """A row as it was read, and as it shall be."""

    before: ProgressRow
    after: ProgressRow


@dataclass(frozen=True, slots=True)
class FoundRows:
    """Rows that were asked for by id; an id without a row is in neither.

    Attributes:
        rows: By id.
        unreadable: Of items that are no rows (others wrote them): what is wrong, by id.
    """

    rows: Mapping[str, ProgressRow] = field(default_factory=dict)
    unreadable: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RowPage:
    """A page of rows.

    Attributes:
        rows: In no order.
        next: Where the next page begins; None at the end.
        unreadable: Of items that are no rows (others wrote them): what is wrong, by id.
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
            The ids written. Any other row has moved meanwhile: somebody else was here.
        """
        ...

    def scan(self, segment: int, segments: int, after: Cursor | None) -> RowPage:
        """Page through one of ``segments`` disjoint parts of the table, consistently."""
        ...


class Forgetter(Protocol):
    """Takes images out of the progress table, and enters that in the ledger."""

    def forget(self, rows: Sequence[ProgressRow], operation: Forgetting) -> set[str]:
        """Delete finished rows, each if its ``state`` and ``rev`` are as read.

        A row leaves together with its entries in the ledger: of its upload, and of the operation.

        Returns:
            The ids that have left. Any other row has moved meanwhile, or no upload brought it.

        Raises:
            ValueError: A row has work left.
        """
        ...
