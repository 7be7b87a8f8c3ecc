"""To upload an id means: reindex this image."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from reindex.digest import sum_of_ids
from reindex.progress import ProgressRow
from reindex.records import Ledger
from reindex.steps.ambient import Clock
from reindex.stores.interfaces import Change, ProgressTable, Runs

#: Ids per round of table calls.
CHUNK = 1_000


@dataclass(slots=True)
class Uploaded:
    """What became of the ids of one upload.

    Attributes:
        new: Inserted.
        queued_again: Finished before; queued again.
        left_finished: Finished before; left so, as asked.
        in_work: In work already; left alone.
        duplicates: Seen before in this upload.
        blank: Blank lines.
        invalid: Not usable as an id.
    """

    new: int = 0
    queued_again: int = 0
    left_finished: int = 0
    in_work: int = 0
    duplicates: int = 0
    blank: int = 0
    invalid: int = 0

    @property
    def seen(self) -> int:
        """Lines read."""
        return (
            self.new
            + self.queued_again
            + self.left_finished
            + self.in_work
            + self.duplicates
            + self.blank
            + self.invalid
        )


@dataclass(frozen=True, slots=True)
class Upload:
    """Puts ids into the progress table.

    Attributes:
        name: Names this upload and no other: its rows carry it, and its ledger item.
        only_new: Leave finished images as they are.
    """

    table: ProgressTable
    runs: Runs
    clock: Clock
    name: str
    only_new: bool = False

    def upload(
        self, lines: Iterable[str], progress: Callable[[Uploaded], None] = lambda _: None
    ) -> Uploaded:
        """Upload ids, one per line; call ``progress`` after each chunk.

        It may be repeated, under another name, after a failure: what it did before is then
        found done, and stays in its own ledger item.

        Raises:
            StoreUnavailable: The table did not answer; what was uploaded so far stands.
        """
        uploaded = Uploaded()
        brought = Ledger()
        for chunk in _chunks(_distinct(lines, uploaded)):
            # Said before the first row is written, so that no row names an unknown upload.
            self.runs.record_upload(self.name, brought, done=False)
            brought += self._insert(chunk, uploaded)
            progress(uploaded)
        if uploaded.seen > uploaded.blank:
            self.runs.record_upload(self.name, brought, done=True)
        return uploaded

    def _insert(self, ids: Sequence[str], done: Uploaded) -> Ledger:
        now = self.clock.now()
        rows = {}
        for image_id in ids:
            try:
                rows[image_id] = ProgressRow.new(image_id, self.name, now)
            except ValueError:
                done.invalid += 1
        inserted = self.table.insert(list(rows.values()))
        done.new += len(inserted)
        self._requeue([image_id for image_id in rows if image_id not in inserted], done)
        return Ledger(len(inserted), sum_of_ids(inserted))

    def _requeue(self, ids: Sequence[str], done: Uploaded) -> None:
        found = self.table.read(ids) if ids else {}
        finished = [row for row in found.values() if row.state.phase is None]
        in_work = len(found) - len(finished)
        if self.only_new:
            done.left_finished += len(finished)
        else:
            now = self.clock.now()
            written = self.table.write([Change(row, row.requeued(now)) for row in finished])
            done.queued_again += len(written)
            # Who else moved a finished row has queued it: it is in work.
            in_work += len(finished) - len(written)
        done.in_work += in_work


def _chunks(ids: Iterator[str]) -> Iterator[list[str]]:
    while chunk := list(islice(ids, CHUNK)):
        yield chunk


def _distinct(lines: Iterable[str], done: Uploaded) -> Iterator[str]:
    """The ids of some lines, each once.

    A set of the ids' hashes would be smaller, but two ids that share one would lose an image.
    """
    seen: set[str] = set()
    for line in lines:
        image_id = line.strip()
        if not image_id:
            done.blank += 1
        elif image_id in seen:
            done.duplicates += 1
        else:
            seen.add(image_id)
            yield image_id
