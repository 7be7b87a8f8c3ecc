"""A whole run, in memory: each test is one promise of the reindex, by name."""

from __future__ import annotations

import json

import pytest

from reindex.domain.failures import Failure, StoreUnavailable
from reindex.domain.ledger import Ledger
from reindex.domain.messages import Message
from reindex.domain.progress import ProgressRow
from reindex.domain.provenance import Guard
from reindex.domain.states import Phase, State
from reindex.settings import Pace
from reindex.steps.listing import write_and_list
from reindex.steps.preflight import PreflightFailed
from reindex.steps.tick import Admission, Outcome
from reindex.steps.upload import ids_of_lines
from reindex.stores.attributes import MalformedItem
from reindex.stores.interfaces.index import Verdict
from reindex.stores.interfaces.progress_table import Change
from tests.twins.wrapped import Faults
from tests.unit.steps.world import INDEX, TOKEN, World


def test_every_image_ends_verified_or_says_why() -> None:
    world = World()
    ids = [f"image-{n:04d}" for n in range(120)]
    world.add(*ids[:-2], title="cat")
    world.projector.failing[ids[0]] = Failure("not_an_image", "the bytes are of no image")
    world.upload(ids)

    result = world.reindex()

    assert result["status"] == "succeeded"
    assert world.states() == {"verified": 117, "not_found": 2, "known_error": 1}
    assert world.index.documents[ids[5]]["title"] == "cat"
    assert not world.phases.on
    assert not world.run.is_open


def test_what_failed_for_a_passing_reason_is_tried_again() -> None:
    world = World()
    world.add("a", "b")
    world.projector.failing["a"] = Failure("source_unavailable", "S3 is slow", retryable=True)
    world.upload(["a", "b"])
    world.preflight()
    world.open_phase(Phase.INDEX)
    world.tick(Phase.INDEX)
    row = world.table.rows["a"]
    assert (row.state, row.failure and row.failure.code) == (State.QUEUED, "source_unavailable")

    del world.projector.failing["a"]
    world.tick_until_drained(Phase.INDEX)

    assert world.state("a") is State.ENQUEUED


def test_what_fails_again_and_again_is_set_aside_with_its_reason() -> None:
    world = World(max_attempts=3)
    world.add("a")
    world.projector.failing["a"] = Failure("source_unavailable", "S3 is slow", retryable=True)
    world.upload(["a"])

    world.reindex()

    row = world.table.rows["a"]
    assert (row.state, row.attempts) == (State.KNOWN_ERROR, 3)
    assert row.failure is not None
    assert row.failure.message == "S3 is slow"


def test_false_verified_an_older_runs_document_proves_nothing() -> None:
    world = World()
    world.add("a")
    world.upload(["a"])
    world.reindex("run-1")
    world.upload(["a"], name="second")
    world.indexing = False
    world.preflight("run-2")
    world.open_phase(Phase.INDEX)
    world.tick_until_drained(Phase.INDEX)
    world.open_phase(Phase.CHECK)
    world.tick(Phase.CHECK)

    assert world.state("a") is State.ENQUEUED, "run-1 left the same digest in the index"


def test_aba_a_late_write_meets_a_row_that_came_back_to_the_same_state() -> None:
    world = World()
    world.upload(["a"])
    read = world.table.rows["a"]
    late = Change(
        read, read.enqueued(digest="old", created=False, run_id="run-0", check_at=0, now=1)
    )
    away = read.failed(Failure("truncated", ""), run_id="run-1", retry=world.retry, now=2)
    world.table.write([Change(read, away)])
    world.table.write([Change(away, away.requeued(3))])

    assert world.table.write([late]) == set()
    assert world.state("a") is State.QUEUED


def test_resurrection_a_redelivered_create_is_taken_back_when_the_original_is_gone() -> None:
    world = World()
    world.add("a")
    world.upload(["a"])
    world.indexing = False
    world.preflight()
    world.open_phase(Phase.INDEX)
    world.tick_until_drained(Phase.INDEX)
    body = world.backlog.bodies[0]
    world.settle(world.deliver())
    world.remove("a")
    world.backlog.put_raw(body)
    world.settle(world.deliver())
    assert "a" in world.index.documents, "the second delivery created it anew"

    world.open_phase(Phase.CHECK)
    world.tick_until_drained(Phase.CHECK)

    assert world.state("a") is State.NOT_FOUND
    assert "a" not in world.index.documents


