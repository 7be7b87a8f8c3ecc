"""The live lane of the deployed stack: from ``reindex submit`` to a search that finds the image."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from reindex.settings import Ingest, LibrarySettings
from tests.e2e.runs import eventually
from tests.local.stack import LocalStack, local_stack

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def stack() -> Iterator[LocalStack]:
    with local_stack(overrides={"ingest": {}}) as running:
        prepared = running.reindex("prepare-index")
        assert prepared.returncode == 0, prepared.stderr
        yield running


def picture(path: Path, colour: str = "red") -> str:
    """Write a JPEG; return its image id."""
    Image.new("RGB", (640, 480), colour).save(path, quality=90)
    return hashlib.sha1(path.read_bytes()).hexdigest()


def submit(stack: LocalStack, *arguments: str | Path) -> str:
    done = stack.reindex("submit", *arguments)
    assert done.returncode == 0, done.stderr
    return done.stdout


def submissions(stack: LocalStack, *options: str) -> list[dict[str, Any]]:
    done = stack.reindex("submissions", "--json", *options)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_a_submitted_file_is_archived_rendered_and_found(stack: LocalStack, tmp_path: Path) -> None:
    path = tmp_path / "a b+ü(1)%41.jpg"
    image_id = picture(path)

    assert image_id in submit(stack, path, "--as", "agency", "--identifier", "ref=WS 1")
    eventually(lambda: image_id in stack.search({"match_all": {}}), "searchable")

    document = stack.search({"term": {"identifiers.ref": "WS 1"}})[image_id]
    assert document["uploadedBy"] == "agency"
    assert document["uploadInfo"]["filename"] == path.name
    assert document["thumbnail"]["dimensions"] == {"width": 256, "height": 192}
    s3, library = stack.client("s3"), stack.settings[LibrarySettings]
    key = f"{'/'.join(image_id[:6])}/{image_id}"
    stored = s3.get_object(Bucket=library.originals_bucket, Key=key)
    assert stored["Body"].read() == path.read_bytes()
    eventually(lambda: "searchable_at" in submissions(stack)[0], "marked searchable")
    lane = stack.settings[Ingest]
    eventually(
        lambda: not s3.list_object_versions(Bucket=lane.ingest_bucket).get("Versions"), "removed"
    )


def test_a_file_that_is_no_image_fails_with_its_reason_and_its_bytes(
    stack: LocalStack, tmp_path: Path
) -> None:
    path = tmp_path / "text.jpg"
    path.write_text("not an image at all")

    submit(stack, path, "--as", "someone")
    eventually(lambda: bool(submissions(stack, "--failed")), "failed")

    [row] = submissions(stack, "--failed", "--by", "someone")
    assert row["failure"]["code"] == "not_an_image"
    s3, bucket = stack.client("s3"), stack.settings[Ingest].failed_bucket
    kept = s3.get_object(Bucket=bucket, Key=row["failed_key"])["Body"].read()
    assert kept == path.read_bytes()
    reason = s3.get_object(Bucket=bucket, Key=f"{row['failed_key']}.reason.json")["Body"].read()
    assert json.loads(reason)["failure"]["code"] == "not_an_image"
