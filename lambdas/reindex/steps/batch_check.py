"""The check phase: look whether the index holds what each row's projection was."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from reindex.domain import outcomes
from reindex.domain.failures import (
    DocumentMissing,
    DocumentSuperseded,
    Failure,
    OriginalNotFound,
    ReindexFailure,
    StoreUnavailable,
)
from reindex.domain.progress import ProgressRow, Retry
from reindex.domain.provenance import PROVENANCE, Indexed
from reindex.domain.run_records import RETRIED, RunRecord
from reindex.domain.states import Phase
from reindex.settings import Pace
from reindex.steps.ambient import Clock, Meter
from reindex.steps.indexer_pacing import IndexerPacing
from reindex.steps.phase_work import PAGE_SIZE, Capacity, Deadline, PageResult
from reindex.stores.interfaces.index import Index, Verdict
from reindex.stores.interfaces.library import Library
from reindex.stores.interfaces.progress_table import Change, ProgressTable
from reindex.stores.interfaces.queues import Backlog
from reindex.stores.interfaces.runs import Runs

#: Originals whose existence is checked concurrently.
EXISTENCE_CHECKS = 16

#: Originals of one page that must be unavailable alike, for the first time, before it is S3 that
#: does not answer.
_OUTAGE = 2

#: Gates of the check: some documents can be confirmed all the same.
QUEUE_NOT_EMPTY = "the queue is not empty yet"
QUEUE_NOT_QUIET = "the queue is not quiet yet"

#: The count of images that another run enqueued: they are projected anew.
OUTDATED = "outdated"


@dataclass(frozen=True, slots=True)
class CheckPhase:
    """The work of batch-check on pages of enqueued rows.

    Attributes:
        stage: The deployment: documents of another are never deleted.
    """

    table: ProgressTable
    runs: Runs
    backlog: Backlog
    index: Index
    library: Library
    pacing: IndexerPacing
    stage: str
    pace: Pace
    retry: Retry
    clock: Clock
    meter: Meter
    phase: Phase = Phase.CHECK

    @property
    def lanes(self) -> int:
        """The number of chunks that a worker processes concurrently."""
        return 1

    def capacity(self, run: RunRecord) -> Capacity:
        """Return a full page of credit, and record when the queue became empty."""
        depth = self.backlog.depth().total
        self.meter.count("Backlog", depth)
        self.pacing.look(run, depth)
        quiet_since = None if depth else run.quiet_since or self.clock.now()
        if quiet_since != run.quiet_since:
            self.runs.update(run.run_id, {"quiet_since": quiet_since})
        if depth:
            return Capacity(PAGE_SIZE, QUEUE_NOT_EMPTY)
        return Capacity(PAGE_SIZE, None if self._is_quiet(quiet_since) else QUEUE_NOT_QUIET)

    def page(
        self,
        run: RunRecord,
        rows: Sequence[ProgressRow],
        deadline: Deadline,  # noqa: ARG002 (a page of reads fits what is left of any tick)
    ) -> PageResult:
        """Check rows.

        What is not there yet is merely early while the queue holds anything: no row of it is
        written, and it is looked at again a little later. So is what this run created: until no
        message is left, its create may be delivered once more, after a live writer's delete. And
        so is what had no original.

        What another run enqueued was projected from the truth of that time, so that nothing the
        index holds can verify it: it is projected anew.
        """
        ours = [row for row in rows if row.run_id == run.run_id]
        now = self.clock.now()
        outdated = [Change(row, row.outdated(now)) for row in rows if row.run_id != run.run_id]
        changes = outdated + (self._checked(run, ours) if ours else [])
        written = self.table.write(changes)
        result = PageResult(overtaken={change.before.id for change in changes} - written)
        for change in changes:
            if change.before.id in written:
                result.after.append(change.after)
                result.transitions[self._name(change, run)] += 1
                failure = change.after.failure
                result.outcomes[failure.code if failure else outcomes.OK] += 1
        for kind, count in result.transitions.items():
            self.meter.count("Images" + kind.title().replace("_", ""), count)
        return result

    def _checked(self, run: RunRecord, rows: Sequence[ProgressRow]) -> list[Change]:
        quiet = self._is_quiet(run.quiet_since)
        if not quiet:
            # Of the others nothing could be decided yet, whatever the index holds.
            rows = [row for row in rows if not row.created and not row.lacks_original]
        found = self.index.read(run.index, [row.id for row in rows], [PROVENANCE])
        absent = [row for row in rows if row.lacks_original]
        present = [row for row in rows if not row.lacks_original]
        confirmed = [row for row in present if _is_confirmed(row, found.get(row.id))]
        without, unknown = self._without_original(
            [*absent, *(row for row in confirmed if row.created)]
        )
        known = [row for row in confirmed if row.id not in unknown]
        now = self.clock.now()
        changes = [Change(row, row.verified(now)) for row in known if row.id not in without]
        changes += self._mark_deleted(
            self._deleted(run, [row for row in known if row.id in without], found)
        )
        changes += self._confirm_not_found(
            run, [row for row in absent if row.id not in unknown], without, found
        )
        changes += [
            Change(row, row.unchecked(unknown[row.id], retry=self.retry, now=now))
            for row in rows
            if row.id in unknown
        ]
        if quiet:
            changes += [
                Change(row, self._missing(row, found.get(row.id), now))
                for row in present
                if not _is_confirmed(row, found.get(row.id))
            ]
        return changes

    def _name(self, change: Change, run: RunRecord) -> str:
        if change.before.run_id != run.run_id:
            return OUTDATED
        return RETRIED if change.after.state is change.before.state else str(change.after.state)

    def _is_quiet(self, since: float | None) -> bool:
        return since is not None and self.clock.now() - since >= self.pace.quiet_seconds

    def _mark_deleted(self, rows: Sequence[ProgressRow]) -> list[Change]:
        failure = OriginalNotFound("the original was deleted while it was reindexed").as_failure()
        now = self.clock.now()
        return [Change(row, row.not_found(now, failure)) for row in rows]

    def _missing(self, row: ProgressRow, found: Indexed | None, now: float) -> ProgressRow:
        why = (
            DocumentSuperseded("the index holds another document than the one projected")
            if found
            else DocumentMissing("the index holds no document of this image")
        )
        return row.missing(why.as_failure(), retry=self.retry, now=now)

    def _confirm_not_found(
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
        late = [row for row in gone if self._is_late_create(row, found.get(row.id), run)]
        settled = [row for row in gone if row not in late] + self._deleted(run, late, found)
        back = DocumentMissing("the original is there again").as_failure()
        never = OriginalNotFound("the original does not exist").as_failure()
        return [
            *(Change(row, row.missing(back, retry=self.retry, now=now)) for row in again),
            *(Change(row, row.not_found(now, never)) for row in settled),
        ]

    def _is_late_create(self, row: ProgressRow, found: Indexed | None, run: RunRecord) -> bool:
        """Return True if the index holds a document that only this deployment can have written."""
        if found and run.round_mark:
            # The index that a migration builds is to hold nothing that has no original.
            return True
        provenance = found.provenance if found else None
        if provenance is None:
            return False
        by_this_run = provenance.run_id == run.run_id
        return by_this_run or (row.created and provenance.stage == self.stage)

    def _without_original(self, rows: Sequence[ProgressRow]) -> tuple[set[str], dict[str, Failure]]:
        """Return the ids of which no original exists now, and why it is not known of some.

        Raises:
            StoreUnavailable: It is not known of any image, so no single image has failed.
        """
        if not rows:
            return set(), {}
        with ThreadPoolExecutor(EXISTENCE_CHECKS) as pool:
            answers = dict(
                zip(
                    [row.id for row in rows],
                    pool.map(self._exists, [row.id for row in rows]),
                    strict=True,
                )
            )
        unknown = {id_: answer for id_, answer in answers.items() if isinstance(answer, Failure)}
        first_time = sum(row.failure is None or row.lacks_original for row in rows)
        if (
            len(unknown) == len(rows)
            and first_time >= _OUTAGE
            and all(failure.retryable for failure in unknown.values())
        ):
            why = next(iter(unknown.values()))
            raise StoreUnavailable(f"the originals: {why.message} {why.detail}")
        return {id_ for id_, answer in answers.items() if answer is False}, unknown

    def _exists(self, image_id: str) -> bool | Failure:
        try:
            return self.library.exists(image_id)
        except ReindexFailure as failure:
            return failure.as_failure()

    def _deleted(
        self, run: RunRecord, rows: Sequence[ProgressRow], found: Mapping[str, Indexed]
    ) -> list[ProgressRow]:
        """Delete what this run brought back to life: documents whose original is gone.

        A create that came late, or once more, may have come after a live writer's delete.

        Returns:
            The rows whose document was deleted. The documents of the others were written by
            another process since, or the index did not answer: these rows are checked again.
        """
        return [
            row
            for row in rows
            if self.index.delete(run.index, row.id, found[row.id].guard) is Verdict.WRITTEN
        ]


def _is_confirmed(row: ProgressRow, found: Indexed | None) -> bool:
    """Return True if the index holds the document of the row's projection."""
    provenance = found.provenance if found else None
    return provenance is not None and provenance.is_of(row.digest, row.run_id)
