"""What the buckets of the live lane do: submitted files, the archive, the public store."""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import boto3
import pytest

from reindex.domain.failures import ArchiveConflict, SubmissionGone
from reindex.domain.submissions import IndexImage, SubmissionRef
from reindex.image.object_metadata import upload_of
from reindex.settings import LibrarySettings
from reindex.stores.archive import S3Archive
from reindex.stores.aws import client_config
from reindex.stores.high_priority import SqsHighPriority
from reindex.stores.interfaces.archive import Archive, NewFile
from reindex.stores.interfaces.library import Originals
from reindex.stores.interfaces.submissions import SubmissionDesk
from reindex.stores.originals import S3Originals
from reindex.stores.submitted_files import S3SubmittedFiles
from tests.local.ministack import ministack
from tests.twins.library import MemoryLibrary
from tests.twins.submissions import MemoryArchive, MemoryHighPriority, MemorySubmittedFiles

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

KEY = "me/a b+ü(1)%41.jpg"
CONTENT = b"not really a photo"
ID = hashlib.sha1(CONTENT).hexdigest()


@pytest.fixture(scope="module")
def cloud() -> Iterator[str]:
    with ministack() as server:
        yield server.url


def client(service: str, url: str) -> Any:
    return boto3.client(  # type: ignore[call-overload]
        service,
        endpoint_url=url,
        region_name="us-east-1",
        aws_access_key_id="contract",
        aws_secret_access_key="contract",
        config=client_config(),
    )


@pytest.fixture(scope="module")
def s3(cloud: str) -> Iterator[S3Client]:
    with closing(client("s3", cloud)) as made:
        yield made


def bucket(s3: S3Client, *, versioned: bool = False) -> str:
    name = f"bucket-{uuid.uuid4().hex}"
    s3.create_bucket(Bucket=name)
    if versioned:
        s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    return name


@pytest.fixture(params=["memory", "s3"])
def desk(request: pytest.FixtureRequest) -> SubmissionDesk:
    if request.param == "memory":
        return MemorySubmittedFiles()
    s3: S3Client = request.getfixturevalue("s3")
    return S3SubmittedFiles(s3, bucket(s3, versioned=True), bucket(s3))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "photo.jpg"
    path.write_bytes(CONTENT)
    return path


def submit(desk: SubmissionDesk, file: Path, **metadata: str) -> SubmissionRef:
    before = {waiting.ref for waiting in desk.waiting()}
    desk.submit(file, KEY, metadata, "image/jpeg")
    [made] = {waiting.ref for waiting in desk.waiting()} - before
    return made


def fetched(desk: SubmissionDesk, ref: SubmissionRef, file: Path) -> bytes:
    to = file.with_name("fetched")
    desk.download(ref, to)
    return to.read_bytes()


def test_a_submitted_file_is_fetched_as_it_was(desk: SubmissionDesk, file: Path) -> None:
    assert not desk.is_waiting(KEY)
    ref = submit(desk, file, **{"uploaded-by": "me"})
    assert fetched(desk, ref, file) == CONTENT
    assert desk.metadata(ref) == {"uploaded-by": "me"}
    assert desk.is_waiting(KEY)
    assert [(found.ref, found.size) for found in desk.waiting()] == [(ref, len(CONTENT))]


def test_two_files_under_one_key_are_each_there(desk: SubmissionDesk, file: Path) -> None:
    first = submit(desk, file)
    file.write_bytes(b"other")
    second = submit(desk, file)
    assert fetched(desk, first, file) == CONTENT
    desk.remove(second)
    assert fetched(desk, first, file) == CONTENT
    with pytest.raises(SubmissionGone):
        desk.metadata(second)


def test_a_file_that_was_removed_is_gone(desk: SubmissionDesk, file: Path) -> None:
    ref = submit(desk, file)
    desk.remove(ref)
    desk.remove(ref)
    with pytest.raises(SubmissionGone):
        desk.download(ref, file)
    with pytest.raises(SubmissionGone):
        desk.metadata(ref)
    assert desk.keep_failed(ref, b"{}") is None
    assert not [*desk.waiting()]


