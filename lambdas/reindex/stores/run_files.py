"""The product's own bucket: claim checks, tallies, reports."""

from __future__ import annotations

from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from reindex.stores.aws import error_code, unavailable

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_SERVICE = "S3"


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
            StoreUnavailable: S3 does not take it.
        """
        with unavailable(_SERVICE):
            self._client.put_object(
                Bucket=self._bucket, Key=key, Body=body, ContentType=content_type
            )

    def get(self, key: str) -> bytes:
        """Read a file.

        Raises:
            KeyError: There is none.
            StoreUnavailable: S3 does not give it.
        """
        with unavailable(_SERVICE):
            try:
                return self._client.get_object(Bucket=self._bucket, Key=key)["Body"].read()
            except ClientError as error:
                if error_code(error) == "NoSuchKey":
                    raise KeyError(key) from error
                raise
