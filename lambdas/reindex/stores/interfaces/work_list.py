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
    """The work list, for those who only add to it."""

    def add(self, chunks: Sequence[Chunk]) -> None:
        """Add chunks; one that is there under the same name and time is replaced."""
        ...


class WorkList(WorkLister, Protocol):
    """What is left to do, in chunks: see :mod:`reindex.domain.chunks`."""

    def take(self, phase: Phase, holder: str, now: float, until: float) -> TakenChunk | None:
        """Take a chunk that is due and that nobody holds; None when none is to be had now."""
        ...

    def rows(self, taken: TakenChunk) -> Sequence[ProgressRow]:
        """Read the rows of a chunk, as they were when it was made.

        Raises:
            UnreadableChunk: Its file is gone, or not of our form.
        """
        ...

    def mark(self, taken: TakenChunk, start: int, end: int) -> bool:
        """Record which rows are in progress; False when another has taken the chunk over."""
        ...

    def settle(self, taken: TakenChunk, following: Sequence[Chunk]) -> bool:
        """Remove a chunk, and add what follows from it: both, or neither.

        Returns:
            False, with the chunk as it was, when another has taken it over.
        """
        ...

    def release(self, taken: TakenChunk) -> None:
        """Give a chunk back as it was, if it is still ours."""
        ...

    def earliest(self, phase: Phase) -> int | None:
        """When the first chunk is due, be it held or not (epoch seconds); None if there is none."""
        ...

    def free(self, phase: Phase, now: float) -> Iterator[ListedChunk]:
        """List the chunks that are due at a time and that nobody ever held, in no order."""
        ...

    def remove(self, phase: Phase, chunks: Sequence[ListedChunk]) -> None:
        """Take chunks off the list; one that is not there any more is passed over."""
        ...

    def count(self, phase: Phase) -> int:
        """How many rows the chunks of a phase had when they were made."""
        ...
