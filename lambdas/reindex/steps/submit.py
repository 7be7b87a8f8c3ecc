"""Submitting files: what is there already is not sent again, so that it may be repeated."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from urllib.parse import quote

from reindex.domain.progress import iso
from reindex.image import sniff
from reindex.steps.ambient import Clock
from reindex.steps.workbench import sha1_of
from reindex.stores.interfaces.library import Originals
from reindex.stores.interfaces.submissions import SubmissionDesk

#: Files that are sent concurrently.
AT_ONCE = 8


class Sent(StrEnum):
    """The outcome of submitting a file."""

    SENT = "sent"
    WAITING = "waiting already"
    ARCHIVED = "archived already"


@dataclass(frozen=True, slots=True)
class SentFile:
    """A file that was to be submitted.

    Attributes:
        path: Of the file.
        image_id: Of its bytes.
        sent: What became of it.
        size: Bytes.
    """

    path: Path
    image_id: str
    sent: Sent
    size: int


@dataclass(frozen=True, slots=True)
class Submitting:
    """Submits files.

    Attributes:
        desk: Takes them.
        originals: Where they end up.
        submitter: In whose name.
        identifiers: Foreign identifiers of all of them, by name.
    """

    desk: SubmissionDesk
    originals: Originals
    clock: Clock
    submitter: str
    identifiers: Mapping[str, str]

    def submit(self, paths: Sequence[Path]) -> Iterator[SentFile]:
        """Submit files, some concurrently; yield each when it is done, in order.

        Raises:
            StoreUnavailable: S3 does not answer.
            ReindexFailure: It refuses to say whether an original exists.
            OSError: A file cannot be read.
        """
        with ThreadPoolExecutor(AT_ONCE) as pool:
            yield from pool.map(self._one, paths)

    def _one(self, path: Path) -> SentFile:
        image_id, size = sha1_of(path), path.stat().st_size
        key = submission_key(self.submitter, image_id, path.name)
        # An image that is archived may still lack these identifiers.
        if not self.identifiers and self.originals.exists(image_id):
            return SentFile(path, image_id, Sent.ARCHIVED, size)
        if self.desk.is_waiting(key):
            return SentFile(path, image_id, Sent.WAITING, size)
        self.desk.submit(path, key, self.metadata(path), content_type(path))
        return SentFile(path, image_id, Sent.SENT, size)

    def key(self, path: Path) -> str:
        """Return the key that a file is submitted under."""
        return submission_key(self.submitter, sha1_of(path), path.name)

    def metadata(self, path: Path) -> dict[str, str]:
        """Return the user metadata that a file is submitted with."""
        return {
            "uploaded-by": quote(self.submitter),
            "upload-time": iso(self.clock.now()),
            "file-name": quote(path.name),
            **{f"identifier!{name}": quote(value) for name, value in self.identifiers.items()},
        }


def submission_key(submitter: str, image_id: str, filename: str) -> str:
    """Return the key under which the command submits a file."""
    return f"{submitter}/{image_id}/{filename}"


def content_type(path: Path) -> str:
    """Return a file's MIME type by its first bytes."""
    with path.open("rb") as file:
        found = sniff.sniff(file.read(sniff.HEAD))
    return found[1] if found else "application/octet-stream"
