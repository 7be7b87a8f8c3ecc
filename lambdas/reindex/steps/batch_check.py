"""The check phase: look whether the index holds what each row's projection was."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from reindex.failures import DocumentMissing, DocumentSuperseded, OriginalNotFound
from reindex.progress import ProgressRow, Retry
from reindex.records import Indexed, Provenance, RunRecord
from reindex.settings import Pace
from reindex.states import Phase
from reindex.steps.ambient import Clock, Meter
from reindex.steps.tick import PAGE_SIZE, Deadline, Room
from reindex.stores.interfaces import (
    Backlog,
    Change,
    Index,
    Library,
    ProgressTable,
    Runs,
    Verdict,
)

#: Originals asked after at once.
EXISTENCE_CHECKS = 16


@dataclass(frozen=True, slots=True)
class CheckPhase:
    """What batch-check does with a page of enqueued rows."""

    table: ProgressTable
    runs: Runs
    backlog: Backlog
    index: Index
    library: Library
    pace: Pace
    retry: Retry
    clock: Clock
    meter: Meter
    phase: Phase = Phase.CHECK

    def room(self, run: RunRecord) -> Room:
        """A full page: reading harms nobody. Notes since when the queue has been empty."""
        depth = self.backlog.depth().total
        self.meter.count("Backlog", depth)
        quiet_since = None if depth else run.quiet_since or self.clock.now()
        if quiet_since != run.quiet_since:
            self.runs.update(run.run_id, {"quiet_since": quiet_since})
        return Room(PAGE_SIZE, "the queue is not empty yet" if depth else None)

    def page(
        self,
        run: RunRecord,
        rows: Sequence[ProgressRow],
        deadline: Deadline,  # noqa: ARG002 (a page of reads fits what is left of any tick)
    ) -> Mapping[str, int]:
        """Check rows; return how many became what.

        What is not there yet is merely early while the queue holds anything: no row of it is
        written, and it is due again on the next pass. So is what this run created: until no
        message is left, its create may be delivered once more, after a live writer's delete. And
        so is what had no original.
        """
        quiet = self._is_quiet(run)
        found = self.index.read(run.index, [row.id for row in rows], ["esInfo.reindex"])
        absent = [row for row in rows if row.is_absent and quiet]
        present = [row for row in rows if not row.is_absent]
        ours = [
            row
            for row in present
            if _is_ours(row, found.get(row.id)) and (quiet or not row.created)
        ]
        without = self._without_original([*absent, *(row for row in ours if row.created)])
        now = self.clock.now()
        changes = [Change(row, row.verified(now)) for row in ours if row.id not in without]
        late = [row for row in ours if row.id in without]
        changes += self._vanished(self._deleted(run, late, found))
        changes += self._never_there(run, absent, without, found)
        if quiet:
            changes += [
                Change(row, self._missing(row, found.get(row.id), now))
                for row in present
                if not _is_ours(row, found.get(row.id))
            ]
        written = self.table.write(changes)
        moved = Counter(
            str(change.after.state) for change in changes if change.before.id in written
        )
        for state, count in moved.items():
            self.meter.count("Images" + state.title().replace("_", ""), count)
        return moved

    def _is_quiet(self, run: RunRecord) -> bool:
        return (
            run.quiet_since is not None
            and self.clock.now() - run.quiet_since >= self.pace.quiet_seconds
        )

    def _vanished(self, rows: Sequence[ProgressRow]) -> list[Change]:
        failure = OriginalNotFound("the original was deleted while it was reindexed").as_failure()
        now = self.clock.now()
        return [Change(row, row.vanished(now, failure)) for row in rows]

    def _missing(self, row: ProgressRow, found: Indexed | None, now: float) -> ProgressRow:
        why = (
            DocumentSuperseded("the index holds another document than the one projected")
            if found
            else DocumentMissing("the index holds no document of this image")
        )
        return row.missing(why.as_failure(), retry=self.retry, now=now)

    def _never_there(
        self,
        run: RunRecord,
        absent: Sequence[ProgressRow],
        without: set[str],
        found: Mapping[str, Indexed],
    ) -> list[Change]:
        """Confirm that images had no original when they were projected, and have none now."""
        now = self.clock.now()
        again = [row for row in absent if row.id not in without]
        gone = [row for row in absent if row.id in without]
        late = [row for row in gone if _is_late_create(row, found.get(row.id), run)]
        settled = [row for row in gone if row not in late] + self._deleted(run, late, found)
        back = DocumentMissing("the original is there again").as_failure()
        return [
            *(Change(row, row.missing(back, retry=self.retry, now=now)) for row in again),
            *(Change(row, row.vanished(now)) for row in settled),
        ]

    def _without_original(self, rows: Sequence[ProgressRow]) -> set[str]:
        if not rows:
            return set()
        with ThreadPoolExecutor(EXISTENCE_CHECKS) as pool:
            stands = list(pool.map(self.library.exists, [row.id for row in rows]))
        return {row.id for row, there in zip(rows, stands, strict=True) if not there}

    def _deleted(
        self, run: RunRecord, rows: Sequence[ProgressRow], found: Mapping[str, Indexed]
    ) -> list[ProgressRow]:
        """Delete what this run brought back to life: documents whose original is gone.

        A create that came late, or once more, may have come after a live writer's delete.

        Returns:
            The rows whose document is deleted. Of the others somebody else has written it since,
            or the index did not answer: they are looked at again.
        """
        return [
            row
            for row in rows
            if self.index.delete(run.index, row.id, found[row.id].guard) is Verdict.WRITTEN
        ]


def _is_ours(row: ProgressRow, found: Indexed | None) -> bool:
    provenance = Provenance.of(found.source) if found else None
    return provenance == Provenance(row.digest or "", row.run_id or "")


def _is_late_create(row: ProgressRow, found: Indexed | None, run: RunRecord) -> bool:
    """Whether a document is there that only a message of a reindex can have brought."""
    provenance = Provenance.of(found.source) if found else None
    return provenance is not None and (row.created or provenance.run_id == run.run_id)