def _sent_by_a_worker_that_died(world: World) -> str:
    """Have "a" projected and sent, with nothing of it settled; return the message."""
    world.add("a")
    world.upload(["a"])
    world.indexing = False
    world.preflight()
    world.open_phase(Phase.INDEX)
    row, listed = world.table.rows["a"], dict(world.work_list.listed)
    world.tick_until_drained(Phase.INDEX)
    world.table.rows["a"], world.work_list.listed = row, listed
    return world.backlog.bodies[0]


@pytest.mark.parametrize("asked_for", ["once", "again"])
def test_resurrection_by_a_message_of_an_aborted_run_is_taken_back(asked_for: str) -> None:
    world = World()
    _sent_by_a_worker_that_died(world)
    if asked_for == "again":
        world.open_phase(Phase.INDEX)
        world.tick_until_drained(Phase.INDEX)
        world.upload(["a"], name="second")
    world.end("run-1", "aborted")
    world.remove("a")
    world.settle(world.deliver())
    assert "a" in world.index.documents, "the message created it after its original was gone"
    world.indexing = True

    world.reindex("run-2")

    assert world.states() == {"not_found": 1}
    assert "a" not in world.index.documents


def test_a_document_that_an_aborted_run_verified_is_never_deleted() -> None:
    world = World()
    world.add("a", "b")
    world.upload(["a", "b"])
    world.preflight()
    world.work()
    world.end("run-1", "aborted")
    assert world.states() == {"verified": 2}
    del world.projector.truth["a"], world.library.originals["a"]

    world.upload(["a"], name="second")
    world.reindex("run-2")

    assert world.state("a") is State.NOT_FOUND
    assert "a" in world.index.documents, "a person may want to know of it"


def test_a_document_that_an_unsettled_message_recreates_is_deleted_again() -> None:
    world = World()
    message = _sent_by_a_worker_that_died(world)
    world.remove("a")
    world.open_phase(Phase.INDEX)
    world.tick_until_drained(Phase.INDEX)
    world.settle(world.deliver())
    assert "a" in world.index.documents, "the message created it after its original was gone"

    world.open_phase(Phase.CHECK)
    world.backlog.put_raw(message)
    world.tick(Phase.CHECK)
    assert world.states() == {"enqueued": 1}, "it may come once more"
    world.settle(world.deliver())
    world.tick_until_drained(Phase.CHECK)

    assert world.states() == {"not_found": 1}
    assert "a" not in world.index.documents
    failure = world.table.rows["a"].failure
    assert failure is not None
    assert failure.code == "not_found"


def test_an_image_that_was_gone_and_is_there_again_goes_round_again() -> None:
    world = World()
    world.upload(["a"])
    world.preflight()
    world.open_phase(Phase.INDEX)
    world.tick_until_drained(Phase.INDEX)
    world.add("a")

    world.open_phase(Phase.CHECK)
    world.tick_until_drained(Phase.CHECK)

    assert world.states() == {"queued": 1}


def test_a_document_of_an_image_that_is_gone_is_left_alone_if_no_message_of_ours_brought_it() -> (
    None
):
    world = World()
    world.index.live_write("a", {"id": "a", "by": "live"})
    world.upload(["a"])

    world.reindex()

    assert world.states() == {"not_found": 1}
    assert world.index.documents["a"] == {"id": "a", "by": "live"}


def test_a_resurrected_document_that_a_live_writer_took_over_is_left_alone() -> None:
    world = World.in_phase(Phase.INDEX, "a")
    world.tick_until_drained(Phase.INDEX)
    world.drain()
    del world.library.originals["a"]
    real_delete = world.index.delete

    def overtaken(index: str, image_id: str, guard: Guard) -> Verdict:
        world.index.live_write(image_id, {"id": image_id, "by": "live"})
        return real_delete(index, image_id, guard)

    world.index.delete = overtaken  # type: ignore[method-assign]
    world.open_phase(Phase.CHECK)
    world.tick_until_drained(Phase.CHECK)

    assert world.index.documents["a"]["by"] == "live"
    assert world.states() == {"queued": 1}, "the index holds somebody else's document"


def test_a_resurrected_document_whose_deletion_was_not_answered_is_looked_at_again() -> None:
    world = World.in_phase(Phase.INDEX, "a")
    world.tick_until_drained(Phase.INDEX)
    world.drain()
    del world.library.originals["a"]
    real_delete = world.index.delete
    unanswered = [Verdict.UNAVAILABLE, Verdict.UNAVAILABLE]

    def overloaded(index: str, image_id: str, guard: Guard) -> Verdict:
        return unanswered.pop() if unanswered else real_delete(index, image_id, guard)

    world.index.delete = overloaded  # type: ignore[method-assign]
    world.open_phase(Phase.CHECK)
    world.tick_until_drained(Phase.CHECK)

    assert not unanswered
    assert world.states() == {"not_found": 1}
    assert "a" not in world.index.documents


