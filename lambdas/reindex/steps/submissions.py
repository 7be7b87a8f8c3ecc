"""Submissions as operators see them: listed, and sent round again."""

from __future__ import annotations

from dataclasses import dataclass

from reindex.domain import stamps
from reindex.domain.submissions import SubmissionRow, SubmissionState
from reindex.stores.interfaces import SubmissionDesk, Submissions


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which submissions.

    Attributes:
        failed: Only those that failed.
        submitter: Only those of one name; of all without it.
        since: Only those submitted since then, epoch seconds.
    """

    failed: bool = False
    submitter: str | None = None
    since: float | None = None

    def takes(self, row: SubmissionRow) -> bool:
        """Return whether a row is wanted."""
        if self.failed and row.state is not SubmissionState.FAILED:
            return False
        if self.submitter is not None and row.ref.submitter != self.submitter:
            return False
        return self.since is None or (stamps.parse(row.submitted_at) or 0) >= self.since


def listed(submissions: Submissions, desk: SubmissionDesk, wanted: Wanted) -> list[SubmissionRow]:
    """Return the submissions that are wanted, the oldest first.

    A file in the ingest bucket that has no row yet is queued: no function has begun it.
    """
    # The bucket first: a file that is processed meanwhile has a row by then.
    waiting = [] if wanted.failed else list(desk.waiting())
    found = {row.ref: row for row in submissions.scan()}
    for file in waiting:
        if file.ref not in found:
            found[file.ref] = SubmissionRow(
                ref=file.ref,
                state=SubmissionState.QUEUED,
                size=file.size,
                submitted_at=file.since,
                updated_at=file.since,
            )
    return sorted(
        (row for row in found.values() if wanted.takes(row)), key=lambda row: row.submitted_at
    )
