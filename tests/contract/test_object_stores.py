"""One contract for the stores that ``image-meta`` reads objects from, over HTTP."""

from __future__ import annotations

import gzip
import io
import json
import os
import random
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from PIL import Image

from reindex.domain.failures import SourceForbidden, SourceUnavailable, StoreUnavailable
from reindex.image.ranged import BLOCK, FIRST_BLOCKS, WHOLE_BLOCKS, RangedFile
from scripts import google_storage, image_sources
from tests.contract.object_stores import Bucket, GoogleBucket, S3Bucket, line_to, put_all
from tests.local.google_storage import google_storage as storage_server
from tests.local.ministack import ministack
from tests.local.processes import LocalServerError
from tests.unit.scripts.stage import call

FIRST = FIRST_BLOCKS * BLOCK
LARGE = os.urandom(10 * FIRST)


@pytest.fixture(scope="module")
def s3() -> Iterator[str]:
    with ministack() as server:
        yield server.url


@pytest.fixture(scope="module")
def gcs() -> Iterator[str]:
    try:
        with storage_server() as url:
            yield url
    except LocalServerError as error:
        # Wanted everywhere, but demanded only where all that it needs is installed for sure.
        if os.environ.get("CI"):
            raise
        pytest.skip(f"no fake-gcs-server here: {error}")


