"""The listings of an audit, in memory."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from reindex.domain.audit import Entry
from reindex.stores.interfaces.id_sources import Part
from reindex.stores.interfaces.listings import EntryListing, EntryPage
from reindex.stores.interfaces.paging import Cursor
from tests.twins.outages import Outages


class MemoryListing(Outages, EntryListing):
    """The twin of the listings in ``reindex.stores.listings``.

    Attributes:
        entries: Makes all of them; they may change while they are listed.
        page_size: Of a page.
    """

    def __init__(self, entries: Callable[[], Sequence[Entry]], page_size: int = 3) -> None:
        super().__init__()
        self.entries = entries
        self.page_size = page_size

    def size(self) -> int:
        self.answer()
        return len(self.entries())

    def parts(self, at_most: int) -> Sequence[Part]:
        return [{"of": at_most, "part": part} for part in range(min(at_most, len(self.entries())))]

    def page(self, part: Part, after: Cursor | None) -> EntryPage:
        self.answer()
        entries = self.entries()[part["part"] :: part["of"]]
        start = after["start"] if after else 0
        end = start + self.page_size
        return EntryPage(entries[start:end], {"start": end} if end < len(entries) else None)


def all_entries(listing: EntryListing, at_most: int) -> list[Entry]:
    """Return the entries of all parts of a listing.

    Args:
        listing: Any.
        at_most: Parts that it may be cut into.
    """
    entries: list[Entry] = []
    for part in listing.parts(at_most):
        cursor: Cursor | None = None
        while True:
            page = listing.page(part, cursor)
            entries += page.entries
            cursor = page.next
            if cursor is None:
                break
    return entries
