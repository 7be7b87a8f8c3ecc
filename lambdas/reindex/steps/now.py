"""Reindexes a few images at once, without a run: they are written and verified."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from reindex.domain.failures import DocumentSuperseded, OriginalNotFound
from reindex.domain.progress import ProgressRow, Retry
from reindex.domain.provenance import LIVE
from reindex.steps.ambient import Clock
from reindex.steps.live_index import LiveIndex, Outcome
from reindex.stores.interfaces.progress_table import Change, ProgressTable


@dataclass(frozen=True, slots=True)
class Now:
    """Brings images up to date, as the live lane does, and verifies that they are."""

    live_index: LiveIndex
    table: ProgressTable
    retry: Retry
    clock: Clock

    def refresh(self, ids: Sequence[str]) -> Mapping[str, Outcome]:
        """Project images, write their documents under their guards, and read them back.

        An image that has a row in the progress table gets its outcome recorded there: verified, or
        the failure. A failure that may pass, and an original that is missing, are left to a run.

        Args:
            ids: At most 100, without repetition.

        Returns:
            One outcome per id; a digest only of a document that the index was seen to hold.

        Raises:
            StoreUnavailable: A service does not answer.
            IndexMisconfigured: The index cannot be used.
        """
        written = self.live_index.refresh(ids)
        held = self.live_index.digests([i for i in ids if written[i].digest])
        other = DocumentSuperseded("another writer has replaced the document already").as_failure()
        outcomes = {
            image_id: outcome
            if outcome.digest is None or held.get(image_id) == outcome.digest
            else Outcome(failure=other)
            for image_id, outcome in written.items()
        }
        self.table.write([*self._changes(outcomes)])
        return outcomes

    def _changes(self, outcomes: Mapping[str, Outcome]) -> Iterator[Change]:
        rows = self.table.read([*outcomes]).rows
        for image_id, outcome in outcomes.items():
            row = rows.get(image_id)
            if row and (after := self._after(row, outcome)):
                yield Change(row, after)

    def _after(self, row: ProgressRow, outcome: Outcome) -> ProgressRow | None:
        """Return the row that follows from an outcome; None when it says nothing final."""
        now = self.clock.now()
        due = row if row.state.phase else row.requeued(now)
        if outcome.digest:
            return due.unchanged(digest=outcome.digest, run_id=LIVE, now=now)
        failure = outcome.failure
        if failure is None or failure.retryable or failure.code == OriginalNotFound.code:
            return None
        return due.failed(failure, run_id=LIVE, retry=self.retry, now=now)
