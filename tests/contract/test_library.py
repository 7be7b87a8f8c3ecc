"""The library's store against servers that page, sort and select as AWS does."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from reindex.domain.failures import Failure
from reindex.image.truth import UserData
from reindex.settings import LibrarySettings
from reindex.stores.originals import S3Originals
from reindex.stores.sources import source_config, source_session
from reindex.stores.user_data import DynamoUserData
from tests.local.ministack import ministack

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_s3 import S3Client

#: Ids that are beginnings of others, in an order that is not S3's.
AWKWARD = ["a/b", "a", "a-", "a.b", "a0", "é", "a b+c", "\U0001f600", "\uffee", 'it\'s "quoted"']


@pytest.fixture(scope="module")
def s3() -> Iterator[S3Client]:
    with ministack() as server:
        client = source_session().client(
            "s3",
            endpoint_url=server.url,
            region_name="us-east-1",
            aws_access_key_id="contract",
            aws_secret_access_key="contract",
            config=source_config(32),
        )
        with closing(client):
            yield client


@pytest.fixture
def originals(s3: S3Client) -> S3Originals:
    bucket = f"crops-{uuid.uuid4().hex}"
    s3.create_bucket(Bucket=bucket)
    return S3Originals(s3, LibrarySettings("originals", crops_bucket=bucket))


def put_crops(s3: S3Client, originals: S3Originals, keys: list[str]) -> None:
    bucket = originals._buckets.crops_bucket
    assert bucket
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda key: s3.put_object(Bucket=bucket, Key=key, Body=b"crop"), keys))


def crop_counts(originals: S3Originals, ids: list[str]) -> dict[str, int]:
    found = originals.crops(ids)
    return {i: len(crops) for i, crops in found.items() if not isinstance(crops, Failure)}


def test_crops_of_images_side_by_side_are_found_over_several_pages(
    s3: S3Client, originals: S3Originals
) -> None:
    ids = [f"{n:03x}" for n in range(300)]
    crops = {image_id: n % 9 for n, image_id in enumerate(ids)}
    put_crops(s3, originals, [f"{i}/{n}.jpg" for i, count in crops.items() for n in range(count)])
    lists: Counter[str] = Counter()
    s3.meta.events.register(
        "before-send.s3.ListObjectsV2", lambda **_: lists.update(["lists"]), unique_id="count"
    )

    assert crop_counts(originals, ids) == crops
    assert lists["lists"] == 2
    s3.meta.events.unregister("before-send.s3.ListObjectsV2", unique_id="count")


def test_crops_of_awkward_ids_are_each_images_own(s3: S3Client, originals: S3Originals) -> None:
    keys = [f"{image_id}/1.jpg" for image_id in AWKWARD]
    # A placeholder of the folder itself is not a crop.
    put_crops(s3, originals, [*keys, "a/"])

    # What is in the folder of "a/b" is in that of "a", too.
    assert crop_counts(originals, [*AWKWARD, "b"]) == dict.fromkeys(AWKWARD, 1) | {"a": 2, "b": 0}


@pytest.fixture(params=["on_dynamodb_local", "on_ministack"])
def dynamodb(request: pytest.FixtureRequest) -> DynamoDBClient:
    client: DynamoDBClient = request.getfixturevalue(request.param)
    return client


@pytest.fixture
def tables(dynamodb: DynamoDBClient) -> LibrarySettings:
    """Usages and leases, as libraries key them."""
    usages, leases = f"usages-{uuid.uuid4().hex}", f"leases-{uuid.uuid4().hex}"
    for name, keys, index in (
        (usages, ("grouping", "usage_id"), "media_id"),
        (leases, ("id",), "mediaId"),
    ):
        dynamodb.create_table(
            TableName=name,
            BillingMode="PAY_PER_REQUEST",
            KeySchema=[
                {"AttributeName": key, "KeyType": "RANGE" if number else "HASH"}
                for number, key in enumerate(keys)
            ],
            AttributeDefinitions=[
                {"AttributeName": key, "AttributeType": "S"} for key in (*keys, index)
            ],
            GlobalSecondaryIndexes=[
                {
                    "IndexName": index,
                    "KeySchema": [{"AttributeName": index, "KeyType": "HASH"}],
                    "Projection": {"ProjectionType": "ALL"},
                }
            ],
        )
    return LibrarySettings("originals", usages_table=usages, leases_table=leases)


def test_usages_and_leases_are_each_images_own_rows(
    dynamodb: DynamoDBClient, tables: LibrarySettings
) -> None:
    ids = [*AWKWARD, *(f"image-{n}" for n in range(20))]
    assert tables.usages_table
    assert tables.leases_table
    for number, image_id in enumerate(ids):
        for usage in range(number % 3):
            item = {"grouping": f"g{number}", "usage_id": str(usage), "media_id": image_id}
            dynamodb.put_item(
                TableName=tables.usages_table, Item={n: {"S": v} for n, v in item.items()}
            )
    lease = {"id": {"S": "l"}, "mediaId": {"S": ids[0]}, "days": {"N": "1.5"}}
    dynamodb.put_item(TableName=tables.leases_table, Item=lease)

    found = DynamoUserData(dynamodb, tables).user_data(ids)

    rows = [each for each in found.values() if isinstance(each, UserData)]
    assert [len(each.usages) for each in rows] == [number % 3 for number in range(len(ids))]
    assert all(
        row["media_id"] == i for i, each in zip(ids, rows, strict=True) for row in each.usages
    )
    assert [len(each.leases) for each in rows] == [1] + [0] * (len(ids) - 1)
