"""To upload an id means: reindex this image."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from reindex.batches import pages_of
from reindex.domain.chunks import LEAST_ROWS, MAX_ROWS, SMALL_LISTS, chunks_of
from reindex.domain.digest import sum_of_ids
from reindex.domain.failures import StoreUnavailable
from reindex.domain.ledger import Ledger
from reindex.domain.progress import ProgressRow
from reindex.steps.ambient import Clock
from reindex.stores.interfaces.progress_table import Change, ProgressTable
from reindex.stores.interfaces.runs import Runs
from reindex.stores.interfaces.work_list import WorkLister

#: Ids per round of table calls: a chunk of the work list.
CHUNK = MAX_ROWS

#: Times that an image is asked for which is moved meanwhile: each time takes a worker as long
#: as a projection, so that two are hardly ever needed.
_ASKS = 10


@dataclass(slots=True)
class Uploaded:
    """The counts of one upload's ids.

    Attributes:
        new: Inserted.
        queued_again: Finished before; queued again.
        left_finished: Finished before; left so, as asked.
        in_work: In work already: what was read of their truth before is outdated.
        duplicates: Seen just before in this upload. One that comes again later is in work by then.
        blank: Empty ids.
        invalid: Not usable as an id.
        unreadable: Their rows cannot be read.
    """

    new: int = 0
    queued_again: int = 0
    left_finished: int = 0
    in_work: int = 0
    duplicates: int = 0
    blank: int = 0
    invalid: int = 0
    unreadable: int = 0

    @property
    def seen(self) -> int:
        """Ids read."""
        return (
            self.new
            + self.queued_again
            + self.left_finished
            + self.in_work
            + self.duplicates
            + self.blank
            + self.invalid
            + self.unreadable
        )


@dataclass(frozen=True, slots=True)
class Upload:
    """Puts ids into the progress table, and on the work list.

    Attributes:
        name: Names this upload and no other: its rows carry it, and its ledger item.
        only_new: Leave finished images as they are.
    """

    table: ProgressTable
    work_list: WorkLister
    runs: Runs
    clock: Clock
    name: str
    only_new: bool = False

    def upload(
        self, ids: Iterable[str], progress: Callable[[Uploaded], None] = lambda _: None
    ) -> Uploaded:
        """Upload ids, exactly as they are; call ``progress`` after each chunk.

        It may be repeated, under another name, after a failure: what it did before is then
        found done, and stays in its own ledger item.

        Raises:
            StoreUnavailable: The table did not answer; the rows uploaded so far remain.
        """
        uploaded = Uploaded()
        brought = Ledger()
        for number, chunk in enumerate(pages_of(_present(ids, uploaded), CHUNK)):
            # Recorded before the first row is written, so that no row names an unknown upload.
            self.runs.record_upload(self.name, brought, done=False)
            inserted, known = self._insert(_distinct(chunk, uploaded), uploaded)
            brought += Ledger(len(inserted), sum_of_ids(row.id for row in inserted))
            rows = [*inserted, *self._requeue(known, uploaded)]
            # If this fails, the rows have work left all the same: the Tally lists them.
            is_all = number == 0 and len(chunk) < CHUNK
            most = max(LEAST_ROWS, math.ceil(len(rows) / SMALL_LISTS)) if is_all else MAX_ROWS
            self.work_list.add(chunks_of(rows, f"{self.name}-{number:06d}", most=most))
            progress(uploaded)
        if uploaded.seen > uploaded.blank:
            self.runs.record_upload(self.name, brought, done=True)
        return uploaded

    def _insert(self, ids: Sequence[str], done: Uploaded) -> tuple[list[ProgressRow], list[str]]:
        """Insert ids; return the rows that are new, and the ids that have a row already."""
        now = self.clock.now()
        rows = []
        for image_id in ids:
            try:
                rows.append(ProgressRow.new(image_id, self.name, now))
            except ValueError:
                done.invalid += 1
        inserted = self.table.insert(rows)
        done.new += len(inserted)
        known = [row.id for row in rows if row.id not in inserted]
        return [row for row in rows if row.id in inserted], known

    def _requeue(self, ids: Sequence[str], done: Uploaded) -> list[ProgressRow]:
        """Ask for images again; return the rows that have work left now."""
        if not ids:
            return []
        found = self.table.read(ids)
        done.unreadable += len(found.unreadable)
        finished = [row for row in found.rows.values() if row.state.phase is None]
        in_work = [row for row in found.rows.values() if row.state.phase]
        if self.only_new:
            done.left_finished += len(finished)
            done.in_work += len(in_work)
            return []
        now = self.clock.now()
        changed = self._write(
            [
                *(Change(row, row.requeued(now)) for row in finished),
                *(Change(row, row.requested_again(now)) for row in in_work),
            ]
        )
        written = {row.id for row in changed}
        queued_again = sum(row.id in written for row in finished)
        done.queued_again += queued_again
        # A finished row that another moved was queued by them: it is in work.
        done.in_work += len(in_work) + len(finished) - queued_again
        return changed + self._ask_again([row.id for row in in_work if row.id not in written])

    def _ask_again(self, ids: Sequence[str]) -> list[ProgressRow]:
        """Ask for images that were moved while they were asked for; return their rows.

        A worker may have enqueued them from the truth that it read before.
        """
        asked: list[ProgressRow] = []
        left = ids
        for _ in range(_ASKS):
            if not left:
                return asked
            rows = self.table.read(left).rows.values()
            now = self.clock.now()
            changes = [
                Change(row, row.requested_again(now) if row.state.phase else row.requeued(now))
                for row in rows
            ]
            written = self._write(changes)
            asked += written
            done = {row.id for row in written}
            left = [change.before.id for change in changes if change.before.id not in done]
        if left:
            raise StoreUnavailable(
                f"{len(left)} images are moved faster than they can be asked for"
            )
        return asked

    def _write(self, changes: Sequence[Change]) -> list[ProgressRow]:
        """Write rows; return those that were written, as they are now."""
        written = self.table.write(changes)
        return [change.after for change in changes if change.after.id in written]


def ids_of_lines(lines: Iterable[str]) -> Iterator[str]:
    """Return the ids of a file's lines, without the blanks around them; empty for a blank line."""
    return map(str.strip, lines)


def _present(ids: Iterable[str], done: Uploaded) -> Iterator[str]:
    """Yield the ids that are not empty."""
    for image_id in ids:
        if image_id:
            yield image_id
        else:
            done.blank += 1


def _distinct(ids: Sequence[str], done: Uploaded) -> list[str]:
    """Return some ids without repetitions, which are found only within this batch."""
    distinct = list(dict.fromkeys(ids))
    done.duplicates += len(ids) - len(distinct)
    return distinct
