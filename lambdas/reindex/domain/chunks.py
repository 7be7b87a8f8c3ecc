"""Chunks: the units in which workers lease rows with work left.

A chunk's rows are a snapshot. Each row is written on condition that the table's row has not
changed, so an outdated chunk costs work but never overwrites newer state. Code that writes a row
with work left also puts it into a chunk; rows that a crash keeps out of a chunk are found by the
Tally's scan.
"""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from reindex.batches import in_batches
from reindex.domain.failures import WorkerDied
from reindex.domain.progress import ProgressRow, from_values, to_values
from reindex.domain.states import Phase

#: Largest number of rows in a chunk: a few seconds of work, and about 100 KB of file.
MAX_ROWS = 2_000

#: Number of chunks that a small list is cut into, and the least number of rows in each. Several
#: chunks can be worked on at once, so a small reindex is as concurrent as a large one.
SMALL_LISTS = 6
LEAST_ROWS = 100

#: Largest number of rows in a chunk, by the number of workers that died with them in progress.
#: Ever smaller chunks isolate an image that kills workers from the others.
_ROWS_AFTER_DEATHS = (MAX_ROWS, 25, 1)

#: Rows that are due within this many seconds of each other share a chunk.
_TOGETHER_SECONDS = 60


class UnreadableChunk(ValueError):
    """A chunk's file is malformed or truncated."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """Rows of one phase.

    Attributes:
        name: Name of the chunk, and of its file.
        phase: The phase that works on it.
        due_at: Epoch seconds before which it is not worked on.
        rows: At least one, sorted by id.
    """

    name: str
    phase: Phase
    due_at: int
    rows: Sequence[ProgressRow]


@dataclass(frozen=True, slots=True)
class ListedChunk:
    """A chunk's entry in the work list, without its rows.

    Attributes:
        name: Name of the chunk.
        due_at: Epoch seconds before which it is not worked on.
        count: Number of rows.
        first: The first id; empty when it is unknown.
        last: The last id; empty when it is unknown.
    """

    name: str
    due_at: int
    count: int = 0
    first: str = ""
    last: str = ""


@dataclass(frozen=True, slots=True)
class TakenChunk:
    """A chunk that a worker has leased.

    Attributes:
        name: Name of the chunk.
        phase: The phase that works on it.
        due_at: Epoch seconds before which it is not worked on.
        holder: The worker that holds the lease.
        abandoned: True if the previous worker died: its rows may have changed since.
        in_progress: Range of the rows (first, end) that the dead worker had in progress, as
            positions in the file; None when it had none.
    """

    name: str
    phase: Phase
    due_at: int
    holder: str
    abandoned: bool = False
    in_progress: tuple[int, int] | None = None


def chunks_of(
    rows: Iterable[ProgressRow], name: str, not_before: float = 0, most: int = MAX_ROWS
) -> list[Chunk]:
    """Cut unfinished rows into chunks, by phase and by due time.

    Args:
        rows: Rows in any order; finished ones are ignored.
        name: Prefix of the chunks' names; unique for each list of rows.
        not_before: Epoch seconds before which no chunk is due.
        most: Largest number of rows in a chunk.
    """
    kinds: dict[tuple[Phase, int], list[ProgressRow]] = {}
    for row in rows:
        if phase := row.state.phase:
            kinds.setdefault((phase, _deaths(row)), []).append(row)
    groups = [
        (phase, part)
        for (phase, deaths), group in sorted(kinds.items())
        for together in _due_together(group)
        for part in in_batches(sorted(together, key=_by_id), min(most, _ROWS_AFTER_DEATHS[deaths]))
    ]
    return [
        Chunk(f"{name}-{number:04d}", phase, max(int(not_before), *map(_due_at, part)), part)
        for number, (phase, part) in enumerate(groups)
    ]


def to_text(chunk: Chunk) -> bytes:
    """Return a chunk's file: the compressed JSON of its rows."""
    text = json.dumps([to_values(row) for row in chunk.rows], separators=(",", ":"))
    return gzip.compress(text.encode(), compresslevel=1)


def rows_of(text: bytes) -> list[ProgressRow]:
    """Read a chunk's file.

    Raises:
        UnreadableChunk: The file is malformed or truncated.
    """
    try:
        rows = [from_values(values) for values in json.loads(gzip.decompress(text))]
    except (OSError, EOFError, zlib.error, ValueError, TypeError, AttributeError) as error:
        raise UnreadableChunk(f"{type(error).__name__}: {error}") from error
    if not rows:
        raise UnreadableChunk("it has no rows")
    return rows


def _deaths(row: ProgressRow) -> int:
    """Return how many workers died with a row in progress, at most 2."""
    died = row.failure is not None and row.failure.code == WorkerDied.code
    return min(row.attempts, len(_ROWS_AFTER_DEATHS) - 1) if died else 0


def _due_together(rows: Iterable[ProgressRow]) -> Iterator[list[ProgressRow]]:
    """Yield groups of rows with nearly the same due time."""
    group: list[ProgressRow] = []
    for row in sorted(rows, key=_due_at):
        if group and _due_at(row) > _due_at(group[0]) + _TOGETHER_SECONDS:
            yield group
            group = []
        group.append(row)
    if group:
        yield group


def _due_at(row: ProgressRow) -> int:
    return row.due_at or 0


def _by_id(row: ProgressRow) -> str:
    return row.id
