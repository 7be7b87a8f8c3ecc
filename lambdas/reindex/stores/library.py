"""The truth: the library's objects and its tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING

from reindex.domain.failures import Failure
from reindex.image.truth import StoredObject, UserData
from reindex.settings import LibrarySettings
from reindex.stores.originals import S3Originals
from reindex.stores.user_data import DynamoUserData

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_s3 import S3Client


class AwsLibrary(S3Originals):
    """A library on AWS; safe to use from several threads.

    Args:
        s3: Client of S3, made with :func:`reindex.stores.sources.source_session`.
        dynamodb: Client of DynamoDB, made with the same session.
        library: Names of its buckets and tables.
    """

    def __init__(self, s3: S3Client, dynamodb: DynamoDBClient, library: LibrarySettings) -> None:
        super().__init__(s3, library)
        self._tables = DynamoUserData(dynamodb, library)

    def user_data(self, ids: Sequence[str]) -> Mapping[str, UserData | Failure]:
        """Read the user data of images: the crops and all tables concurrently.

        Returns:
            One entry per id: its user data, or the failure to read them.
        """
        with ThreadPoolExecutor(1) as beside:
            listing = beside.submit(self.crops, ids)
            rows = self._tables.user_data(ids)
            crops = listing.result()
        return {image_id: _with_crops(rows[image_id], crops[image_id]) for image_id in ids}


def _with_crops(
    rows: UserData | Failure, crops: Sequence[StoredObject] | Failure
) -> UserData | Failure:
    if isinstance(rows, Failure):
        return rows
    return crops if isinstance(crops, Failure) else replace(rows, crops=crops)
