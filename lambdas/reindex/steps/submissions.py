"""An operator's actions on submissions: list, and submit again."""

from __future__ import annotations

import heapq
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from reindex.domain import stamps
from reindex.domain.failures import SubmissionGone
from reindex.domain.submissions import IndexImage, SubmissionRow, SubmissionState
from reindex.stores.interfaces.queues import HighPriority
from reindex.stores.interfaces.submissions import SubmissionDesk, Submissions


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which submissions.

    Attributes:
        submitter: Only those of one name; of all without it.
        since: Only those submitted since then, epoch seconds.
        codes: Only those with one of these failure codes; any if empty.
        fingerprints: Only those with one of these failure fingerprints; any if empty.
        names: Only these ids of submissions or images, or keys; any if empty.
    """

    submitter: str | None = None
    since: float | None = None
    codes: Collection[str] = ()
    fingerprints: Collection[str] = ()
    names: Collection[str] = ()

    def takes(self, row: SubmissionRow) -> bool:
        """Return whether a row is wanted."""
        if self.submitter is not None and row.ref.submitter != self.submitter:
            return False
        if self.names and not {row.ref.id, row.ref.key, row.image_id} & {*self.names}:
            return False
        failure = row.failure
        if self.codes and (failure is None or failure.code not in self.codes):
            return False
        if self.fingerprints and (failure is None or failure.fingerprint not in self.fingerprints):
            return False
        return self.since is None or (stamps.parse(row.submitted_at) or 0) >= self.since


def failed_submissions(submissions: Submissions, wanted: Wanted) -> list[SubmissionRow]:
    """Return the failed submissions that are wanted, the oldest first.

    Only the rows of failed submissions are read.
    """
    rows = (row for row in submissions.failed() if wanted.takes(row))
    return sorted(rows, key=_submitted_at)


@dataclass(frozen=True, slots=True)
class Latest:
    """The latest of the submissions that are wanted.

    Attributes:
        rows: The oldest first.
        total: How many are wanted, with those that are not in ``rows``.
    """

    rows: Sequence[SubmissionRow]
    total: int


def latest_submissions(
    submissions: Submissions,
    desk: SubmissionDesk,
    wanted: Wanted,
    at_most: int,
    *,
    only_failed: bool = False,
) -> Latest:
    """Return the latest submissions that are wanted.

    A file in the ingest bucket that has no row yet is queued: no function has begun it. It keeps
    ``at_most`` rows in memory, and the names of the files that wait.

    Args:
        submissions: The table. All of it is read, unless only failed submissions are wanted.
        desk: The ingest bucket.
        wanted: Which submissions.
        at_most: How many are returned.
        only_failed: Only those that failed.
    """
    total = 0

    def counted() -> Iterator[SubmissionRow]:
        nonlocal total
        for row in submissions.failed() if only_failed else _all(submissions, desk):
            if wanted.takes(row):
                total += 1
                yield row

    rows = heapq.nlargest(at_most, counted(), key=_submitted_at)
    return Latest(rows[::-1], total)


def _all(submissions: Submissions, desk: SubmissionDesk) -> Iterator[SubmissionRow]:
    # The bucket first: a file that is processed meanwhile has a row by then.
    waiting = {file.ref: file for file in desk.waiting()}
    for row in submissions.scan():
        waiting.pop(row.ref, None)
        yield row
    for file in waiting.values():
        yield SubmissionRow(
            ref=file.ref,
            state=SubmissionState.QUEUED,
            size=file.size,
            submitted_at=file.since,
            updated_at=file.since,
        )


def _submitted_at(row: SubmissionRow) -> str:
    return row.submitted_at


@dataclass(frozen=True, slots=True)
class Resubmitting:
    """Submits failed submissions again."""

    submissions: Submissions
    desk: SubmissionDesk
    high_priority: HighPriority

    def resubmit(self, rows: Sequence[SubmissionRow]) -> list[SubmissionRow]:
        """Submit failed submissions again; the call may be repeated.

        A file that failed is copied back to the ingest bucket, as a new submission. An image that
        is archived and failed to be indexed is sent to the index.

        Returns:
            Those whose file is nowhere any more: nothing was done with them.

        Raises:
            StoreUnavailable: A service does not answer; those before were sent.
        """
        return [row for row in rows if not self._is_sent(row)]

    def _is_sent(self, row: SubmissionRow) -> bool:
        if row.image_id:
            self.high_priority.send([IndexImage(row.image_id, [row.ref])])
            return True
        if row.failed_key is None:
            return False
        try:
            self.desk.restore(row.failed_key, row.ref)
        except SubmissionGone:
            return False
        # The row first: while the failed file is there, all of it can be repeated.
        self.submissions.remove(row.ref)
        self.desk.discard(row.failed_key)
        return True
