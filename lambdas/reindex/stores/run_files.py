"""The product's own bucket: claim checks, tallies, samples, reports."""

from __future__ import annotations

from typing import IO, TYPE_CHECKING

from botocore.exceptions import ClientError

from reindex.stores.aws import error_code, unavailable, with_body

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_SERVICE = "S3"

#: A file of that key exists, or another process is creating one.
_EXISTS = {"PreconditionFailed", "ConditionalRequestConflict"}


class S3RunFiles:
    """The run's private bucket.

    Args:
        client: Of S3.
        bucket: The bucket's name.
    """

    def __init__(self, client: S3Client, bucket: str) -> None:
        self._client = client
        self._bucket = bucket

    def put(self, key: str, body: bytes, content_type: str = "application/json") -> None:
        """Store a file; one of that key is replaced.

        Raises:
            StoreUnavailable: S3 does not accept it.
        """
        with unavailable(_SERVICE):
            self._client.put_object(
                Bucket=self._bucket, Key=key, Body=body, ContentType=content_type
            )

    def create(self, key: str, body: bytes) -> bool:
        """Store a file unless one of that key exists; return False if it does.

        After a lost answer, False may mean that this call's first attempt stored the file.

        Raises:
            StoreUnavailable: S3 does not accept it.
        """
        with unavailable(_SERVICE):
            try:
                self._client.put_object(
                    Bucket=self._bucket,
                    Key=key,
                    Body=body,
                    ContentType="application/json",
                    IfNoneMatch="*",
                )
            except ClientError as error:
                if error_code(error) not in _EXISTS:
                    raise
                return False
        return True

    def upload(self, key: str, body: IO[bytes]) -> None:
        """Store a file of any size as a stream; one of that key is replaced.

        Raises:
            StoreUnavailable: S3 does not accept it.
        """
        with unavailable(_SERVICE):
            self._client.upload_fileobj(body, self._bucket, key)

    def get(self, key: str) -> bytes:
        """Read a file.

        Raises:
            KeyError: There is none.
            StoreUnavailable: S3 does not answer.
        """
        with unavailable(_SERVICE):
            try:
                _, body = with_body(lambda: self._client.get_object(Bucket=self._bucket, Key=key))
            except ClientError as error:
                if error_code(error) == "NoSuchKey":
                    raise KeyError(key) from error
                raise
        return body

    def keys(self, prefix: str) -> list[str]:
        """Return the keys with a prefix, in order.

        Raises:
            StoreUnavailable: S3 does not answer.
        """
        pages = self._client.get_paginator("list_objects_v2")
        with unavailable(_SERVICE):
            return [
                found["Key"]
                for page in pages.paginate(Bucket=self._bucket, Prefix=prefix)
                for found in page.get("Contents", [])
            ]