def test_a_failed_file_is_kept_and_can_be_restored(desk: SubmissionDesk, file: Path) -> None:
    ref = submit(desk, file, **{"identifier!a": "1"})
    kept = desk.keep_failed(ref, b'{"code": "x"}')
    assert kept
    assert desk.keep_failed(ref, b'{"code": "y"}') == kept
    desk.remove(ref)

    desk.restore(kept, ref)
    [new] = [waiting.ref for waiting in desk.waiting()]
    assert (new.key, new != ref) == (ref.key, True)
    assert fetched(desk, new, file) == CONTENT
    assert desk.metadata(new) == {"identifier!a": "1"}
    desk.discard(kept)
    desk.discard(kept)
    with pytest.raises(SubmissionGone):
        desk.restore(kept, ref)


@contextmanager
def processed_at_once(s3: S3Client, desk: SubmissionDesk, operation: str) -> Iterator[None]:
    """Remove every submitted file as soon as an operation has brought it."""
    removed: list[SubmissionRef] = []

    def remove_all(**_: Any) -> None:
        for waiting in desk.waiting():
            removed.append(waiting.ref)
            desk.remove(waiting.ref)

    s3.meta.events.register(f"after-call.s3.{operation}", remove_all)
    try:
        yield
    finally:
        s3.meta.events.unregister(f"after-call.s3.{operation}", remove_all)
    assert len(removed) == 1


def test_a_file_may_be_processed_as_soon_as_it_is_there(s3: S3Client, file: Path) -> None:
    desk = S3SubmittedFiles(s3, bucket(s3, versioned=True), bucket(s3))
    ref = submit(desk, file)
    kept = desk.keep_failed(ref, b"{}")
    assert kept
    desk.remove(ref)
    with processed_at_once(s3, desk, "CopyObject"):
        desk.restore(kept, ref)
    with processed_at_once(s3, desk, "PutObject"):
        desk.submit(file, KEY, {}, "image/jpeg")


@pytest.fixture(params=["memory", "s3", "s3, other names"])
def archive(request: pytest.FixtureRequest) -> tuple[Archive, Originals]:
    if request.param == "memory":
        memory = MemoryLibrary()
        return MemoryArchive(memory), memory
    s3: S3Client = request.getfixturevalue("s3")
    library = LibrarySettings(bucket(s3), thumbnails_bucket=bucket(s3))
    if request.param != "s3":
        library = LibrarySettings(
            bucket(s3),
            thumbnails_bucket=bucket(s3),
            original_key="originals/{id}.jpg",
            uploaded_by_name="owner",
            identifier_prefix="ref-",
        )
    return S3Archive(s3, library, bucket(s3)), S3Originals(s3, library)


def new_file(path: Path, **metadata: str) -> NewFile:
    content = path.read_bytes()
    sha1 = hashlib.sha1(content).hexdigest()
    return NewFile(path, len(content), "image/jpeg", sha1, metadata)


def test_an_original_is_archived_with_its_metadata(
    archive: tuple[Archive, Originals], file: Path
) -> None:
    store, originals = archive
    store.archive(
        ID, new_file(file, **{"uploaded-by": "me", "file-name": quote(KEY), "identifier!a": "1"})
    )
    original = originals.open(ID)
    assert original.file.read() == CONTENT
    upload = upload_of(original.stored)
    assert (upload.by, upload.filename, upload.identifiers) == ("me", KEY, {"a": "1"})


