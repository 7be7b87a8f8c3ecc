"""A library laid out otherwise: ids that are no hashes, keys with extensions, one bucket."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, get_args
from urllib.parse import quote

import boto3
import pytest

from reindex.domain.key_templates import KeyTemplate
from reindex.domain.states import State
from tests.e2e.runs import report
from tests.local.deploy import CREDENTIALS, REGION
from tests.local.ministack import cloud
from tests.local.sample_library import VERIFIED, SampleImage, SampleLibrary, Table
from tests.local.stack import LocalStack, local_stack

pytestmark = pytest.mark.e2e

BUCKET = "everything"

LIBRARY: Mapping[str, Any] = {
    "originals_bucket": BUCKET,
    "thumbnails_bucket": BUCKET,
    "crops_bucket": BUCKET,
    **{f"{table}_table": f"their-{table}" for table in get_args(Table)},
    "original_key": "masters/{id[0:3]}/{id}.bin",
    "thumbnail_key": "small/{id}.jpg",
    "crops_folder": "cuts/{id}/",
    "usages_index": "by-image",
    "usages_image": "imageId",
    "leases_index": "by-image",
    "leases_image": "imageId",
    **{f"{table}_key": "imageId" for table in ("collections", "edits", "syndication", "status")},
    "uploaded_by_name": "owner",
    "upload_time_name": "received",
    "file_name_name": "original-name",
    "identifier_prefix": "ref-",
}

#: Rules of its own, and the names of tags that it is used to.
PROJECTION: Mapping[str, Any] = {
    "tag_names": "metadata-extractor",
    "processors": ["join_initials", "tests/e2e/rules/ours.py:tidy"],
    "rights": "tests/e2e/rules/rights.json",
}

#: By our names.
METADATA = {
    "uploaded-by": "owner",
    "upload-time": "received",
    "file-name": "original-name",
    "identifier!": "ref-",
}

#: Keys of the tables whose rows are found by index.
_SORTED: Mapping[str, tuple[str, ...]] = {"usages": ("grouping", "usage_id"), "leases": ("id",)}


@pytest.fixture(scope="module")
def images() -> list[SampleImage]:
    """Sound images under the ids that their agencies gave them."""
    sound = [image for image in SampleLibrary.generate(30).images if image.ending == VERIFIED]
    return [
        replace(image, id=f"agency {number % 3}/photo-{number:03}")
        for number, image in enumerate(sound)
    ]


@pytest.fixture(scope="module")
def stack(images: list[SampleImage]) -> Iterator[LocalStack]:
    """A deployment for a library that was there before."""
    with cloud() as endpoint_url:
        session = boto3.Session(
            CREDENTIALS["AWS_ACCESS_KEY_ID"],
            CREDENTIALS["AWS_SECRET_ACCESS_KEY"],
            region_name=REGION,
        )
        make(session, endpoint_url)
        fill(session, endpoint_url, images)
        overrides = {"library": LIBRARY, "projection": PROJECTION}
        with local_stack(endpoint_url=endpoint_url, overrides=overrides) as running:
            prepared = running.reindex("prepare-index")
            assert prepared.returncode == 0, prepared.stderr
            yield running


def make(session: boto3.Session, endpoint_url: str) -> None:
    session.client("s3", endpoint_url=endpoint_url).create_bucket(Bucket=BUCKET)
    dynamodb = session.client("dynamodb", endpoint_url=endpoint_url)
    for table in get_args(Table):
        keys = _SORTED.get(table, ("imageId",))
        index: dict[str, Any] = {
            "IndexName": "by-image",
            "KeySchema": [{"AttributeName": "imageId", "KeyType": "HASH"}],
            "Projection": {"ProjectionType": "ALL"},
        }
        request: dict[str, Any] = {
            "TableName": f"their-{table}",
            "AttributeDefinitions": [
                {"AttributeName": name, "AttributeType": "S"} for name in {*keys, "imageId"}
            ],
            "KeySchema": [
                {"AttributeName": name, "KeyType": kind}
                for name, kind in zip(keys, ("HASH", "RANGE"), strict=False)
            ],
            "BillingMode": "PAY_PER_REQUEST",
        }
        if table in _SORTED:
            request["GlobalSecondaryIndexes"] = [index]
        dynamodb.create_table(**request)


def fill(session: boto3.Session, endpoint_url: str, images: list[SampleImage]) -> None:
    s3 = session.client("s3", endpoint_url=endpoint_url)
    dynamodb = session.resource("dynamodb", endpoint_url=endpoint_url)

    def put(key: str, body: bytes, metadata: Mapping[str, str]) -> None:
        encoded = {name: quote(value, safe="") for name, value in metadata.items()}
        s3.put_object(Bucket=BUCKET, Key=key, Body=body, Metadata=encoded)

    for image in images:
        assert image.original is not None
        key = KeyTemplate(LIBRARY["original_key"]).key(image.id)
        put(key, image.original, {theirs(n): v for n, v in image.object_metadata.items()})
        if image.thumbnail is not None:
            put(f"small/{image.id}.jpg", image.thumbnail, {})
        for crop in image.crops:
            put(f"cuts/{image.id}/{crop.name}", crop.body, crop.object_metadata)
        for table, rows in image.rows.items():
            for row in rows:
                own = {"media_id", "mediaId", *(() if table in _SORTED else ("id",))}
                kept = {name: value for name, value in row.items() if name not in own}
                item = {**kept, "imageId": image.id}
                dynamodb.Table(f"their-{table}").put_item(Item=item)
    put("masters/readme.txt", b"no image", {})


def theirs(name: str) -> str:
    """The library's name of an original's object metadata."""
    for ours, their in METADATA.items():
        if name.startswith(ours):
            return their + name.removeprefix(ours)
    return name


def test_a_whole_library_of_another_layout_is_listed_and_reindexed(
    stack: LocalStack, images: list[SampleImage]
) -> None:
    done = stack.reindex("start", "--watch", "--source", "bucket")

    assert done.returncode == 0, done.stdout + done.stderr
    assert {id_: state for id_, (state, _) in stack.outcomes().items()} == {
        image.id: State.VERIFIED for image in images
    }
    documents = stack.search({"match_all": {}})
    assert documents.keys() == {image.id for image in images}
    showpiece = documents[images[0].id]
    assert showpiece["uploadedBy"] == images[0].object_metadata["uploaded-by"]
    assert showpiece["identifiers"]
    assert showpiece["thumbnail"]["file"].endswith(f"/small/{quote(images[0].id)}.jpg")
    assert len(showpiece["exports"]) == 1
    assert len(showpiece["usages"]) > 1
    assert showpiece["leases"]["leases"]
    assert showpiece["userMetadata"]["metadata"]["title"] == images[0].title
    assert report(stack, done.stdout.split()[0])["status"] == "succeeded"
    for document in documents.values():
        assert document["originalMetadata"]["specialInstructions"] == "Seen by our own processor"
    rights = {"category": "agency", "supplier": "Freelancers"}
    assert showpiece["originalMetadata"]["credit"] == "Freelance"
    assert showpiece["originalUsageRights"] == rights
    assert "GPS Latitude" in showpiece["fileMetadata"]["exif"]


def test_preflight_names_what_does_not_fit_the_layout(stack: LocalStack) -> None:
    s3 = stack.client("s3")
    listed = s3.list_objects_v2(Bucket=BUCKET, Prefix="masters/")["Contents"]
    kept = {found["Key"]: s3.get_object(Bucket=BUCKET, Key=found["Key"]) for found in listed}
    bodies = {key: answer["Body"].read() for key, answer in kept.items()}
    for key in bodies:
        s3.delete_object(Bucket=BUCKET, Key=key)
    s3.put_object(Bucket=BUCKET, Key="masters/photo.tif", Body=b"")
    try:
        refused = stack.reindex("start")
    finally:
        s3.delete_object(Bucket=BUCKET, Key="masters/photo.tif")
        for key, body in bodies.items():
            s3.put_object(Bucket=BUCKET, Key=key, Body=body, Metadata=kept[key]["Metadata"])

    assert refused.returncode == 1
    assert "no key has the form masters/{id[0:3]}/{id}.bin" in refused.stderr
    assert "one is masters/photo.tif" in refused.stderr
