"""The library's objects in S3: originals, renditions, crops."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, NotRequired, TypedDict, Unpack
from urllib.parse import quote

from botocore.exceptions import ClientError

from reindex.domain.failures import (
    Failure,
    OriginalNotFound,
    ReindexFailure,
    SourceForbidden,
    SourceUnavailable,
)
from reindex.domain.key_templates import KeyTemplate
from reindex.image.ranged import BLOCK, FIRST_BLOCKS, RangedFile, open_bytes
from reindex.image.truth import StoredObject
from reindex.settings import LibrarySettings
from reindex.stores.aws import error_code, with_body
from reindex.stores.folders import KeyPage, keys_by_image
from reindex.stores.interfaces.library import ObjectHistory, ObjectVersion, OpenObject
from reindex.stores.sources import ARCHIVES, reading

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import GetObjectOutputTypeDef, HeadObjectOutputTypeDef

#: Folders of crops that are listed concurrently; then crops whose metadata are read concurrently.
CROPS_AT_ONCE = 16

_SERVICE = "S3"
_CONTENT_RANGE = re.compile(r"bytes \d+-\d+/(\d+)")


class _Pinned(TypedDict):
    """The version of an object that a request needs; any version if it is empty."""

    IfMatch: NotRequired[str]


class MetadataNames:
    """Translates between the library's names of an original's user metadata and our default names.

    S3 returns the names in lower case.
    """

    def __init__(self, library: LibrarySettings) -> None:
        usual = LibrarySettings(library.originals_bucket)
        self._usual = {
            library.uploaded_by_name.lower(): usual.uploaded_by_name,
            library.upload_time_name.lower(): usual.upload_time_name,
            library.file_name_name.lower(): usual.file_name_name,
        }
        self._theirs = {
            usual.uploaded_by_name: library.uploaded_by_name,
            usual.upload_time_name: library.upload_time_name,
            usual.file_name_name: library.file_name_name,
        }
        self._prefix = library.identifier_prefix.lower()
        self._usual_prefix = usual.identifier_prefix

    def usual(self, metadata: Mapping[str, str]) -> dict[str, str]:
        """Return user metadata under our default names; other names are kept."""
        return {self._usual_name(name): value for name, value in metadata.items()}

    def theirs(self, metadata: Mapping[str, str]) -> dict[str, str]:
        """Return user metadata, given under our default names, under the library's names."""
        return {self._their_name(name): value for name, value in metadata.items()}

    def _their_name(self, name: str) -> str:
        if name.startswith(self._usual_prefix):
            return self._prefix + name.removeprefix(self._usual_prefix)
        return self._theirs.get(name, name)

    def _usual_name(self, name: str) -> str:
        if name.startswith(self._prefix):
            return self._usual_prefix + name.removeprefix(self._prefix)
        return self._usual.get(name, name)


@dataclass(frozen=True, slots=True)
class _Piece:
    """A range of an object's bytes, and the whole object's properties."""

    data: bytes
    stored: StoredObject
    etag: str


class CropsBucket:
    """The bucket of crops, for listings.

    Its methods raise the failure of the images whose crops they list.
    """

    def __init__(self, client: S3Client, bucket: str) -> None:
        self._s3 = client
        self._bucket = bucket

    def page(self, after: str) -> KeyPage:
        """See :meth:`reindex.stores.folders.Bucket.page`."""
        with reading(_SERVICE):
            page = self._s3.list_objects_v2(Bucket=self._bucket, StartAfter=after)
        return KeyPage([found["Key"] for found in page.get("Contents", [])], page["IsTruncated"])

    def within(self, folder: str, after: str) -> Sequence[str]:
        """See :meth:`reindex.stores.folders.Bucket.within`."""
        pages = self._s3.get_paginator("list_objects_v2")
        with reading(_SERVICE):
            return [
                found["Key"]
                for page in pages.paginate(Bucket=self._bucket, Prefix=folder, StartAfter=after)
                for found in page.get("Contents", [])
            ]