def test_early_end_rows_that_are_not_on_the_work_list_are_found_by_the_tally() -> None:
    world = World()
    world.add("a", "b")
    world.upload(["a"])
    listed = dict(world.work_list.listed)
    world.upload(["b"], name="second")
    world.work_list.listed = listed
    world.preflight()
    world.open_phase(Phase.INDEX)

    assert world.tick(Phase.INDEX).outcome is Outcome.DRAINED
    world.open_phase(Phase.CHECK)
    world.tick_until_drained(Phase.CHECK)

    told = {"again": True, "round": 1, "unfinished": 1, "order": False}
    assert world.tally() == told
    assert world.work_list.ids(Phase.INDEX) == ["b"]


def test_poison_alone_is_set_aside_and_its_neighbours_go_on() -> None:
    world = World()
    ids = [f"image-{n}" for n in range(25)]
    world.add(*ids)
    world.projector.deadly.add(ids[7])
    world.upload(ids)

    world.reindex()

    assert world.states() == {"verified": 24, "unknown_error": 1}
    failure = world.table.rows[ids[7]].failure
    assert failure is not None
    assert failure.code == "projection_died"


def test_an_image_whose_projection_was_killed_once_is_no_poison() -> None:
    world = World.in_phase(Phase.INDEX, "a")
    world.projector.deadly.add("a")
    world.tick(Phase.INDEX)
    assert world.table.rows["a"].attempts == 1

    world.projector.deadly.clear()
    world.clock.sleep(60)
    world.tick_until_drained(Phase.INDEX)

    assert world.states() == {"enqueued": 1}


def test_poison_that_outlives_its_tick_travels_alone_from_then_on() -> None:
    world = World()
    ids = [f"image-{n}" for n in range(25)]
    world.add(*ids)
    world.projector.deadly.add(ids[7])
    world.upload(ids)
    world.preflight()
    world.open_phase(Phase.INDEX)

    world.tick(Phase.INDEX)

    suspects = [row for row in world.table.rows.values() if row.attempts]
    assert suspects, "time ran out before the culprit was found"
    world.projector.calls.clear()
    world.clock.sleep(60)
    world.tick_until_drained(Phase.INDEX)
    sizes = {len(call) for call in world.projector.calls if set(call) & {s.id for s in suspects}}
    assert sizes == {1}


def test_index_only_fields_survive() -> None:
    world = World()
    world.add("a", title="new")
    world.index.live_write(
        "a",
        {"id": "a", "title": "old", "embedding": [0.1, 0.2], "esInfo": {"migration": {"x": 1}}},
    )
    world.upload(["a"])

    world.reindex()

    document = world.index.documents["a"]
    assert document["title"] == "new"
    assert document["embedding"] == [0.1, 0.2]
    assert document["esInfo"]["migration"] == {"x": 1}
    assert document["esInfo"]["reindex"]["runId"] == "run-1"


def test_a_live_write_between_our_read_and_our_write_wins_and_is_reindexed_after() -> None:
    world = World()
    world.add("a", title="old")
    world.index.live_write("a", {"id": "a", "title": "old"})
    world.upload(["a"])

    def edit() -> None:
        if len(world.projector.calls) == 1:
            world.projector.truth["a"]["title"] = "edited"
            world.index.live_write("a", {"id": "a", "title": "edited"})

    world.projector.interrupt = edit
    result = world.reindex()

    assert result["status"] == "succeeded"
    assert world.meter.counts["ImagesSuperseded"] == 1
    assert world.state("a") is State.VERIFIED
    assert world.index.documents["a"]["title"] == "edited"


def test_a_document_just_modified_waits_until_the_truth_has_settled_and_no_attempt_counts() -> None:
    world = World(pace=Pace(projection_concurrency=1, settle_seconds=300, check_delay_seconds=0))
    world.add("a")
    world.index.live_write("a", {"id": "a", "lastModified": "2026-03-01T17:59:00.000Z"})
    world.upload(["a"])
    world.preflight()
    world.open_phase(Phase.INDEX)

    world.tick(Phase.INDEX)
    row = world.table.rows["a"]
    assert (row.state, row.waits, row.attempts) == (State.QUEUED, 1, 0)
    assert not world.projector.calls
    world.clock.sleep(300)
    world.tick(Phase.INDEX)

    assert world.state("a") is State.ENQUEUED


