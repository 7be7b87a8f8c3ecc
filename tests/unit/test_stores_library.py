"""The truth, read from S3 and DynamoDB."""

import io
import string
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ReadTimeoutError
from botocore.response import StreamingBody
from moto import mock_aws

from reindex.failures import (
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
from reindex.stores.interfaces import Library
from reindex.stores.library import AwsLibrary
from reindex.stores.originals import original_key
from reindex.stores.sources import source_config
from tests.unit.aws import SESSION, Calls

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_s3 import S3Client

ID = "0123456789abcdef0123456789abcdef01234567"
KEY = f"0/1/2/3/4/5/{ID}"
FIRST = FIRST_BLOCKS * BLOCK

SETTINGS = LibrarySettings(
    originals_bucket="originals",
    thumbnails_bucket="thumbnails",
    crops_bucket="crops",
    usages_table="usages",
    leases_table="leases",
    collections_table="collections",
    edits_table="edits",
    syndication_table="syndication",
    status_table="status",
    optimised_pngs=True,
)

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


def _create_table(client: "DynamoDBClient", name: str, *keys: str, index: str = "") -> None:
    attributes = [*keys, index] if index else [*keys]
    indices: Any = {
        "GlobalSecondaryIndexes": [
            {
                "IndexName": index,
                "KeySchema": [{"AttributeName": index, "KeyType": "HASH"}],
                "Projection": {"ProjectionType": "ALL"},
            }
        ]
    }
    client.create_table(
        TableName=name,
        BillingMode="PAY_PER_REQUEST",
        KeySchema=[
            {"AttributeName": key, "KeyType": "RANGE" if number else "HASH"}
            for number, key in enumerate(keys)
        ],
        AttributeDefinitions=[{"AttributeName": a, "AttributeType": "S"} for a in attributes],
        **(indices if index else {}),
    )


@pytest.fixture
def library(s3: "S3Client", dynamodb: "DynamoDBClient") -> Library:
    return AwsLibrary(s3, dynamodb, SETTINGS)


def _put(s3: "S3Client", body: bytes, key: str = KEY, bucket: str = "originals") -> None:
    s3.put_object(Bucket=bucket, Key=key, Body=body)


def _bytes(size: int) -> bytes:
    return (string.printable.encode() * (size // 100 + 1))[:size]


class TestTheKeyOfAnOriginal:
    def test_is_six_folders_and_the_id(self) -> None:
        assert original_key(ID) == KEY

    @pytest.mark.parametrize(("image_id", "key"), [("abc", "a/b/c/abc"), ("x", "x/x")])
    def test_exists_for_short_ids_too(self, image_id: str, key: str) -> None:
        assert original_key(image_id) == key


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
        self, library: Library, s3: "S3Client"
    ) -> None:
        for key in ("0_0_9_9/master/9.jpg", "0_0_9_9/5.jpg"):
            s3.put_object(
                Bucket="crops",
                Key=f"{ID}/{key}",
                Body=b"crop",
                Metadata={"bounds_x": "0", "author": "me"},
            )
        _put(s3, b"another's", key=f"{ID}0/0_0_9_9/5.jpg", bucket="crops")

        crops = library.crops(ID)

        assert [crop.uri for crop in crops] == [
            f"http://crops.s3.amazonaws.com/{ID}/0_0_9_9/5.jpg",
            f"http://crops.s3.amazonaws.com/{ID}/0_0_9_9/master/9.jpg",
        ]
        assert crops[0].size == 4
        assert crops[0].user_metadata == {"bounds_x": "0", "author": "me"}

    def test_may_be_absent(self, library: Library) -> None:
        assert library.crops(ID) == []

    def test_are_all_found_when_there_are_many(self, library: Library, s3: "S3Client") -> None:
        for number in range(5):
            _put(s3, b"crop", key=f"{ID}/{number}", bucket="crops")
        Calls(s3, "ListObjectsV2").edit(_one_page_of_two(s3))

        assert len(library.crops(ID)) == 5

    def test_that_are_deleted_meanwhile_are_left_out(
        self, library: Library, s3: "S3Client"
    ) -> None:
        _put(s3, b"crop", key=f"{ID}/a", bucket="crops")
        _put(s3, b"crop", key=f"{ID}/b", bucket="crops")
        Calls(s3, "ListObjectsV2").edit(
            lambda _: s3.delete_object(Bucket="crops", Key=f"{ID}/a") and None
        )

        assert [crop.uri[-1] for crop in library.crops(ID)] == ["b"]

    @pytest.mark.parametrize("operation", ["ListObjectsV2", "HeadObject"])
    def test_that_are_forbidden_are_not_absent(
        self, library: Library, s3: "S3Client", operation: str
    ) -> None:
        _put(s3, b"crop", key=f"{ID}/a", bucket="crops")
        Calls(s3, operation).refuse("AccessDenied", 403)

        with pytest.raises(SourceForbidden):
            library.crops(ID)

    def test_that_the_library_does_not_keep_are_not_asked_for(
        self, s3: "S3Client", dynamodb: "DynamoDBClient"
    ) -> None:
        plain = AwsLibrary(s3, dynamodb, LibrarySettings(originals_bucket="originals"))

        assert plain.crops(ID) == []


def _one_page_of_two(s3: "S3Client") -> Any:
    def change(parsed: dict[str, Any]) -> None:
        page = s3.list_objects_v2(Bucket="crops", Prefix=f"{ID}/", MaxKeys=2)
        parsed.clear()
        parsed.update(page)

    return change


class TestUserData:
    @pytest.fixture(autouse=True)
    def _tables(self, dynamodb: "DynamoDBClient") -> None:
        for table in ("collections", "edits", "syndication", "status"):
            _create_table(dynamodb, table, "id")
        _create_table(dynamodb, "usages", "grouping", "usage_id", index="media_id")
        _create_table(dynamodb, "leases", "id", index="mediaId")

    def test_is_each_images_own_rows(self, library: Library, dynamodb: "DynamoDBClient") -> None:
        for table in ("collections", "edits", "syndication", "status"):
            dynamodb.put_item(TableName=table, Item={"id": {"S": "a"}, "from": {"S": table}})
        for number in ("1", "2"):
            dynamodb.put_item(
                TableName="usages",
                Item={"grouping": {"S": "g"}, "usage_id": {"S": number}, "media_id": {"S": "a"}},
            )
        dynamodb.put_item(TableName="leases", Item={"id": {"S": "l"}, "mediaId": {"S": "b"}})

        found = library.user_data(["a", "b", "c"])

        assert found == {
            "a": UserData(
                usages=[
                    {"grouping": "g", "usage_id": "1", "media_id": "a"},
                    {"grouping": "g", "usage_id": "2", "media_id": "a"},
                ],
                leases=[],
                collections={"id": "a", "from": "collections"},
                edits={"id": "a", "from": "edits"},
                syndication={"id": "a", "from": "syndication"},
                status={"id": "a", "from": "status"},
            ),
            "b": UserData(usages=[], leases=[{"id": "l", "mediaId": "b"}]),
            "c": UserData(usages=[], leases=[]),
        }

    def test_has_the_types_of_boto3s_resources(
        self, library: Library, dynamodb: "DynamoDBClient"
    ) -> None:
        item: Any = {"id": {"S": "a"}, "labels": {"SS": ["x", "y"]}, "n": {"N": "1.5"}}
        dynamodb.put_item(TableName="edits", Item=item)

        found = library.user_data(["a"])["a"]

        assert isinstance(found, UserData)
        assert found.edits == {"id": "a", "labels": {"x", "y"}, "n": Decimal("1.5")}

    def test_of_25_images_takes_one_consistent_read_of_all_tables(
        self, library: Library, dynamodb: "DynamoDBClient"
    ) -> None:
        reads = Calls(dynamodb, "BatchGetItem")

        assert len(library.user_data([str(number) for number in range(25)])) == 25

        [read] = reads.parameters
        tables = read["RequestItems"]
        assert sorted(len(table["Keys"]) for table in tables.values()) == [25, 25, 25, 25]
        assert all(table["ConsistentRead"] for table in tables.values())

    def test_of_more_images_takes_more_reads_of_at_most_100_keys(
        self, library: Library, dynamodb: "DynamoDBClient"
    ) -> None:
        reads = Calls(dynamodb, "BatchGetItem")

        assert len(library.user_data([str(number) for number in range(30)])) == 30

        assert len(reads.parameters) == 2

    def test_asks_again_for_keys_left_unprocessed(
        self, library: Library, dynamodb: "DynamoDBClient"
    ) -> None:
        dynamodb.put_item(TableName="edits", Item={"id": {"S": "a"}})
        reads = Calls(dynamodb, "BatchGetItem")
        reads.edit(_leave_edits_unprocessed)

        found = library.user_data(["a"])["a"]

        assert isinstance(found, UserData)
        assert found.edits == {"id": "a"}
        assert list(reads.parameters[1]["RequestItems"]) == ["edits"]

    def test_follows_the_pages_of_an_images_usages(
        self, library: Library, dynamodb: "DynamoDBClient"
    ) -> None:
        queries = Calls(dynamodb, "Query")
        usage = {"grouping": {"S": "g"}, "usage_id": {"S": "1"}, "media_id": {"S": "a"}}
        dynamodb.put_item(TableName="usages", Item=usage)
        only_usages = AwsLibrary(
            SESSION.client("s3"),
            dynamodb,
            LibrarySettings("originals", usages_table="usages"),
        )
        queries.answer({"Items": [usage], "LastEvaluatedKey": usage | {"usage_id": {"S": "0"}}})

        found = only_usages.user_data(["a"])["a"]

        assert isinstance(found, UserData)
        assert len(found.usages) == 2

    def test_of_an_image_that_cannot_be_read_is_its_failure_alone(
        self, library: Library, dynamodb: "DynamoDBClient"
    ) -> None:
        _refuse_queries_for("b", dynamodb)

        found = library.user_data(["a", "b", "c"])

        failure = found["b"]
        assert isinstance(failure, Failure)
        assert failure.code == SourceUnavailable.code
        assert failure.retryable
        assert isinstance(found["a"], UserData)
        assert isinstance(found["c"], UserData)

    def test_of_a_batch_that_cannot_be_read_is_the_failure_of_all(
        self, library: Library, dynamodb: "DynamoDBClient"
    ) -> None:
        Calls(dynamodb, "BatchGetItem").refuse("AccessDeniedException")

        found = library.user_data(["a", "b"])

        assert {f.code for f in found.values() if isinstance(f, Failure)} == {SourceForbidden.code}
        assert len(found) == 2

    def test_of_tables_the_library_does_not_keep_is_not_asked_for(
        self, s3: "S3Client", dynamodb: "DynamoDBClient"
    ) -> None:
        plain = AwsLibrary(s3, dynamodb, LibrarySettings(originals_bucket="originals"))
        reads, queries = Calls(dynamodb, "BatchGetItem"), Calls(dynamodb, "Query")

        assert plain.user_data(["a"]) == {"a": UserData()}
        assert not reads.parameters
        assert not queries.parameters


def _leave_edits_unprocessed(parsed: dict[str, Any]) -> None:
    del parsed["Responses"]["edits"]
    keys = {"Keys": [{"id": {"S": "a"}}], "ConsistentRead": True}
    parsed["UnprocessedKeys"] = {"edits": keys}


def _refuse_queries_for(image_id: str, dynamodb: "DynamoDBClient") -> None:
    calls = Calls(dynamodb, "Query")
    lock = threading.Lock()

    def refuse(params: dict[str, Any], **_: Any) -> None:
        with lock:
            if params["ExpressionAttributeValues"][":id"] == {"S": image_id}:
                calls.refuse("InternalServerError", 500)

    dynamodb.meta.events.register("provide-client-params.dynamodb.Query", refuse)


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


def test_the_clients_patience_fits_into_one_projection() -> None:
    config: Any = source_config(16)

    assert config.max_pool_connections == 16
    assert config.read_timeout * config.retries["total_max_attempts"] < 30
