"""The work list in memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from threading import RLock

from reindex.domain.chunks import Chunk, ListedChunk, TakenChunk, UnreadableChunk
from reindex.domain.progress import ProgressRow
from reindex.domain.states import Phase
from reindex.stores.interfaces.work_list import LONGEST_SKEW, WorkList


@dataclass(frozen=True, slots=True)
class Listed:
    """A chunk, and who holds it."""

    chunk: Chunk
    holder: str | None = None
    until: float = 0
    window: tuple[int, int] | None = None


class MemoryWorkList(WorkList):
    """The twin of ``DynamoWorkList``.

    Attributes:
        listed: The chunks, by phase, due time and name.
        spoilt: Names of chunks whose file is gone.
    """

    def __init__(self) -> None:
        self.listed: dict[tuple[Phase, int, str], Listed] = {}
        self.spoilt: set[str] = set()
        self._lock = RLock()

    def ids(self, phase: Phase) -> list[str]:
        """The ids of a phase's chunks, each as often as it is there."""
        with self._lock:
            return [
                row.id
                for (of, _, _), listed in self.listed.items()
                if of is phase
                for row in listed.chunk.rows
            ]

    def add(self, chunks: Sequence[Chunk]) -> None:
        with self._lock:
            self.listed |= {_key(chunk): Listed(chunk) for chunk in chunks}

    def take(self, phase: Phase, holder: str, now: float, until: float) -> TakenChunk | None:
        with self._lock:
            for key, listed in sorted(self.listed.items(), key=lambda item: item[0]):
                held = listed.holder and now <= listed.until <= until + LONGEST_SKEW
                if key[0] is not phase or key[1] > now or held:
                    continue
                self.listed[key] = replace(listed, holder=holder, until=until)
                abandoned = listed.holder is not None
                window = listed.window if abandoned else None
                return TakenChunk(key[2], phase, key[1], holder, abandoned, window)
        return None

    def rows(self, taken: TakenChunk) -> Sequence[ProgressRow]:
        if taken.name in self.spoilt:
            raise UnreadableChunk(f"there is no file {taken.name}")
        return self.listed[_key(taken)].chunk.rows

    def mark(self, taken: TakenChunk, start: int, end: int) -> bool:
        with self._lock:
            listed = self._ours(taken)
            if listed:
                self.listed[_key(taken)] = replace(listed, window=(start, end))
        return listed is not None

    def settle(self, taken: TakenChunk, following: Sequence[Chunk]) -> bool:
        with self._lock:
            if not self._ours(taken):
                return False
            del self.listed[_key(taken)]
            self.add(following)
        return True

    def release(self, taken: TakenChunk) -> None:
        with self._lock:
            listed = self._ours(taken)
            if listed:
                self.listed[_key(taken)] = Listed(listed.chunk)

    def earliest(self, phase: Phase) -> int | None:
        with self._lock:
            return min((due for of, due, _ in self.listed if of is phase), default=None)

    def free(self, phase: Phase, now: float) -> Iterator[ListedChunk]:
        with self._lock:
            listed = [
                (name, due, listed.chunk.rows)
                for (of, due, name), listed in self.listed.items()
                if of is phase and due <= now and listed.holder is None
            ]
        for name, due, rows in listed:
            yield ListedChunk(name, due, len(rows), rows[0].id, rows[-1].id)

    def remove(self, phase: Phase, chunks: Sequence[ListedChunk]) -> None:
        with self._lock:
            for chunk in chunks:
                self.listed.pop((phase, chunk.due_at, chunk.name), None)

    def count(self, phase: Phase) -> int:
        return len(self.ids(phase))

    def _ours(self, taken: TakenChunk) -> Listed | None:
        listed = self.listed.get(_key(taken))
        return listed if listed and listed.holder == taken.holder else None


def _key(chunk: Chunk | TakenChunk) -> tuple[Phase, int, str]:
    return chunk.phase, chunk.due_at, chunk.name
