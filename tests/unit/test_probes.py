"""Preflight looks whether the library is laid out as the settings say."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from moto import mock_aws

from reindex.domain.failures import StoreUnavailable
from reindex.settings import LibrarySettings
from reindex.stores import probes
from reindex.stores.aws import client_config
from tests.unit.aws import SESSION

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_s3 import S3Client

CONFIG = client_config(attempts=1)


@pytest.fixture
def s3() -> Iterator[S3Client]:
    with mock_aws():
        client = SESSION.client("s3", config=CONFIG)
        client.create_bucket(Bucket="originals")
        yield client


@pytest.fixture
def dynamodb() -> Iterator[DynamoDBClient]:
    with mock_aws():
        client = SESSION.client("dynamodb", config=CONFIG)
        for table, keys in {"edits": ["image"], "usages": ["grouping", "id"]}.items():
            named = [{"AttributeName": name, "AttributeType": "S"} for name in [*keys, "media"]]
            index = {
                "IndexName": "by-media",
                "KeySchema": [{"AttributeName": "media", "KeyType": "HASH"}],
                "Projection": {"ProjectionType": "ALL"},
            }
            kinds = ("HASH", "RANGE")
            client.create_table(
                TableName=table,
                AttributeDefinitions=named,  # type: ignore[arg-type]
                KeySchema=[
                    {"AttributeName": name, "KeyType": kind}  # type: ignore[typeddict-item]
                    for name, kind in zip(keys, kinds, strict=False)
                ],
                GlobalSecondaryIndexes=[index],  # type: ignore[list-item]
                BillingMode="PAY_PER_REQUEST",
            )
        yield client


def library(**layout: str) -> LibrarySettings:
    tables = {"edits_table": "edits", "usages_table": "usages"}
    return LibrarySettings("originals", **{**tables, **layout})  # type: ignore[arg-type]


def test_originals_of_the_form_that_is_set_are_found(s3: S3Client) -> None:
    probes.originals(s3, library())
    for key in ("readme.txt", "a/b/c/abc"):
        s3.put_object(Bucket="originals", Key=key)

    probes.originals(s3, library())


def test_a_bucket_with_none_of_that_form_is_named_with_a_key_that_there_is(s3: S3Client) -> None:
    s3.put_object(Bucket="originals", Key="2019/photo.jpg")

    with pytest.raises(StoreUnavailable, match=r"no key has the form .*; one is 2019/photo\.jpg"):
        probes.originals(s3, library())
    probes.originals(s3, library(original_key="{id}.jpg"))


@pytest.mark.parametrize(
    ("setting", "layout", "problem"),
    [
        ("edits_table", {"edits_key": "image"}, None),
        ("edits_table", {}, "table edits has the key image, and rows are to be found by id"),
        ("usages_table", {"usages_index": "by-media", "usages_image": "media"}, None),
        ("usages_table", {}, "table usages has no index media_id"),
        (
            "usages_table",
            {"usages_index": "by-media"},
            "table usages, index by-media has the key media, and rows are to be found by media_id",
        ),
    ],
)
def test_a_table_has_the_key_or_the_index_that_is_set(
    dynamodb: DynamoDBClient, setting: str, layout: dict[str, str], problem: str | None
) -> None:
    if problem is None:
        probes.library_table(dynamodb, library(**layout), setting)
        return
    with pytest.raises(StoreUnavailable, match=problem):
        probes.library_table(dynamodb, library(**layout), setting)
