"""Where images for ``reindex image-meta`` come from: local files and objects in S3."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from botocore.config import Config

from reindex.failures import (
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
from reindex.settings import LibrarySettings
from reindex.stores.aws import CLIENT_CONFIG, unavailable
from reindex.stores.originals import S3Originals
from reindex.stores.sources import source_config

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

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
        """How it is called in the output."""
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
    """An object in S3."""

    bucket: str
    key: str

    @property
    def name(self) -> str:
        """How it is called in the output: as ``--file`` takes it."""
        return f"/{self.bucket}/{self.key}"

    def open(self, *, whole: bool) -> tuple[RangedFile, datetime]:  # noqa: ARG002 (S3 has no say)
        """Open it; a date taken may be anything up to its upload."""
        found = _objects().open_key(self.bucket, self.key)
        if found is None:
            raise OriginalNotFound("There is no such object.", self.name)
        return found.file, upload_of(found.stored).at


Source = LocalFile | StoredFile


def source_of(text: str) -> Source:
    """What ``--file`` names: a path; or ``/bucket/key``, if no folder is called ``/bucket``."""
    bucket, _, key = text.removeprefix("/").partition("/")
    if text.startswith("/") and key and not Path("/", bucket).is_dir():
        return StoredFile(bucket, key)
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


def objects_under(bucket: str, prefix: str) -> Iterator[StoredFile]:
    """Every object of a bucket, or of a prefix in it, page by page.

    Raises:
        StoreUnavailable: S3 does not list them.
    """
    with unavailable("S3"):
        pages = (
            _client(CLIENT_CONFIG)
            .get_paginator("list_objects_v2")
            .paginate(Bucket=bucket, Prefix=prefix)
        )
        for page in pages:
            for found in page.get("Contents", []):
                # What consoles make for a folder is no image.
                if not found["Key"].endswith("/"):
                    yield StoredFile(bucket, found["Key"])


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
    source: Source, *, full_read: bool, explained: Collection[str] = frozenset()
) -> Described:
    """What an image says of itself, or why it cannot be read; never raises.

    Args:
        source: The image.
        full_read: Read the whole file.
        explained: Names of the sources whose ``originalMetadata`` is explained.
    """
    try:
        described = _described(source, full_read=full_read, explained=source.name in explained)
        return Described({"source": source.name} | described)
    except ReindexFailure as error:
        failure = error.as_failure()
    except Exception as error:  # noqa: BLE001 - the edge of one image: others go on
        failure = UnexpectedError(
            "Something failed in a way we did not foresee.", f"{type(error).__name__}: {error}"
        ).as_failure()
    why = {"code": failure.code, "message": failure.message}
    return Described({"source": source.name, "failure": why}, failure)


def _described(source: Source, *, full_read: bool, explained: bool) -> dict[str, Any]:
    file, uploaded = source.open(whole=full_read)
    with file:
        found = extract(_whole(file) if full_read else file)
    line = {
        "mimeType": found.mime_type,
        "size": file.size,
        "bytesRead": file.bytes_read,
        "requests": file.requests,
        "dimensions": {"width": found.dimensions.width, "height": found.dimensions.height},
        "fileMetadata": file_metadata(found),
        "originalMetadata": original_metadata(found, uploaded),
    }
    if explained:
        decisions = explain(found, uploaded)
        line["explanation"] = {name: _explanation(each) for name, each in decisions.items()}
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


def _client(config: Config) -> S3Client:
    # It takes a second to import, and local files need none of it.
    import boto3

    return boto3.client("s3", config=config)


@cache
def _objects() -> S3Originals:
    client = _client(source_config(OBJECTS_AT_ONCE))
    # Objects are opened by their keys: no bucket of a library is asked.
    return S3Originals(client, LibrarySettings(originals_bucket=""))
