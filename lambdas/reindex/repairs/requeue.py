"""Queues finished images again, chosen by an operator."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from reindex.batches import pages_of
from reindex.domain.chunks import MAX_ROWS
from reindex.domain.progress import ProgressRow
from reindex.domain.states import State
from reindex.steps.ambient import Clock
from reindex.steps.listing import write_and_list
from reindex.steps.scanning import scan_all
from reindex.stores.interfaces.progress_table import Change, ProgressTable
from reindex.stores.interfaces.work_list import WorkList

#: Rows per round of table calls: a chunk of the work list.
CHUNK = MAX_ROWS


@dataclass(frozen=True, slots=True)
class Selection:
    """Which finished images; a criterion that is empty excludes none.

    Attributes:
        states: The states they rest in.
        codes: Of their failures.
        fingerprints: Of their failures.
        ids: Of the images, read once and in chunks; None for all that fit the rest. One
            that comes again within a chunk counts once; later, it is in work by then.
    """

    states: Collection[State] = ()
    codes: Collection[str] = ()
    fingerprints: Collection[str] = ()
    ids: Iterable[str] | None = None

    def takes(self, row: ProgressRow) -> bool:
        """Return True if a row fits, its work aside."""
        failure = row.failure
        return (
            (not self.states or row.state in self.states)
            and (not self.codes or (failure is not None and failure.code in self.codes))
            and (
                not self.fingerprints
                or (failure is not None and failure.fingerprint in self.fingerprints)
            )
        )


@dataclass(slots=True)
class Chosen:
    """The images that a selection chose, and those that it left alone.

    Attributes:
        kinds: Images chosen, by state and failure code ("" without a failure).
        in_work: Fitting images that are in work: left alone.
        absent: Ids without a row.
        unreadable: Images whose row cannot be read.
        moved: Images that another process changed: they are left as they are.
    """

    kinds: Counter[tuple[State, str]] = field(default_factory=Counter)
    in_work: int = 0
    absent: int = 0
    unreadable: int = 0
    moved: int = 0

    @property
    def total(self) -> int:
        """Images chosen."""
        return self.kinds.total()


@dataclass(frozen=True, slots=True)
class Requeue:
    """Queues finished images again.

    Attributes:
        name: Names what it puts on the work list, and nothing else.
        segments: Parts of the table that are scanned at once.
    """

    table: ProgressTable
    work_list: WorkList
    clock: Clock
    name: str
    segments: int

    def plan(self, selection: Selection, limit: int | None = None) -> Chosen:
        """Say what would be queued again; nothing is changed.

        Args:
            selection: Which images.
            limit: How many at most.

        Raises:
            StoreUnavailable: The table does not answer.
        """
        return count_chosen(self.table, self.segments, selection, limit)

    def apply(self, selection: Selection, limit: int | None = None) -> Chosen:
        """Queue images again, each with a clean sheet; it may be repeated after a failure.

        Args:
            selection: Which images.
            limit: How many at most.

        Raises:
            StoreUnavailable: The table does not answer; what was queued so far stays so.
        """
        done = Chosen()
        for number, rows in enumerate(
            chosen_rows(self.table, self.segments, selection, limit, done)
        ):
            now = self.clock.now()
            changes = [Change(row, row.requeued(now)) for row in rows]
            name = f"{self.name}-{number:06d}"
            written = write_and_list(self.table, self.work_list, changes, name)
            done.moved += len(rows) - len(written)
        return done


def count_chosen(
    table: ProgressTable, segments: int, selection: Selection, limit: int | None
) -> Chosen:
    """Return the counts of what :func:`chosen_rows` yields; nothing is changed."""
    counts = Chosen()
    for _ in chosen_rows(table, segments, selection, limit, counts):
        pass
    return counts


def chosen_rows(
    table: ProgressTable, segments: int, selection: Selection, limit: int | None, note: Chosen
) -> Iterator[Sequence[ProgressRow]]:
    """Yield the rows of finished images that fit a selection, in chunks; noted as they come.

    Args:
        table: Where they are.
        segments: Parts of the table that are scanned at once.
        selection: Which images.
        limit: How many at most.
        note: Where they are counted.
    """
    room = limit
    for rows in _candidates(table, segments, selection.ids, note):
        fitting = [row for row in rows if selection.takes(row)]
        chosen = [row for row in fitting if row.state.phase is None]
        note.in_work += len(fitting) - len(chosen)
        if room is not None:
            chosen = chosen[:room]
            room -= len(chosen)
        note.kinds.update((row.state, row.failure.code if row.failure else "") for row in chosen)
        if chosen:
            yield chosen
        if room == 0:
            return


def _candidates(
    table: ProgressTable, segments: int, ids: Iterable[str] | None, note: Chosen
) -> Iterator[Sequence[ProgressRow]]:
    if ids is None:
        for page in scan_all(table, segments):
            note.unreadable += len(page.unreadable)
            yield page.rows
        return
    for some in pages_of(ids, CHUNK):
        chunk = list(dict.fromkeys(some))
        found = table.read(chunk)
        note.unreadable += len(found.unreadable)
        note.absent += len(chunk) - len(found.rows) - len(found.unreadable)
        yield list(found.rows.values())