@pytest.fixture
def connected(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """A machine with credentials, and what was connected before forgotten."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    image_sources.object_store.cache_clear()
    yield monkeypatch
    image_sources.object_store.cache_clear()


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """What never succeeds is given up soon; botocore counts attempts, and is left as it is."""
    monkeypatch.setattr(google_storage, "_PATIENCE", 1.0)


@pytest.fixture
def on_s3(s3: str, connected: pytest.MonkeyPatch) -> Iterator[Bucket]:
    with line_to(s3) as line:
        connected.setenv("AWS_ENDPOINT_URL", line.url)
        yield S3Bucket(s3, line)


@pytest.fixture
def on_gcs(gcs: str, connected: pytest.MonkeyPatch) -> Iterator[Bucket]:
    with line_to(gcs) as line:
        connected.setenv("STORAGE_EMULATOR_HOST", line.url)
        yield GoogleBucket(gcs, line)


@pytest.fixture(params=["on_s3", "on_gcs"])
def bucket(request: pytest.FixtureRequest) -> Bucket:
    found: Bucket = request.getfixturevalue(request.param)
    return found


def opened(bucket: Bucket, key: str) -> RangedFile:
    found = bucket.store.open_key(bucket.address.bucket, key)
    assert found is not None
    return found.file


def test_an_object_is_opened_and_begun_with_one_request(bucket: Bucket) -> None:
    bucket.put("a", LARGE, {"upload-time": "2024-05-01T00%3A00%3A00Z"})
    found = bucket.store.open_key(bucket.address.bucket, "a")
    assert found is not None
    assert found.file.read(FIRST) == LARGE[:FIRST]
    assert bucket.line.reads == [f"bytes=0-{FIRST - 1}"]
    assert found.stored.size == len(LARGE)
    assert found.stored.user_metadata == {"upload-time": "2024-05-01T00%3A00%3A00Z"}
    assert abs((datetime.now(UTC) - found.stored.last_modified).total_seconds()) < 60


@pytest.mark.parametrize("size", [1, FIRST - 1, FIRST, FIRST + 1, WHOLE_BLOCKS * BLOCK, len(LARGE)])
def test_an_object_is_read_as_it_is_and_every_request_counted(bucket: Bucket, size: int) -> None:
    bucket.put("a", LARGE[:size])
    file = opened(bucket, "a")
    assert file.readall() == LARGE[:size]
    assert (file.requests, file.bytes_read) == (len(bucket.line.reads), size)


def test_an_empty_object_is_a_file_of_no_bytes(bucket: Bucket) -> None:
    bucket.put("a", b"")
    assert opened(bucket, "a").readall() == b""


def test_an_object_that_is_not_there_is_none(bucket: Bucket) -> None:
    assert bucket.store.open_key(bucket.address.bucket, "absent") is None


def test_a_bucket_that_is_not_there_is_never_a_missing_object(bucket: Bucket) -> None:
    with pytest.raises(SourceForbidden):
        bucket.store.open_key("no-such-bucket", "a")
    with pytest.raises(StoreUnavailable):
        list(bucket.store.keys("no-such-bucket", ""))


@pytest.mark.parametrize("size", [len(LARGE), len(LARGE) + 1, FIRST // 2, 0])
def test_an_object_that_changes_while_it_is_read_is_unavailable(bucket: Bucket, size: int) -> None:
    bucket.put("a", LARGE)
    file = opened(bucket, "a")
    bucket.put("a", os.urandom(size))
    with pytest.raises(SourceUnavailable, match="changed while it was read"):
        file.readall()


def test_an_object_that_is_deleted_while_it_is_read_is_unavailable(bucket: Bucket) -> None:
    bucket.put("a", LARGE)
    file = opened(bucket, "a")
    bucket.delete("a")
    with pytest.raises(SourceUnavailable, match="deleted while it was read"):
        file.readall()


def test_an_answer_that_breaks_off_is_asked_for_again(bucket: Bucket) -> None:
    bucket.put("a", LARGE)
    bucket.line.cut = 1
    file = opened(bucket, "a")
    assert len(bucket.line.reads) == 2
    bucket.line.cut = 1
    assert file.readall() == LARGE


@pytest.mark.usefixtures("impatient")
def test_answers_that_always_break_off_make_it_unavailable(bucket: Bucket) -> None:
    bucket.put("a", LARGE)
    bucket.line.cut = 1_000_000
    with pytest.raises(SourceUnavailable, match="did not answer"):
        opened(bucket, "a")


@pytest.mark.parametrize(("status", "failure"), [(403, SourceForbidden), (503, SourceUnavailable)])
@pytest.mark.usefixtures("impatient")
def test_a_refusal_is_distinguished_from_a_store_that_does_not_answer(
    bucket: Bucket, status: int, failure: type[Exception]
) -> None:
    bucket.put("a", LARGE)
    bucket.line.status = status
    with pytest.raises(failure):
        opened(bucket, "a")
    with pytest.raises(StoreUnavailable):
        list(bucket.store.keys(bucket.address.bucket, ""))


ODD_KEYS = [
    "a b+c%20d%2Fe&f=g",
    "a//b",
    "a/../b",
    "a/./b",
    "q?x=1#y",
    "ü/日本/🖼.jpg",
    "~!*'();:@$,[]",
]


def test_keys_may_be_of_any_form(bucket: Bucket) -> None:
    for key in ODD_KEYS:
        bucket.put(key, key.encode())
    assert [*bucket.store.keys(bucket.address.bucket, "")] == sorted(ODD_KEYS)
    assert {key: opened(bucket, key).readall().decode() for key in ODD_KEYS} == {
        key: key for key in ODD_KEYS
    }


def test_keys_come_with_their_prefix_and_in_order_over_many_pages(bucket: Bucket) -> None:
    # A page is a thousand keys.
    keys = [f"a/{number:04}" for number in range(1_001)]
    put_all(bucket, [*keys, "b/0000"])
    assert [*bucket.store.keys(bucket.address.bucket, "a/")] == keys


def test_bytes_that_are_stored_packed_are_read_as_they_are_stored(bucket: Bucket) -> None:
    packed = gzip.compress(LARGE)
    bucket.put("a", packed, packed=True)
    file = opened(bucket, "a")
    assert file.size == len(packed)
    assert file.readall() == packed


def picture(kind: str, size: tuple[int, int], *, tail: int = 0) -> bytes:
    exif = Image.Exif()
    exif[0x010E] = "A harbour"
    exif.get_ifd(0x8769)[0x9003] = "2024:05:17 09:30:00"
    file = io.BytesIO()
    Image.new("RGB", size).save(file, kind, exif=exif)
    return file.getvalue() + bytes(tail)


def noise_with_exif_at_its_end() -> bytes:
    exif = Image.Exif()
    exif[0x010E] = "A harbour"
    file = io.BytesIO()
    noise = Image.frombytes("RGB", (400, 300), random.Random(1).randbytes(400 * 300 * 3))
    noise.save(file, "WEBP", exif=exif, lossless=True, method=0)
    return file.getvalue()


def test_the_same_images_give_the_same_lines_on_both_stores(on_s3: Bucket, on_gcs: Bucket) -> None:
    images = {
        "jpeg": picture("JPEG", (40, 30)),
        "large.jpeg": picture("JPEG", (40, 30), tail=1_000_000),
        "png": picture("PNG", (2_000, 1_000)),
        "webp": noise_with_exif_at_its_end(),
        "empty": b"",
        "text": b"not an image",
        "packed": gzip.compress(picture("JPEG", (40, 30))),
    }
    for bucket in (on_s3, on_gcs):
        for key, data in images.items():
            uploaded = {"upload-time": "2024-05-01T00%3A00%3A00Z"} if key == "png" else {}
            bucket.put(f"a/{key}", data, uploaded, packed=key == "packed")
        bucket.put("a/folder/", b"")

    s3_lines = lines("--bucket", on_s3.address.bucket, "--prefix", "a/")
    gcs_lines = lines("--bucket", f"{on_gcs.address}a/")

    assert [line.pop("source") for line in s3_lines] == [
        f"{on_s3.address}a/{key}" for key in sorted(images)
    ]
    assert [line.pop("source") for line in gcs_lines] == [
        f"{on_gcs.address}a/{key}" for key in sorted(images)
    ]
    assert s3_lines == gcs_lines
    by_key = dict(zip(sorted(images), gcs_lines, strict=True))
    assert by_key["jpeg"]["originalMetadata"]["dateTaken"] == "2024-05-17T09:30:00.000Z"
    # It was uploaded before.
    assert "dateTaken" not in by_key["png"]["originalMetadata"]
    assert by_key["large.jpeg"]["bytesRead"] < 100_000
    assert by_key["webp"]["requests"] == 2


def test_one_object_is_named_as_the_output_names_it(bucket: Bucket) -> None:
    bucket.put("a/b c.jpg", picture("JPEG", (4, 3)))
    name = f"{bucket.address}a/b c.jpg"
    [line] = lines("--file", name, "--full-read")
    assert (line["source"], line["requests"]) == (name, 1)


def lines(*options: str) -> list[dict[str, Any]]:
    result = call("image-meta", *options)
    assert result.exit_code == 0, result.stderr
    return [json.loads(line) for line in result.stdout.splitlines()]