def test_the_same_bytes_keep_their_first_upload_and_get_new_identifiers(
    archive: tuple[Archive, Originals], file: Path
) -> None:
    store, originals = archive
    first = {"uploaded-by": "first", "upload-time": "2020-01-01T00:00:00Z", "identifier!a": "1"}
    store.archive(ID, new_file(file, **first))
    again = {"uploaded-by": "second", "upload-time": "2026-01-01T00:00:00Z", "identifier!b": "2"}
    store.archive(ID, new_file(file, **again, **{"identifier!a": "other"}))
    store.archive(ID, new_file(file))
    upload = upload_of(originals.open(ID).stored)
    assert upload.by == "first"
    assert upload.at.year == 2020
    assert upload.identifiers == {"a": "1", "b": "2"}
    assert originals.open(ID).file.read() == CONTENT


def test_other_bytes_under_an_id_are_refused_and_change_nothing(
    archive: tuple[Archive, Originals], file: Path
) -> None:
    store, originals = archive
    store.archive(ID, new_file(file))
    # As many bytes, so that only the checksum tells.
    file.write_bytes(CONTENT[::-1])
    with pytest.raises(ArchiveConflict):
        store.archive(ID, new_file(file, **{"identifier!a": "1"}))
    assert originals.open(ID).file.read() == CONTENT
    assert not upload_of(originals.open(ID).stored).identifiers


def test_a_thumbnail_is_where_the_library_looks_for_it(
    archive: tuple[Archive, Originals],
) -> None:
    store, originals = archive
    assert originals.thumbnail(ID) is None
    store.publish(ID, "thumbnail", b"before", "image/jpeg")
    store.publish(ID, "thumbnail", b"small", "image/jpeg")
    found = originals.thumbnail(ID)
    assert found
    assert found.file.read() == b"small"


def test_an_original_without_a_stored_checksum_is_read_to_compare(s3: S3Client, file: Path) -> None:
    library = LibrarySettings(bucket(s3))
    key = "/".join([*ID[:6], ID])
    s3.put_object(Bucket=library.originals_bucket, Key=key, Body=CONTENT, StorageClass="GLACIER_IR")
    store = S3Archive(s3, library, bucket(s3))
    store.archive(ID, new_file(file, **{"identifier!a": "1"}))

    found = s3.head_object(Bucket=library.originals_bucket, Key=key)
    # The copy onto itself keeps what it would lose.
    assert found["StorageClass"] == "GLACIER_IR"
    assert found["Metadata"].keys() == {"identifier!a", "upload-time"}


def test_renditions_have_folders_of_their_own(s3: S3Client) -> None:
    public = bucket(s3)
    store = S3Archive(s3, LibrarySettings(bucket(s3)), public)
    for kind in ("thumbnail", "screen", "optimised"):
        store.publish(ID, kind, b"x", "image/jpeg")
    keys = [found["Key"] for found in s3.list_objects_v2(Bucket=public)["Contents"]]
    path = "/".join([*ID[:6], ID])
    assert sorted(keys) == [f"{kind}/{path}" for kind in ("optimised", "screen", "thumbnail")]


@pytest.mark.parametrize("kind", ["memory", "sqs"])
def test_images_are_sent_to_the_index_in_batches(kind: str, cloud: str) -> None:
    messages = [IndexImage(f"image-{n}", [SubmissionRef(KEY, str(n))]) for n in range(23)]
    if kind == "memory":
        twin = MemoryHighPriority()
        twin.send(messages)
        bodies = twin.queue.bodies
    else:
        with closing(client("sqs", cloud)) as sqs:
            url = sqs.create_queue(QueueName=f"queue-{uuid.uuid4().hex}")["QueueUrl"]
            queue = SqsHighPriority(sqs, url)
            queue.send(messages)
            assert queue.depth().total == 23
            bodies = []
            while found := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get(
                "Messages"
            ):
                bodies += [message["Body"] for message in found]
    read = sorted((IndexImage.from_json(body) for body in bodies), key=lambda m: m.image_id)
    assert read == sorted(
        (IndexImage(m.image_id, tuple(m.submissions)) for m in messages), key=lambda m: m.image_id
    )
    assert json.loads(bodies[0])["subject"] == "index-image"
