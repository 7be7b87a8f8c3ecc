"""Submitted files: the ingest bucket and the failed bucket in S3."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from boto3.exceptions import Boto3Error
from botocore.exceptions import ClientError

from reindex.domain.failures import StoreUnavailable, SubmissionGone
from reindex.domain.submissions import NO_VERSION, SubmissionRef
from reindex.stores.aws import error_code, unavailable
from reindex.stores.interfaces.submissions import WaitingFile

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import CopySourceTypeDef

_SERVICE = "S3"

#: Codes for an object, or a version of it, that does not exist. The answer to a HEAD has only 404.
_ABSENT = {"404", "NoSuchKey", "NoSuchVersion"}

#: By default S3 copies the tags, which needs another permission.
_UNTAGGED = {"TaggingDirective": "REPLACE"}

#: Ends the key of a failed file's reason.
REASON_SUFFIX = ".reason.json"


class S3SubmittedFiles:
    """The ingest bucket and the failed bucket.

    Every method raises :class:`reindex.domain.failures.StoreUnavailable` when S3 does not answer
    in the end.

    Args:
        client: Of S3.
        ingest_bucket: Keeps versions.
        failed_bucket: Of files that cannot be processed.
    """

    def __init__(self, client: S3Client, ingest_bucket: str, failed_bucket: str) -> None:
        self._client = client
        self._ingest = ingest_bucket
        self._failed = failed_bucket

    def metadata(self, ref: SubmissionRef) -> Mapping[str, str]:
        """Return a submitted file's user metadata.

        Raises:
            SubmissionGone: It is not there any more.
        """
        with _present():
            return self._client.head_object(**_source(self._ingest, ref))["Metadata"]

    def download(self, ref: SubmissionRef, to: Path) -> None:
        """Fetch a submitted file; S3's checksum of it is verified on the way.

        Raises:
            SubmissionGone: It is not there any more.
        """
        version = {} if ref.version == NO_VERSION else {"VersionId": ref.version}
        with _present():
            self._client.download_file(self._ingest, ref.key, str(to), ExtraArgs=version)

    def remove(self, ref: SubmissionRef) -> None:
        """Remove a submitted file for good; no effect if it is gone."""
        with unavailable(_SERVICE):
            self._client.delete_object(**_source(self._ingest, ref))

    def keep_failed(self, ref: SubmissionRef, reason: bytes) -> str | None:
        """Copy a submitted file and its reason to the failed bucket, and verify the copy's size.

        Returns:
            The copy's key; None when the submitted file is gone.
        """
        kept = ref.kept_key
        try:
            with _present():
                found = self._client.head_object(**_source(self._ingest, ref))
                self._client.copy(
                    _source(self._ingest, ref), self._failed, kept, ExtraArgs=_UNTAGGED
                )
        except SubmissionGone:
            return None
        with unavailable(_SERVICE):
            copy = self._client.head_object(Bucket=self._failed, Key=kept)
            if copy["ContentLength"] != found["ContentLength"]:
                raise StoreUnavailable(f"{_SERVICE}: the copy {kept} is not whole")
            self._client.put_object(
                Bucket=self._failed,
                Key=f"{kept}{REASON_SUFFIX}",
                Body=reason,
                ContentType="application/json",
            )
        return kept

    def restore(self, kept: str, ref: SubmissionRef) -> None:
        """Copy a failed file back to the ingest bucket, as a new submission.

        Args:
            kept: Its key in the failed bucket.
            ref: As it was submitted.

        Raises:
            SubmissionGone: It is not in the failed bucket any more.
        """
        with _present():
            self._client.head_object(Bucket=self._failed, Key=kept)
            self._client.copy(
                {"Bucket": self._failed, "Key": kept}, self._ingest, ref.key, ExtraArgs=_UNTAGGED
            )

    def discard(self, kept: str) -> None:
        """Remove a file and its reason from the failed bucket; no effect if they are gone."""
        with unavailable(_SERVICE):
            for key in (kept, f"{kept}{REASON_SUFFIX}"):
                self._client.delete_object(Bucket=self._failed, Key=key)

    def submit(self, path: Path, key: str, metadata: Mapping[str, str], content_type: str) -> None:
        """Upload a file to the ingest bucket, in parts if it is large, each with a checksum.

        Args:
            path: Of the file.
            key: ``NAME/…/filename``.
            metadata: User metadata, values URL-encoded.
            content_type: MIME type.
        """
        with unavailable(_SERVICE):
            self._client.upload_file(
                str(path),
                self._ingest,
                key,
                ExtraArgs={
                    "Metadata": dict(metadata),
                    "ContentType": content_type,
                    "ChecksumAlgorithm": "SHA256",
                },
            )

    def is_waiting(self, key: str) -> bool:
        """Return True if a submitted file of that key is in the ingest bucket."""
        try:
            self.metadata(SubmissionRef(key))
        except SubmissionGone:
            return False
        return True

    def waiting(self) -> Iterator[WaitingFile]:
        """List the submitted files that are in the ingest bucket, in no order."""
        pages = self._client.get_paginator("list_object_versions").paginate(Bucket=self._ingest)
        with unavailable(_SERVICE):
            for page in pages:
                for found in page.get("Versions", []):
                    ref = SubmissionRef(found["Key"], found.get("VersionId", NO_VERSION))
                    yield WaitingFile(ref, found["Size"], found["LastModified"].isoformat())


@contextmanager
def _present() -> Iterator[None]:
    """Convert S3's error for an object that does not exist to a failure of its submission.

    Raises:
        SubmissionGone: The object does not exist.
        StoreUnavailable: S3 does not answer.
    """
    with unavailable(_SERVICE):
        try:
            yield
        except ClientError as error:
            if error_code(error) not in _ABSENT:
                raise
            raise SubmissionGone("The file is not in the ingest bucket any more.") from error
        except Boto3Error as error:
            raise StoreUnavailable(f"{_SERVICE}: {error}") from error


def _source(bucket: str, ref: SubmissionRef) -> CopySourceTypeDef:
    source: CopySourceTypeDef = {"Bucket": bucket, "Key": ref.key}
    if ref.version != NO_VERSION:
        source["VersionId"] = ref.version
    return source
