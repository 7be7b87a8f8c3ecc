"""The listings of the stores, for an audit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from reindex.domain.audit import Entry
from reindex.stores.interfaces.id_sources import Part
from reindex.stores.interfaces.paging import Cursor


@dataclass(frozen=True, slots=True)
class EntryPage:
    """A page of entries.

    Attributes:
        entries: See :mod:`reindex.domain.audit`.
        next: Where the next page begins; None at the end.
    """

    entries: Sequence[Entry]
    next: Cursor | None


class EntryListing(Protocol):
    """A store, as an audit lists it."""

    def size(self) -> int:
        """Return the approximate number of entries; 0 if the store cannot tell."""
        ...

    def parts(self, at_most: int) -> Sequence[Part]:
        """Cut it into disjoint parts that together contain every entry.

        Args:
            at_most: Most parts; 1 for the whole as the only one.
        """
        ...

    def page(self, part: Part, after: Cursor | None) -> EntryPage:
        """Return a page of the entries of a part; a repeated call may show changes."""
        ...
