"""The live lane's stores in memory: rows, submitted files, the archive, the high-priority queue."""

from __future__ import annotations

import hashlib
import itertools
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from reindex.domain.failures import ArchiveConflict, SubmissionGone
from reindex.domain.submissions import (
    NO_VERSION,
    IndexImage,
    SubmissionRef,
    SubmissionRow,
    SubmissionState,
)
from reindex.stores.interfaces.archive import Archive, NewFile
from reindex.stores.interfaces.queues import Depth, HighPriority
from reindex.stores.interfaces.submissions import SubmissionDesk, Submissions, WaitingFile
from tests.twins.backlog import MemoryBacklog
from tests.twins.library import MemoryLibrary
from tests.twins.outages import Outages


class MemorySubmissions(Outages, Submissions):
    """The twin of ``DynamoSubmissions``."""

    def __init__(self) -> None:
        super().__init__()
        self.rows: dict[SubmissionRef, SubmissionRow] = {}

    def read(self, ref: SubmissionRef) -> SubmissionRow | None:
        self.answer()
        return self.rows.get(ref)

    def write(self, row: SubmissionRow, before: SubmissionRow | None) -> bool:
        self.answer()
        stored = self.rows.get(row.ref)
        if _condition(stored) != _condition(before):
            return False
        self.rows[row.ref] = row
        return True

    def mark_searchable(self, ref: SubmissionRef, at: str) -> SubmissionRow | None:
        self.answer()
        row = self.rows.get(ref)
        if row is None:
            return None
        self.rows[ref] = replace(
            row,
            searchable_at=row.searchable_at or at,
            state=SubmissionState.PROCESSED,
            failure=None,
            is_unexpected=False,
        )
        return self.rows[ref]

    def remove(self, ref: SubmissionRef) -> None:
        self.answer()
        self.rows.pop(ref, None)

    def of_image(self, image_id: str) -> list[SubmissionRow]:
        self.answer()
        return [row for row in self.rows.values() if row.image_id == image_id]

    def named(self, name: str) -> list[SubmissionRow]:
        self.answer()
        return [
            row for row in self.rows.values() if name in (row.ref.id, row.ref.key, row.image_id)
        ]

    def failed(self) -> Iterator[SubmissionRow]:
        self.answer()
        rows = list(self.rows.values())
        yield from (row for row in rows if row.state is SubmissionState.FAILED)

    def scan(self) -> Iterator[SubmissionRow]:
        self.answer()
        yield from list(self.rows.values())


def _condition(row: SubmissionRow | None) -> object:
    return row and (row.state, row.attempts)


@dataclass(frozen=True)
class StoredFile:
    """An object of the ingest bucket."""

    content: bytes
    metadata: Mapping[str, str]
    content_type: str = ""


class MemorySubmittedFiles(Outages, SubmissionDesk):
    """The twin of ``S3SubmittedFiles``.

    Attributes:
        files: The submitted files.
        failed: By key of the failed bucket.
        reasons: Of each of those.
    """

    def __init__(self) -> None:
        super().__init__()
        self.files: dict[SubmissionRef, StoredFile] = {}
        self.failed: dict[str, StoredFile] = {}
        self.reasons: dict[str, bytes] = {}
        self._versions = itertools.count(1)

    def put(
        self, key: str, content: bytes, metadata: Mapping[str, str] | None = None
    ) -> SubmissionRef:
        """Put an object there as any client of S3 does."""
        ref = SubmissionRef(key, f"v{next(self._versions)}")
        self.files[ref] = StoredFile(content, metadata or {})
        return ref

    def metadata(self, ref: SubmissionRef) -> Mapping[str, str]:
        return self._present(ref).metadata

    def download(self, ref: SubmissionRef, to: Path) -> None:
        to.write_bytes(self._present(ref).content)

    def remove(self, ref: SubmissionRef) -> None:
        self.answer()
        self.files.pop(ref, None)

    def keep_failed(self, ref: SubmissionRef, reason: bytes) -> str | None:
        self.answer()
        if ref not in self.files:
            return None
        kept = ref.kept_key
        self.failed[kept] = self.files[ref]
        self.reasons[kept] = reason
        return kept

    def submit(self, path: Path, key: str, metadata: Mapping[str, str], content_type: str) -> None:
        self.answer()
        self.put(key, path.read_bytes(), metadata)

    def is_waiting(self, key: str) -> bool:
        self.answer()
        return any(ref.key == key for ref in self.files)

    def waiting(self) -> Iterator[WaitingFile]:
        self.answer()
        for ref, file in list(self.files.items()):
            yield WaitingFile(ref, len(file.content), "2026-03-01T18:00:00+00:00")

    def restore(self, kept: str, ref: SubmissionRef) -> None:
        self.answer()
        if kept not in self.failed:
            raise SubmissionGone("The file is not there any more.")
        self.put(ref.key, self.failed[kept].content, self.failed[kept].metadata)

    def discard(self, kept: str) -> None:
        self.answer()
        self.failed.pop(kept, None)
        self.reasons.pop(kept, None)

    def _present(self, ref: SubmissionRef) -> StoredFile:
        self.answer()
        latest = [other for other in self.files if other.key == ref.key]
        found = self.files.get(ref)
        if ref.version == NO_VERSION and latest:
            found = self.files[latest[-1]]
        if found is None:
            raise SubmissionGone("The file is not there any more.")
        return found


class MemoryArchive(Outages, Archive):
    """The twin of ``S3Archive``, over a library in memory.

    Attributes:
        published: Renditions by image id and kind.
        created: How often an original of each id was stored.
    """

    def __init__(self, library: MemoryLibrary) -> None:
        super().__init__()
        self._library = library
        self.published: dict[tuple[str, str], bytes] = {}
        self.created: Counter[str] = Counter()

    def archive(self, image_id: str, file: NewFile) -> None:
        self.answer()
        content = file.path.read_bytes()
        originals, metadata = self._library.originals, self._library.object_metadata
        if image_id not in originals:
            assert hashlib.sha1(content).hexdigest() == file.sha1
            originals[image_id] = content
            metadata[image_id] = {name.lower(): value for name, value in file.metadata.items()}
            self.created[image_id] += 1
        if originals[image_id] != content:
            raise ArchiveConflict("The archive has other bytes under this id.")
        known = metadata.setdefault(image_id, {})
        for name, value in file.metadata.items():
            if name.lower().startswith("identifier!"):
                known.setdefault(name.lower(), value)

    def publish(self, image_id: str, kind: str, content: bytes, content_type: str) -> None:
        self.answer()
        self.published[image_id, kind] = content
        if kind == "thumbnail":
            self._library.thumbnails[image_id] = content


class MemoryHighPriority(Outages, HighPriority):
    """The twin of ``SqsHighPriority``.

    Attributes:
        queue: What was sent.
        delays: Of each message, in seconds.
    """

    def __init__(self) -> None:
        super().__init__()
        self.queue = MemoryBacklog()
        self.delays: list[int] = []

    def send(self, messages: Sequence[IndexImage], delay_seconds: int = 0) -> None:
        self.answer()
        self.delays += [delay_seconds] * len(messages)
        for message in messages:
            self.queue.put_raw(message.to_json())

    def depth(self) -> Depth:
        return self.queue.depth()