def test_a_brown_out_of_the_index_fills_no_dead_letter_queue() -> None:
    world = World.in_phase(Phase.INDEX, "a", "b")
    world.indexing = False
    world.tick_until_drained(Phase.INDEX)
    world.index.overloaded = {"a", "b"}
    began = world.clock.now()
    while world.clock.now() < began + 20 * 60:
        world.settle(world.deliver())
        hidden = max(d.hidden_for or 0 for d in world.backlog.deliveries)
        world.clock.sleep(hidden)
    received = max(d.received for d in world.backlog.deliveries)
    assert received < 20, "the queue's redrive allows many more deliveries than this"

    world.index.overloaded = set()
    world.settle(world.deliver())
    world.open_phase(Phase.CHECK)
    world.tick_until_drained(Phase.CHECK)

    assert world.states() == {"verified": 2}
    assert not world.dead_letters.letters


def test_what_is_not_there_yet_is_blameless_while_the_queue_holds_anything() -> None:
    world = World()
    world.add("a")
    world.upload(["a"])
    world.indexing = False
    world.preflight()
    world.open_phase(Phase.INDEX)
    world.tick_until_drained(Phase.INDEX)
    before = world.table.rows["a"]
    world.open_phase(Phase.CHECK)

    for _ in range(5):
        world.tick(Phase.CHECK)

    assert world.table.rows["a"] == before, "no write, no attempt"
    assert world.run.held_by == "the queue is not empty yet"


def test_what_stays_missing_after_every_round_is_inconsistent() -> None:
    world = World(max_attempts=3)
    world.add("a")
    world.upload(["a"])
    world.clock.meanwhile = world.backlog.deliveries.clear

    result = world.reindex()

    row = world.table.rows["a"]
    assert (row.state, row.attempts) == (State.INCONSISTENT, 3)
    assert row.failure is not None
    assert row.failure.code == "document_missing"
    assert result["status"] == "succeeded", "every image is accounted for"


def test_stale_lease_what_a_dead_worker_held_is_worked_alone() -> None:
    ids = [f"image-{n}" for n in range(10)]
    world = World.in_phase(Phase.INDEX, *ids)
    world.die_with(3)
    world.tick(Phase.INDEX)
    assert not world.projector.calls, "the chunk is still another's"

    world.clock.sleep(96)
    world.tick_until_drained(Phase.INDEX)

    assert {world.table.rows[i].attempts for i in ids[:3]} == {1}
    assert {world.table.rows[i].attempts for i in ids[3:]} == {0}
    assert {call for call in world.projector.calls if set(call) & set(ids[:3])} == {
        (i,) for i in ids[:3]
    }


def test_what_may_have_killed_a_worker_is_worked_few_at_a_time_and_then_alone() -> None:
    ids = [f"image-{n}" for n in range(60)]
    world = World.in_phase(Phase.INDEX, *ids)

    def in_progress() -> int:
        windows = [listed.window for listed in world.work_list.listed.values() if listed.holder]
        return sum(window[1] - window[0] for window in windows if window)

    def die() -> None:
        raise KeyboardInterrupt

    world.projector.interrupt = die
    for together in (60, 25):
        with pytest.raises(KeyboardInterrupt):
            world.tick_until_drained(Phase.INDEX)
        assert in_progress() == together
        world.clock.sleep(600)
    sizes: set[int] = set()
    world.projector.interrupt = lambda: sizes.add(in_progress())
    world.tick_until_drained(Phase.INDEX)

    assert sizes == {25, 10, 1}


def test_an_image_that_kills_its_worker_every_time_is_set_aside() -> None:
    world = World(max_attempts=3)
    world.add("a")
    world.upload(["a"])
    world.preflight()
    world.open_phase(Phase.INDEX)
    for _ in range(3):
        world.die_with(1)
        world.clock.sleep(300)
        world.projector.failing["a"] = Failure("source_unavailable", "", retryable=True)
        world.tick(Phase.INDEX)
        world.clock.sleep(300)

    assert world.state("a") in {State.UNKNOWN_ERROR, State.KNOWN_ERROR}


def test_alias_moved_the_report_refuses() -> None:
    world = World()
    world.add("a")
    world.upload(["a"])
    world.preflight()
    for phase in Phase:
        world.open_phase(phase)
        world.tick_until_drained(phase)
    world.tally()
    world.index.aliases["images"] = ["images-000002"]

    result = world.report()

    assert result["status"] == "failed"
    assert result["problems"] == [
        "the alias images moved from images-000001 to images-000002 during the run"
    ]


