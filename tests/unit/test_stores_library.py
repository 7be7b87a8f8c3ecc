"""The truth, read from S3 and DynamoDB."""

import io
import string
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ReadTimeoutError
from botocore.response import StreamingBody
from moto import mock_aws

from reindex.domain.failures import (
    Failure,
    OriginalNotFound,
    ReindexFailure,
    SourceArchived,
    SourceForbidden,
    SourceUnavailable,
)
from reindex.image.ranged import BLOCK, FIRST_BLOCKS
from reindex.image.truth import UserData
from reindex.settings import LibrarySettings
from reindex.stores.aws import client_config
from reindex.stores.interfaces.library import Library
from reindex.stores.library import AwsLibrary
from reindex.stores.originals import S3Originals
from reindex.stores.sources import source_config, source_session
from reindex.stores.user_data import DynamoUserData
from tests.bench.wire import Answer, access, answer_at_once
from tests.unit.aws import SESSION, Calls
from tests.unit.library_settings import EVERYTHING

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_s3 import S3Client

ID = "0123456789abcdef0123456789abcdef01234567"
KEY = f"0/1/2/3/4/5/{ID}"
FIRST = FIRST_BLOCKS * BLOCK

SETTINGS = replace(EVERYTHING, optimised_pngs=True)

CONFIG = client_config(attempts=1)


@pytest.fixture(autouse=True)
def _aws() -> Iterator[None]:
    with mock_aws():
        yield


@pytest.fixture
def s3() -> "S3Client":
    client = SESSION.client("s3", config=CONFIG)
    for bucket in ("originals", "thumbnails", "crops"):
        client.create_bucket(Bucket=bucket)
    return client


@pytest.fixture
def dynamodb() -> "DynamoDBClient":
    return SESSION.client("dynamodb", config=CONFIG)


def _create_table(client: "DynamoDBClient", name: str) -> None:
    client.create_table(
        TableName=name,
        BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
    )


@pytest.fixture
def library(s3: "S3Client", dynamodb: "DynamoDBClient") -> Library:
    return AwsLibrary(s3, dynamodb, SETTINGS)


@pytest.fixture
def originals(s3: "S3Client") -> S3Originals:
    return S3Originals(s3, SETTINGS)


def _put(s3: "S3Client", body: bytes, key: str = KEY, bucket: str = "originals") -> None:
    s3.put_object(Bucket=bucket, Key=key, Body=body)


