"""Submissions to the live lane: their rows and their files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from reindex.domain.submissions import SubmissionRef, SubmissionRow


class Submissions(Protocol):
    """The submissions table."""

    def read(self, ref: SubmissionRef) -> SubmissionRow | None:
        """Read a row consistently; None when there is none."""
        ...

    def write(self, row: SubmissionRow, before: SubmissionRow | None) -> bool:
        """Write a row, on condition that the stored one has the state and attempts of ``before``.

        Args:
            row: To write.
            before: As it was read; None for a row that must not exist yet.

        Returns:
            False, with nothing changed, if another process wrote it since.
        """
        ...

    def mark_searchable(self, ref: SubmissionRef, at: str) -> SubmissionRow | None:
        """Record that the index has the document: the row is processed, and has no failure.

        Args:
            ref: Which submission.
            at: When, ISO 8601; the first time counts.

        Returns:
            The row after that; None when there is none.
        """
        ...

    def remove(self, ref: SubmissionRef) -> None:
        """Remove a row."""
        ...

    def of_image(self, image_id: str) -> list[SubmissionRow]:
        """Return the rows of an image, from an index that is eventually consistent."""
        ...

    def named(self, name: str) -> list[SubmissionRow]:
        """Return the rows of which this is the id, the key or the image id."""
        ...

    def failed(self) -> Iterator[SubmissionRow]:
        """Page through the rows that failed, in no order."""
        ...

    def scan(self) -> Iterator[SubmissionRow]:
        """Page through all rows, in no order: this reads the whole table."""
        ...


class SubmittedFiles(Protocol):
    """The ingest bucket and the failed bucket."""

    def metadata(self, ref: SubmissionRef) -> Mapping[str, str]:
        """Return a submitted file's user metadata.

        Raises:
            SubmissionGone: It is not there any more.
        """
        ...

    def download(self, ref: SubmissionRef, to: Path) -> None:
        """Fetch a submitted file.

        Raises:
            SubmissionGone: It is not there any more.
        """
        ...

    def remove(self, ref: SubmissionRef) -> None:
        """Remove a submitted file; no effect if it is gone."""
        ...

    def keep_failed(self, ref: SubmissionRef, reason: bytes) -> str | None:
        """Copy a submitted file and its reason to the failed bucket, and verify the copy's size.

        Returns:
            The copy's key; None when the submitted file is gone.
        """
        ...

    def discard(self, kept: str) -> None:
        """Remove a file and its reason from the failed bucket; no effect if they are gone."""
        ...


@dataclass(frozen=True, slots=True)
class WaitingFile:
    """A submitted file that is still in the ingest bucket.

    Attributes:
        ref: Which submission.
        size: Bytes.
        since: ISO 8601.
    """

    ref: SubmissionRef
    size: int
    since: str


class SubmissionDesk(SubmittedFiles, Protocol):
    """The same buckets, as submitters see them."""

    def submit(self, path: Path, key: str, metadata: Mapping[str, str], content_type: str) -> None:
        """Upload a file, with checksums."""
        ...

    def is_waiting(self, key: str) -> bool:
        """Return True if a submitted file of that key is in the ingest bucket."""
        ...

    def waiting(self) -> Iterator[WaitingFile]:
        """List the submitted files that are in the ingest bucket, in no order."""
        ...

    def restore(self, kept: str, ref: SubmissionRef) -> None:
        """Copy a failed file back to the ingest bucket, as a new submission.

        Args:
            kept: Its key in the failed bucket.
            ref: As it was submitted.

        Raises:
            SubmissionGone: It is not in the failed bucket any more.
        """
        ...

    def discard(self, kept: str) -> None:
        """Remove a file and its reason from the failed bucket; no effect if they are gone."""
        ...