def test_a_tick_between_opening_and_token_just_ends() -> None:
    world = World()
    world.add("a")
    world.upload(["a"])
    world.preflight()
    world.begin_opening(Phase.INDEX)

    report = world.tick(Phase.INDEX)

    assert report.admission is Admission.OPENING
    assert Phase.INDEX in world.phases.on, "the phase is about to need its rule"
    assert not world.projector.calls


@pytest.mark.parametrize(
    ("accident", "admission"),
    [
        ("closed", Admission.NO_RUN),
        ("other phase", Admission.OTHER_PHASE),
        ("stopped by hand", Admission.EXECUTION_ENDED),
        ("token dead", Admission.TOKEN_DEAD),
    ],
)
def test_a_tick_with_nothing_to_tick_for_turns_its_rule_off(
    accident: str, admission: Admission
) -> None:
    world = World.in_phase(Phase.INDEX, "a")
    match accident:
        case "closed":
            world.runs.update("run-1", {"status": "aborted"})
        case "other phase":
            world.runs.update("run-1", {"phase": Phase.CHECK})
        case "stopped by hand":
            world.phases.running.clear()
        case "token dead":
            world.phases.waiting.clear()

    report = world.tick(Phase.INDEX)

    assert report.admission is admission
    assert Phase.INDEX not in world.phases.on
    assert not world.projector.calls


def test_a_drained_phase_turns_its_rule_off_before_it_reports() -> None:
    world = World.in_phase(Phase.INDEX, "a")

    world.tick_until_drained(Phase.INDEX)

    assert world.phases.log == ["off index", f"succeed {TOKEN}"]


def test_a_refusal_that_is_recorded_before_the_row_settles_is_kept() -> None:
    world = World()
    world.add("a")
    world.index.refused["a"] = "mapper_parsing_exception"
    world.upload(["a"])
    world.preflight()
    world.open_phase(Phase.INDEX)
    send = world.backlog.send

    def send_and_index(messages: object) -> set[str]:
        accepted = send(messages)  # type: ignore[arg-type]
        world.drain()
        return accepted

    world.backlog.send = send_and_index  # type: ignore[method-assign]
    world.tick(Phase.INDEX)

    row = world.table.rows["a"]
    assert row.state is State.KNOWN_ERROR
    assert row.failure is not None
    assert row.failure.detail == "mapper_parsing_exception"


def test_a_refusal_after_the_settling_is_recorded_too() -> None:
    world = World()
    world.add("a")
    world.index.refused["a"] = "mapper_parsing_exception"
    world.upload(["a"])

    world.reindex()

    assert world.state("a") is State.KNOWN_ERROR


def test_a_late_refusal_of_an_older_projection_changes_nothing() -> None:
    world = World()
    world.add("a")
    world.upload(["a"])
    world.indexing = False
    world.preflight()
    world.open_phase(Phase.INDEX)
    world.tick_until_drained(Phase.INDEX)
    body = world.backlog.bodies[0]
    world.indexing = True
    world.drain()
    world.open_phase(Phase.CHECK)
    world.tick_until_drained(Phase.CHECK)
    world.index.refused["a"] = "mapper_parsing_exception"
    world.backlog.put_raw(body)
    world.drain()

    assert world.state("a") is State.VERIFIED


def test_duplicate_and_reordered_messages_change_nothing() -> None:
    world = World()
    ids = [f"image-{n}" for n in range(30)]
    world.add(*ids, title="x")
    world.upload(ids)
    world.indexing = False
    world.preflight()
    world.open_phase(Phase.INDEX)
    world.tick_until_drained(Phase.INDEX)
    for body in reversed(world.backlog.bodies):
        world.backlog.put_raw(body)
    world.indexing = True
    world.drain()
    documents = world.index.documents
    world.open_phase(Phase.CHECK)
    world.tick_until_drained(Phase.CHECK)

    assert world.states() == {"verified": 30}
    assert world.index.documents == documents


def test_an_unreadable_message_goes_to_the_dead_letters_and_is_counted() -> None:
    world = World()
    for body in ("{", '{"subject": "something-else"}', '{"subject": "reingest-image"}', "[]"):
        world.backlog.put_raw(body)

    world.drain()

    assert len(world.dead_letters.letters) == 4
    assert world.meter.counts["MessagesUnreadable"] == 4
    assert world.backlog.depth().total == 0