def _bytes(size: int) -> bytes:
    return (string.printable.encode() * (size // 100 + 1))[:size]


class TestTheHistoryOfAnOriginal:
    def test_is_all_its_versions_the_latest_first(
        self, originals: S3Originals, s3: "S3Client"
    ) -> None:
        s3.put_bucket_versioning(Bucket="originals", VersioningConfiguration={"Status": "Enabled"})
        _put(s3, b"first")
        _put(s3, b"second one")
        _put(s3, b"another image", f"{KEY}0")
        there = originals.history(ID)
        assert (there.bucket, there.key, there.size) == ("originals", KEY, 10)
        assert there.exists
        assert (there.storage_class, there.archived) == ("STANDARD", False)

        s3.delete_object(Bucket="originals", Key=KEY)
        gone = originals.history(ID)
        assert not gone.exists
        assert [version.size for version in gone.versions or ()] == [None, 10, 5]
        assert gone.versions
        s3.delete_object(Bucket="originals", Key=KEY, VersionId=gone.versions[0].version_id)
        assert originals.history(ID).size == 10

    @pytest.mark.parametrize(
        ("said", "archived"),
        [
            ({"StorageClass": "GLACIER"}, True),
            ({"StorageClass": "GLACIER_IR"}, False),
            ({"StorageClass": "INTELLIGENT_TIERING", "ArchiveStatus": "ARCHIVE_ACCESS"}, True),
            ({"StorageClass": "GLACIER", "Restore": 'ongoing-request="true"'}, True),
            ({"StorageClass": "GLACIER", "Restore": 'ongoing-request="false", expiry'}, False),
        ],
    )
    def test_says_whether_it_is_archived(
        self, originals: S3Originals, s3: "S3Client", said: dict[str, str], archived: object
    ) -> None:
        _put(s3, b"bytes")
        Calls(s3, "HeadObject").edit(lambda answer: answer.update(said))
        assert originals.history(ID).archived is archived

    def test_is_known_without_the_permission_to_list_versions(
        self, originals: S3Originals, s3: "S3Client"
    ) -> None:
        _put(s3, b"bytes")
        Calls(s3, "ListObjectVersions").refuse("AccessDenied", 403)
        found = originals.history(ID)
        assert (found.size, found.versions) == (5, None)

    def test_that_s3_refuses_is_no_absence(self, originals: S3Originals, s3: "S3Client") -> None:
        Calls(s3, "HeadObject").refuse("403", 403)
        with pytest.raises(SourceForbidden):
            originals.history(ID)


class TestAnOriginal:
    def test_is_opened_with_what_s3_says_of_it(self, library: Library, s3: "S3Client") -> None:
        s3.put_object(
            Bucket="originals", Key=KEY, Body=b"bytes", Metadata={"uploaded-by": "some%40body"}
        )
        # moto keeps no name with an exclamation mark; S3 gives all names in lower case, others
        # do not.
        Calls(s3, "GetObject").edit(
            lambda answer: answer["Metadata"].update({"Identifier!Picdar": "1"})
        )

        stored = library.open(ID).stored

        assert stored.uri == f"http://originals.s3.amazonaws.com/{KEY}"
        assert stored.size == 5
        assert abs((datetime.now(UTC) - stored.last_modified).total_seconds()) < 60
        assert stored.user_metadata == {"uploaded-by": "some%40body", "identifier!picdar": "1"}

    def test_is_opened_and_begun_with_one_request(self, library: Library, s3: "S3Client") -> None:
        body = _bytes(10 * FIRST)
        _put(s3, body)
        reads = Calls(s3, "GetObject")

        found = library.open(ID)

        assert found.stored.size == len(body)
        assert found.file.read(FIRST) == body[:FIRST]
        assert len(reads.parameters) == 1
        assert (found.file.requests, found.file.bytes_read) == (1, FIRST)

    @pytest.mark.parametrize("size", [1, 100, FIRST - 1, FIRST, FIRST + 1, 2 * FIRST, 700_000])
    def test_is_read_as_it_is_and_every_request_counted(
        self, library: Library, s3: "S3Client", size: int
    ) -> None:
        body = _bytes(size)
        _put(s3, body)
        reads = Calls(s3, "GetObject")

        file = library.open(ID).file

        assert file.readall() == body
        assert file.requests == len(reads.parameters)
        assert file.bytes_read == size

    def test_is_fetched_where_it_is_read(self, library: Library, s3: "S3Client") -> None:
        body = _bytes(1_000_000)
        _put(s3, body)

        file = library.open(ID).file
        file.seek(-100, io.SEEK_END)

        assert file.read() == body[-100:]
        assert file.bytes_read < 200_000

    def test_that_is_empty_is_a_file_of_no_bytes(self, library: Library, s3: "S3Client") -> None:
        _put(s3, b"")

        found = library.open(ID)

        assert found.stored.size == 0
        assert found.file.read() == b""

    def test_that_does_not_exist_is_not_found(self, library: Library) -> None:
        with pytest.raises(OriginalNotFound):
            library.open(ID)

    def test_in_a_bucket_that_does_not_exist_is_never_not_found(
        self, s3: "S3Client", dynamodb: "DynamoDBClient"
    ) -> None:
        misnamed = AwsLibrary(s3, dynamodb, replace(SETTINGS, originals_bucket="misnamed"))

        with pytest.raises(SourceForbidden, match="refused"):
            misnamed.open(ID)

    @pytest.mark.parametrize("code", ["AccessDenied", "403"])
    def test_that_is_forbidden_is_never_not_found(
        self, library: Library, s3: "S3Client", code: str
    ) -> None:
        Calls(s3, "GetObject").refuse(code, 403)

        with pytest.raises(SourceForbidden) as refused:
            library.open(ID)

        assert code in refused.value.detail

    def test_that_is_archived_says_so(self, library: Library, s3: "S3Client") -> None:
        Calls(s3, "GetObject").refuse("InvalidObjectState", 403)

        with pytest.raises(SourceArchived, match="restored"):
            library.open(ID)

    @pytest.mark.parametrize(
        ("code", "status"),
        [
            ("SlowDown", 503),
            ("InternalError", 500),
            ("ServiceUnavailable", 503),
            ("RequestTimeout", 400),
            ("ExpiredToken", 400),
        ],
    )
    def test_that_s3_cannot_give_now_may_be_had_later(
        self, library: Library, s3: "S3Client", code: str, status: int
    ) -> None:
        Calls(s3, "GetObject").refuse(code, status)

        with pytest.raises(SourceUnavailable) as missed:
            library.open(ID)

        assert missed.value.retryable
        assert ID not in missed.value.message

    def test_whose_bytes_break_off_is_read_once_more(
        self, library: Library, s3: "S3Client"
    ) -> None:
        _put(s3, b"0123456789")
        reads = Calls(s3, "GetObject")
        reads.edit(_break_off)

        assert library.open(ID).file.read() == b"0123456789"
        assert len(reads.parameters) == 2

    def test_whose_bytes_always_break_off_is_unavailable(
        self, library: Library, s3: "S3Client"
    ) -> None:
        _put(s3, b"0123456789")
        reads = Calls(s3, "GetObject")
        for _ in range(2):
            reads.edit(_break_off)

        with pytest.raises(SourceUnavailable):
            library.open(ID)

    def test_that_does_not_answer_is_unavailable(self, library: Library, s3: "S3Client") -> None:
        Calls(s3, "GetObject").lose(ReadTimeoutError(endpoint_url="s3"), times=2)

        with pytest.raises(SourceUnavailable, match="did not answer"):
            library.open(ID)

    def test_that_changes_while_it_is_read_is_unavailable(
        self, library: Library, s3: "S3Client"
    ) -> None:
        _put(s3, _bytes(500_000))
        file = library.open(ID).file
        _put(s3, _bytes(500_001))

        with pytest.raises(SourceUnavailable, match="changed while it was read"):
            file.readall()

    def test_that_is_deleted_while_it_is_read_is_unavailable(
        self, library: Library, s3: "S3Client"
    ) -> None:
        _put(s3, _bytes(500_000))
        file = library.open(ID).file
        s3.delete_object(Bucket="originals", Key=KEY)

        with pytest.raises(SourceUnavailable, match="deleted while it was read"):
            file.readall()


def _break_off(parsed: dict[str, Any]) -> None:
    parsed["Body"] = StreamingBody(io.BytesIO(b"01234"), content_length=10)


class TestWhetherAnOriginalExists:
    def test_is_asked_without_reading_it(self, library: Library, s3: "S3Client") -> None:
        reads = Calls(s3, "GetObject")
        _put(s3, b"bytes")

        assert library.exists(ID)
        assert not library.exists("another")
        assert not reads.parameters

    def test_is_not_denied_because_we_are_forbidden_to_ask(
        self, library: Library, s3: "S3Client"
    ) -> None:
        Calls(s3, "HeadObject").refuse("403", 403)

        with pytest.raises(SourceForbidden):
            library.exists(ID)

    def test_is_not_denied_because_the_bucket_is_misnamed(
        self, s3: "S3Client", dynamodb: "DynamoDBClient"
    ) -> None:
        misnamed = AwsLibrary(s3, dynamodb, replace(SETTINGS, originals_bucket="misnamed"))
        # What S3 says of both: the answer to a HEAD has no body.
        Calls(s3, "HeadObject").refuse("404", 404)

        with pytest.raises(SourceForbidden, match="bucket does not exist"):
            misnamed.exists(ID)


class TestRenditions:
    def test_are_opened_where_they_are(self, library: Library, s3: "S3Client") -> None:
        _put(s3, b"thumbnail", bucket="thumbnails")
        _put(s3, b"png", key=f"optimised/{KEY}")

        thumbnail, png = library.thumbnail(ID), library.optimised_png(ID)

        assert thumbnail is not None
        assert png is not None
        assert thumbnail.file.read() == b"thumbnail"
        assert png.file.read() == b"png"
        assert png.stored.uri == f"http://originals.s3.amazonaws.com/optimised/{KEY}"

    def test_may_be_absent(self, library: Library) -> None:
        assert library.thumbnail(ID) is None
        assert library.optimised_png(ID) is None

    def test_that_are_forbidden_are_not_absent(self, library: Library, s3: "S3Client") -> None:
        Calls(s3, "GetObject").refuse("AccessDenied", 403)

        with pytest.raises(SourceForbidden):
            library.thumbnail(ID)

    def test_that_the_library_does_not_make_are_not_asked_for(
        self, s3: "S3Client", dynamodb: "DynamoDBClient"
    ) -> None:
        plain = AwsLibrary(s3, dynamodb, LibrarySettings(originals_bucket="originals"))
        reads = Calls(s3, "GetObject")

        assert plain.thumbnail(ID) is None
        assert plain.optimised_png(ID) is None
        assert not reads.parameters


class TestCrops:
    def test_are_the_objects_in_the_images_folder_with_their_metadata(
        self, originals: S3Originals, s3: "S3Client"
    ) -> None:
        for key in ("0_0_9_9/master/9.jpg", "0_0_9_9/5.jpg"):
            s3.put_object(
                Bucket="crops",
                Key=f"{ID}/{key}",
                Body=b"crop",
                Metadata={"bounds_x": "0", "author": "me"},
            )
        _put(s3, b"another's", key=f"{ID}0/0_0_9_9/5.jpg", bucket="crops")

        crops = originals.crops([ID])[ID]

        assert not isinstance(crops, Failure)
        assert [crop.uri for crop in crops] == [
            f"http://crops.s3.amazonaws.com/{ID}/0_0_9_9/5.jpg",
            f"http://crops.s3.amazonaws.com/{ID}/0_0_9_9/master/9.jpg",
        ]
        assert crops[0].size == 4
        assert crops[0].user_metadata == {"bounds_x": "0", "author": "me"}

    def test_of_many_images_close_together_take_one_listing(
        self, originals: S3Originals, s3: "S3Client"
    ) -> None:
        for image_id in ("b", "d"):
            _put(s3, b"crop", key=f"{image_id}/1", bucket="crops")
        lists = Calls(s3, "ListObjectsV2")

        crops = originals.crops(["d", "b", "a", "c"])

        assert [image_id for image_id, found in sorted(crops.items()) if found] == ["b", "d"]
        assert crops.keys() == {"a", "b", "c", "d"}
        assert len(lists.parameters) == 1

    def test_that_are_deleted_meanwhile_are_left_out(
        self, originals: S3Originals, s3: "S3Client"
    ) -> None:
        _put(s3, b"crop", key=f"{ID}/a", bucket="crops")
        _put(s3, b"crop", key=f"{ID}/b", bucket="crops")
        Calls(s3, "ListObjectsV2").edit(
            lambda _: s3.delete_object(Bucket="crops", Key=f"{ID}/a") and None
        )

        crops = originals.crops([ID])[ID]

        assert not isinstance(crops, Failure)
        assert [crop.uri[-1] for crop in crops] == ["b"]

    def test_that_cannot_be_read_are_that_images_failure(
        self, originals: S3Originals, s3: "S3Client"
    ) -> None:
        for image_id in ("a", "b"):
            _put(s3, b"crop", key=f"{image_id}/1", bucket="crops")
        Calls(s3, "HeadObject").refuse("AccessDenied", 403)

        failed = [f for f in originals.crops(["a", "b"]).values() if isinstance(f, Failure)]

        assert [failure.code for failure in failed] == [SourceForbidden.code]

    def test_that_cannot_be_listed_are_not_absent(
        self, originals: S3Originals, s3: "S3Client"
    ) -> None:
        Calls(s3, "ListObjectsV2").refuse("SlowDown", 503)

        failure = originals.crops([ID])[ID]

        assert isinstance(failure, Failure)
        assert failure.code == SourceUnavailable.code

    def test_that_the_library_does_not_keep_are_not_asked_for(self, s3: "S3Client") -> None:
        plain = S3Originals(s3, LibrarySettings(originals_bucket="originals"))
        lists = Calls(s3, "ListObjectsV2")

        assert plain.crops([ID]) == {ID: ()}
        assert not lists.parameters


class TestUserData:
    """What moto cannot do, statements on an index, is tested in ``tests/contract``."""

    @pytest.fixture
    def tables(self, dynamodb: "DynamoDBClient") -> DynamoUserData:
        """Of the tables that are keyed by image id."""
        for name in ("collections", "edits", "syndication", "status"):
            _create_table(dynamodb, name)
        return DynamoUserData(dynamodb, replace(SETTINGS, usages_table=None, leases_table=None))

    @pytest.fixture
    def usages(self, dynamodb: "DynamoDBClient") -> DynamoUserData:
        """Of usages alone."""
        return DynamoUserData(dynamodb, LibrarySettings("originals", usages_table="usages"))

    def test_has_the_types_of_boto3s_resources(
        self, tables: DynamoUserData, dynamodb: "DynamoDBClient"
    ) -> None:
        item: Any = {"id": {"S": "a"}, "labels": {"SS": ["x", "y"]}, "n": {"N": "1.5"}}
        dynamodb.put_item(TableName="edits", Item=item)

        found = tables.user_data(["a"])["a"]

        assert isinstance(found, UserData)
        assert found.edits == {"id": "a", "labels": {"x", "y"}, "n": Decimal("1.5")}

    def test_of_25_images_takes_one_consistent_read_of_all_tables(
        self, tables: DynamoUserData, dynamodb: "DynamoDBClient"
    ) -> None:
        reads = Calls(dynamodb, "BatchGetItem")

        assert len(tables.user_data([str(number) for number in range(25)])) == 25

        [read] = reads.parameters
        asked = read["RequestItems"].values()
        assert sorted(len(table["Keys"]) for table in asked) == [25, 25, 25, 25]
        assert all(table["ConsistentRead"] for table in asked)

    def test_of_more_images_takes_more_reads_of_at_most_100_keys(
        self, tables: DynamoUserData, dynamodb: "DynamoDBClient"
    ) -> None:
        reads = Calls(dynamodb, "BatchGetItem")

        assert len(tables.user_data([str(number) for number in range(30)])) == 30

        assert len(reads.parameters) == 2

    def test_asks_again_for_keys_left_unprocessed(
        self, tables: DynamoUserData, dynamodb: "DynamoDBClient"
    ) -> None:
        dynamodb.put_item(TableName="edits", Item={"id": {"S": "a"}})
        reads = Calls(dynamodb, "BatchGetItem")
        reads.edit(_leave_edits_unprocessed)

        found = tables.user_data(["a"])["a"]

        assert isinstance(found, UserData)
        assert found.edits == {"id": "a"}
        assert list(reads.parameters[1]["RequestItems"]) == ["edits"]

    def test_by_secondary_index_takes_a_statement_for_ten_images(
        self, usages: DynamoUserData, dynamodb: "DynamoDBClient"
    ) -> None:
        statements = Calls(dynamodb, "ExecuteStatement")
        for _ in range(3):
            statements.answer({"Items": []})

        assert len(usages.user_data([str(number) for number in range(25)])) == 25

        assert sorted(len(made["Parameters"]) for made in statements.parameters) == [5, 10, 10]

    def test_follows_the_pages_of_a_statement(
        self, usages: DynamoUserData, dynamodb: "DynamoDBClient"
    ) -> None:
        statements = Calls(dynamodb, "ExecuteStatement")
        statements.answer({"Items": [{"media_id": {"S": "a"}}], "NextToken": "there"})
        statements.answer({"Items": [{"media_id": {"S": "b"}}, {"media_id": {"S": "a"}}]})

        found = usages.user_data(["a", "b"])

        assert found == {
            "a": UserData(usages=[{"media_id": "a"}, {"media_id": "a"}]),
            "b": UserData(usages=[{"media_id": "b"}]),
        }
        assert statements.parameters[1]["NextToken"] == "there"

    def test_of_a_statement_that_fails_is_the_failure_of_its_ten_images_alone(
        self, usages: DynamoUserData, dynamodb: "DynamoDBClient"
    ) -> None:
        statements = Calls(dynamodb, "ExecuteStatement")
        statements.refuse("ThrottlingException")
        statements.answer({"Items": []})

        found = usages.user_data([str(number) for number in range(20)]).values()

        failures = [each for each in found if isinstance(each, Failure)]
        assert [failure.code for failure in failures] == [SourceUnavailable.code] * 10
        assert all(failure.retryable for failure in failures)

    def test_of_a_batch_that_cannot_be_read_is_the_failure_of_all(
        self, tables: DynamoUserData, dynamodb: "DynamoDBClient"
    ) -> None:
        Calls(dynamodb, "BatchGetItem").refuse("AccessDeniedException")

        found = tables.user_data(["a", "b"])

        assert {f.code for f in found.values() if isinstance(f, Failure)} == {SourceForbidden.code}
        assert len(found) == 2

    def test_of_tables_the_library_does_not_keep_is_not_asked_for(
        self, s3: "S3Client", dynamodb: "DynamoDBClient"
    ) -> None:
        plain = AwsLibrary(s3, dynamodb, LibrarySettings(originals_bucket="originals"))
        reads, statements = Calls(dynamodb, "BatchGetItem"), Calls(dynamodb, "ExecuteStatement")

        assert plain.user_data(["a"]) == {"a": UserData()}
        assert not reads.parameters
        assert not statements.parameters

    def test_has_the_crops_or_their_failure(
        self, s3: "S3Client", dynamodb: "DynamoDBClient"
    ) -> None:
        library = AwsLibrary(s3, dynamodb, LibrarySettings("originals", crops_bucket="crops"))
        for image_id in ("a", "b"):
            _put(s3, b"crop", key=f"{image_id}/1", bucket="crops")
        Calls(s3, "HeadObject").refuse("AccessDenied", 403)

        found = library.user_data(["a", "b"]).values()

        assert [each.code for each in found if isinstance(each, Failure)] == [SourceForbidden.code]
        assert [len(each.crops) for each in found if isinstance(each, UserData)] == [1]


def _leave_edits_unprocessed(parsed: dict[str, Any]) -> None:
    del parsed["Responses"]["edits"]
    keys = {"Keys": [{"id": {"S": "a"}}], "ConsistentRead": True}
    parsed["UnprocessedKeys"] = {"edits": keys}


def test_failures_of_sources_name_no_image_so_that_like_ones_count_as_one(
    library: Library, s3: "S3Client"
) -> None:
    Calls(s3, "GetObject").refuse("AccessDenied", 403, times=2)
    fingerprints = set()
    for image_id in ("a", "b"):
        with pytest.raises(ReindexFailure) as refused:
            library.open(image_id)
        fingerprints.add(refused.value.as_failure().fingerprint)

    assert len(fingerprints) == 1


@pytest.mark.parametrize(
    "last_modified", ["Fri, 01 Mar 2024 10:00:00 GMT", "2024-03-01T10:00:00.000Z", "1709287200"]
)
def test_the_clients_read_times_as_botocore_does(last_modified: str) -> None:
    client = source_session().client("s3", **access(source_config(1)))
    answer = Answer(b"", 200, {"Last-Modified": last_modified})
    answer_at_once(client, "HeadObject", lambda _: answer)

    found = client.head_object(Bucket="originals", Key=KEY)

    assert found["LastModified"] == datetime(2024, 3, 1, 10, tzinfo=UTC)


def test_the_clients_patience_fits_into_one_projection() -> None:
    config: Any = source_config(16)

    assert config.max_pool_connections == 16
    assert config.read_timeout * config.retries["total_max_attempts"] < 30


class TestAnotherLayout:
    """Keys, folders, indexes and object metadata as another library names them."""

    LIBRARY = LibrarySettings(
        "originals",
        thumbnails_bucket="thumbnails",
        crops_bucket="crops",
        usages_table="usages",
        leases_table="leases",
        edits_table="edits",
        original_key="{id[0:2]}/{id[2:]}.tif",
        thumbnail_key="small/{id}.jpg",
        crops_folder="of/{id}/",
        usages_index="by-image",
        usages_image="imageId",
        edits_key="image",
        uploaded_by_name="X-Owner",
        upload_time_name="received",
        identifier_prefix="ref-",
    )

    def test_is_where_objects_are_found(self, s3: "S3Client") -> None:
        said = {"x-owner": "a", "received": "2020-01-02T03:04:05Z", "ref-pic": "7", "other": "b"}
        s3.put_object(Bucket="originals", Key="ph/oto-1.tif", Body=b"bytes", Metadata=said)
        _put(s3, b"thumb", "small/photo-1.jpg", "thumbnails")
        for key in ("of/photo-1/a.jpg", "of/photo-1/master/b.jpg", "of/photo-10/c.jpg"):
            _put(s3, b"crop", key, "crops")
        library = S3Originals(s3, self.LIBRARY)

        assert library.exists("photo-1")
        assert library.open("photo-1").stored.user_metadata == {
            "uploaded-by": "a",
            "upload-time": "2020-01-02T03:04:05Z",
            "identifier!pic": "7",
            "other": "b",
        }
        thumbnail = library.thumbnail("photo-1")
        assert thumbnail is not None
        assert thumbnail.file.pread(0, 5) == b"thumb"
        crops = library.crops(["photo-1", "photo-2"])
        found = crops["photo-1"]
        assert not isinstance(found, Failure)
        assert [crop.uri.rpartition("/")[2] for crop in found] == ["a.jpg", "b.jpg"]
        assert crops["photo-2"] == []
