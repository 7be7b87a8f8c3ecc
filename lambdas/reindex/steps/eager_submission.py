"""Eager submission: the steps of the live lane in one process, for a file of this machine."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from reindex.domain.progress import iso
from reindex.domain.submissions import (
    IndexImage,
    LogPlace,
    Submission,
    SubmissionRef,
    SubmissionRow,
)
from reindex.steps.ambient import Clock
from reindex.steps.ingest import Ingest
from reindex.steps.now import Now
from reindex.stores.interfaces.queues import Depth, HighPriority
from reindex.stores.interfaces.submissions import Submissions, SubmittedFiles


@dataclass(frozen=True, slots=True)
class LocalFile(SubmittedFiles):
    """A file of this machine, as submitted files are seen. It is left as it is.

    Attributes:
        path: Of the file.
        user_metadata: That it would be submitted with.
    """

    path: Path
    user_metadata: Mapping[str, str]

    def metadata(self, ref: SubmissionRef) -> Mapping[str, str]:  # noqa: ARG002
        """Return the metadata that it would be submitted with."""
        return self.user_metadata

    def download(self, ref: SubmissionRef, to: Path) -> None:  # noqa: ARG002
        """Copy the file."""
        shutil.copyfile(self.path, to)

    def remove(self, ref: SubmissionRef) -> None:
        """Leave the file."""

    def keep_failed(self, ref: SubmissionRef, reason: bytes) -> str | None:  # noqa: ARG002
        """Do nothing: the submitter has the file."""
        return None

    def discard(self, kept: str) -> None:
        """Do nothing: no copy was kept."""


@dataclass(frozen=True, slots=True)
class HeldBack(HighPriority):
    """Messages that are not sent: their images are indexed in this process."""

    messages: list[IndexImage] = field(default_factory=list)

    def send(self, messages: Sequence[IndexImage], delay_seconds: int = 0) -> None:  # noqa: ARG002
        """Keep messages."""
        self.messages.extend(messages)

    def depth(self) -> Depth:
        """Return how many are kept."""
        return Depth(len(self.messages), 0, 0)


@dataclass(frozen=True, slots=True)
class EagerSubmission:
    """Processes local files at once.

    Attributes:
        ingest: Makes what processes submissions, given where their files are and what takes the
            images to index.
        now: Indexes them.
        name: Of this call; unique.
    """

    ingest: Callable[[SubmittedFiles, HighPriority], Ingest]
    now: Now
    submissions: Submissions
    clock: Clock
    name: str

    def submit(self, path: Path, key: str, metadata: Mapping[str, str]) -> SubmissionRow:
        """Process a file and index its image.

        Args:
            path: Of the file.
            key: As it would be submitted under.
            metadata: As it would be submitted with.

        Returns:
            Its row: searchable, or failed.

        Raises:
            StoreUnavailable: A service does not answer; it may be repeated.
            IndexMisconfigured: The index cannot be used; the original is archived.
        """
        submission = Submission(
            SubmissionRef(key, self.name), path.stat().st_size, iso(self.clock.now())
        )
        ingest = self.ingest(LocalFile(path, metadata), HeldBack())
        row = ingest.process(submission, LogPlace(self.name))
        if row.image_id is None:
            return row
        outcome = self.now.refresh([row.image_id])[row.image_id]
        if outcome.failure is None:
            return self.submissions.mark_searchable(row.ref, iso(self.clock.now())) or row
        failed = row.failed(outcome.failure, self.clock.now())
        self.submissions.write(failed, row)
        return failed
