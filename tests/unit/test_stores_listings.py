"""What an audit lists of a library on AWS."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest
from moto import mock_aws

from reindex.domain.audit import key_hash
from reindex.domain.audit_classes import Listing
from reindex.domain.failures import StoreUnavailable
from reindex.domain.key_templates import KeyTemplate
from reindex.settings import LibrarySettings
from reindex.stores.aws import client_config
from reindex.stores.listings import library_listings, progress_listing
from tests.twins.listings import all_entries
from tests.unit.aws import SESSION

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_s3 import S3Client

IDS = [f"{number:02x}{number * 7919:06x}" for number in range(40)]

LIBRARY = LibrarySettings(
    "originals",
    thumbnails_bucket="thumbnails",
    crops_bucket="crops",
    usages_table="usages",
    leases_table="leases",
    collections_table="collections",
    optimised_pngs=True,
)

ONE_BUCKET = LibrarySettings(
    "originals",
    thumbnails_bucket="originals",
    crops_bucket="originals",
    original_key="masters/{id[0:2]}/{id}.jpg",
    thumbnail_key="thumbs/{id}.jpg",
    crops_folder="crops/{id[0:2]}/{id}/",
)


@pytest.fixture
def s3() -> Iterator[S3Client]:
    with mock_aws():
        client = SESSION.client("s3", config=client_config(attempts=1))
        for bucket in ("originals", "thumbnails", "crops"):
            client.create_bucket(Bucket=bucket)
        yield client


@pytest.fixture
def dynamodb() -> Iterator[DynamoDBClient]:
    with mock_aws():
        client = SESSION.client("dynamodb", config=client_config(attempts=1))
        for table in ("usages", "leases", "collections", "progress"):
            client.create_table(
                TableName=table,
                KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
                AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
                BillingMode="PAY_PER_REQUEST",
            )
        yield client


@pytest.mark.parametrize("at_most", [1, 64])
@pytest.mark.parametrize("library", [LIBRARY, ONE_BUCKET])
def test_each_object_is_listed_once_and_under_its_image(
    s3: S3Client, dynamodb: DynamoDBClient, library: LibrarySettings, at_most: int
) -> None:
    kinds = {
        Listing.ORIGINALS: (library.originals_bucket, library.original_key),
        Listing.THUMBNAILS: (library.thumbnails_bucket, library.thumbnail_key),
        Listing.CROPS: (library.crops_bucket, library.crops_folder),
    }
    if library.optimised_pngs:
        kinds[Listing.OPTIMISED_PNGS] = (library.originals_bucket, library.optimised_png_key)
    keys: dict[Listing, set[str]] = {listing: set() for listing in kinds}
    for listing, (bucket, template) in kinds.items():
        names = ("1_2/1.jpg", "1_2/master/2.jpg") if listing is Listing.CROPS else ("",)
        for image_id in IDS:
            for name in names:
                key = KeyTemplate(template).key(image_id) + name
                s3.put_object(Bucket=str(bucket), Key=key, Body=b"x")
                keys[listing].add(key)
    found = library_listings(s3, dynamodb, library, own_documents=True)

    for listing in kinds:
        entries = all_entries(found[listing], at_most)
        assert len(entries) == len(keys[listing]), listing
        assert {image_id for image_id, _, _ in entries} == set(IDS), listing
        assert {name for _, name, _ in entries} == {listing}
        values = {value for _, _, value in entries}
        if listing is Listing.CROPS:
            assert values == set(map(key_hash, keys[listing]))
        else:
            assert min(values) > 1_700_000_000


def test_rows_are_listed_under_their_image_with_their_latest_stamp(
    s3: S3Client, dynamodb: DynamoDBClient
) -> None:
    def put(table: str, item: dict[str, Any]) -> None:
        dynamodb.put_item(TableName=table, Item=item)

    put(
        "usages",
        {"id": {"S": "u1"}, "media_id": {"S": "a"}, "last_modified": {"N": "1700000000000"}},
    )
    put("usages", {"id": {"S": "u2"}})
    put(
        "leases",
        {"id": {"S": "l"}, "mediaId": {"S": "b"}, "createdAt": {"S": "2023-11-14T22:13:20Z"}},
    )
    action = {"M": {"actionData": {"M": {"date": {"S": "2023-11-14T22:13:20Z"}}}}}
    put("collections", {"id": {"S": "c"}, "collections": {"L": [action]}})
    put("progress", {"id": {"S": "d"}, "state": {"S": "verified"}, "digest": {"S": "x"}})
    put("progress", {"id": {"S": "e"}, "state": {"N": "3"}})
    found = library_listings(s3, dynamodb, LIBRARY, own_documents=True)

    assert all_entries(found[Listing.USAGES], 3) == [("a", Listing.USAGES, 1.7e9)]
    assert all_entries(found[Listing.LEASES], 3) == [("b", Listing.LEASES, 1.7e9)]
    assert all_entries(found[Listing.COLLECTIONS], 3) == [("c", Listing.COLLECTIONS, 1.7e9)]
    progress = progress_listing(dynamodb, "progress")
    assert sorted(all_entries(progress, 3)) == [
        ("d", Listing.PROGRESS, ["verified", "x"]),
        ("e", Listing.PROGRESS, [3, None]),
    ]
    assert progress.size() == 2


def test_what_the_library_does_not_keep_is_not_listed(
    s3: S3Client, dynamodb: DynamoDBClient
) -> None:
    least = LibrarySettings("originals")
    assert library_listings(s3, dynamodb, least, own_documents=True).keys() == {Listing.ORIGINALS}
    foreign = library_listings(s3, dynamodb, LIBRARY, own_documents=False)
    assert not foreign.keys() & {Listing.CROPS, Listing.OPTIMISED_PNGS}


def test_a_bucket_that_is_gone_fails_by_name(s3: S3Client, dynamodb: DynamoDBClient) -> None:
    gone = library_listings(s3, dynamodb, LibrarySettings("gone"), own_documents=True)
    with pytest.raises(StoreUnavailable, match="S3"):
        all_entries(gone[Listing.ORIGINALS], 1)