def test_a_full_backlog_holds_the_workers_back() -> None:
    world = World(pace=Pace(max_backlog=50, projection_concurrency=1, check_delay_seconds=0))
    ids = [f"image-{n}" for n in range(120)]
    world.add(*ids)
    world.upload(ids)
    world.indexing = False
    world.preflight()
    world.open_phase(Phase.INDEX)

    world.tick(Phase.INDEX)

    assert world.backlog.depth().total == 50
    assert world.run.held_by == "the backlog is full"
    world.indexing = True
    world.drain()
    world.tick_until_drained(Phase.INDEX)
    assert world.run.held_by is None


@pytest.mark.parametrize("gate", ["the cluster is red", "the live queue is deep"])
def test_a_gate_that_holds_is_named(gate: str) -> None:
    world = World(pace=Pace(projection_concurrency=1, live_queue_max=0))
    world.add("a")
    world.upload(["a"])
    world.preflight()
    world.open_phase(Phase.INDEX)
    if gate == "the cluster is red":
        world.index.status = "red"
    else:
        world.live_queue.put_raw("a live message")

    report = world.tick(Phase.INDEX)

    assert report.held_by == world.run.held_by == gate
    assert not world.projector.calls


def test_a_paused_run_beats_but_does_not_work() -> None:
    world = World.in_phase(Phase.INDEX, "a")
    world.runs.update("run-1", {"paused": True})

    report = world.tick(Phase.INDEX)

    assert report.admission is Admission.PAUSED
    assert world.phases.beats == 1
    assert not world.projector.calls


def test_a_phase_held_too_long_fails_loudly_and_names_the_gate() -> None:
    world = World.in_phase(Phase.INDEX, "a")
    world.index.status = "red"
    world.tick(Phase.INDEX)
    world.clock.sleep(12 * 3600)

    report = world.tick(Phase.INDEX)

    assert report.outcome is Outcome.GAVE_UP
    error, cause = world.phases.failed[TOKEN]
    assert error == "ReindexHeld"
    assert "the cluster is red" in cause


def test_an_outage_in_a_tick_holds_it_and_loses_nothing() -> None:
    world = World.in_phase(Phase.INDEX, "a")
    world.index.fail_next(3)

    report = world.tick(Phase.INDEX)

    assert report.outcome is Outcome.DRAINED
    assert world.table.rows["a"].attempts == 0


def test_workers_share_the_table_and_never_an_image() -> None:
    world = World(workers=4)
    ids = [f"image-{n}" for n in range(200)]
    world.add(*ids)
    world.upload(ids)

    world.reindex()

    assert world.states() == {"verified": 200}
    projected = [image_id for call in world.projector.calls for image_id in call]
    assert sorted(projected) == sorted(ids)


def test_two_runs_cannot_be_open_at_once() -> None:
    world = World()
    world.upload(["a"])
    world.preflight("run-1")

    with pytest.raises(PreflightFailed, match="run run-1 is open"):
        world.preflight("run-2")


def test_a_run_whose_execution_died_is_taken_over_and_only_what_it_verified_is_not_done_again() -> (
    None
):
    world = World()
    ids = [f"image-{n}" for n in range(40)]
    world.add(*ids)
    world.upload(ids)
    world.reindex("run-1")
    more = [f"more-{n}" for n in range(10)]
    world.add(*more)
    world.upload(more, name="second")
    world.preflight("run-2")
    world.open_phase(Phase.INDEX)
    world.tick(Phase.INDEX)
    world.phases.running.discard("run-2")
    world.projector.calls.clear()

    result = world.reindex("run-3")

    assert result["status"] == "succeeded"
    assert world.states() == {"verified": 50}
    projected = {image_id for call in world.projector.calls for image_id in call}
    assert projected == set(more), "run-2 had projected them from a truth that may be old by now"


@pytest.mark.parametrize(
    ("broken", "finding"),
    [
        ("no alias", "no alias images"),
        ("mapping", "index images-000001: esInfo.reindex is not mapped"),
    ],
)
def test_preflight_names_what_is_wrong_and_touches_no_image(broken: str, finding: str) -> None:
    world = World()
    world.upload(["a"])
    if broken == "no alias":
        world.index.aliases.clear()
    if broken == "mapping":
        world.index.lacking = ["esInfo.reindex is not mapped"]

    with pytest.raises(PreflightFailed, match=finding):
        world.preflight()

    assert not world.run.is_open
    assert world.states() == ({} if broken == "nothing queued" else {"queued": 1})


