"""The archive of originals, and the public store of renditions, in S3."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, TypedDict

from botocore.exceptions import ClientError

from reindex.domain.failures import (
    ArchiveConflict,
    SourceArchived,
    StoreUnavailable,
    UnexpectedError,
)
from reindex.domain.key_templates import KeyTemplate
from reindex.settings import LibrarySettings
from reindex.stores.aws import error_code, unavailable
from reindex.stores.interfaces.archive import NewFile
from reindex.stores.originals import MetadataNames

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.literals import StorageClassType
    from mypy_boto3_s3.type_defs import HeadObjectOutputTypeDef

_SERVICE = "S3"

#: An object of that key exists, or another writer is creating it.
_EXISTS = {"PreconditionFailed", "ConditionalRequestConflict"}
_ARCHIVED = "InvalidObjectState"
_CHANGED = {"PreconditionFailed", "NoSuchKey"}

#: An object's user metadata may have 2 KB.
#: https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingMetadata.html
_TOO_MUCH_METADATA = "MetadataTooLarge"

#: Bytes that are read at once of an object that S3 has no whole checksum of.
_CHUNK = 1 << 20


class S3Archive:
    """Originals and renditions.

    Every method raises :class:`reindex.domain.failures.StoreUnavailable` when S3 does not answer
    in the end.

    Args:
        client: Of S3.
        library: Where originals and thumbnails are.
        public_bucket: Of all other renditions.
    """

    def __init__(self, client: S3Client, library: LibrarySettings, public_bucket: str) -> None:
        self._client = client
        self._library = library
        self._public = public_bucket
        self._original = KeyTemplate(library.original_key)
        self._thumbnail = KeyTemplate(library.thumbnail_key)
        self._optimised_png = KeyTemplate(library.optimised_png_key)
        self._names = MetadataNames(library)

    def archive(self, image_id: str, file: NewFile) -> None:
        """Store an original, and verify the stored object's checksum and length.

        If the original exists with the same bytes, it keeps its metadata and gets the identifiers
        that it lacks.

        Raises:
            ArchiveConflict: The original exists with other bytes. It is not changed.
            UnexpectedError: S3 rejects its metadata.
        """
        bucket, key = self._library.originals_bucket, self._original.key(image_id)
        with unavailable(_SERVICE):
            found = self._head(bucket, key)
            if found is None:
                self._create(bucket, key, file)
                found = self._head(bucket, key)
            if found is None:
                raise StoreUnavailable(f"{_SERVICE}: the original was stored, and is not there")
            self._verify(bucket, key, found, file)
            self._add_identifiers(bucket, key, found, file)

    def publish(self, image_id: str, kind: str, content: bytes, content_type: str) -> None:
        """Store a rendition; replace the one that exists."""
        bucket, key = self._place(image_id, kind)
        with unavailable(_SERVICE):
            self._client.put_object(Bucket=bucket, Key=key, Body=content, ContentType=content_type)

    def _place(self, image_id: str, kind: str) -> tuple[str, str]:
        """Return a rendition's bucket and key: the library's own, or a folder of the public one."""
        if kind == "thumbnail" and self._library.thumbnails_bucket:
            return self._library.thumbnails_bucket, self._thumbnail.key(image_id)
        if kind == "optimised" and self._library.optimised_pngs:
            return self._library.originals_bucket, self._optimised_png.key(image_id)
        return self._public, f"{kind}/{self._original.key(image_id)}"

    def _create(self, bucket: str, key: str, file: NewFile) -> None:
        """Store an original unless it exists; S3 rejects bytes of another checksum."""
        with file.path.open("rb") as body:
            try:
                self._client.put_object(
                    Bucket=bucket,
                    Key=key,
                    Body=body,
                    ContentType=file.content_type,
                    Metadata=self._names.theirs(file.metadata),
                    ChecksumSHA1=_base64(file.sha1),
                    IfNoneMatch="*",
                )
            except ClientError as error:
                _require_accepted(error)
                if error_code(error) not in _EXISTS:
                    raise

    def _head(self, bucket: str, key: str) -> HeadObjectOutputTypeDef | None:
        try:
            return self._client.head_object(Bucket=bucket, Key=key, ChecksumMode="ENABLED")
        except ClientError as error:
            if error_code(error) != "404":
                raise
            return None

    def _verify(self, bucket: str, key: str, found: HeadObjectOutputTypeDef, file: NewFile) -> None:
        if found["ContentLength"] == file.size:
            stored = found.get("ChecksumSHA1", "")
            # Of an object that was uploaded in parts S3 has no checksum of its bytes, but one of
            # the parts' checksums, with their number: "…=-2".
            if not stored or "-" in stored:
                stored = self._read_sha1(bucket, key)
            if stored == _base64(file.sha1):
                return
        raise ArchiveConflict(
            "The archive has other bytes under this id.",
            f"{found['ContentLength']} bytes there, {file.size} submitted: s3://{bucket}/{key}",
        )

    def _read_sha1(self, bucket: str, key: str) -> str:
        """Return the checksum of an original that S3 has none of as a whole, by reading it."""
        try:
            body = self._client.get_object(Bucket=bucket, Key=key)["Body"]
        except ClientError as error:
            if error_code(error) != _ARCHIVED:
                raise
            raise SourceArchived("The original is archived, and cannot be compared.") from error
        digest = hashlib.sha1(usedforsecurity=False)
        for chunk in body.iter_chunks(_CHUNK):
            digest.update(chunk)
        return base64.b64encode(digest.digest()).decode()

    def _add_identifiers(
        self, bucket: str, key: str, found: HeadObjectOutputTypeDef, file: NewFile
    ) -> None:
        """Add the identifiers that an original lacks, by a copy of the object onto itself."""
        stored = found["Metadata"]
        known = {name.lower() for name in stored}
        prefix = self._library.identifier_prefix.lower()
        added = {
            name: value
            for name, value in self._names.theirs(file.metadata).items()
            if name.lower().startswith(prefix) and name.lower() not in known
        }
        if not added:
            return
        try:
            self._client.copy_object(
                Bucket=bucket,
                Key=key,
                CopySource={"Bucket": bucket, "Key": key},
                CopySourceIfMatch=found["ETag"],
                MetadataDirective="REPLACE",
                Metadata=self._with_upload_time(stored, found) | added,
                ChecksumAlgorithm="SHA1",
                TaggingDirective="COPY",
                **_as_stored(found),
            )
        except ClientError as error:
            if error_code(error) == _ARCHIVED:
                raise SourceArchived("The original is archived, and cannot be changed.") from error
            _require_accepted(error)
            if error_code(error) not in _CHANGED:
                raise
            # Another submission of the same bytes changed it. SQS delivers the message again.
            raise StoreUnavailable(f"{_SERVICE}: the original changed meanwhile") from error

    def _with_upload_time(
        self, metadata: Mapping[str, str], found: HeadObjectOutputTypeDef
    ) -> dict[str, str]:
        """Return an original's metadata with its upload time: a copy gets a new LastModified."""
        name = self._library.upload_time_name
        kept = dict(metadata)
        if not {name.lower(), name.lower().replace("-", "_")} & {n.lower() for n in kept}:
            kept[name] = found["LastModified"].isoformat()
        return kept


class _AsStored(TypedDict, total=False):
    """The properties that a copy onto itself would lose if the request did not repeat them."""

    CacheControl: str
    ContentDisposition: str
    ContentEncoding: str
    ContentLanguage: str
    ContentType: str
    StorageClass: StorageClassType


def _as_stored(found: HeadObjectOutputTypeDef) -> _AsStored:
    kept: _AsStored = {}
    for name in _AsStored.__annotations__:
        if name in found:
            kept[name] = found[name]  # type: ignore[literal-required]
    return kept


def _require_accepted(error: ClientError) -> None:
    """Raise the submission's own failure if S3 rejects it for good, which no retry can change.

    Raises:
        UnexpectedError: S3 rejects its metadata.
    """
    if error_code(error) == _TOO_MUCH_METADATA:
        raise UnexpectedError(
            "The file's metadata are more than S3 stores with an object (2 KB).", str(error)
        ) from error


def _base64(sha1: str) -> str:
    return base64.b64encode(bytes.fromhex(sha1)).decode()
