"""The contract of the submissions table."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from reindex.domain.failures import Failure
from reindex.domain.submissions import (
    LogPlace,
    Submission,
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
    client.create_table(
        TableName=name,
        BillingMode="PAY_PER_REQUEST",
        KeySchema=[
            {"AttributeName": "key", "KeyType": "HASH"},
            {"AttributeName": "version", "KeyType": "RANGE"},
        ],
        AttributeDefinitions=[
            {"AttributeName": "key", "AttributeType": "S"},
            {"AttributeName": "version", "AttributeType": "S"},
        ],
    )
    yield DynamoSubmissions(client, name)
    client.delete_table(TableName=name)


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