#: An index in which another document had an object where files have texts.
OBJECT = {"properties": {"y": {"type": "keyword"}}}
MISFIT = {"properties": {"fileMetadata": {"properties": {"xmp": {"properties": {"x:y": OBJECT}}}}}}


def test_a_document_is_written_without_what_the_index_would_refuse() -> None:
    world = World(mapping=MISFIT)
    world.add("a", fileMetadata={"xmp": {"x:y": "text", "x:z": "text"}})
    world.add("b", fileMetadata={"xmp": {"x:z": "text"}})
    world.upload(["a", "b"])
    world.reindex()

    assert world.states() == {"verified": 2}
    assert world.run.misfits == ["fileMetadata.xmp.x:y (object)"]
    assert world.index.documents["a"]["fileMetadata"] == {
        "xmp": {"x:z": "text"},
        "trimmed": ["fileMetadata.xmp.x:y"],
        "trimmedCount": 1,
    }
    assert world.index.documents["b"]["fileMetadata"] == {"xmp": {"x:z": "text"}}


def test_a_field_that_becomes_one_during_the_run_is_left_out_from_the_next_page_on() -> None:
    world = World()
    world.add("a", fileMetadata={"xmp": {"x:y": "text"}})
    world.upload(["a"])
    world.preflight()
    world.index.live_map(MISFIT)
    world.indexing = False
    world.open_phase(Phase.INDEX)
    world.tick(Phase.INDEX)

    [sent] = world.backlog.deliveries
    assert json.loads(Message.parse(sent.body).image)["fileMetadata"] == {
        "trimmed": ["fileMetadata.xmp.x:y"],
        "trimmedCount": 1,
    }


def test_of_many_misfits_the_record_names_some() -> None:
    named = {f"x:{number:03}": OBJECT for number in range(50)}
    xmp = {"properties": {"fileMetadata": {"properties": {"xmp": {"properties": named}}}}}
    world = World(mapping=xmp)
    world.upload(["a"])
    world.preflight()
    assert len(world.run.misfits) == 21
    assert world.run.misfits[-1] == "and 30 more"


def test_preflight_tried_again_finds_its_own_record() -> None:
    world = World()
    world.upload(["a"])

    assert world.preflight("run-1") == world.preflight("run-1")


def test_upload_counts_each_kind_of_line() -> None:
    world = World()
    world.add("a")
    world.upload(["a"])
    world.reindex()
    world.upload(["b"], name="second")

    lines = ["a\n", "b\n", "c\n", "\n", " c \n", "x" * 513]
    done = world.upload(ids_of_lines(lines), name="third")

    assert (done.new, done.queued_again, done.in_work) == (1, 1, 1)
    assert (done.duplicates, done.blank, done.invalid) == (1, 1, 1)
    assert sum(upload.brought.count for upload in world.runs.uploads().values()) == 3


def test_upload_only_new_leaves_finished_images_as_they_are() -> None:
    world = World()
    world.add("a")
    world.upload(["a"])
    world.reindex()

    done = world.upload(["a", "b"], only_new=True, name="second")

    assert (done.new, done.left_finished) == (1, 1)
    assert world.state("a") is State.VERIFIED


def test_conservation_a_row_made_by_other_means_fails_the_report() -> None:
    world = World()
    world.add("a", "smuggled")
    world.upload(["a"])
    world.table.insert([ProgressRow.new("smuggled", "by hand", world.clock.now())])

    result = world.reindex()

    assert result["status"] == "failed"
    assert result["problems"] == ["1 images of the table were not brought by any upload"]


def test_conservation_a_row_that_vanished_fails_the_report() -> None:
    world = World()
    world.add("a", "b")
    world.upload(["a", "b"])
    del world.table.rows["b"]

    result = world.reindex()

    assert result["problems"] == [
        "upload first brought 2 images, but the table holds 1 of it: ids were lost or changed"
    ]


def test_conservation_an_upload_that_died_is_known_by_its_rows() -> None:
    world = World()
    world.add("a", "b")
    record = world.runs.record_upload

    def die_before_the_second(upload: str, brought: Ledger, *, done: bool) -> None:
        if brought.count:
            raise KeyboardInterrupt
        record(upload, brought, done=done)

    world.runs.record_upload = die_before_the_second  # type: ignore[method-assign]
    with pytest.raises(KeyboardInterrupt):
        world.upload(["a", "b"])
    world.runs.record_upload = record  # type: ignore[method-assign]

    assert world.reindex()["status"] == "succeeded"
    assert world.states() == {"verified": 2}


