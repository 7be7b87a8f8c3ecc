"""The ids of all originals, and of a file, read from S3."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from moto import mock_aws

from reindex.domain.failures import SourceUnusable, StoreUnavailable
from reindex.domain.key_templates import KeyTemplate
from reindex.settings import LibrarySettings
from reindex.stores import id_sources
from reindex.stores.aws import client_config
from reindex.stores.id_sources import BucketIds, FileIds
from reindex.stores.interfaces.id_sources import IdSource, Part
from tests.unit.aws import SESSION, Calls

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

KEY = "uploads/run-1.txt"

LIBRARY = LibrarySettings("originals")


def original_key(image_id: str) -> str:
    return KeyTemplate(LIBRARY.original_key).key(image_id)


@pytest.fixture
def s3() -> Iterator[S3Client]:
    with mock_aws():
        client = SESSION.client("s3", config=client_config(attempts=1))
        client.create_bucket(Bucket="originals")
        client.create_bucket(Bucket="runs")
        yield client


def ids_of(source: IdSource, part: Part) -> list[str]:
    ids: list[str] = []
    cursor = None
    while True:
        page = source.page(part, cursor)
        ids += page.ids
        cursor = page.next
        if cursor is None:
            return ids


def all_ids(source: IdSource, at_most: int = 256) -> list[str]:
    return [image_id for part in source.parts(at_most) for image_id in ids_of(source, part)]


class TestOriginalsOfAnotherLayout:
    """A library whose ids are no hashes, and that keeps all it has in one bucket."""

    LIBRARY = LibrarySettings(
        "originals",
        thumbnails_bucket="originals",
        crops_bucket="originals",
        original_key="masters/{id[0:2]}/{id}.jpg",
        thumbnail_key="thumbs/{id}.jpg",
        crops_folder="crops/{id}/",
    )

    @pytest.mark.parametrize("at_most", [1, 4, 64])
    def test_are_all_found_once_and_nothing_else(self, s3: S3Client, at_most: int) -> None:
        ids = [f"agency {n % 7}/photo-{n}" for n in range(30)] + ["x", "Ünïcode"]
        for image_id in ids:
            for template in ("original_key", "thumbnail_key"):
                key = KeyTemplate(getattr(self.LIBRARY, template)).key(image_id)
                s3.put_object(Bucket="originals", Key=key)
        for junk in ("masters/readme.txt", "masters/ab/", "crops/x/1.jpg", "other/ab/abc.jpg"):
            s3.put_object(Bucket="originals", Key=junk)

        assert sorted(all_ids(BucketIds(s3, self.LIBRARY), at_most)) == sorted(ids)

    def test_that_do_not_say_their_id_are_refused_by_name(self, s3: S3Client) -> None:
        library = LibrarySettings("originals", original_key="{id[0:8]}")
        with pytest.raises(SourceUnusable, match="do not say the whole id"):
            BucketIds(s3, library).parts(4)


class TestTheOriginals:
    def put(self, s3: S3Client, *ids: str) -> None:
        for image_id in ids:
            s3.put_object(Bucket="originals", Key=original_key(image_id))

    @pytest.mark.parametrize("at_most", [1, 3, 16, 256])
    def test_are_all_found_once_whatever_their_ids(self, s3: S3Client, at_most: int) -> None:
        ids = [f"{n:04x}{n:036x}" for n in range(0, 65_536, 1_111)]
        odd = ["x", "ab", "p1", "münchen 2019 (17) +1", "x" * 512, "0", "fff", "0/1", "~", "Z9"]
        self.put(s3, *ids, *odd)
        s3.put_object(Bucket="originals", Key="readme.txt")
        s3.put_object(Bucket="originals", Key="0/1/")
        s3.put_object(Bucket="originals", Key=f"optimised/{original_key(ids[0])}")
        source = BucketIds(s3, LIBRARY)

        found = all_ids(source, at_most)

        assert len(source.parts(at_most)) <= at_most
        assert sorted(found) == sorted([*ids, *odd])

    def test_are_cut_into_many_parts_of_like_size(self, s3: S3Client) -> None:
        ids = [f"{n:02x}" + "0" * 38 for n in range(256)]
        self.put(s3, *ids)

        parts = BucketIds(s3, LIBRARY).parts(256)

        assert len(parts) == 256
        source = BucketIds(s3, LIBRARY)
        assert {len(ids_of(source, part)) for part in (parts[0], parts[17], parts[255])} == {1}

    def test_are_listed_without_the_optimised_ones(
        self, s3: S3Client, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        self.put(s3, "oaaaaaa", "paaaaaa")
        for n in range(30):
            s3.put_object(Bucket="originals", Key=f"optimised/a/b/c/d/e/f/abcdef{n:02}")
        lists = Calls(s3, "ListObjectsV2")
        listed = s3.list_objects_v2
        monkeypatch.setattr(s3, "list_objects_v2", lambda **said: listed(**said, MaxKeys=5))

        assert all_ids(BucketIds(s3, LIBRARY), 1) == ["oaaaaaa", "paaaaaa"]
        assert len(lists.parameters) == 2, "what is known to be none is not paged through"

    def test_in_an_archive_are_counted(self, s3: S3Client) -> None:
        for number, kind in enumerate(["STANDARD", "GLACIER", "DEEP_ARCHIVE", "GLACIER_IR"]):
            key = original_key(f"image-{number}")
            s3.put_object(Bucket="originals", Key=key, StorageClass=kind)  # type: ignore[arg-type]
        source = BucketIds(s3, LIBRARY)
        pages = [source.page(part, None) for part in source.parts(1)]

        assert sum(page.archived for page in pages) == 2, "instant retrieval is no archive"

    def test_of_an_empty_library_are_none(self, s3: S3Client) -> None:
        assert all_ids(BucketIds(s3, LIBRARY)) == []

    def test_cannot_be_listed_where_there_is_no_bucket(self, s3: S3Client) -> None:
        source = BucketIds(s3, LibrarySettings("gone"))
        with pytest.raises(StoreUnavailable, match="NoSuchBucket"):
            source.parts(256)
        with pytest.raises(StoreUnavailable, match="NoSuchBucket"):
            source.page({"after": "", "until": None}, None)


class TestAFile:
    @pytest.fixture(autouse=True)
    def _small(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(id_sources, "PART_BYTES", 50)
        monkeypatch.setattr(id_sources, "BLOCK_BYTES", 20)

    def file(self, s3: S3Client, body: bytes) -> FileIds:
        s3.put_object(Bucket="runs", Key=KEY, Body=body)
        return FileIds(s3, "runs", KEY)

    @pytest.mark.parametrize("at_most", [1, 3, 256])
    @pytest.mark.parametrize("end", ["", "\n", "\n\n", "\r\n"])
    @pytest.mark.parametrize("count", [1, 7, 60])
    def test_is_read_whole_in_any_number_of_parts(
        self, s3: S3Client, at_most: int, end: str, count: int
    ) -> None:
        ids = [f"image-{n}" * (1 + n % 2) for n in range(count)]
        source = self.file(s3, ("\n".join(ids) + end).encode())

        assert all_ids(source, at_most) == ids
        assert len(source.parts(at_most)) <= at_most

    def test_may_have_a_mark_blank_lines_and_bytes_that_are_no_text(self, s3: S3Client) -> None:
        source = self.file(s3, "\ufeffmünchen\r\n\n  \nb".encode() + b"\xff\nc\n")

        assert all_ids(source) == ["münchen", "b\udcff", "c"]

    @pytest.mark.parametrize("body", [b"x" * 60, b"a\n" + b"x" * 100])
    def test_whose_lines_cannot_be_ids_is_refused(self, s3: S3Client, body: bytes) -> None:
        with pytest.raises(SourceUnusable, match=r"uploads/run-1\.txt is no list of ids"):
            all_ids(self.file(s3, body))

    def test_that_is_empty_is_refused(self, s3: S3Client) -> None:
        with pytest.raises(SourceUnusable, match=r"uploads/run-1\.txt is empty"):
            self.file(s3, b"").parts(256)

    def test_that_is_not_there_is_refused(self, s3: S3Client) -> None:
        with pytest.raises(SourceUnusable, match=r"no uploads/run-1\.txt in the run's bucket"):
            FileIds(s3, "runs", KEY).parts(256)
