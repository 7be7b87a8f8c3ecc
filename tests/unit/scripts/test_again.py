"""requeue, dlq and certify: what an operator does after a run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from reindex.domain.failures import IndexRefused, NotAnImage
from reindex.domain.states import Phase, State
from reindex.repairs.redrive import HIDDEN_SECONDS
from reindex.repairs.requeue import Requeue, Selection
from tests.unit.scripts.stage import Stage, squeezed


@pytest.fixture
def finished() -> Stage:
    """Two verified images, one not found, two that are no images."""
    stage = Stage()
    stage.add("aa1", "ab2", "ac3", "ac4")
    for image_id in ("ac3", "ac4"):
        failure = NotAnImage("The file is of no image format.").as_failure()
        stage.projector.failing[image_id] = failure
    stage.upload(["aa1", "ab2", "ac3", "ac4", "ad5"], name="first")
    stage.whole_run()
    return stage


# requeue


def test_requeue_prints_its_plan_and_changes_nothing(finished: Stage) -> None:
    before = dict(finished.table.rows)
    result = finished.reindex("requeue", "--state", "known_error", "--state", "not_found")
    assert (result.exit_code, result.stderr) == (0, "")
    assert squeezed(result.stdout) == [
        "state failure images",
        "known_error not_an_image 2",
        "not_found not_found 1",
        "Would queue 3 images again; --yes does.",
    ]
    assert finished.table.rows == before


def test_requeue_applies_its_plan(finished: Stage) -> None:
    result = finished.reindex("requeue", "--code", "not_an_image", "--yes")
    assert result.stdout.splitlines()[-1] == "Queued 2 images again."
    assert finished.states() == {"verified": 2, "queued": 2, "not_found": 1}
    assert finished.table.rows["ac3"].failure is None


def test_requeue_by_fingerprint(finished: Stage) -> None:
    failure = finished.table.rows["ac3"].failure
    assert failure
    result = finished.reindex("requeue", "--fingerprint", failure.fingerprint, "--yes")
    assert result.stdout.splitlines()[-1] == "Queued 2 images again."


def test_requeue_has_a_limit(finished: Stage) -> None:
    result = finished.reindex("requeue", "--code", "not_an_image", "--limit", "1", "--yes")
    assert result.stdout.splitlines()[-1] == "Queued 1 image again."
    assert finished.states()["queued"] == 1


def test_requeue_by_ids_leaves_alone_what_is_in_work_or_unknown(
    finished: Stage, tmp_path: Path
) -> None:
    finished.upload(["new"], name="second")
    ids = tmp_path / "ids.txt"
    ids.write_bytes(b"aa1\naa1\n\nnew\nabsent\n\xff\n")
    plan = finished.reindex("requeue", "--ids", str(ids))
    assert plan.stdout.splitlines()[-1] == (
        "Would queue 1 image again (1 in work already, 2 not in the table); --yes does."
    )
    finished.reindex("requeue", "--ids", str(ids), "--yes")
    assert finished.state("aa1") is State.QUEUED


def test_requeue_holds_no_more_ids_than_it_asks_for_at_once(
    finished: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("reindex.repairs.requeue.CHUNK", 2)
    drawn: list[str] = []

    def ids() -> Iterator[str]:
        for image_id in ("aa1", "aa1", "ab2", "ac3", "ab2", "absent"):
            drawn.append(image_id)
            yield image_id

    held: list[int] = []
    read = finished.table.read

    def counted(some: Sequence[str]) -> Any:
        held.append(len(drawn))
        return read(some)

    monkeypatch.setattr(finished.table, "read", counted)
    requeue = Requeue(finished.table, finished.work_list, finished.clock, "again", segments=1)

    done = requeue.apply(Selection(ids=ids()))

    assert held == [2, 4, 6]
    assert (done.total, done.in_work, done.absent) == (3, 1, 1)


def test_criteria_are_all_to_be_met(finished: Stage) -> None:
    result = finished.reindex("requeue", "--state", "verified", "--code", "not_an_image")
    assert result.stdout == "Would queue 0 images again; --yes does.\n"


def test_requeue_names_rows_that_changed_meanwhile(
    finished: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(finished.table, "write", lambda _: set())
    result = finished.reindex("requeue", "--state", "not_found", "--yes")
    assert result.stdout.splitlines()[-1] == "Queued 0 images again (1 moved meanwhile)."


@pytest.mark.parametrize("args", [(), ("--yes",), ("--state", "queued"), ("--limit", "0")])
def test_requeue_wants_to_know_which(stage: Stage, args: tuple[str, ...]) -> None:
    assert stage.reindex("requeue", *args).exit_code == 2


def test_requeue_with_an_empty_file(stage: Stage) -> None:
    result = stage.reindex("requeue", "--ids", "-", stdin="\n")
    assert (result.exit_code, result.stderr) == (1, "Error: no ids in -\n")


# dlq


@pytest.fixture
def lettered() -> Stage:
    """Three images whose messages went to the dead-letter queue, and one that cannot be read.

    Of the three, one still waits, one was queued again since, and one is not in the table.
    """
    stage = Stage()
    stage.indexing = False
    stage.add("waits", "moved", "gone")
    stage.upload(["waits", "moved", "gone"], name="first")
    stage.preflight()
    stage.open_phase(Phase.INDEX)
    stage.tick_until_drained(Phase.INDEX)
    for body in stage.backlog.bodies:
        stage.dead_letters.put_raw(body)
    stage.backlog.deliveries.clear()
    stage.dead_letters.put("no JSON", "it is no JSON")
    row = stage.table.rows["moved"]
    stage.table.rows["moved"] = row.requeued(stage.clock.now())
    del stage.table.rows["gone"]
    return stage


def test_dlq_groups_by_cause_and_changes_nothing(lettered: Stage) -> None:
    rows, letters = dict(lettered.table.rows), lettered.dead_letters.letters
    for _ in range(2):
        result = lettered.reindex("dlq")
        assert (result.exit_code, result.stderr) == (0, "")
        lines = squeezed(result.stdout)
        assert lines[0] == "messages set aside because the image for example"
        assert sorted(lines[1:]) == [
            "1 delivered too often has moved on moved",
            "1 delivered too often is not in the table gone",
            "1 delivered too often waits for this message waits",
            "1 it is no JSON cannot be told: the message is unreadable",
        ]
    assert (lettered.table.rows, lettered.dead_letters.letters) == (rows, letters)


def test_dlq_sends_ids_round_again(lettered: Stage) -> None:
    result = lettered.reindex("dlq", "--requeue")
    assert (result.exit_code, result.stdout) == (
        0,
        "1 image queued again, 2 messages dropped, 2 left.\n",
    )
    row = lettered.table.rows["waits"]
    assert (row.state, row.attempts) == (State.QUEUED, 0)
    assert row.failure
    assert (row.failure.code, row.failure.detail) == ("dead_lettered", "delivered too often")
    assert lettered.dead_letters.depth().visible == 2
    assert not lettered.backlog.bodies


def test_dlq_discards(lettered: Stage) -> None:
    result = lettered.reindex("dlq", "--discard")
    assert (result.exit_code, result.stdout) == (0, "4 messages dropped, 1 image given up.\n")
    row = lettered.table.rows["waits"]
    assert row.state is State.KNOWN_ERROR
    assert row.failure
    assert row.failure.code == "message_discarded"
    assert lettered.state("moved") is State.QUEUED
    assert lettered.reindex("dlq").stdout == "The dead-letter queue is empty.\n"


def test_an_image_that_was_given_up_for_inconsistent_goes_round_again(lettered: Stage) -> None:
    row = lettered.table.rows["waits"]
    for _ in range(lettered.retry.max_attempts):
        lost = IndexRefused("lost").as_failure()
        row = row.missing(lost, retry=lettered.retry, now=lettered.clock.now())
        if row.state is State.QUEUED:
            row = row.enqueued(
                digest=lettered.table.rows["waits"].digest or "",
                created=True,
                run_id="run-1",
                check_at=0,
                now=lettered.clock.now(),
            )
    assert row.state is State.INCONSISTENT
    lettered.table.rows["waits"] = row
    assert lettered.reindex("dlq", "--requeue").stdout.startswith("1 image queued again")


def test_a_message_whose_image_changes_meanwhile_stays(
    lettered: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lettered.table, "write", lambda _: set())
    result = lettered.reindex("dlq", "--requeue")
    assert result.stdout == "0 images queued again, 1 message dropped, 3 left.\n"


def test_a_pass_ends_when_the_first_messages_come_back(
    lettered: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    receive = lettered.dead_letters.receive

    def forgetful(seconds: int) -> object:
        assert seconds == HIDDEN_SECONDS
        lettered.dead_letters._hidden.clear()
        return receive(seconds)

    monkeypatch.setattr(lettered.dead_letters, "receive", forgetful)
    assert len(squeezed(lettered.reindex("dlq").stdout)) == 5


def test_dlq_does_one_thing(stage: Stage) -> None:
    assert stage.reindex("dlq", "--requeue", "--discard").exit_code == 2


# certify


@pytest.mark.parametrize("args", [(), ("--deep",)])
def test_nothing_is_missing(finished: Stage, args: tuple[str, ...]) -> None:
    finished.index.live_write("other", {"id": "other"})
    result = finished.reindex("certify", *args)
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout == (
        "Nothing is missing: 5 images in the table, 2 verified; "
        "2 documents of reindexes in images-000001, 1 of others.\n"
    )


def test_nothing_is_missing_before_any_run(stage: Stage) -> None:
    assert stage.reindex("certify").exit_code == 0


def test_each_difference_is_named(finished: Stage) -> None:
    finished.index.live_delete("aa1")
    finished.index.live_write("ab2", {"id": "ab2", "esInfo": {}})
    known = {"digest": "0" * 32, "runId": "run-0"}
    finished.index.live_write("ad5", {"id": "ad5", "esInfo": {"reindex": known}})
    finished.index.live_write("ae6", {"id": "ae6", "esInfo": {"reindex": known}})
    result = finished.reindex("certify")
    assert result.exit_code == 1
    assert sorted(result.stdout.splitlines()) == [
        "aa1: verified, but the index holds no document of it",
        "ab2: verified, but the index holds a document that no reindex wrote",
        "ad5: the index holds it, its row says not_found",
        "ae6: the index holds it, the table does not know it",
    ]
    assert result.stderr.startswith("Error: 4 differences: 5 images in the table, 2 verified; ")


def test_another_projection_is_a_difference(finished: Stage) -> None:
    document = finished.index.documents["aa1"]
    document["esInfo"]["reindex"] |= {"digest": "0" * 32, "runId": "run-0"}
    finished.index.live_write("aa1", document)
    result = finished.reindex("certify")
    assert result.stdout == (
        "aa1: verified, but the index holds another projection, of run run-0\n"
    )


def test_only_deep_notices_an_edited_document(finished: Stage) -> None:
    document = finished.index.documents["aa1"]
    finished.index.live_write("aa1", document | {"embedding": [1.0]})
    assert finished.reindex("certify", "--deep").exit_code == 0
    finished.index.live_write("aa1", document | {"title": "edited"})
    assert finished.reindex("certify").exit_code == 0
    result = finished.reindex("certify", "--deep")
    assert result.stdout == "aa1: its document was changed since it was reindexed\n"


def test_the_certificate_of_the_report_is_held_against_the_table(finished: Stage) -> None:
    finished.reindex("requeue", "--ids", "-", "--yes", stdin="aa1\n")
    result = finished.reindex("certify")
    assert result.stdout.splitlines() == [
        "ids aa…: verified images are 0 by the table, were 1 by run run-1's report",
        "aa1: the index holds it, its row says queued",
    ]


def test_lost_rows_and_a_moved_alias_are_named(finished: Stage) -> None:
    del finished.table.rows["ad5"]
    finished.index._indices["images-000002"] = finished.index._indices["images-000001"]
    finished.index.aliases["images"] = ["images-000002"]
    result = finished.reindex("certify")
    uploads, alias = result.stdout.splitlines()
    assert uploads.startswith("the uploads: folded uploads brought 5 images, but the table holds 4")
    assert alias == "the alias: names images-000002, run run-1 wrote to images-000001"


def test_an_index_that_does_not_answer(finished: Stage) -> None:
    finished.index.fail_next(1)
    result = finished.reindex("certify")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == "Error: this twin was told not to answer\n"


def test_certify_counts_documents_of_the_live_lane_as_those_of_others(finished: Stage) -> None:
    for image_id in ("ab9", "zz9"):
        document = {"esInfo": {"reindex": {"digest": "d", "runId": "live", "stage": "TEST"}}}
        finished.index.live_write(image_id, document)
    result = finished.reindex("certify")
    assert result.exit_code == 0, result.stdout
    # One that replaced the document of a run's image is a difference all the same.
    finished.index.live_write("ab2", document)
    result = finished.reindex("certify")
    assert result.exit_code == 1
    assert "another projection, of run live" in result.stdout
