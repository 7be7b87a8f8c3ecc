"""The sources of images for ``reindex image-meta``: local files, objects in S3 and in GCS."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

from reindex.domain.failures import (
    Failure,
    OriginalNotFound,
    ReindexFailure,
    SourceUnavailable,
    UnexpectedError,
)
from reindex.image.extract import extract
from reindex.image.file_metadata import file_metadata
from reindex.image.object_metadata import upload_of
from reindex.image.original_metadata import Decision, explain, original_metadata
from reindex.image.ranged import RangedFile, open_bytes, open_path
from reindex.image.rows import present
from reindex.processors.draft import Draft
from reindex.processors.processing import NamedProcessor, processed
from reindex.processors.processing import explained as changes_of
from reindex.tag_names import TagNames

from .addresses import Address, StoreName, google_address
from .object_stores import ObjectStore, StoreUnusable, connect_s3

#: Objects that are read at once.
OBJECTS_AT_ONCE = 16

#: A full read holds the whole image in memory.
MAX_FULL_READ = 512 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class LocalFile:
    """A file of this machine."""

    path: str

    @property
    def name(self) -> str:
        """Its name in the output."""
        return self.path

    def open(self, *, whole: bool) -> tuple[RangedFile, datetime]:
        """Open it; a date taken may be anything up to now."""
        try:
            return open_path(self.path, whole=whole), datetime.now(UTC)
        except FileNotFoundError as error:
            raise OriginalNotFound("There is no such file.", str(error)) from error
        except OSError as error:
            raise SourceUnavailable("The file cannot be opened.", str(error)) from error


@dataclass(frozen=True, slots=True)
class StoredFile:
    """An object in a store."""

    address: Address

    @property
    def name(self) -> str:
        """Its name in the output: as ``--file`` takes it."""
        return str(self.address)

    def open(self, *, whole: bool) -> tuple[RangedFile, datetime]:  # noqa: ARG002 (a store has no say)
        """Open it; a date taken may be anything up to its upload."""
        store, bucket, key = self.address
        found = object_store(store).open_key(bucket, key)
        if found is None:
            raise OriginalNotFound("There is no such object.", self.name)
        return found.file, upload_of(found.stored).at


Source = LocalFile | StoredFile


def source_of(text: str) -> Source:
    """Yield the images that ``--file`` names.

    ``gs://bucket/key``; ``/bucket/key``, if no folder is called ``/bucket``; or a path.
    """
    if address := google_address(text):
        return StoredFile(address)
    bucket, _, key = text.removeprefix("/").partition("/")
    if text.startswith("/") and key and not Path("/", bucket).is_dir():
        return StoredFile(Address("s3", bucket, key))
    return LocalFile(text)


def files_under(folder: str) -> Iterator[LocalFile]:
    """Every file below a folder, in order of their paths, folder by folder.

    Raises:
        OSError: A folder cannot be listed.
    """

    def fail(error: OSError) -> None:
        raise error

    for parent, folders, names in os.walk(folder, onerror=fail):
        folders.sort()
        yield from (LocalFile(str(Path(parent, name))) for name in sorted(names))


def objects_under(folder: Address) -> Iterator[StoredFile]:
    """Every object of a bucket whose key begins with a prefix, page by page.

    Raises:
        StoreUnavailable: The store does not list them.
        StoreUnusable: It cannot be called.
    """
    for key in object_store(folder.store).keys(folder.bucket, folder.key):
        # The placeholder that consoles create for a folder is not an image.
        if not key.endswith("/"):
            yield StoredFile(folder._replace(key=key))


@cache
def object_store(name: StoreName) -> ObjectStore:
    """Return a store, connected with the credentials that this machine has for it.

    Raises:
        StoreUnusable: Its client is not installed, or there are no credentials.
    """
    if name == "s3":
        return connect_s3(OBJECTS_AT_ONCE)
    try:
        from .google_storage import connect
    except ImportError as error:
        raise StoreUnusable(
            "objects in Google Cloud Storage need the extra gcs: install image-reindex[gcs] "
            f"({error})"
        ) from error
    return connect(OBJECTS_AT_ONCE)


@dataclass(frozen=True, slots=True)
class Described:
    """An image's line of the output.

    Attributes:
        line: What it says of itself, or why it cannot be read.
        failure: The latter, in full.
    """

    line: dict[str, Any]
    failure: Failure | None = None


def describe(
    source: Source,
    *,
    full_read: bool,
    explained: Collection[str] = frozenset(),
    tag_names: TagNames = TagNames.STANDARD,
    processors: Sequence[NamedProcessor] = (),
) -> Described:
    """Return an image's metadata, or the failure to read it; never raise.

    Args:
        source: The image.
        full_read: Read the whole file.
        explained: Names of the sources whose ``originalMetadata`` is explained.
        tag_names: By whose names ``fileMetadata`` shows tags.
        processors: What is made of ``originalMetadata``.
    """
    try:
        described = _described(
            source,
            full_read=full_read,
            explained=source.name in explained,
            tag_names=tag_names,
            processors=processors,
        )
        return Described({"source": source.name} | described)
    except ReindexFailure as error:
        failure = error.as_failure()
    except Exception as error:  # noqa: BLE001 - the edge of one image: others go on
        failure = UnexpectedError(
            "Something failed in a way we did not foresee.", f"{type(error).__name__}: {error}"
        ).as_failure()
    why = {"code": failure.code, "message": failure.message}
    return Described({"source": source.name, "failure": why}, failure)


def _described(
    source: Source,
    *,
    full_read: bool,
    explained: bool,
    tag_names: TagNames,
    processors: Sequence[NamedProcessor],
) -> dict[str, Any]:
    file, uploaded = source.open(whole=full_read)
    with file:
        found = extract(_whole(file) if full_read else file, tag_names)
    draft = Draft(original_metadata(found, uploaded))
    after = processed(draft, processors)
    line = {
        "mimeType": found.mime_type,
        "size": file.size,
        "bytesRead": file.bytes_read,
        "requests": file.requests,
        "dimensions": {"width": found.dimensions.width, "height": found.dimensions.height},
        "fileMetadata": file_metadata(found),
        "originalMetadata": dict(after.metadata),
    }
    if processors:
        line["originalUsageRights"] = dict(after.rights)
    if explained:
        decisions = explain(found, uploaded)
        line["explanation"] = {name: _explanation(each) for name, each in decisions.items()}
        if processors:
            line["processors"] = [asdict(each) for each in changes_of(draft, processors)]
    return line


def _explanation(decision: Decision) -> dict[str, Any]:
    """Return a decision as the command prints it."""
    passed_over = [
        {"source": each.source, "value": each.text, "why": each.why}
        for each in decision.passed_over
    ]
    return present(
        value=decision.value, source=", ".join(decision.sources) or None, passedOver=passed_over
    )


def _whole(file: RangedFile) -> RangedFile:
    if file.size > MAX_FULL_READ:
        raise SourceUnavailable("The file is too large to be read whole.", f"{file.size} bytes")
    return open_bytes(file.pread(0, file.size))
