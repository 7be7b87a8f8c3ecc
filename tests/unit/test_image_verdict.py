"""The verdict on an image: a table of what may be wrong with it, and what is said of it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from reindex.domain import outcomes
from reindex.domain.failures import (
    DocumentMissing,
    Failure,
    IndexRefused,
    NotAnImage,
    OriginalNotFound,
    SourceForbidden,
)
from reindex.domain.progress import ProgressRow, RecordedFailure
from reindex.domain.provenance import Guard, Indexed
from reindex.domain.run_records import RunRecord
from reindex.domain.states import Phase, State
from reindex.image.truth import UserData
from reindex.repairs.image_evidence import (
    Comparison,
    DeadLetters,
    Evidence,
    IndexFacts,
    IndexProblem,
    LatestRun,
    NoIndex,
    Place,
    Unknown,
)
from reindex.repairs.image_history import events, facts
from reindex.repairs.image_verdict.deciding import verdict
from reindex.repairs.image_verdict.verdicts import Cause
from reindex.steps.batch_index import BACKLOG_FULL
from reindex.steps.gates import CLUSTER_RED, LIVE_QUEUE_DEEP, OVER_BUDGET
from reindex.stores.interfaces.library import ObjectHistory, ObjectVersion
from reindex.stores.interfaces.queues import Depth
from tests.unit.scripts.test_quoted_commands import problem

AT = datetime(2026, 3, 1, 18, tzinfo=UTC)
NOW = AT.timestamp()
PLACE = Place("http://es:9200", "images", "arn:secret", "uuid", "status", "progress", 20_000)
DOCUMENT = Indexed(
    Guard(7, 1),
    {"esInfo": {"reindex": {"digest": "d", "runId": "r1", "projectedAt": "2026-03-01T17:59:00Z"}}},
    None,
    None,
)
THERE = ObjectHistory("originals", "a/b", 5, AT, versions=[ObjectVersion("v1", AT, 5)])
GONE = ObjectHistory("originals", "a/b", versions=[])
DELETED = ObjectHistory(
    "originals", "a/b", versions=[ObjectVersion("v2", AT, None), ObjectVersion("v1", AT, 5)]
)
FOUND = IndexFacts("images-1", "green", DOCUMENT, found=True)
ABSENT = replace(FOUND, document=None, found=False)
SAME = Comparison(same=True)
DIFFERS = Comparison(same=False, fields=["metadata.title", "usages", "leases", "exports"])


def row(state: State, failure: Failure | None = None, **changes: Any) -> ProgressRow:
    return ProgressRow(
        id="a",
        upload="20260301-170000-ab12",
        state=state,
        rev=3,
        attempts=1 if failure else 0,
        updated_at="2026-03-01T17:59:30.000Z",
        run_id="r1",
        digest="d",
        failure=RecordedFailure.of(failure, NOW) if failure else None,
        due_at=0 if state.phase else None,
        **changes,
    )


def run(
    status: str = "open", *, running: bool = True, ticks: bool = True, **fields: Any
) -> LatestRun:
    record = RunRecord(
        run_id="r1",
        execution="arn:r1",
        index="images-1",
        alias="images",
        status=status,
        phase=Phase.INDEX if status == "open" else None,
        started_at=NOW - 60,
        progressed_at=NOW,
        **fields,
    )
    return LatestRun(record, is_running=running and status == "open", ticks=ticks, dollars=12.3)


def evidence(**facts_: Any) -> Evidence:
    """A verified image that a search finds, except for the facts that a test gives."""
    usual: dict[str, Any] = {
        "original": THERE,
        "thumbnail": True,
        "row": row(State.VERIFIED),
        "run": run("succeeded"),
        "index": FOUND,
        "comparison": SAME,
    }
    return Evidence(image_id="a", at=NOW, place=PLACE, **{**usual, **facts_})


def requeued(failure: Failure) -> str:
    return f"reindex requeue --fingerprint {failure.fingerprint} --yes && reindex start --watch"


QUEUED = {"row": row(State.QUEUED), "index": ABSENT, "comparison": None}
ENQUEUED = {"row": row(State.ENQUEUED), "index": ABSENT, "comparison": None}
REFUSAL = IndexRefused("the index refused the document", "strict_dynamic_mapping").as_failure()
FORBIDDEN = SourceForbidden("S3 refused us.", "GetObject: AccessDenied").as_failure()
MISSING = DocumentMissing("the index holds no document of this image").as_failure()
SECRET = "aws secretsmanager put-secret-value --secret-id arn:secret"
AGAIN = "echo a | reindex start --source file --file - --watch"
IN_OPEN_RUN = "echo a | reindex upload-ids -"
ALLOCATION = "curl 'http://es:9200/_cluster/allocation/explain?pretty'"


@pytest.mark.parametrize(
    ("cause", "words", "command", "found"),
    [
        (Cause.SEARCHABLE, "what would be projected now", "reindex project a", {}),
        (Cause.NO_THUMBNAIL, "no thumbnail", AGAIN, {"thumbnail": False}),
        (
            Cause.ORIGINAL_DELETED,
            "was deleted at 2026-03-01 18:00:00 UTC",
            "aws s3api delete-object --bucket originals --key a/b --version-id v2",
            {"original": DELETED, "row": row(State.NOT_FOUND), "index": ABSENT, "comparison": None},
        ),
        (
            Cause.ORPHAN,
            "yet the index holds a document",
            "aws s3 ls s3://originals/a/b",
            {"original": GONE, "comparison": OriginalNotFound("none").as_failure()},
        ),
        (
            Cause.UNKNOWN_ID,
            "Nothing is known under this id",
            "aws s3 ls s3://originals/a/b",
            {"original": GONE, "row": None, "index": ABSENT, "comparison": None},
        ),
        (
            Cause.FORBIDDEN,
            "GetObject: AccessDenied",
            f"reindex requeue --fingerprint {FORBIDDEN.fingerprint} --yes && reindex start --watch",
            {"row": row(State.KNOWN_ERROR, FORBIDDEN), "index": ABSENT, "comparison": FORBIDDEN},
        ),
        (
            Cause.FORBIDDEN,
            "HeadObject",
            AGAIN,
            {**QUEUED, "original": Failure("source_forbidden", "S3 refused us.", "HeadObject")},
        ),
        (
            Cause.ARCHIVED,
            "GLACIER",
            "aws s3api restore-object --bucket originals --key a/b --restore-request Days=7",
            {**QUEUED, "original": replace(THERE, storage_class="GLACIER", archived=True)},
        ),
        (
            Cause.CANNOT_BE_PROJECTED,
            "not_an_image",
            AGAIN,
            {**QUEUED, "comparison": NotAnImage("No format is known.").as_failure()},
        ),
        (
            Cause.DEAD_LETTER,
            "dead-letter queue: it was delivered too often.",
            "reindex dlq --requeue",
            {**ENQUEUED, "letters": DeadLetters(["it was delivered too often"], 1, 1)},
        ),
        (
            Cause.INDEX_REFUSES,
            "strict_dynamic_mapping",
            requeued(REFUSAL),
            {"row": row(State.KNOWN_ERROR, REFUSAL), "index": ABSENT, "comparison": None},
        ),
        (
            Cause.FAILED,
            "document_missing",
            requeued(MISSING),
            {
                "row": row(State.INCONSISTENT, MISSING),
                "index": ABSENT,
                "comparison": None,
            },
        ),
        (Cause.STALE, "metadata.title, usages, leases and 1 more.", AGAIN, {"comparison": DIFFERS}),
        (Cause.STALE, "metadata.title", AGAIN, {"comparison": DIFFERS, "row": None}),
        (
            Cause.NEVER_UPLOADED,
            "never uploaded",
            AGAIN,
            {"row": None, "index": ABSENT, "comparison": None},
        ),
        (
            Cause.DOCUMENT_LOST,
            "something deleted it",
            AGAIN,
            {"index": ABSENT, "comparison": None},
        ),
        (Cause.NO_RUN, "no run is open", "reindex start --watch", QUEUED),
        (Cause.NO_RUN, "no run is open", "reindex start --watch", {**ENQUEUED, "run": None}),
        (Cause.RUN_PAUSED, "r1 is paused", "reindex resume", {**QUEUED, "run": run(paused=True)}),
        (
            Cause.RUN_DEAD,
            "left its record open",
            "reindex start --watch",
            {**QUEUED, "run": run(running=False)},
        ),
        (
            Cause.SCHEDULE_OFF,
            "turned off the schedule",
            "reindex abort && reindex start --watch",
            {**QUEUED, "run": run(ticks=False)},
        ),
        (
            Cause.CLUSTER_RED,
            "The cluster is red",
            ALLOCATION,
            {**QUEUED, "index": replace(ABSENT, health="red"), "run": run(held_by=CLUSTER_RED)},
        ),
        (
            Cause.CLUSTER_RED,
            "The cluster is red",
            ALLOCATION,
            {"index": IndexFacts("images-1", "red", Unknown("shard"), Unknown("shard"))},
        ),
        (
            Cause.QUEUE_FULL,
            "full (20,001 of 20,000 messages)",
            "reindex status --watch",
            {**QUEUED, "run": run(held_by=BACKLOG_FULL), "queue": Depth(20_001, 0, 0)},
        ),
        (
            Cause.QUEUE_FULL,
            "own ingestion queue",
            "reindex status --watch",
            {**QUEUED, "run": run(held_by=LIVE_QUEUE_DEEP)},
        ),
        (
            Cause.INDEXER_OFF,
            "event source mapping",
            "aws lambda update-event-source-mapping --uuid uuid --enabled",
            {
                **ENQUEUED,
                "run": run(held_by=BACKLOG_FULL),
                "queue": Depth(9, 0, 0),
                "indexer_enabled": False,
            },
        ),
        (
            Cause.RUN_HELD,
            "$12.30",
            "reindex resume --budget 13",
            {**QUEUED, "run": run(held_by=OVER_BUDGET, budget=10.0)},
        ),
        (
            Cause.RUN_HELD,
            "most images fail: index_refused",
            "reindex resume",
            {**QUEUED, "run": run(held_by=outcomes.gate("index_refused"))},
        ),
        (
            Cause.IN_WORK,
            "with 3 messages on the queue",
            "reindex status --watch",
            {
                **ENQUEUED,
                "run": run(held_by="the queue is not empty yet"),
                "queue": Depth(3, 0, 0),
            },
        ),
        (
            Cause.WRONG_SECRET,
            "rejects the credentials",
            f"{SECRET} --secret-string file://secret.json",
            {"index": NoIndex(IndexProblem.REJECTED, "401"), "comparison": None},
        ),
        (
            Cause.INDEX_UNUSABLE,
            "it does not answer: refused",
            "curl 'http://es:9200/_alias/images?pretty'",
            {"index": NoIndex(IndexProblem.SILENT, "refused"), "comparison": None},
        ),
        (
            Cause.HIDDEN,
            "a filter of the alias",
            "curl 'http://es:9200/_alias/images?pretty'",
            {"index": replace(FOUND, found=False)},
        ),
        (
            Cause.SOFT_DELETED,
            "ada deleted it at 2026-01-01",
            """aws dynamodb get-item --table-name status --key '{"id": {"S": "a"}}'""",
            {
                "user_data": UserData(
                    status={"isDeleted": True, "deletedBy": "ada", "deleteTime": "2026-01-01"}
                )
            },
        ),
        (
            Cause.UNREADABLE_ROW,
            "state is None",
            """aws dynamodb get-item --table-name progress --key '{"id": {"S": "a"}}'""",
            {"row": Unknown("progress row 'a': state is None"), "index": ABSENT},
        ),
        (
            Cause.UNDECIDED,
            "the progress table: DynamoDB did not answer",
            "reindex explain a",
            {"row": Unknown("DynamoDB did not answer"), "index": ABSENT, "comparison": None},
        ),
    ],
)
def test_the_cause_a_sentence_and_a_command(
    cause: Cause, words: str, command: str, found: dict[str, Any]
) -> None:
    case = evidence(**found)
    decided = verdict(case)
    assert (decided.cause, decided.command) == (cause, command)
    assert words in decided.sentence
    assert decided.sentence.endswith((".", "?"))
    assert decided.is_fine == (cause in {Cause.SEARCHABLE, Cause.NO_THUMBNAIL})
    # Whatever was found can be shown, and what commands the verdict names exists.
    assert facts(case)
    assert events(case) == sorted(events(case), key=lambda event: event.at)
    for part in command.replace("|", "&&").split("&&"):
        words_ = part.split()
        assert words_[0] != "reindex" or problem(words_[1:]) is None


def test_an_open_run_takes_up_what_is_uploaded() -> None:
    assert verdict(evidence(comparison=DIFFERS, run=run())).command == IN_OPEN_RUN


def test_a_document_that_is_true_is_fine_whatever_the_run_does() -> None:
    case = evidence(row=row(State.QUEUED), run=run(paused=True))
    assert verdict(case).cause is Cause.SEARCHABLE


def test_an_id_is_quoted_for_the_shell() -> None:
    case = replace(evidence(row=None, index=ABSENT, comparison=None), image_id="a b; rm")
    assert verdict(case).command.startswith("echo 'a b; rm' | ")
