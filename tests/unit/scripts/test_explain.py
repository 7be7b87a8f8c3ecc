"""What ``reindex explain`` says of images, with one fault planted at a time."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from reindex.domain import stamps
from reindex.domain.failures import CredentialsRejected, Failure, SourceForbidden
from reindex.domain.run_records import RunRecord
from reindex.domain.states import Phase
from reindex.domain.submissions import SubmissionRef, SubmissionRow, SubmissionState
from reindex.repairs.image_verdict.verdicts import Cause
from reindex.reports.samples import Sample, keep
from reindex.stores.interfaces.function_logs import LoggedLine
from reindex.stores.interfaces.library import ObjectHistory, ObjectVersion
from tests.unit.scripts.stage import Stage
from tests.unit.steps.world import ALIAS, START


@pytest.fixture
def stage(stage: Stage) -> Stage:
    """A library of two images, both verified and searchable."""
    # As for a library whose own function projects: this stage's documents are a twin's.
    stage.set(PROJECTION_BY="function", THUMBNAILS_BUCKET="thumbnails", STATUS_TABLE="status")
    stage.add("a", "b", title="true")
    for image_id in ("a", "b"):
        stage.library.thumbnails[image_id] = b"small"
    stage.upload(["a", "b"], name="20260301-170000-ab12")
    stage.whole_run()
    return stage


def told(stage: Stage, image_id: str = "a", *options: str) -> dict[str, Any]:
    result = stage.reindex("explain", image_id, "--json", *options)
    found: dict[str, Any] = json.loads(result.stdout)
    assert result.exit_code == (0 if found["fine"] else 1)
    return found


def facts(found: dict[str, Any]) -> dict[str, str]:
    return {fact["name"]: fact["text"] for fact in found["facts"]}


def test_a_searchable_image_is_explained_from_its_original_to_the_search(stage: Stage) -> None:
    stage.function_logs.lines = [
        LoggedLine(START + 1, "indexer", {"level": "INFO", "message": "written", "id": "a"})
    ]
    result = stage.reindex("explain", "a")
    assert (result.exit_code, result.stderr) == (0, "")
    history, now, verdict = result.stdout.split("\n\n")
    assert [line.split("Z  ")[1] for line in squeezed_columns(history)[1:]] == [
        "original  stored, 5 bytes",
        "progress table  upload 20260301-170000-ab12, which brought the id, began",
        "run  run-1 began",
        "index  projected by run run-1",
        "run  check phase held for 5 s: the queue is not empty yet",
        "run  check phase held for 10 s: the queue is not quiet yet",
        "log of indexer  INFO written id=a",
        "progress table  verified (6) by run run-1",
        "run  run-1 succeeded",
    ]
    assert all(line.startswith("+") for line in now.splitlines()[1:])
    assert verdict.splitlines() == [
        "A search finds it, and its document is what would be projected now.",
        "  reindex project a",
    ]


def squeezed_columns(table: str) -> list[str]:
    return [re.sub(" {2,}", "  ", line).strip() for line in table.splitlines()]


def deleted(stage: Stage) -> None:
    stage.remove("a")
    at = datetime.fromtimestamp(START, UTC)
    stage.library.histories["a"] = ObjectHistory(
        "originals", "a", versions=[ObjectVersion("m", at, None), ObjectVersion("v", at, 5)]
    )


def orphaned(stage: Stage) -> None:
    del stage.projector.truth["a"], stage.library.originals["a"]


def forbidden(stage: Stage) -> None:
    refusal = SourceForbidden("S3 refused us.", "HeadObject: 403")
    stage.library.broken["a"] = refusal
    stage.projector.failing["a"] = refusal.as_failure()


def poisoned(stage: Stage) -> None:
    stage.indexing = False
    in_phase(stage, Phase.INDEX)
    stage.tick_until_drained(Phase.INDEX)
    [delivery] = stage.backlog.deliveries
    stage.backlog.deliveries.clear()
    stage.dead_letters.put_raw("another message")
    stage.dead_letters.put_raw(delivery.body)


def refused(stage: Stage) -> None:
    stage.index.refused["a"] = "strict_dynamic_mapping_exception: [odd]"
    stage.projector.truth["a"] = {"title": "odd"}
    stage.index.live_delete("a")
    stage.upload(["a"], name="again")
    stage.whole_run("run-2")


def stale(stage: Stage) -> None:
    stage.projector.truth["a"] = {"title": "corrected"}


def never_uploaded(stage: Stage) -> None:
    del stage.table.rows["a"]
    stage.index.live_delete("a")


def paused(stage: Stage) -> None:
    in_phase(stage, Phase.INDEX)
    stage.runs.update("run-2", {"paused": True})


def red(stage: Stage) -> None:
    in_phase(stage, Phase.INDEX)
    stage.index.status = "red"


def full(stage: Stage) -> None:
    stage.indexing = False
    for n in range(30):
        stage.backlog.put_raw(f"message {n}")
    stage.set(PROJECTION_BY="function", MAX_BACKLOG="30")
    in_phase(stage, Phase.INDEX)
    stage.runs.update("run-2", {"held_by": "the backlog is full"})


def wrong_secret(stage: Stage) -> None:
    def refuse(alias: str) -> str:
        raise CredentialsRejected("The cluster refuses us: 401")

    stage.index.resolve = refuse  # type: ignore[method-assign]


def in_phase(stage: Stage, phase: Phase) -> RunRecord:
    """Ask for the image anew, whose document is gone, and begin a run."""
    stage.index.live_delete("a")
    stage.upload(["a"], name="again")
    stage.preflight("run-2")
    stage.open_phase(phase)
    return stage.run


@pytest.mark.parametrize(
    ("plant", "cause", "words", "command"),
    [
        (deleted, Cause.ORIGINAL_DELETED, "was deleted at 2026-03-01", "aws s3api delete-object"),
        (orphaned, Cause.ORPHAN, "yet the index holds", "aws s3 ls"),
        (forbidden, Cause.FORBIDDEN, "HeadObject: 403", "echo a | reindex start"),
        (poisoned, Cause.DEAD_LETTER, "delivered too often", "reindex dlq --requeue"),
        (refused, Cause.INDEX_REFUSES, "strict_dynamic_mapping", "reindex requeue --fingerprint"),
        (stale, Cause.STALE, "differs in title.", "echo a | reindex start"),
        (never_uploaded, Cause.NEVER_UPLOADED, "never uploaded", "echo a | reindex start"),
        (paused, Cause.RUN_PAUSED, "run-2 is paused", "reindex resume"),
        (red, Cause.CLUSTER_RED, "The cluster is red", "curl"),
        (full, Cause.QUEUE_FULL, "full (30 of 30 messages)", "reindex status --watch"),
        (wrong_secret, Cause.WRONG_SECRET, "401", "aws secretsmanager put-secret-value"),
    ],
)
def test_each_planted_fault_is_named_with_its_cure(
    stage: Stage, plant: Callable[[Stage], None], cause: Cause, words: str, command: str
) -> None:
    plant(stage)
    rows, documents = dict(stage.table.rows), stage.index.documents
    letters = list(stage.dead_letters.letters)
    found = told(stage)
    assert (found["cause"], found["fine"]) == (cause, False)
    assert words in found["sentence"]
    assert found["command"].startswith(command)
    # Its neighbour is as it was, unless nothing can be said of any.
    assert cause == Cause.WRONG_SECRET or told(stage, "b")["cause"] == Cause.SEARCHABLE
    # It only looked.
    assert (dict(stage.table.rows), stage.index.documents) == (rows, documents)
    assert (stage.dead_letters.letters, stage.dead_letters.depth().in_flight) == (letters, 0)


def test_a_service_that_does_not_answer_leaves_the_rest(stage: Stage) -> None:
    stage.backlog.fail_next(1)
    stage.function_logs.fail_next(1)
    found = told(stage)
    assert found["cause"] == Cause.SEARCHABLE
    assert facts(found)["low-priority queue"].startswith("not known: ")
    assert facts(found)["log of indexer"].startswith("not known: ")


def test_what_takes_too_long_is_not_waited_for(stage: Stage) -> None:
    never: list[str] = []

    def hang(image_id: str) -> ObjectHistory:
        threading.Event().wait()
        never.append(image_id)
        raise AssertionError

    stage.library.history = hang  # type: ignore[method-assign]
    found = told(stage, "a", "--wait", "0.5")
    assert facts(found)["original"] == "source_unavailable: it did not answer in time"
    assert not never


def test_a_projection_that_fails_is_why_a_document_cannot_be_compared(stage: Stage) -> None:
    stage.projector.failing["a"] = Failure("loader_refused", "the loader refused it", "422")
    found = told(stage)
    assert found["cause"] == Cause.CANNOT_BE_PROJECTED
    assert "loader_refused" in found["sentence"]


def test_a_filtered_alias_hides_it(stage: Stage) -> None:
    stage.index.hidden.add("a")
    assert told(stage)["cause"] == Cause.HIDDEN
    assert facts(told(stage))["search"] == f"through {ALIAS} does not find it"


def test_a_document_that_the_next_refresh_shows_is_searched_for_again(stage: Stage) -> None:
    finds = stage.index.finds
    answers = iter([False])
    stage.index.finds = lambda alias, image_id: next(answers, finds(alias, image_id))  # type: ignore[method-assign]
    assert told(stage)["cause"] == Cause.SEARCHABLE


def test_gates_are_those_of_the_time_around_the_rows_last_change(stage: Stage) -> None:
    changed = stamps.parse(stage.table.rows["a"].updated_at)
    assert changed is not None
    for at, gate in ((changed - 7_200, "long before"), (changed - 60, "just before")):
        keep(stage.files, "run-1", Sample(at, 50, Phase.INDEX, 0, held={gate: 30}))
    gates = [event["text"] for event in told(stage)["events"] if event["source"] == "run"]
    assert "index phase held for 30 s: just before" in gates
    assert not any("long before" in gate for gate in gates)


def test_an_images_submission_is_shown(stage: Stage) -> None:
    stage.has_ingest = True
    for image_id, failure in (("a", None), ("b", Failure("unexpected", "It broke.", "", False))):
        row = SubmissionRow(
            ref=SubmissionRef(f"agency/{image_id}.jpg", "version-1"),
            state=SubmissionState.FAILED if failure else SubmissionState.PROCESSED,
            size=5,
            submitted_at="2026-03-01T17:00:00.000Z",
            updated_at="2026-03-01T17:00:02.000Z",
            attempts=1,
            image_id=image_id,
            failure=failure,
        )
        assert stage.submissions.write(row, None)

    found = told(stage)
    assert facts(found)["submission"].endswith("is processed")
    assert "submitted: agency/a.jpg, 5 bytes" in [event["text"] for event in found["events"]]
    assert "b.jpg" not in json.dumps(found)
    assert "is failed: unexpected: It broke." in facts(told(stage, "b"))["submission"]