def test_too_large_for_a_message_travels_by_claim_check() -> None:
    world = World()
    world.add("a", text="x")
    world.index.live_write("a", {"id": "a", "embedding": ["y" * 300_000]})
    world.upload(["a"])

    world.reindex()

    assert world.index.documents["a"]["embedding"] == ["y" * 300_000]
    assert any(key.startswith("claims/run-1/") for key in world.files.files)
    assert world.index.name == INDEX


def test_skip_unchanged_verifies_without_a_write_what_the_index_holds_already() -> None:
    world = World()
    world.add("same", "other")
    world.upload(["same", "other"])
    world.reindex("run-1")
    world.add("other", title="edited")
    world.upload(["same", "other"], name="second")
    before = world.index.documents["same"]
    world.index.bulks.clear()

    world.reindex("run-2", skip_unchanged=True)

    assert world.states() == {"verified": 2}
    assert world.index.bulks == [["other"]]
    assert world.index.documents["same"] == before
    assert world.run.counts["unchanged"] == 1


def test_skip_unchanged_is_not_fooled_by_provenance_that_a_live_update_left_in_place() -> None:
    world = World()
    world.add("a", title="true")
    world.upload(["a"])
    world.reindex("run-1")
    world.index.live_write("a", world.index.documents["a"] | {"title": "drifted"})
    world.upload(["a"], name="second")

    world.reindex("run-2", skip_unchanged=True)

    assert world.index.documents["a"]["title"] == "true"


def test_skip_unchanged_no_message_of_an_aborted_run_is_written_after_it_verified() -> None:
    world = World()
    world.add("a", title="true")
    world.upload(["a"])
    world.reindex("run-1")
    world.add("a", title="by a rule that was taken back")
    world.upload(["a"], name="second")
    world.indexing = False
    world.preflight("run-2")
    world.open_phase(Phase.INDEX)
    world.tick_until_drained(Phase.INDEX)
    world.end("run-2", "aborted")
    world.add("a", title="true")

    world.reindex("run-3", skip_unchanged=True)
    world.settle(world.deliver())

    assert world.run.counts["unchanged"] == 1
    assert world.state("a") is State.VERIFIED
    assert world.index.documents["a"]["title"] == "true"
    assert not world.backlog.bodies


@pytest.mark.parametrize("error", [StoreUnavailable("no answer"), MalformedItem("no such phase")])
def test_messages_wait_while_it_is_not_known_which_run_is_open(error: Exception) -> None:
    world = World.in_phase(Phase.INDEX, "a")
    world.indexing = False
    world.tick_until_drained(Phase.INDEX)
    faults = Faults.over(world)
    faults.raising = lambda call: error if str(call) == "runs.current" else None

    world.settle(world.deliver())

    assert len(world.backlog.bodies) == 1
    assert not world.index.documents
    assert not world.dead_letters.letters


def test_resurrection_what_was_created_is_not_confirmed_while_a_message_may_create_it_again() -> (
    None
):
    world = World()
    world.add("a")
    world.upload(["a"])
    world.indexing = False
    world.preflight()
    world.open_phase(Phase.INDEX)
    world.tick_until_drained(Phase.INDEX)
    body = world.backlog.bodies[0]
    world.settle(world.deliver())
    world.backlog.put_raw(body)
    world.open_phase(Phase.CHECK)

    world.tick(Phase.CHECK)

    assert world.state("a") is State.ENQUEUED


def test_resurrection_a_create_of_a_worker_that_died_before_settling_is_this_runs_create() -> None:
    world = World.in_phase(Phase.INDEX, "a")
    world.tick_until_drained(Phase.INDEX)
    world.drain()
    # As if the worker had died before it settled what it had sent, and another worked it again.
    row = world.table.rows["a"]
    again = Change(row, row.requeued(world.clock.now()))
    write_and_list(world.table, world.work_list, [again], "again")
    world.open_phase(Phase.INDEX)
    world.tick_until_drained(Phase.INDEX)

    assert world.table.rows["a"].created


def test_a_tick_whose_token_died_while_the_phase_was_opened_again_leaves_the_rule_on() -> None:
    world = World.in_phase(Phase.INDEX, "a")
    world.phases.waiting.clear()
    heartbeat = world.phases.heartbeat

    def open_again_meanwhile(token: str) -> bool:
        alive = heartbeat(token)
        world.begin_opening(Phase.INDEX)
        return alive

    world.phases.heartbeat = open_again_meanwhile  # type: ignore[method-assign]

    assert world.tick(Phase.INDEX).admission is Admission.OPENING
    assert Phase.INDEX in world.phases.on
