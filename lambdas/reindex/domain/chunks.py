"""Chunks: rows with work left, cut into what a worker takes at once.

A chunk is the unit of work, of lease and of death. Its rows are a snapshot: each is written on
condition that the table still holds it as it was, so an outdated chunk costs work, never truth.
Whoever writes a row that has work left puts it into a chunk; whatever a crash keeps from being
put there is found by the Tally's scan.
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

#: Most rows of a chunk: a few seconds of work, and some 100 KB of file.
MAX_ROWS = 2_000

#: Chunks that a small list is cut into, and the fewest rows of each: several may be worked at
#: once, so that a small reindex is as concurrent as a large one.
SMALL_LISTS = 6
LEAST_ROWS = 100

#: Most rows of a chunk by how often a worker died with them in progress: the image that kills
#: workers is found by smaller and smaller chunks, while its neighbours go on.
_ROWS_AFTER_DEATHS = (MAX_ROWS, 25, 1)

#: Rows that are due within so many seconds of each other wait together.
_TOGETHER_SECONDS = 60


class UnreadableChunk(ValueError):
    """A chunk's file is not of the form that we write, or not whole."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """Rows of one phase.

    Attributes:
        name: Names the chunk, and its file.
        phase: Whose work it is.
        due_at: Epoch seconds before which it is not worked on.
        rows: At least one, sorted by id.
    """

    name: str
    phase: Phase
    due_at: int
    rows: Sequence[ProgressRow]


@dataclass(frozen=True, slots=True)
class ListedChunk:
    """A chunk as the list shows it.

    Attributes:
        name: Of the chunk.
        due_at: Of the chunk.
        count: How many rows it has.
        first: Its first id; empty when the list does not say.
        last: Its last.
    """

    name: str
    due_at: int
    count: int = 0
    first: str = ""
    last: str = ""


@dataclass(frozen=True, slots=True)
class TakenChunk:
    """A worker's right to work a chunk, until a moment.

    Attributes:
        name: Of the chunk.
        phase: Of the chunk.
        due_at: Of the chunk.
        holder: Who holds it.
        abandoned: Another held it before, and died: its rows may have changed since.
        in_progress: The first and the end of the rows that the dead worker had in progress, as
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
    """Cut rows into chunks, by phase and by when they are due; finished ones are left out.

    Args:
        rows: In any order.
        name: What the chunks' names begin with: unique, unless the same rows are meant.
        not_before: Epoch seconds before which none of them is due.
        most: Rows of a chunk.
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
    """The file of a chunk: the JSON of its rows, compressed."""
    text = json.dumps([to_values(row) for row in chunk.rows], separators=(",", ":"))
    return gzip.compress(text.encode(), compresslevel=1)


def rows_of(text: bytes) -> list[ProgressRow]:
    """Read a chunk's file.

    Raises:
        UnreadableChunk: It is not of the form that :func:`to_text` writes, or not whole.
    """
    try:
        rows = [from_values(values) for values in json.loads(gzip.decompress(text))]
    except (OSError, EOFError, zlib.error, ValueError, TypeError, AttributeError) as error:
        raise UnreadableChunk(f"{type(error).__name__}: {error}") from error
    if not rows:
        raise UnreadableChunk("it has no rows")
    return rows


def _deaths(row: ProgressRow) -> int:
    """How often a worker is known to have died with a row in progress, up to 2."""
    died = row.failure is not None and row.failure.code == WorkerDied.code
    return min(row.attempts, len(_ROWS_AFTER_DEATHS) - 1) if died else 0


def _due_together(rows: Iterable[ProgressRow]) -> Iterator[list[ProgressRow]]:
    """Rows grouped by when they are due."""
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
