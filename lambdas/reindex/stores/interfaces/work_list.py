"""The work list: the chunks of unfinished rows of each phase."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

from reindex.domain.chunks import Chunk, ListedChunk, TakenChunk
from reindex.domain.progress import ProgressRow
from reindex.domain.states import Phase

#: Seconds by which the clocks of two workers may differ.
LONGEST_SKEW = 60


class WorkLister(Protocol):
    """The work list, for callers that only add to it."""

    def add(self, chunks: Sequence[Chunk]) -> None:
        """Add chunks; one of the same name and due time is replaced."""
        ...


class WorkList(WorkLister, Protocol):
    """The chunks of unfinished rows: see :mod:`reindex.domain.chunks`."""

    def take(self, phase: Phase, holder: str, now: float, until: float) -> TakenChunk | None:
        """Lease a chunk that is due and not leased; return None if none is available."""
        ...

    def rows(self, taken: TakenChunk) -> Sequence[ProgressRow]:
        """Read the rows of a chunk, as they were when it was made.

        Raises:
            UnreadableChunk: Its file is gone, or of an unexpected form.
        """
        ...

    def mark(self, taken: TakenChunk, start: int, end: int) -> bool:
        """Record which rows are in progress; return False if another worker has the chunk."""
        ...

    def settle(self, taken: TakenChunk, following: Sequence[Chunk]) -> bool:
        """Remove a chunk and add the chunks that follow from it, in one transaction.

        Returns:
            False, without removing the chunk, if another worker has taken it over.
        """
        ...

    def release(self, taken: TakenChunk) -> None:
        """Return a chunk to the list unchanged, if it is still leased by this worker."""
        ...

    def earliest(self, phase: Phase) -> int | None:
        """Return the first due time of all chunks, leased or not (epoch seconds); None if none."""
        ...

    def free(self, phase: Phase, now: float) -> Iterator[ListedChunk]:
        """List the chunks that are due at a time and were never leased, in no order."""
        ...

    def remove(self, phase: Phase, chunks: Sequence[ListedChunk]) -> None:
        """Remove chunks; one that is not on the list is skipped."""
        ...

    def count(self, phase: Phase) -> int:
        """Return the number of rows that the chunks of a phase had when they were created."""
        ...
