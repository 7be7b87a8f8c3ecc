"""The contract of the run record and the ledger."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest

from reindex.domain.ledger import FOLDED, Ledger, UploadRecord
from reindex.domain.run_records import RunRecord
from reindex.domain.states import Phase
from reindex.domain.tally import FIRST_FAILURES, MAX_KINDS, Kind
from reindex.stores.interfaces.runs import Runs

NOW = 1_795_305_600.0
UNTIL = NOW + 95


def record(run_id: str = "run-1") -> RunRecord:
    return RunRecord(
        run_id=run_id,
        execution=f"arn:aws:states:us-east-1:000000000000:execution:reindex:{run_id}",
        index="images_2",
        alias="images",
        started_at=NOW,
        progressed_at=NOW,
    )


# The run record


def test_before_the_first_run_there_is_none(runs: Runs) -> None:
    assert runs.current() is None
    assert not runs.update("run-1", {"paused": True})
    assert not runs.record_progress("run-1", {"enqueued": 1}, NOW)
    assert runs.current() is None


def test_an_opened_run_reads_as_it_was(runs: Runs) -> None:
    full = replace(
        record(),
        phase=Phase.CHECK,
        opening=True,
        task_token="t" * 800,
        paused=True,
        round=3,
        started_at=NOW + 0.125,
        held_by="the cluster is red",
        quiet_since=NOW + 0.1,
        total=40_000_000,
        counts={"verified": 7},
    )
    assert runs.open(full, None)
    assert runs.current() == full


def test_a_first_run_is_opened_only_where_there_is_none(runs: Runs) -> None:
    assert runs.open(record(), None)
    assert not runs.open(record("run-2"), None)
    assert runs.current() == record()


def test_a_run_takes_the_place_of_one_that_ended(runs: Runs) -> None:
    runs.open(record(), None)
    runs.update("run-1", {"status": "succeeded", "ended_at": NOW + 9})
    assert runs.open(record("run-2"), runs.current())
    assert runs.current() == record("run-2")


def test_a_run_takes_over_from_one_that_died_open(runs: Runs) -> None:
    runs.open(record(), None)
    runs.update("run-1", {"progressed_at": NOW + 9})
    assert runs.open(record("run-2"), record())
    assert runs.current() == record("run-2")


def test_a_run_that_changed_its_status_since_is_not_replaced(runs: Runs) -> None:
    runs.open(record(), None)
    runs.update("run-1", {"status": "aborted"})
    assert not runs.open(record("run-2"), record())


def test_a_run_that_was_replaced_is_not_replaced_again(runs: Runs) -> None:
    runs.open(record(), None)
    assert runs.open(record("run-2"), record())
    assert not runs.open(record("run-3"), record())
    assert runs.current() == record("run-2")


def test_of_many_that_open_one_run_wins(contended_runs: Runs) -> None:
    contended_runs.open(record("run-0"), None)
    rivals = [record(f"run-{n}") for n in range(1, 9)]
    with ThreadPoolExecutor(8) as pool:
        opened = list(pool.map(lambda rival: contended_runs.open(rival, record("run-0")), rivals))
    assert [rival for rival, won in zip(rivals, opened, strict=True) if won] == [
        contended_runs.current()
    ]


def test_who_opened_a_run_may_ask_again(runs: Runs) -> None:
    runs.open(record(), None)
    runs.record_progress("run-1", {"enqueued": 3}, NOW + 9)
    before = runs.current()
    assert runs.open(record(), None)
    assert runs.current() == before
    runs.update("run-1", {"status": "failed"})
    assert not runs.open(record(), None)


def test_fields_are_changed_and_removed(runs: Runs) -> None:
    runs.open(replace(record(), held_by="paused"), None)
    changes: dict[str, Any] = {
        "phase": Phase.INDEX,
        "opening": False,
        "round": 1,
        "progressed_at": NOW + 0.5,
        "task_token": "token",
        "held_by": None,
        "quiet_since": None,
    }
    assert runs.update("run-1", changes)
    assert runs.current() == replace(record(), **changes)


@pytest.mark.parametrize(
    "changes", [{"run_id": "run-2"}, {"colour": "red"}, {"index": None}, {"opening": None}]
)
def test_a_change_that_leaves_no_record_of_a_run_is_refused(
    runs: Runs, changes: dict[str, Any]
) -> None:
    runs.open(record(), None)
    with pytest.raises(ValueError, match=next(iter(changes))):
        runs.update("run-1", changes)
    assert runs.current() == record()


def test_another_run_or_one_that_ended_is_not_changed(runs: Runs) -> None:
    runs.open(record(), None)
    assert not runs.update("run-0", {"paused": True})
    assert not runs.record_progress("run-0", {"enqueued": 1}, NOW + 9)
    assert runs.current() == record()
    assert runs.update("run-1", {"status": "failed", "reason": "it stalled"})
    ended = runs.current()
    assert not runs.update("run-1", {"paused": True})
    assert not runs.record_progress("run-1", {"enqueued": 1}, NOW + 9)
    assert runs.current() == ended == replace(record(), status="failed", reason="it stalled")


def test_transitions_are_added_up_by_kind(runs: Runs) -> None:
    runs.open(record(), None)
    assert runs.record_progress("run-1", {"enqueued": 25, "not found": 1}, NOW + 1)
    assert runs.record_progress("run-1", {"enqueued": 5, "status": 2}, NOW + 2)
    assert runs.record_progress("run-1", {}, NOW + 3)
    counts = {"enqueued": 30, "not found": 1, "status": 2}
    assert runs.current() == replace(record(), counts=counts, progressed_at=NOW + 3)


def test_fields_and_transitions_change_together_without_progress_too(runs: Runs) -> None:
    runs.open(record(), None)
    assert runs.record_progress("run-1", {"enqueued": 2}, None, {"recent_projections": {"ok": 2}})
    assert runs.record_progress("run-1", {}, None, {"failed_ticks": 1})
    assert runs.current() == replace(
        record(), counts={"enqueued": 2}, recent_projections={"ok": 2}, failed_ticks=1
    )


def test_of_two_that_decide_the_pace_one_wins(runs: Runs) -> None:
    runs.open(record(), None)
    first, second = {"at": 1.5, "concurrency": 4}, {"at": 46.5, "concurrency": 5}

    assert runs.replace_pace("run-1", first, None)
    assert not runs.replace_pace("run-1", second, None)
    assert not runs.replace_pace("run-1", second, 1.0)
    assert not runs.replace_pace("run-0", second, 1.5)
    assert runs.current() == replace(record(), indexer_pace=first)
    assert runs.replace_pace("run-1", second, 1.5)
    assert runs.current() == replace(record(), indexer_pace=second)


def test_what_indexers_send_is_added_up(runs: Runs) -> None:
    runs.open(record(), None)
    for _ in range(2):
        assert runs.record_bulks("run-1", {"bulks": 1, "documents": 500})
    assert not runs.record_bulks("run-0", {"bulks": 1})
    assert runs.current() == replace(record(), bulks={"bulks": 2, "documents": 1_000})


def test_the_first_failures_of_a_run_are_added_up_by_kind(runs: Runs) -> None:
    runs.open(record(), None)
    assert runs.first_failures("run-1") == {}
    runs.record_failures("run-1", {"0badcafe": Kind("not_an_image", "no image: ä", 2, ["a", "b"])})
    more = {
        "0badcafe": Kind("not_an_image", "no image: 7", 1, ["c"]),
        "feedbeef": Kind("cannot_render", "broken", 1, ["d"]),
    }
    runs.record_failures("run-1", more)
    assert runs.first_failures("run-1") == {
        "0badcafe": Kind("not_an_image", "no image: ä", 3, ["a", "b"]),
        "feedbeef": Kind("cannot_render", "broken", 1, ["d"]),
    }
    assert runs.first_failures("run-2") == {}
    assert runs.current() == record()


def test_no_more_than_the_first_failures_are_kept(runs: Runs) -> None:
    for count in (FIRST_FAILURES - 1, 5, 1):
        runs.record_failures("run-1", {"0badcafe": Kind("not_an_image", "no image", count, ["a"])})
    [kind] = runs.first_failures("run-1").values()
    assert kind.count == FIRST_FAILURES + 4


def test_a_page_may_fail_for_as_many_reasons_as_the_tally_tells_apart(runs: Runs) -> None:
    kinds = {f"{n:08x}": Kind("unexpected", "x" * 200, 1, [f"id-{n}"]) for n in range(MAX_KINDS)}
    runs.record_failures("run-1", kinds)
    assert runs.first_failures("run-1") == kinds


def test_what_was_gathered_is_added_up(runs: Runs) -> None:
    runs.open(record(), None)
    assert runs.record_gathered("run-1", {"new": 3, "invalid": 1})
    assert runs.record_gathered("run-1", {"new": 4})
    assert runs.record_gathered("run-1", {})
    assert not runs.record_gathered("run-0", {"new": 1})
    assert runs.current() == replace(record(), gathered={"new": 7, "invalid": 1})


def test_a_report_is_noted_of_a_run_that_has_ended_too_but_of_no_other(runs: Runs) -> None:
    runs.open(record(), None)
    runs.update("run-1", {"status": "failed"})
    ended = runs.current()
    assert ended is not None
    assert runs.record_report(ended, {"status": "succeeded", "report": "reports/1"})
    assert not runs.record_report(ended, {"report": "reports/2"}), "its status is another by now"
    assert not runs.record_report(record("run-0"), {"report": "reports/3"})
    assert runs.current() == replace(record(), status="succeeded", report="reports/1")


def test_what_moves_at_once_is_all_counted(contended_runs: Runs) -> None:
    contended_runs.open(record(), None)
    with ThreadPoolExecutor(4) as pool:
        list(
            pool.map(
                lambda n: contended_runs.record_progress("run-1", {"enqueued": n}, NOW), range(20)
            )
        )
    assert contended_runs.current() == replace(record(), counts={"enqueued": sum(range(20))})


# The ledger


def test_without_uploads_the_ledger_is_empty(runs: Runs) -> None:
    runs.open(record(), None)
    assert runs.uploads() == {}


def test_the_ledger_holds_each_upload_by_its_name(runs: Runs) -> None:
    runs.record_upload("a", Ledger(2, 2**64 - 1), done=True)
    runs.record_upload("b", Ledger(40_000_000, 7), done=False)
    assert runs.uploads() == {
        "a": UploadRecord(Ledger(2, 2**64 - 1), done=True),
        "b": UploadRecord(Ledger(40_000_000, 7), done=False),
    }


def test_an_upload_says_all_it_brought_and_may_say_it_twice(runs: Runs) -> None:
    runs.record_upload("a", Ledger(2, 10), done=False)
    runs.record_upload("a", Ledger(3, 15), done=True)
    runs.record_upload("a", Ledger(3, 15), done=True)
    assert runs.uploads() == {"a": UploadRecord(Ledger(3, 15), done=True)}


def test_what_an_upload_said_before_does_not_undo_what_it_said_since(runs: Runs) -> None:
    runs.record_upload("a", Ledger(3, 15), done=True)
    runs.record_upload("a", Ledger(2, 10), done=False)
    assert runs.uploads() == {"a": UploadRecord(Ledger(3, 15), done=True)}


def test_uploads_are_folded_into_their_sum_if_they_are_as_they_were(runs: Runs) -> None:
    a, b = UploadRecord(Ledger(3, 15), done=True), UploadRecord(Ledger(2, 2**64 - 1), done=True)
    for name, record in (("a", a), ("b", b), ("c", UploadRecord(Ledger(1, 7), done=True))):
        runs.record_upload(name, record.brought, done=True)
    runs.record_upload("d", Ledger(5, 5), done=False)

    runs.fold({"a": a, "b": b})
    assert runs.uploads() == {
        FOLDED: UploadRecord(Ledger(5, 14), done=True),
        "c": UploadRecord(Ledger(1, 7), done=True),
        "d": UploadRecord(Ledger(5, 5), done=False),
    }

    runs.fold({"c": UploadRecord(Ledger(2, 8), done=True)})
    runs.fold({})
    assert "c" in runs.uploads(), "it is another than the one that was proved"
    runs.fold({"c": UploadRecord(Ledger(1, 7), done=True)})
    assert runs.uploads()[FOLDED] == UploadRecord(Ledger(6, 21), done=True)


def test_more_uploads_are_folded_than_one_transaction_takes(runs: Runs) -> None:
    uploads = {f"u{n:03d}": UploadRecord(Ledger(n, n), done=True) for n in range(230)}
    for name, record in uploads.items():
        runs.record_upload(name, record.brought, done=True)
    runs.fold(uploads)
    total = sum(range(230))
    assert runs.uploads() == {FOLDED: UploadRecord(Ledger(total, total), done=True)}


def test_before_anything_was_forgotten_there_is_no_operation(runs: Runs) -> None:
    runs.record_upload("a", Ledger(3, 15), done=True)
    assert runs.forgettings() == []
