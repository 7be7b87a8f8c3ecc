"""The product's own bucket."""

from collections.abc import Iterator
from io import BytesIO
from typing import TYPE_CHECKING

import pytest
from botocore.response import StreamingBody
from moto import mock_aws

from reindex.domain.failures import StoreUnavailable
from reindex.stores.aws import client_config
from reindex.stores.interfaces.run_files import RunFiles
from reindex.stores.run_files import S3RunFiles
from tests.twins.run_files import MemoryRunFiles
from tests.unit.aws import SESSION, Calls

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


@pytest.fixture
def s3() -> Iterator["S3Client"]:
    with mock_aws():
        client = SESSION.client("s3", config=client_config(attempts=1))
        client.create_bucket(Bucket="runs")
        yield client


@pytest.fixture(params=["memory", "s3"])
def files(request: pytest.FixtureRequest) -> RunFiles:
    if request.param == "memory":
        return MemoryRunFiles()
    return S3RunFiles(request.getfixturevalue("s3"), "runs")


def test_a_file_is_read_as_it_was_stored(files: RunFiles) -> None:
    files.put("run/claims/a", b"\x00{}")

    assert files.get("run/claims/a") == b"\x00{}"


def test_a_file_whose_bytes_break_off_is_read_once_more(s3: "S3Client") -> None:
    files = S3RunFiles(s3, "runs")
    files.put("a", b"0123456789")
    reads = Calls(s3, "GetObject")
    reads.edit(lambda answer: answer.update(Body=StreamingBody(BytesIO(b"01"), 10)))

    assert files.get("a") == b"0123456789"
    assert len(reads.parameters) == 2


def test_a_file_is_replaced_by_one_of_its_key(files: RunFiles) -> None:
    files.put("report", b"old")
    files.put("report", b"new")

    assert files.get("report") == b"new"


def test_a_file_that_does_not_exist_is_a_key_error(files: RunFiles) -> None:
    with pytest.raises(KeyError, match="nothing"):
        files.get("nothing")


def test_keys_are_found_by_how_they_begin_and_come_in_order(files: RunFiles) -> None:
    for key in ("samples/b", "samples/a", "sample", "samples-of-others/c"):
        files.put(key, b"{}")

    assert files.keys("samples/") == ["samples/a", "samples/b"]
    assert files.keys("nothing/") == []


def test_more_keys_than_fit_one_answer_are_all_found(s3: "S3Client") -> None:
    files = S3RunFiles(s3, "runs")
    for number in range(1_001):
        files.put(f"samples/{number:04d}", b"")

    assert len(files.keys("samples/")) == 1_001


def test_a_file_has_its_content_type(s3: "S3Client") -> None:
    S3RunFiles(s3, "runs").put("report.html", b"<p>", "text/html")

    assert s3.head_object(Bucket="runs", Key="report.html")["ContentType"] == "text/html"


def test_a_bucket_that_does_not_exist_is_unavailable_and_not_a_missing_file(
    s3: "S3Client",
) -> None:
    with pytest.raises(StoreUnavailable, match="NoSuchBucket"):
        S3RunFiles(s3, "gone").get("report")


def test_a_file_is_created_once(files: RunFiles) -> None:
    assert files.create("tallies/1", b"first")
    assert not files.create("tallies/1", b"second")
    assert files.get("tallies/1") == b"first"
