"""Puts a sample library into the buckets and tables of a sample-library stack."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import TYPE_CHECKING, Any, Final, get_args
from urllib.parse import quote

import boto3
from botocore.config import Config

from reindex.settings import LibrarySettings
from tests.local.sample_library import SampleImage, SampleLibrary, Table

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.service_resource import DynamoDBServiceResource

#: The local cloud answers one call at a time; more would only queue up there.
_AT_ONCE: Final = 8


def fill(
    library: SampleLibrary, settings: LibrarySettings, session: boto3.Session, endpoint_url: str
) -> None:
    """Store a library's objects and rows.

    Args:
        library: What to store.
        settings: Names of the buckets and tables; all must be given.
        session: With the credentials and the region of the local cloud.
        endpoint_url: Of the local cloud.
    """
    config = Config(max_pool_connections=_AT_ONCE)
    with (
        closing(session.client("s3", endpoint_url=endpoint_url, config=config)) as s3,
        ThreadPoolExecutor(_AT_ONCE) as pool,
    ):
        objects = (put for image in library.images for put in _objects(image, settings))
        for _ in pool.map(lambda put: s3.put_object(**put), objects):
            pass
    dynamodb: DynamoDBServiceResource = session.resource("dynamodb", endpoint_url=endpoint_url)
    tables: tuple[Table, ...] = get_args(Table)
    with closing(dynamodb.meta.client):
        for table in tables:
            with dynamodb.Table(getattr(settings, f"{table}_table")).batch_writer() as batch:
                for image in library.images:
                    for row in image.rows.get(table, ()):
                        batch.put_item(Item={**row})


def original_key(image_id: str) -> str:
    """The key of an original, and of its thumbnail: the id below its first six characters."""
    return "/".join([*image_id[:6], image_id])


def _objects(image: SampleImage, settings: LibrarySettings) -> Iterator[dict[str, Any]]:
    """What S3 shall hold of an image, as arguments of its PutObject."""
    key = original_key(image.id)
    if image.original is not None:
        yield _put(settings.originals_bucket, key, image.original, image.object_metadata)
    if image.thumbnail is not None:
        yield _put(settings.thumbnails_bucket, key, image.thumbnail, {})
    for crop in image.crops:
        yield _put(
            settings.crops_bucket, f"{image.id}/{crop.name}", crop.body, crop.object_metadata
        )


def _put(
    bucket: str | None, key: str, body: bytes, object_metadata: Mapping[str, str]
) -> dict[str, Any]:
    assert bucket, "the sample library has every bucket"
    # A header holds ASCII only.
    encoded = {name: quote(value, safe="") for name, value in object_metadata.items()}
    return {"Bucket": bucket, "Key": key, "Body": body, "Metadata": encoded}
