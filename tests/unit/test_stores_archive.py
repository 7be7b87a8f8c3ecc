"""What the archive does when S3 rejects an object for good."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from moto import mock_aws

from reindex.domain.failures import UnexpectedError
from reindex.settings import LibrarySettings
from reindex.stores.archive import S3Archive
from reindex.stores.aws import client_config
from reindex.stores.interfaces.archive import NewFile
from tests.unit.aws import SESSION, Calls

CONTENT = b"bytes"
ID = hashlib.sha1(CONTENT).hexdigest()


@pytest.fixture(autouse=True)
def _aws() -> Iterator[None]:
    with mock_aws():
        yield


@pytest.mark.parametrize("operation", ["PutObject", "CopyObject"])
def test_more_metadata_than_s3_stores_is_the_files_failure_and_no_outage(
    operation: str, tmp_path: Path
) -> None:
    path = tmp_path / "photo.jpg"
    path.write_bytes(CONTENT)
    client = SESSION.client("s3", config=client_config(attempts=1))
    client.create_bucket(Bucket="originals")
    archive = S3Archive(client, LibrarySettings("originals"), "public")
    if operation == "CopyObject":
        archive.archive(ID, NewFile(path, len(CONTENT), "image/jpeg", ID, {}))
    Calls(client, operation).refuse("MetadataTooLarge")

    with pytest.raises(UnexpectedError, match="2 KB"):
        archive.archive(ID, NewFile(path, len(CONTENT), "image/jpeg", ID, {"identifier!a": "1"}))