class S3Originals:
    """Originals, renditions and crops; thread-safe.

    Args:
        client: Of S3. It has up to :data:`CROPS_AT_ONCE` calls in flight in addition to its
            callers' own.
        library: Names of the buckets, and templates of the keys.
    """

    def __init__(self, client: S3Client, library: LibrarySettings) -> None:
        self._s3 = client
        self._buckets = library
        self._original = KeyTemplate(library.original_key)
        self._thumbnail = KeyTemplate(library.thumbnail_key)
        self._optimised_png = KeyTemplate(library.optimised_png_key)
        self._crops_folder = KeyTemplate(library.crops_folder)
        self._names = MetadataNames(library)
        self._reads = ThreadPoolExecutor(CROPS_AT_ONCE, thread_name_prefix="crops")

    def open(self, image_id: str) -> OpenObject:
        """Open an original: one request, which also reads its first bytes.

        Later reads are of the same version, or raise.

        Raises:
            OriginalNotFound: There is none.
            SourceForbidden: S3 denies access, or the bucket does not exist.
            SourceUnavailable: S3 does not answer; also raised by reading the file.
        """
        bucket, key = self._buckets.originals_bucket, self._original.key(image_id)
        found = self.open_key(bucket, key)
        if found is None:
            raise OriginalNotFound("The original does not exist.", f"s3://{bucket}/{key}")
        metadata = self._names.usual(found.stored.user_metadata)
        return replace(found, stored=replace(found.stored, user_metadata=metadata))

    def thumbnail(self, image_id: str) -> OpenObject | None:
        """Open the thumbnail; None when there is none, or the library keeps none.

        Raises:
            SourceForbidden: S3 denies access, or the bucket does not exist.
            SourceUnavailable: S3 does not answer; also raised by reading the file.
        """
        bucket = self._buckets.thumbnails_bucket
        return self.open_key(bucket, self._thumbnail.key(image_id)) if bucket else None

    def optimised_png(self, image_id: str) -> OpenObject | None:
        """Open the optimised PNG; None when there is none, or the library makes none.

        Raises:
            SourceForbidden: S3 denies access, or the bucket does not exist.
            SourceUnavailable: S3 does not answer; also raised by reading the file.
        """
        if not self._buckets.optimised_pngs:
            return None
        key = self._optimised_png.key(image_id)
        return self.open_key(self._buckets.originals_bucket, key)

    def exists(self, image_id: str) -> bool:
        """Return True if the original exists now.

        Raises:
            SourceForbidden: S3 denies access, or the bucket does not exist.
            SourceUnavailable: S3 does not answer.
        """
        return self._ask(self._buckets.originals_bucket, self._original.key(image_id)) is not None

    def history(self, image_id: str) -> ObjectHistory:
        """Return the present and past versions of the original: two requests.

        Raises:
            SourceForbidden: S3 denies access, or the bucket does not exist.
            SourceUnavailable: S3 does not answer.
        """
        bucket, key = self._buckets.originals_bucket, self._original.key(image_id)
        found = self._ask(bucket, key)
        versions = self._versions(bucket, key)
        if found is None:
            return ObjectHistory(bucket, key, versions=versions)
        storage_class = found.get("StorageClass", "STANDARD")
        in_archive = storage_class in ARCHIVES or "ArchiveStatus" in found
        restored = 'ongoing-request="false"' in found.get("Restore", "")
        return ObjectHistory(
            bucket,
            key,
            size=found["ContentLength"],
            last_modified=found["LastModified"],
            storage_class=storage_class,
            archived=in_archive and not restored,
            versions=versions,
        )

    def _versions(self, bucket: str, key: str) -> Sequence[ObjectVersion] | None:
        """Return an object's latest versions, the newest first; None without permission."""
        try:
            with reading(_SERVICE):
                page = self._s3.list_object_versions(Bucket=bucket, Prefix=key)
        except SourceForbidden:
            # s3:ListBucketVersions is a separate permission, which only this call needs.
            return None
        found = [
            ObjectVersion(version["VersionId"], version["LastModified"], version["Size"])
            for version in page.get("Versions", [])
            if version["Key"] == key
        ]
        found += [
            ObjectVersion(marker["VersionId"], marker["LastModified"], None)
            for marker in page.get("DeleteMarkers", [])
            if marker["Key"] == key
        ]
        # Times are whole seconds, and the sort is stable: of the same second, a deletion is newer.
        found.sort(key=lambda version: version.size is not None)
        return sorted(found, key=lambda version: version.at, reverse=True)

    def crops(self, ids: Sequence[str]) -> Mapping[str, Sequence[StoredObject] | Failure]:
        """Return the objects of images' crops, in order of their keys.

        Returns:
            One entry per id: its crops, or the failure to list or read them.
        """
        bucket = self._buckets.crops_bucket
        if not bucket:
            return dict.fromkeys(ids, ())
        crops = CropsBucket(self._s3, bucket)
        listed = keys_by_image(ids, crops, self._reads.map, self._crops_folder.key)
        reads = {
            image_id: [self._reads.submit(self._head, bucket, key) for key in keys]
            for image_id, keys in listed.items()
            if not isinstance(keys, Failure)
        }
        found: dict[str, Sequence[StoredObject] | Failure] = {}
        for image_id, keys in listed.items():
            if isinstance(keys, Failure):
                found[image_id] = keys
                continue
            try:
                # A crop may be deleted after it was listed.
                found[image_id] = [crop for read in reads[image_id] if (crop := read.result())]
            except ReindexFailure as failure:
                found[image_id] = failure.as_failure()
        return found

    def _head(self, bucket: str, key: str) -> StoredObject | None:
        answer = self._ask(bucket, key)
        return _stored(bucket, key, answer["ContentLength"], answer) if answer else None

    def _ask(self, bucket: str, key: str) -> HeadObjectOutputTypeDef | None:
        with reading(_SERVICE):
            try:
                return self._s3.head_object(Bucket=bucket, Key=key)
            except ClientError as error:
                if error_code(error) != "404":
                    raise
                self._require(bucket)
                return None

    def _require(self, bucket: str) -> None:
        """Raise if the bucket is missing: the answer to a HEAD does not distinguish that."""
        try:
            self._s3.head_bucket(Bucket=bucket)
        except ClientError as error:
            if error_code(error) != "404":
                raise
            raise SourceForbidden("The bucket does not exist.", bucket) from error

    def open_key(self, bucket: str, key: str) -> OpenObject | None:
        """Open any object, as :meth:`open` opens an original; None when there is none.

        Raises:
            SourceForbidden: S3 denies access, or the bucket does not exist.
            SourceUnavailable: S3 does not answer; also raised by reading the file.
        """
        with reading(_SERVICE):
            try:
                first = self._read_part(bucket, key, 0, FIRST_BLOCKS * BLOCK)
            except ClientError as error:
                match error_code(error):
                    case "NoSuchKey":
                        return None
                    case "InvalidRange":
                        return self._open_empty(bucket, key)
                    case _:
                        raise
        return OpenObject(first.stored, self._file(bucket, key, first))

    def _open_empty(self, bucket: str, key: str) -> OpenObject | None:
        """Open an empty object, of which no range can be read."""
        stored = self._head(bucket, key)
        if stored is None:
            return None
        if stored.size:
            raise SourceUnavailable("It changed while it was read.")
        return OpenObject(stored, open_bytes(b""))

    def _file(self, bucket: str, key: str, first: _Piece) -> RangedFile:
        """Return the whole object as a file whose first bytes were read."""

        def fetch(start: int, length: int) -> bytes:
            with reading(_SERVICE):
                try:
                    return self._read_part(bucket, key, start, length, IfMatch=first.etag).data
                except ClientError as error:
                    if error_code(error) != "NoSuchKey":
                        raise
                    raise SourceUnavailable("It was deleted while it was read.") from error

        return RangedFile(fetch, first.stored.size, head=first.data)

    def _read_part(
        self, bucket: str, key: str, start: int, length: int, **pinned: Unpack[_Pinned]
    ) -> _Piece:
        answer, data = with_body(
            lambda: self._s3.get_object(
                Bucket=bucket, Key=key, Range=f"bytes={start}-{start + length - 1}", **pinned
            )
        )
        size = _size(answer)
        return _Piece(data, _stored(bucket, key, size, answer), answer["ETag"])


def _size(answer: GetObjectOutputTypeDef) -> int:
    """Return the size of the whole object, from the answer to a request for a range."""
    part = _CONTENT_RANGE.fullmatch(answer.get("ContentRange", ""))
    return int(part[1]) if part else answer["ContentLength"]


def _stored(
    bucket: str, key: str, size: int, answer: GetObjectOutputTypeDef | HeadObjectOutputTypeDef
) -> StoredObject:
    last_modified: datetime = answer["LastModified"]
    return StoredObject(
        # The form that Grid writes in its documents.
        uri=f"http://{bucket}.s3.amazonaws.com/{quote(key)}",
        size=size,
        last_modified=last_modified,
        user_metadata={name.lower(): value for name, value in answer["Metadata"].items()},
    )
