"""The outcomes of the rows of a chunk that a worker has leased."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from reindex.domain.chunks import TakenChunk
from reindex.domain.progress import ProgressRow


@dataclass(slots=True)
class Assignment:
    """A taken chunk, and where each of its rows has come to.

    Attributes:
        chunk: The chunk.
        left: Rows that are still to be worked on.
        put_off: Rows that were worked on and left as they were: they are not ready yet.
        changed: Rows that have changed, as they are now.
        uncertain: Ids of rows that may have changed since they were read: a call about them went
            unanswered, or the worker that had the chunk died.
        dropped: Ids of rows that are not ours to list: another moved them, or they cannot be
            worked.
    """

    chunk: TakenChunk
    left: list[ProgressRow]
    put_off: list[ProgressRow] = field(default_factory=list)
    changed: list[ProgressRow] = field(default_factory=list)
    uncertain: set[str] = field(default_factory=set)
    dropped: set[str] = field(default_factory=set)
    _positions: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._positions = {row.id: position for position, row in enumerate(self.left)}

    @property
    def is_untouched(self) -> bool:
        """True if the chunk can be given back as it was."""
        return not (self.changed or self.put_off or self.dropped)

    def window(self, rows: Sequence[ProgressRow]) -> tuple[int, int]:
        """Return the positions in the chunk's file between which some rows are."""
        positions = [self._positions[row.id] for row in rows]
        return min(positions), max(positions) + 1

    def next_page(self, size: int) -> list[ProgressRow]:
        """Take the next rows to work on."""
        page, self.left = self.left[:size], self.left[size:]
        return page

    def put_back(self, rows: Iterable[ProgressRow]) -> None:
        """Put rows back that were taken, and not worked on."""
        self.left = [*rows, *self.left]

    def restore(self, page: Sequence[ProgressRow]) -> None:
        """Put back whatever of a page is accounted for nowhere: its work ended in the middle."""
        known = {row.id for row in (*self.left, *self.put_off, *self.changed)} | self.dropped
        rest = [row for row in page if row.id not in known]
        self.put_back(rest)
        self.uncertain |= {row.id for row in rest}
