"""The contract of the submissions table."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from reindex.domain.failures import Failure
from reindex.domain.submissions import (
    LogPlace,
    Submission,
    SubmissionIndex,
    SubmissionRef,
    SubmissionRow,
    SubmissionState,
)
from reindex.stores.interfaces.submissions import Submissions
from reindex.stores.submissions import DynamoSubmissions
from tests.twins.submissions import MemorySubmissions

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

NOW = 1_795_305_600.0
AT = "2026-03-01T18:00:00.000Z"
PLACE = LogPlace("request", "/aws/lambda/ingest", "stream")
REF = SubmissionRef("me/ä photo.jpg", "v1")


@pytest.fixture(params=["memory", "on_moto", "on_dynamodb_local", "on_ministack"])
def submissions(request: pytest.FixtureRequest) -> Iterator[Submissions]:
    if request.param == "memory":
        yield MemorySubmissions()
        return
    client: DynamoDBClient = request.getfixturevalue(request.param)
    name = f"submissions-{uuid.uuid4().hex}"
    _create_table(client, name)
    yield DynamoSubmissions(client, name)
    client.delete_table(TableName=name)


def _create_table(client: DynamoDBClient, name: str) -> None:
    """Make the table with the keys and indexes that the stack gives it."""
    attributes = ["key", "version", *(index.value for index in SubmissionIndex)]
    client.create_table(
        TableName=name,
        BillingMode="PAY_PER_REQUEST",
        KeySchema=[
            {"AttributeName": "key", "KeyType": "HASH"},
            {"AttributeName": "version", "KeyType": "RANGE"},
        ],
        AttributeDefinitions=[{"AttributeName": each, "AttributeType": "S"} for each in attributes],
        GlobalSecondaryIndexes=[
            {
                "IndexName": index.value,
                "KeySchema": [{"AttributeName": index.value, "KeyType": "HASH"}],
                "Projection": {
                    "ProjectionType": "ALL" if index is SubmissionIndex.FAILURE else "KEYS_ONLY"
                },
            }
            for index in SubmissionIndex
        ],
    )


def row(ref: SubmissionRef = REF) -> SubmissionRow:
    return SubmissionRow.new(Submission(ref, 7, AT), NOW)


def test_a_row_reads_as_it_was_written(submissions: Submissions) -> None:
    failure = Failure("unexpected", "something failed", "ValueError: ä", retryable=False)
    full = replace(
        row().begun(PLACE, NOW).failed(failure, NOW, unexpected=True, kept_at="me/kept"),
        image_id="4e12",
        searchable_at=AT,
    )
    assert submissions.read(REF) is None
    assert submissions.write(full, None)
    assert submissions.read(REF) == full
    assert [*submissions.scan()] == [full]


def test_a_first_row_is_written_only_where_there_is_none(submissions: Submissions) -> None:
    assert submissions.write(row(), None)
    assert not submissions.write(row().begun(PLACE, NOW), None)
    assert submissions.read(REF) == row()


def test_a_row_that_another_wrote_since_is_left(submissions: Submissions) -> None:
    submissions.write(row(), None)
    begun = row().begun(PLACE, NOW)
    assert submissions.write(begun, row())
    assert not submissions.write(begun, row())
    assert submissions.write(begun.put_back(NOW), begun)
    assert not submissions.write(begun.processed("4e12", NOW), begun)
    stored = submissions.read(REF)
    assert stored
    assert (stored.state, stored.attempts) == (SubmissionState.QUEUED, 0)


def test_searchable_is_said_once_and_ends_a_failure(submissions: Submissions) -> None:
    failed = row().begun(PLACE, NOW).processed("4e12", NOW)
    failed = failed.failed(Failure("index_refused", "refused"), NOW)
    submissions.write(failed, None)
    marked = submissions.mark_searchable(REF, AT)
    assert marked
    assert (marked.state, marked.failure, marked.searchable_at) == (
        SubmissionState.PROCESSED,
        None,
        AT,
    )
    assert submissions.mark_searchable(REF, "2026-03-02T00:00:00.000Z") == marked
    assert submissions.read(REF) == marked


def test_a_row_that_is_not_there_cannot_be_marked(submissions: Submissions) -> None:
    assert submissions.mark_searchable(REF, AT) is None
    submissions.write(row(), None)
    submissions.remove(REF)
    submissions.remove(REF)
    assert submissions.read(REF) is None


def test_versions_of_a_key_are_submissions_of_their_own(submissions: Submissions) -> None:
    other = SubmissionRef(REF.key, "v2")
    submissions.write(row(), None)
    submissions.write(row(other), None)
    assert {found.ref for found in submissions.scan()} == {REF, other}


def test_rows_are_found_by_image_by_id_and_by_key(submissions: Submissions) -> None:
    first, second = SubmissionRef(REF.key, "v1"), SubmissionRef("you/b.jpg", "v1")
    done = row(first).begun(PLACE, NOW).processed("4e12", NOW)
    same_image = row(second).begun(PLACE, NOW).processed("4e12", NOW)
    waiting = row(SubmissionRef(REF.key, "v2"))
    for each in (done, same_image, waiting):
        assert submissions.write(each, None)

    assert same(submissions.of_image("4e12"), [done, same_image])
    assert same(submissions.named("4e12"), [done, same_image])
    assert submissions.named(second.id) == [same_image]
    assert same(submissions.named(REF.key), [done, waiting])
    assert submissions.of_image("another") == []
    for name in ("another", "", "x" * 5_000):
        assert submissions.named(name) == []
    submissions.remove(second)
    assert submissions.of_image("4e12") == [done]


def test_failed_rows_are_found_until_they_fail_no_more(submissions: Submissions) -> None:
    failure = Failure("unexpected", "something failed", "ValueError: ä", retryable=False)
    sound = row(SubmissionRef("me/sound.jpg")).begun(PLACE, NOW).processed("4e12", NOW)
    begun = row(SubmissionRef("me/again.jpg")).begun(PLACE, NOW)
    searchable = row(SubmissionRef("me/found.jpg")).begun(PLACE, NOW).processed("5f", NOW)
    again = begun.failed(failure, NOW)
    found = searchable.failed(failure, NOW, unexpected=True)
    for each in (sound, again, found):
        assert submissions.write(each, None)
    assert same(submissions.failed(), [again, found])

    assert submissions.write(again.begun(PLACE, NOW), again)
    assert [*submissions.failed()] == [found]
    assert submissions.mark_searchable(found.ref, AT)
    assert [*submissions.failed()] == []


def test_more_failed_rows_than_a_page_holds_are_all_found(submissions: Submissions) -> None:
    # A page of DynamoDB's is a megabyte.
    failure = Failure("unexpected", "something failed", "x" * 300_000, retryable=False)
    rows = [
        row(SubmissionRef(f"me/{number}.jpg")).begun(PLACE, NOW).failed(failure, NOW)
        for number in range(5)
    ]
    for each in rows:
        assert submissions.write(each, None)
    assert same(submissions.failed(), rows)


def same(found: Iterable[SubmissionRow], expected: Iterable[SubmissionRow]) -> bool:
    """Compare rows that come in no order."""
    return sorted(found, key=_by_ref) == sorted(expected, key=_by_ref)


def _by_ref(each: SubmissionRow) -> tuple[str, str]:
    return each.ref.key, each.ref.version


def test_an_index_entry_costs_a_write_unit_when_it_changes(
    on_dynamodb_local: DynamoDBClient,
) -> None:
    """The bench of the live lane counts two for each submission: by id, and by image."""
    client, name = on_dynamodb_local, f"submissions-{uuid.uuid4().hex}"
    _create_table(client, name)
    units: list[dict[str, float]] = []

    def counting(parsed: Mapping[str, Any], **_: Any) -> None:
        used = parsed["ConsumedCapacity"].get("GlobalSecondaryIndexes", {})
        units.append({index: each["CapacityUnits"] for index, each in used.items()})

    def asking(params: dict[str, Any], **_: Any) -> None:
        params["ReturnConsumedCapacity"] = "INDEXES"

    for operation in ("PutItem", "UpdateItem"):
        client.meta.events.register(f"before-parameter-build.dynamodb.{operation}", asking)
        client.meta.events.register(f"after-call.dynamodb.{operation}", counting)
    try:
        submissions = DynamoSubmissions(client, name)
        begun = row().begun(PLACE, NOW)
        processed = begun.processed("4e12", NOW)
        failed = processed.failed(Failure("index_refused", "refused"), NOW)
        assert submissions.write(begun, None)
        assert submissions.write(processed, begun)
        assert submissions.write(failed, processed)
        assert submissions.mark_searchable(REF, AT)
    finally:
        for operation in ("PutItem", "UpdateItem"):
            client.meta.events.unregister(f"before-parameter-build.dynamodb.{operation}", asking)
            client.meta.events.unregister(f"after-call.dynamodb.{operation}", counting)
        client.delete_table(TableName=name)
    assert units == [
        {"submission_id": 1},
        {"image_id": 1},
        {"failure_code": 1},
        {"failure_code": 1},
    ]
