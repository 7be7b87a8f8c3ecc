"""The live lane: what becomes of a submitted file, whatever happens on the way."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from reindex.domain.failures import Failure, ReindexFailure
from reindex.domain.progress import ProgressRow
from reindex.domain.submissions import (
    MAX_ATTEMPTS,
    Submission,
    SubmissionRef,
    SubmissionRow,
    SubmissionState,
)
from reindex.image.extract import extract
from reindex.steps import ingest as ingest_module
from reindex.steps import live_index as live_index_module
from reindex.steps.eager_submission import EagerSubmission
from reindex.steps.submissions import (
    Resubmitting,
    Wanted,
    failed_submissions,
    latest_submissions,
)
from reindex.steps.submit import Sent, Submitting
from reindex.steps.trace import trace
from reindex.steps.workbench import remove_leftovers, workbench
from reindex.stores.interfaces.function_logs import LoggedLine
from tests.unit.steps.ingest_world import IngestWorld, event, jpeg

PHOTO = jpeg()
#: Above what Linux numbers.
_NO_PROCESS = 2**22 + 1
PHOTO_ID = hashlib.sha1(PHOTO).hexdigest()


@pytest.fixture
def world() -> IngestWorld:
    return IngestWorld()


def failure_of(world: IngestWorld, ref: SubmissionRef) -> Failure:
    failure = world.row(ref).failure
    assert failure
    return failure


def test_a_submitted_file_is_archived_rendered_indexed_and_removed(world: IngestWorld) -> None:
    ref = world.submit("agency/a photo.jpg", PHOTO, {"identifier!ref": "WS%201"})
    world.settle()

    row = world.row(ref)
    assert (row.state, row.image_id) == (SubmissionState.PROCESSED, PHOTO_ID)
    assert row.searchable_at
    assert world.library.originals[PHOTO_ID] == PHOTO
    assert {kind for _, kind in world.archive.published} == {"thumbnail", "screen", "screen-webp"}
    document = world.index.documents[PHOTO_ID]
    assert document["uploadedBy"] == "agency"
    assert document["uploadInfo"] == {"filename": "a photo.jpg"}
    assert document["identifiers"] == {"ref": "WS 1"}
    assert not world.submitted_files.files


def test_a_key_is_decoded_exactly_once(world: IngestWorld) -> None:
    ref = world.submit("me/a b+ü(1)%41.jpg", PHOTO)
    world.settle()
    assert world.row(ref).state is SubmissionState.PROCESSED
    assert world.index.documents[PHOTO_ID]["uploadInfo"]["filename"] == "a b+ü(1)%41.jpg"


def test_the_test_event_of_a_new_bucket_has_no_records(world: IngestWorld) -> None:
    world.events.put_raw('{"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": "b"}')
    world.settle()
    assert not world.submissions.rows
    assert not world.dead_letters.letters


@pytest.mark.parametrize("body", ["", "[]", '{"Records": [{}]}', '{"Records": [{"s3": 1}]}'])
def test_a_message_that_is_no_event_is_set_aside(world: IngestWorld, body: str) -> None:
    world.events.put_raw(body)
    world.high_priority.queue.put_raw(body)
    world.settle()
    assert [letter for letter, _ in world.dead_letters.letters] == [body, body]


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"plain text", "not_an_image"),
        (b"", "not_an_image"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'><script/></svg>", "unsupported_format"),
        (PHOTO[:100], "truncated"),
        (PHOTO[:-200], "cannot_render"),
    ],
)
def test_what_cannot_be_processed_fails_with_its_reason_and_its_bytes(
    world: IngestWorld, content: bytes, code: str
) -> None:
    ref = world.submit("me/photo.jpg", content)
    world.settle()

    row = world.row(ref)
    assert row.state is SubmissionState.FAILED
    assert failure_of(world, ref).code == code
    assert not row.is_unexpected
    assert row.failed_key
    assert world.submitted_files.failed[row.failed_key].content == content
    assert json.loads(world.submitted_files.reasons[row.failed_key])["failure"]["code"] == code
    assert not world.submitted_files.files
    assert not world.library.originals


def test_a_file_that_is_too_large_is_never_fetched(world: IngestWorld) -> None:
    world.max_megabytes = 0
    ref = world.submit("me/photo.jpg", PHOTO)
    world.settle()
    assert failure_of(world, ref).code == "submission_too_large"


def test_an_unforeseen_failure_is_marked_and_names_its_log(
    world: IngestWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ingest_module, "extract", lambda _: 1 / 0)
    ref = world.submit("me/photo.jpg", PHOTO)
    world.settle()

    row = world.row(ref)
    assert failure_of(world, ref).code == "unexpected"
    assert row.is_unexpected
    assert row.log
    assert row.log.stream == "stream-1"
    assert row.failed_key in world.submitted_files.failed


def test_a_file_that_ends_the_function_is_met_three_times(
    world: IngestWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    class OutOfMemory(BaseException):
        pass

    met = 0

    def die(_: object) -> None:
        nonlocal met
        met += 1
        raise OutOfMemory

    monkeypatch.setattr(ingest_module, "extract", die)
    ref = world.submit("me/photo.jpg", PHOTO)
    for _ in range(3):
        with pytest.raises(OutOfMemory):
            world.ingest_one()
    assert world.row(ref).state is SubmissionState.PROCESSING
    world.settle()

    assert met == 3
    assert failure_of(world, ref).code == "submission_died"
    assert [kept.content for kept in world.submitted_files.failed.values()] == [PHOTO]


def test_a_file_that_was_given_up_while_it_was_processed_is_not_kept_as_failed(
    world: IngestWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    ref = world.submit("me/photo.jpg", PHOTO)
    begun = SubmissionRow.new(Submission(ref, len(PHOTO), "2026-03-01T18:00:00.000Z"), 0)
    world.submissions.rows[ref] = replace(
        begun, state=SubmissionState.PROCESSING, attempts=MAX_ATTEMPTS - 1
    )

    def given_up_meanwhile(file: Any) -> Any:
        world.submitted_files.keep_failed(ref, b"{}")
        return extract(file)

    monkeypatch.setattr(ingest_module, "extract", given_up_meanwhile)
    world.settle()

    assert world.row(ref).state is SubmissionState.PROCESSED
    assert not world.submitted_files.failed


@pytest.mark.parametrize("store", ["submissions", "submitted_files", "archive", "high_priority"])
def test_an_outage_makes_submissions_wait_and_counts_no_attempt(
    world: IngestWorld, store: str
) -> None:
    ref = world.submit("me/photo.jpg", PHOTO)
    for _ in range(10):
        getattr(world, store).fail_next()
        world.ingest_one()
        [waiting] = world.events.deliveries
        assert waiting.hidden_for == min(900, 30 * waiting.received)
    world.settle()
    assert world.row(ref).searchable_at
    assert world.row(ref).attempts <= 1


def test_a_full_disk_makes_a_submission_wait(
    world: IngestWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    ref = world.submit("me/photo.jpg", PHOTO)
    with monkeypatch.context() as patched:

        def full(_: SubmissionRef, to: Path) -> None:
            to.write_bytes(b"some")
            raise OSError(28, "No space left on device")

        patched.setattr(world.submitted_files, "download", full)
        world.ingest_one()
        assert world.row(ref).state is SubmissionState.QUEUED
    world.settle()
    assert world.row(ref).searchable_at


def test_a_file_that_is_gone_is_said_so_once(world: IngestWorld) -> None:
    ref = world.submit("me/photo.jpg", PHOTO)
    world.submitted_files.files.clear()
    world.settle()
    assert failure_of(world, ref).code == "submission_gone"

    world.events.put_raw(event(ref, len(PHOTO)))
    world.settle()
    assert world.meter.counts["SubmissionsFailed"] == 1


def test_a_second_delivery_changes_nothing(world: IngestWorld) -> None:
    ref = world.submit("me/photo.jpg", PHOTO)
    world.settle()
    before = world.row(ref)
    world.events.put_raw(event(ref, len(PHOTO)))
    world.settle()
    assert world.row(ref) == before
    assert world.archive.created[PHOTO_ID] == 1


def test_a_second_submission_keeps_the_first_upload_and_adds_identifiers(
    world: IngestWorld,
) -> None:
    world.submit("first/one.jpg", PHOTO, {"identifier!a": "1", "upload-time": "2020-01-01T00:00Z"})
    world.settle()
    world.submit("second/two.jpg", PHOTO, {"identifier!b": "2", "upload-time": "2026-01-01T00:00Z"})
    world.settle()

    document = world.index.documents[PHOTO_ID]
    assert document["uploadedBy"] == "first"
    assert document["uploadTime"].startswith("2020-01-01")
    assert document["uploadInfo"]["filename"] == "one.jpg"
    assert document["identifiers"] == {"a": "1", "b": "2"}
    assert world.archive.created[PHOTO_ID] == 1


def test_two_files_under_one_key_are_both_taken(world: IngestWorld) -> None:
    other = jpeg("blue")
    refs = [world.submit("me/photo.jpg", PHOTO), world.submit("me/photo.jpg", other)]
    world.events.deliveries.reverse()
    world.settle()
    assert {*world.library.originals.values()} == {PHOTO, other}
    assert all(world.row(ref).searchable_at for ref in refs)


def test_an_original_with_other_bytes_is_never_overwritten(world: IngestWorld) -> None:
    world.library.originals[PHOTO_ID] = b"something else"
    ref = world.submit("me/photo.jpg", PHOTO)
    world.settle()
    assert failure_of(world, ref).code == "archive_conflict"
    assert world.library.originals[PHOTO_ID] == b"something else"
    assert world.meter.counts["ArchiveConflicts"] == 1
    assert [kept.content for kept in world.submitted_files.failed.values()] == [PHOTO]


def test_a_document_that_the_index_refuses_is_the_submissions_failure(world: IngestWorld) -> None:
    world.index.refused[PHOTO_ID] = "mapper_parsing_exception"
    ref = world.submit("me/photo.jpg", PHOTO)
    world.settle()
    row = world.row(ref)
    assert row.state is SubmissionState.FAILED
    assert failure_of(world, ref).code == "index_refused"
    assert world.library.originals[PHOTO_ID] == PHOTO


def test_an_index_that_is_down_keeps_images_on_the_queue(world: IngestWorld) -> None:
    ref = world.submit("me/photo.jpg", PHOTO)
    world.ingest_one()
    for _ in range(20):
        world.index.fail_next(10)
        world.index_some()
    assert world.row(ref).state is SubmissionState.PROCESSED
    assert not world.row(ref).searchable_at
    world.index.fail_next(0)
    world.settle()
    assert world.row(ref).searchable_at


def test_a_writer_in_between_is_not_overwritten(
    world: IngestWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = world.projector.project
    interrupted: list[object] = []

    def interrupt(*args: object) -> object:
        answer = project(*args)
        if not interrupted:
            interrupted.append(world.index.live_write(PHOTO_ID, {"embedding": [1, 2]}))
        return answer

    monkeypatch.setattr(world.projector, "project", interrupt)
    world.submit("me/photo.jpg", PHOTO)
    world.settle()
    assert world.index.documents[PHOTO_ID]["embedding"] == [1, 2]
    assert world.index.documents[PHOTO_ID]["uploadedBy"] == "me"


def test_one_image_of_several_messages_is_written_once(world: IngestWorld) -> None:
    world.submit("me/photo.jpg", PHOTO)
    world.submit("you/photo.jpg", PHOTO)
    world.ingest_one()
    world.ingest_one()
    world.index_some()
    assert world.index.bulks == [[PHOTO_ID]]
    assert all(row.searchable_at for row in world.submissions.rows.values())


def test_large_documents_are_written_in_groups(
    world: IngestWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live_index_module, "GROUP_CHARACTERS", 1)
    for colour in ("red", "blue", "green"):
        world.submit(f"me/{colour}.jpg", jpeg(colour))
        world.ingest_one()
    world.index_some()
    assert [len(bulk) for bulk in world.index.bulks] == [1, 1, 1]
    assert all(row.searchable_at for row in world.submissions.rows.values())


def test_a_workbench_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))

    def work() -> None:
        with workbench() as folder:
            (folder / "file").write_bytes(b"x")
            raise ReindexFailure("whatever happens")

    with pytest.raises(ReindexFailure):
        work()
    assert not [*tmp_path.iterdir()]

    def left(process: int) -> Path:
        folder = Path(tempfile.mkdtemp(prefix=f"image-reindex-work-{process}-"))
        (folder / "left").write_bytes(b"x")
        return folder

    killed, alive = left(_NO_PROCESS), left(os.getppid())
    left(os.getpid())
    remove_leftovers()
    assert [*tmp_path.iterdir()] == [alive]
    assert not killed.exists()


def test_a_file_that_was_not_begun_is_listed_as_queued(world: IngestWorld) -> None:
    waiting = world.submit("me/photo.jpg", PHOTO)
    failed = world.submit("me/text.jpg", b"text")
    world.events.deliveries.reverse()
    world.ingest_one()

    def states(wanted: Wanted, *, only_failed: bool = False) -> dict[SubmissionRef, str]:
        found = latest_submissions(
            world.submissions, world.submitted_files, wanted, at_most=10, only_failed=only_failed
        )
        return {row.ref: row.state.value for row in found.rows}

    assert states(Wanted()) == {waiting: "queued", failed: "failed"}
    assert states(Wanted(), only_failed=True) == {failed: "failed"}
    assert states(Wanted(submitter="you")) == {}
    assert states(Wanted(since=world.clock.now() + 1e6)) == {}


def test_of_more_submissions_than_are_listed_the_latest_are(world: IngestWorld) -> None:
    refs = [world.submit(f"me/{number}.jpg", PHOTO) for number in range(4)]
    for number, ref in enumerate(refs):
        submission = Submission(ref, len(PHOTO), f"2026-03-0{4 - number}T18:00:00.000Z")
        assert world.submissions.write(SubmissionRow.new(submission, world.clock.now()), None)

    found = latest_submissions(world.submissions, world.submitted_files, Wanted(), at_most=2)

    assert [row.ref for row in found.rows] == [refs[1], refs[0]]
    assert found.total == 4


def resubmitting(world: IngestWorld) -> Resubmitting:
    return Resubmitting(world.submissions, world.submitted_files, world.high_priority)


def test_a_failed_file_is_sent_round_again(
    world: IngestWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(ingest_module, "extract", lambda _: 1 / 0)
        ref = world.submit("me/photo.jpg", PHOTO, {"identifier!a": "1"})
        world.settle()
    rows = failed_submissions(world.submissions, Wanted(codes=["unexpected"]))
    assert failed_submissions(world.submissions, Wanted(codes=["not_an_image"])) == []
    assert resubmitting(world).resubmit(rows) == []
    assert ref not in world.submissions.rows
    assert not world.submitted_files.failed

    [new] = world.submitted_files.files
    world.events.put_raw(event(new, len(PHOTO)))
    world.settle()
    assert world.row(new).searchable_at
    assert world.index.documents[PHOTO_ID]["identifiers"] == {"a": "1"}


def test_an_image_that_the_index_refused_is_sent_to_it_again(world: IngestWorld) -> None:
    world.index.refused[PHOTO_ID] = "mapper_parsing_exception"
    ref = world.submit("me/photo.jpg", PHOTO)
    world.settle()
    world.index.refused.clear()
    resubmitting(world).resubmit([world.row(ref)])
    world.settle()
    row = world.row(ref)
    assert (row.state, row.failure) == (SubmissionState.PROCESSED, None)
    assert row.searchable_at


def test_a_failed_file_that_is_nowhere_is_left_and_named(world: IngestWorld) -> None:
    ref = world.submit("me/text.jpg", b"text")
    world.settle()
    world.submitted_files.failed.clear()
    assert resubmitting(world).resubmit([world.row(ref)]) == [world.row(ref)]
    assert ref in world.submissions.rows


def submitting(world: IngestWorld, **identifiers: str) -> Submitting:
    return Submitting(world.submitted_files, world.library, world.clock, "me", identifiers)


def test_a_file_that_waits_or_is_archived_is_not_sent_again(
    world: IngestWorld, tmp_path: Path
) -> None:
    path = tmp_path / "photo.jpg"
    path.write_bytes(PHOTO)

    def submit(**identifiers: str) -> Sent:
        [done] = submitting(world, **identifiers).submit([path])
        assert done.image_id == PHOTO_ID
        return done.sent

    assert submit() is Sent.SENT
    assert submit() is Sent.WAITING
    [ref] = world.submitted_files.files
    world.events.put_raw(event(ref, len(PHOTO)))
    world.settle()
    assert submit() is Sent.ARCHIVED
    # It may lack this identifier.
    assert submit(ref="1") is Sent.SENT


def eager(world: IngestWorld, path: Path) -> SubmissionRow:
    processing = EagerSubmission(
        world.lane.ingest, world.lane.now, world.submissions, world.clock, "eager-1"
    )
    return processing.submit(path, "me/id/photo.jpg", {"uploaded-by": "me"})


def test_eager_mode_comes_to_the_same_and_leaves_the_file(
    world: IngestWorld, tmp_path: Path
) -> None:
    path = tmp_path / "photo.jpg"
    path.write_bytes(PHOTO)
    row = eager(world, path)
    assert row.searchable_at
    assert world.library.originals[PHOTO_ID] == PHOTO
    assert world.index.documents[PHOTO_ID]["uploadedBy"] == "me"
    assert path.exists()
    assert not world.high_priority.queue.deliveries

    path.write_bytes(b"text")
    world.submissions.rows.clear()
    failed = eager(world, path)
    assert failed.failure
    assert failed.failure.code == "not_an_image"


def test_now_records_its_outcome_in_the_progress_table(world: IngestWorld) -> None:
    ids = ["gone", PHOTO_ID, "refused", "unlisted"]
    for image_id in ids[1:]:
        world.library.originals[image_id] = PHOTO
    world.index.refused["refused"] = "mapper_parsing_exception"
    rows = [ProgressRow.new(image_id, "upload", world.clock.now()) for image_id in ids[:3]]
    world.table.insert(rows)

    outcomes = world.lane.now.refresh(ids)

    assert {i for i, outcome in outcomes.items() if outcome.digest} == {PHOTO_ID, "unlisted"}
    assert {image_id: row.state.value for image_id, row in world.table.rows.items()} == {
        "gone": "queued",
        PHOTO_ID: "verified",
        "refused": "known_error",
    }
    assert world.table.rows[PHOTO_ID].digest == outcomes[PHOTO_ID].digest
    # Again, from a final state.
    world.index.refused.clear()
    world.lane.now.refresh(ids)
    assert world.table.rows["refused"].state.value == "verified"


def test_a_trace_is_in_order_of_time(world: IngestWorld) -> None:
    ref = world.submit("me/photo.jpg", PHOTO)
    world.settle()

    class Log:
        def search(self, text: str, since: float) -> Iterator[LoggedLine]:
            if text == ref.id:
                yield LoggedLine(world.clock.now(), "ingest", {"message": "archived"})

    story = trace(PHOTO_ID, world.submissions, world.table, Log(), 0)
    assert [event.at for event in story] == sorted(event.at for event in story)
    assert {event.what.split(":")[0] for event in story} == {
        "submitted",
        "archived",
        "processed after 1 attempt",
        "searchable",
    }
    assert {event.where for event in story} == {f"submission {ref.id}", "ingest"}
    for name in (ref.id, ref.key):
        assert trace(name, world.submissions, world.table, Log(), 0) == story
