"""The truth as one: the library's objects and its tables."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reindex.settings import LibrarySettings
from reindex.stores.originals import S3Originals
from reindex.stores.user_data import DynamoUserData

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_s3 import S3Client


class AwsLibrary(S3Originals, DynamoUserData):
    """A library on AWS; safe to use from several threads.

    Args:
        s3: Client of S3, made with :func:`reindex.stores.sources.source_config`.
        dynamodb: Client of DynamoDB, made likewise.
        library: Names of its buckets and tables.
    """

    def __init__(self, s3: S3Client, dynamodb: DynamoDBClient, library: LibrarySettings) -> None:
        S3Originals.__init__(self, s3, library)
        DynamoUserData.__init__(self, dynamodb, library)
