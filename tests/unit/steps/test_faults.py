"""An error is charged only to what caused it: each test has one fault, and what it may affect."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from reindex.domain.failures import SourceArchived, SourceUnavailable, StoreUnavailable, WorkerDied
from reindex.domain.progress import RecordedFailure
from reindex.domain.provenance import Indexed
from reindex.domain.states import Phase, State
from reindex.repairs.certify import Certified, Certifying
from reindex.settings import Pace
from reindex.steps.deliveries import MAX_NOT_TAKEN, Delivery
from reindex.steps.listing import write_and_list
from reindex.steps.preflight import PreflightFailed
from reindex.stores.attributes import MalformedItem
from reindex.stores.interfaces.index import Verdict, WriteResult
from reindex.stores.interfaces.progress_table import Change, RowPage
from tests.twins.index import _Shard
from tests.twins.wrapped import Call, Faults
from tests.unit.steps.night import HOUR, Night, RunFailed
from tests.unit.steps.world import ALIAS, INDEX, World, library_of

BUCKET: dict[str, Any] = {"source": {"kind": "bucket"}}


def in_check(world: World) -> None:
    """Run a world's first run up to its check phase."""
    world.preflight()
    world.open_phase(Phase.INDEX)
    world.tick_until_drained(Phase.INDEX)
    world.open_phase(Phase.CHECK)


class Queue:
    """SQS as it is: what is postponed stays hidden; a hundred receives, then it is set aside."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.due: dict[str, float] = {}
        self.is_busy = False
        world.clock.meanwhile = self.deliver

    def deliver(self) -> None:
        if self.is_busy or not self.world.indexing:
            return
        self.is_busy = True
        now = self.world.clock.now()
        backlog = self.world.backlog
        ready = [d for d in backlog.deliveries if self.due.get(d.receipt, 0) <= now][:500]
        for delivery in ready:
            delivery.received += 1
            delivery.in_flight = True
        again = self.world.run_steps.indexer.handle(
            [Delivery(d.receipt, d.receipt, d.body, d.received) for d in ready]
        )
        for delivery in ready:
            if delivery.receipt not in again or delivery.received >= 100:
                backlog.deliveries.remove(delivery)
            else:
                self.due[delivery.receipt] = now + (delivery.hidden_for or 0)
        self.is_busy = False


# A tick survives whatever it meets


def test_an_index_that_is_away_for_forty_minutes_counts_no_attempt() -> None:
    world, _ = library_of(20, max_attempts=5)
    shards = dict(world.index._indices)
    away = world.clock.now() + 40 * 60

    def come_back() -> None:
        if world.clock.now() > away:
            world.index._indices.update(shards)

    world.preflight()
    world.index._indices.clear()
    night = Night(world, minutes=come_back)
    night.phase(Phase.INDEX)

    assert world.states() == {"enqueued": 20}
    assert {row.attempts for row in world.table.rows.values()} == {0}
    assert night.ticks.keys() <= {"worked", "drained"}


def test_an_index_that_stays_away_ends_the_phase_by_its_name() -> None:
    world, _ = library_of(600, tick_seconds=5)
    world.preflight()
    world.index._indices.clear()

    with pytest.raises(RunFailed, match=rf"ReindexHeld.*no index {INDEX}"):
        Night(world).phase(Phase.INDEX, hours=14)

    assert world.states() == {"queued": 600}


def test_one_original_that_s3_does_not_show_holds_up_no_other() -> None:
    world, ids = library_of(3)
    in_check(world)
    world.library.broken[ids[0]] = SourceUnavailable("S3 did not answer.", "HeadObject: SlowDown")

    Night(world).phase(Phase.CHECK)

    assert world.states() == {"verified": 2, "known_error": 1}
    failure = world.table.rows[ids[0]].failure
    assert failure is not None
    assert (failure.code, world.table.rows[ids[0]].attempts) == ("source_unavailable", 3)


def test_an_archived_original_is_that_images_failure_by_its_name() -> None:
    world, ids = library_of(2)
    in_check(world)
    world.library.broken[ids[0]] = SourceArchived("It is archived.", "InvalidObjectState")

    Night(world).phase(Phase.CHECK)

    assert world.states() == {"verified": 1, "known_error": 1}
    failure = world.table.rows[ids[0]].failure
    assert failure is not None
    assert failure.code == "source_archived"


def test_an_outage_of_s3_in_the_check_counts_no_attempt() -> None:
    world, ids = library_of(20)
    in_check(world)
    world.library.broken = dict.fromkeys(ids, SourceUnavailable("S3 did not answer.", "SlowDown"))
    night = Night(world)
    back = world.clock.now() + HOUR
    night.minutes = lambda: world.library.broken.clear() if world.clock.now() > back else None

    night.phase(Phase.CHECK)

    assert world.states() == {"verified": 20}


@pytest.mark.parametrize(
    "document",
    [
        {"lastModified": 1_700_000_000_000},
        {"lastModified": "the day before yesterday"},
        {"lastModified": "2031-01-01T00:00:00Z"},
        {"lastModified": 9e300},
        {"lastModified": ["2026-01-01"]},
        {"esInfo": "text"},
        {"esInfo": ["list"]},
        {"esInfo": {"reindex": "text"}},
        {"esInfo": {"reindex": {"digest": 7, "runId": ["x"]}}},
        {"usages": "text", "leases": 3, "exports": [None, {"date": {}}]},
        {"embedding": {"of": [1]}},
    ],
    ids=lambda document: json.dumps(document)[:40],
)
def test_a_document_that_is_odd_in_the_index_is_repaired(document: dict[str, Any]) -> None:
    pace = Pace(projection_concurrency=1, check_delay_seconds=0, quiet_seconds=10)
    world, ids = library_of(20, pace=pace)
    world.index.live_write(ids[7], {"id": ids[7], **document})

    Night(world).run("run-1", skip_unchanged=True)

    assert world.states() == {"verified": 20}
    assert world.index.documents[ids[7]]["title"] == "true"


def test_a_modification_in_the_future_is_waited_for_no_longer_than_one_of_now() -> None:
    world, ids = library_of(1, pace=Pace(projection_concurrency=1, settle_seconds=300))
    world.index.live_write(ids[0], {"id": ids[0], "lastModified": "2031-01-01T00:00:00Z"})
    world.preflight()
    world.open_phase(Phase.INDEX)

    world.tick(Phase.INDEX)

    row = world.table.rows[ids[0]]
    assert row.due_at is not None
    assert row.due_at <= world.clock.now() + 300


@pytest.mark.parametrize(
    "stamps",
    [
        {"usagesLastModified": "2026-03-01T17:59:00Z"},
        {"leases": {"lastModified": "2026-03-01T17:59:00Z"}},
        {"lastModified": "2020-01-01T00:00:00Z", "userMetadataLastModified": 1_772_387_940_000},
        {"usages": [{"lastModified": "2020-01-01"}, {"lastModified": "2026-03-01T18:59:00+01:00"}]},
        {"collections": [{"actionData": {"date": "2026-03-01T17:59:00.000Z"}}]},
    ],
    ids=str,
)
def test_the_latest_stamp_that_a_document_has_is_waited_for(stamps: dict[str, Any]) -> None:
    world, ids = library_of(1, pace=Pace(projection_concurrency=1, settle_seconds=300))
    world.index.live_write(ids[0], {"id": ids[0], **stamps})
    world.preflight()
    world.open_phase(Phase.INDEX)

    world.tick(Phase.INDEX)

    assert world.table.rows[ids[0]].waits == 1
    assert not world.projector.calls


@pytest.mark.parametrize("phase", Phase)
def test_a_row_that_cannot_be_read_holds_up_no_other_and_the_report_names_it(phase: Phase) -> None:
    world, ids = library_of(40)
    world.preflight()
    if phase is Phase.CHECK:
        Night(world).phase(Phase.INDEX)
    world.table.unreadable[ids[7]] = f"progress row '{ids[7]}': state is 'Queued'"

    result = Night(world).rounds()

    assert result["status"] == "failed"
    assert any(f"{ids[7]}: progress row" in problem for problem in result["problems"])
    readable = [row.state for i, row in world.table.rows.items() if i != ids[7]]
    assert readable == [State.VERIFIED] * 39
    assert not world.phases.on


def test_a_table_that_dies_of_one_row_holds_up_no_other() -> None:
    world, ids = library_of(40)
    write = world.table.write

    def dies(changes: Sequence[Change]) -> set[str]:
        if any(change.before.id == ids[7] for change in changes):
            raise MalformedItem("an attribute of a kind that nobody foresaw")
        return write(changes)

    world.table.write = dies  # type: ignore[method-assign]
    world.preflight()
    Night(world).phase(Phase.INDEX, hours=14)

    assert world.states() == {"enqueued": 39, "queued": 1}
    assert Phase.INDEX not in world.phases.on


@pytest.mark.parametrize("phase", Phase)
def test_an_unforeseen_error_counts_as_an_attempt_of_its_image(phase: Phase) -> None:
    world, ids = library_of(40)
    read = world.index.read

    def dies(index: str, asked: Sequence[str], fields: Sequence[str]) -> dict[str, Indexed]:
        if ids[7] in asked and world.run.phase is phase:
            raise ZeroDivisionError("nobody foresaw this")
        return read(index, asked, fields)

    world.index.read = dies  # type: ignore[method-assign, assignment]
    result = Night(world).run("run-1")

    assert result["status"] == "succeeded"
    assert world.states() == {"verified": 39, "unknown_error": 1}
    failure = world.table.rows[ids[7]].failure
    assert failure is not None
    assert (failure.code, failure.detail) == (
        "unexpected",
        "ZeroDivisionError: nobody foresaw this",
    )


def test_a_caught_error_returns_the_chunk_and_counts_no_attempt() -> None:
    world, _ = library_of(40)
    world.preflight()
    world.open_phase(Phase.INDEX)
    send = world.backlog.send

    def dies(messages: object) -> set[str]:
        raise ZeroDivisionError

    world.backlog.send = dies  # type: ignore[method-assign]
    world.tick(Phase.INDEX)
    world.backlog.send = send  # type: ignore[method-assign]

    assert {listed.holder for listed in world.work_list.listed.values()} == {None}
    failed = [row.failure.code for row in world.table.rows.values() if row.failure]
    assert "worker_died" not in failed


def test_ten_ticks_in_a_row_that_end_in_an_error_fail_the_phase_with_it() -> None:
    world, _ = library_of(3)
    world.preflight()

    def dies(*_: object) -> None:
        raise ZeroDivisionError("a defect")

    world.work_list.take = dies  # type: ignore[assignment, method-assign]
    night = Night(world)
    with pytest.raises(RunFailed, match=r"TicksFailed.*ZeroDivisionError: a defect"):
        night.phase(Phase.INDEX, hours=14)

    assert night.ticks == {"ended in an error": 9, "gave up: every tick ends in an error": 1}
    assert world.states() == {"queued": 3}


@pytest.mark.parametrize("port", ["work_list", "index"])
def test_a_phase_that_cannot_even_be_failed_falls_silent_and_is_ended(port: str) -> None:
    world, _ = library_of(3, tick_seconds=5)
    world.preflight()
    broken = Faults.over(world)
    defect, outage = ZeroDivisionError("a defect"), StoreUnavailable("no answer")

    def fails(call: Call) -> Exception | None:
        if call.port == "phases" and call.method in {"fail", "turn_off"}:
            return outage
        if call.port != port or call.method not in {"take", "read"}:
            return None
        return defect if port == "work_list" else outage

    broken.raising = fails
    with pytest.raises(RunFailed, match=r"States\.HeartbeatTimeout"):
        Night(world).phase(Phase.INDEX, hours=60)


def test_errors_with_progress_between_them_fail_no_phase() -> None:
    one_at_a_time = Pace(projection_concurrency=1, max_backlog=1, settle_seconds=0)
    world, _ = library_of(30, pace=one_at_a_time, tick_seconds=1)
    world.preflight()
    take = world.work_list.take

    def dies_in_every_other_tick(*args: Any) -> Any:
        if world.phases.beats % 2:
            raise ZeroDivisionError
        return take(*args)

    world.work_list.take = dies_in_every_other_tick  # type: ignore[method-assign, assignment]
    night = Night(world)
    night.phase(Phase.INDEX)

    assert night.ticks["ended in an error"] >= 30
    assert world.states() == {"enqueued": 30}


def test_a_tick_ends_before_its_function_does() -> None:
    world, _ = library_of(200, max_attempts=9)
    death = WorkerDied("the worker died with this image in progress").as_failure()
    now = world.clock.now()
    for row in list(world.table.rows.values()):
        twice = replace(row, rev=2, attempts=2, failure=RecordedFailure.of(death, now))
        world.table.write([Change(row, twice)])
    world.preflight()
    world.open_phase(Phase.INDEX)
    _slow_index(world, 2)

    began = world.clock.now()
    world.tick(Phase.INDEX)

    assert world.clock.now() - began < world.rules.function_seconds


def _slow_index(world: World, seconds: float) -> None:
    read = world.index.read

    def slow(index: str, ids: Sequence[str], fields: Sequence[str]) -> dict[str, Indexed]:
        world.clock.time += seconds
        return read(index, ids, fields)

    world.index.read = slow  # type: ignore[method-assign]


def test_a_check_of_suspects_ends_before_its_function_does() -> None:
    world, _ = library_of(200)
    in_check(world)
    death = WorkerDied("the worker died with this image in progress").as_failure()
    for row in list(world.table.rows.values()):
        failure = RecordedFailure.of(death, world.clock.now())
        twice = replace(row, rev=row.rev + 1, attempts=2, failure=failure)
        world.table.write([Change(row, twice)])
    _slow_index(world, 2)

    began = world.clock.now()
    world.tick(Phase.CHECK)

    assert world.clock.now() - began < world.rules.function_seconds


def test_the_batches_of_a_page_that_have_not_begun_in_time_are_left_to_the_next_tick() -> None:
    world, _ = library_of(500)
    world.preflight()
    world.open_phase(Phase.INDEX)
    _slow_index(world, 10)

    began = world.clock.now()
    world.tick(Phase.INDEX)

    assert world.clock.now() - began < world.rules.function_seconds


def test_a_page_that_has_become_slow_is_left_to_the_next_tick() -> None:
    world, _ = library_of(500)
    world.preflight()
    world.open_phase(Phase.INDEX)
    world.projector.seconds = 28

    began = world.clock.now()
    world.tick(Phase.INDEX)

    assert world.clock.now() - began < world.rules.function_seconds


# One message holds up no other


def test_one_message_that_never_gets_through_holds_up_no_other() -> None:
    world, ids = library_of(30)
    Queue(world)
    world.index.overloaded.add(ids[0])
    night = Night(world)

    began = world.clock.now()
    result = night.run("run-1", hours=13)

    assert result["status"] == "succeeded"
    assert world.states() == {"verified": 29, "known_error": 1}
    failure = world.table.rows[ids[0]].failure
    assert failure is not None
    assert failure.code == "index_unavailable"
    assert world.clock.now() - began < world.rules.max_hold_seconds / 2


def test_one_document_that_keeps_its_whole_request_from_being_answered_holds_up_no_other() -> None:
    world, ids = library_of(30)
    Queue(world)
    write = world.index.write

    def breaks(index: str, writes: Any, uuid: str | None = None) -> list[WriteResult]:
        if any(one.id == ids[0] for one in writes):
            return [WriteResult(Verdict.UNAVAILABLE, "502")] * len(writes)
        return write(index, writes, uuid)

    world.index.write = breaks  # type: ignore[method-assign]
    began = world.clock.now()
    Night(world).run("run-1", hours=13)

    assert world.states() == {"verified": 29, "known_error": 1}
    assert world.clock.now() - began < world.rules.max_hold_seconds / 2


def test_an_index_that_answers_nothing_at_all_charges_no_document() -> None:
    world, ids = library_of(1)
    in_check(world)
    message = _message_of(world, ids[0])

    def silent(index: str) -> str:
        raise StoreUnavailable("no answer")

    world.index.health = silent  # type: ignore[method-assign]
    world.index.fail_next(100)

    assert world.run_steps.indexer.handle([Delivery("m", "r", message, MAX_NOT_TAKEN)]) == ["m"]


def test_a_claim_check_that_can_never_be_read_is_set_aside() -> None:
    world, ids = library_of(2)
    Queue(world)
    world.index.live_write(ids[0], {"id": ids[0], "embedding": ["y" * 300_000]})
    get = world.files.get

    def forbidden(key: str) -> bytes:
        if key.startswith("claims/"):
            raise StoreUnavailable("S3: GetObject: AccessDenied")
        return get(key)

    world.files.get = forbidden  # type: ignore[method-assign]
    world.preflight()
    Night(world).phase(Phase.INDEX)
    Night(world).phase(Phase.CHECK, hours=11)

    assert world.state(ids[1]) is State.VERIFIED
    assert {reason for _, reason in world.dead_letters.letters} == {"S3: GetObject: AccessDenied"}


@pytest.mark.parametrize("until", [9e9, 4_000_000_000])
def test_a_lease_from_the_future_is_taken_over(until: float) -> None:
    world, _ = library_of(3)
    world.preflight()
    assert world.work_list.take(Phase.INDEX, "edited", world.clock.now(), until)

    Night(world).phase(Phase.INDEX)

    assert world.states() == {"enqueued": 3}


def test_chunks_that_no_worker_can_take_end_the_phase() -> None:
    world, _ = library_of(3, tick_seconds=5)
    world.preflight()
    world.work_list.take = lambda *_: None  # type: ignore[method-assign]

    with pytest.raises(RunFailed, match=r"ReindexHeld.*held by: no gate"):
        Night(world).phase(Phase.INDEX, hours=14)


def test_a_document_that_is_not_taken_while_a_shard_is_missing_is_not_charged() -> None:
    world, ids = library_of(1)
    in_check(world)
    world.backlog.deliveries.clear()
    message = _message_of(world, ids[0])
    world.index.overloaded.add(ids[0])
    world.index.status = "red"

    assert world.run_steps.indexer.handle([Delivery("m", "r", message, MAX_NOT_TAKEN)]) == ["m"]

    world.index.status = "yellow"
    assert world.run_steps.indexer.handle([Delivery("m", "r", message, MAX_NOT_TAKEN)]) == []


def _message_of(world: World, image_id: str) -> str:
    """A message as the index phase would send it for an enqueued image."""
    sent: list[str] = []
    send = world.backlog.send

    def keeps(messages: Any) -> set[str]:
        sent.extend(message.body() for message in messages)
        return {message.id for message in messages}

    row = world.table.rows[image_id]
    outdated = Change(row, row.outdated(world.clock.now()))
    write_and_list(world.table, world.work_list, [outdated], "outdated")
    world.backlog.send = keeps  # type: ignore[method-assign]
    world.open_phase(Phase.INDEX)
    world.tick(Phase.INDEX)
    world.backlog.send = send  # type: ignore[method-assign]
    return sent[0]


def test_messages_for_a_deleted_index_do_not_block_the_next_run() -> None:
    """The index does not exist: abort, prepare-index, start, as the runbook says."""
    world, _ = library_of(200, pace=Pace(max_backlog=50, quiet_seconds=10, settle_seconds=0))
    Queue(world)
    world.indexing = False
    world.preflight()
    world.open_phase(Phase.INDEX)
    world.tick(Phase.INDEX)
    del world.index._indices[INDEX]
    world.indexing = True
    world.end("run-1", "aborted")
    world.index._indices["images-000002"] = _Shard(None)
    world.index.aliases["images"] = ["images-000002"]
    world.index.name = "images-000002"

    result = Night(world).run("run-2", hours=13)

    assert result["status"] == "succeeded"
    assert world.states() == {"verified": 200}
    assert len(world.index.documents) == 200


def test_an_index_made_anew_under_the_same_name_is_not_written_by_the_messages_of_the_old() -> None:
    world, ids = library_of(3)
    world.index.live_write(ids[0], {"id": ids[0]})
    world.indexing = False
    world.preflight()
    world.open_phase(Phase.INDEX)
    world.tick_until_drained(Phase.INDEX)
    world.index._indices[INDEX] = _Shard(None)
    # Sequence numbers begin anew: this document has the version that the message expects.
    world.index.live_write(ids[0], {"id": ids[0], "by": "live"})

    world.indexing = True
    world.drain()

    assert world.index.documents == {ids[0]: {"id": ids[0], "by": "live"}}
    assert world.backlog.depth().total == 0


def test_an_index_made_anew_under_the_same_name_is_a_gate() -> None:
    world, _ = library_of(3)
    world.preflight()
    world.open_phase(Phase.INDEX)
    world.index._indices[INDEX] = _Shard(None)

    report = world.tick(Phase.INDEX)

    assert report.held_by == "the index was deleted, and another has its name"
    assert not world.projector.calls


def test_a_dead_letter_queue_that_refuses_holds_up_no_other_message() -> None:
    world, _ = library_of(2)
    world.indexing = False
    world.preflight()
    world.open_phase(Phase.INDEX)
    world.tick(Phase.INDEX)
    world.backlog.put_raw("not ours")
    world.dead_letters.fail_next()

    again = world.deliver()
    world.settle(again)

    assert len(world.index.documents) == 2
    assert world.backlog.bodies == ["not ours"]


@pytest.mark.parametrize("stored", [b"no JSON", b"[]", b'"text"', b"\xff\xfe"])
def test_a_claim_check_that_holds_no_document_spoils_its_own_message_alone(stored: bytes) -> None:
    world, ids = library_of(2)
    world.index.live_write(ids[0], {"id": ids[0], "embedding": ["y" * 300_000]})
    world.indexing = False
    world.preflight()
    world.open_phase(Phase.INDEX)
    world.tick(Phase.INDEX)
    for key in world.files.files:
        if key.startswith("claims/"):
            world.files.files[key] = stored

    world.settle(world.deliver())

    assert world.index.documents[ids[1]]["title"] == "true"
    assert len(world.dead_letters.letters) == 1


def test_what_the_indexer_dies_of_is_set_aside_alone() -> None:
    world, ids = library_of(30)
    world.indexing = False
    world.preflight()
    world.open_phase(Phase.INDEX)
    world.tick_until_drained(Phase.INDEX)
    write = world.index.write

    def dies(index: str, writes: Any, uuid: str | None = None) -> list[WriteResult]:
        if any(one.id == ids[7] for one in writes):
            raise ZeroDivisionError("nobody foresaw this")
        return write(index, writes, uuid)

    world.index.write = dies  # type: ignore[method-assign]
    world.settle(world.deliver())

    assert len(world.index.documents) == 29
    [(body, reason)] = world.dead_letters.letters
    assert ids[7] in body
    assert reason == "ZeroDivisionError: nobody foresaw this"


# The end of a run


def test_a_run_that_failed_in_its_tally_is_reported_by_the_next() -> None:
    world, _ = library_of(1)
    in_check(world)
    world.tick_until_drained(Phase.CHECK)
    world.end("run-1", "failed")

    result = Night(world).run("run-2")

    assert result["status"] == "succeeded"
    assert world.projector.calls == [("i0000",)]


def test_a_run_that_was_reported_leaves_nothing_to_start_for() -> None:
    world, _ = library_of(1)
    world.reindex("run-1")

    for run_id in ("run-2", "run-3"):
        with pytest.raises(RunFailed, match="nothing is queued"):
            Night(world).run(run_id)


def test_a_report_is_written_again_of_what_the_table_holds_now() -> None:
    world, _ = library_of(2)
    in_check(world)
    world.tick_until_drained(Phase.CHECK)
    world.end("run-1", "failed")

    result = world.run_steps.tallying.report_again("run-1", segments=3)

    assert result["status"] == world.run.status == "succeeded"
    assert world.run.report == result["report"]


def test_a_report_that_is_tried_again_says_the_same() -> None:
    world, _ = library_of(2)
    in_check(world)
    world.tick_until_drained(Phase.CHECK)
    world.tally()

    first = world.report()
    world.clock.sleep(100)

    assert world.report() == first
    assert world.run.status == "succeeded"


def test_a_report_does_not_undo_an_abort() -> None:
    world, _ = library_of(2)
    in_check(world)
    world.tick_until_drained(Phase.CHECK)
    world.tally()
    world.end("run-1", "aborted")

    world.report()

    assert world.run.status == "aborted"


def test_a_segment_that_is_counted_twice_at_once_counts_nothing_twice(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("reindex.steps.tally.SEGMENT_SECONDS", 5)
    world, _ = library_of(500)
    world.preflight()
    scan = world.table.scan
    seconds = {"quick": 1, "slow": 3}
    pace = "slow"

    def timed(*args: Any) -> RowPage:
        world.clock.time += seconds[pace]
        return scan(*args)

    world.table.scan = timed  # type: ignore[method-assign, assignment]
    first = world.run_steps.tallying.segment("run-1", 0, 0, 1, None)
    pace = "quick"
    second = world.run_steps.tallying.segment("run-1", 0, 0, 1, None)
    assert first == second, "both go on from where the file that stands ends"
    cursor = first["next"]
    while cursor:
        cursor = world.run_steps.tallying.segment("run-1", 0, 0, 1, cursor)["next"]

    assert world.run_steps.tallying.decide("run-1", 0, 1)["unfinished"] == 500


def test_an_upload_while_the_run_tallies_is_no_loss() -> None:
    world, _ = library_of(1)
    in_check(world)
    world.tick_until_drained(Phase.CHECK)
    world.tally()
    world.add("late")
    world.upload(["late"], name="second")

    assert world.report()["status"] == "succeeded"


@pytest.mark.parametrize("segment", range(3))
def test_an_upload_while_the_table_is_scanned_is_no_loss(segment: int) -> None:
    world, _ = library_of(20)
    in_check(world)
    world.tick_until_drained(Phase.CHECK)
    counted = world.run_steps.tallying.segment
    late = [f"late-{n}" for n in range(30)]
    world.add(*late)

    for each in range(3):
        if each == segment:
            world.upload(late, name="second")
        counted("run-1", 0, each, 3, None)
    world.run_steps.tallying.decide("run-1", 0, 3)
    result = world.report()

    assert not any("lost" in p or "not brought" in p for p in result["problems"])


def test_preflight_asks_again_a_service_that_was_busy_for_a_moment() -> None:
    world, _ = library_of(1)
    world.phases.running.add("run-1")
    world.run_steps.gathering.plan("run-1", {})
    world.index.fail_next(2)

    assert world.check("run-1")["work"]


def test_preflight_names_a_service_that_stays_away() -> None:
    world, _ = library_of(1)
    world.index.fail_next(100)

    with pytest.raises(PreflightFailed, match="told not to answer"):
        world.preflight()


# Old truth is never verified


def test_what_an_aborted_run_enqueued_is_projected_anew_by_the_next() -> None:
    world, ids = library_of(300)
    world.preflight("run-1")
    world.open_phase(Phase.INDEX)
    world.tick_until_drained(Phase.INDEX)
    world.drain()
    world.end("run-1", "aborted")
    world.add(*ids, title="newer")

    result = world.reindex("run-2")

    assert result["status"] == "succeeded"
    assert {d["title"] for d in world.index.documents.values()} == {"newer"}
    report = json.loads(world.files.get(world.run.report or ""))
    assert report["certificate"]["runs"] == {"run-2": 300}


def test_the_next_months_run_projects_what_a_failed_one_enqueued() -> None:
    world = World()
    ids = [f"i{n:04d}" for n in range(300)]
    world.add(*ids, title="january")
    world.gather(BUCKET, "jan")
    world.check("jan")
    world.open_phase(Phase.INDEX)
    world.tick_until_drained(Phase.INDEX)
    world.drain()
    world.end("jan", "failed")
    world.clock.time += 30 * 24 * HOUR
    world.add(*ids, title="february")

    world.reindex("feb", **BUCKET)

    assert {d["title"] for d in world.index.documents.values()} == {"february"}


def test_an_image_asked_for_while_it_is_enqueued_is_projected_anew_in_the_same_run() -> None:
    world, ids = library_of(3)
    in_check(world)
    world.add(*ids, title="newer")
    world.upload(ids, name="second")

    Night(world).rounds()

    assert {d["title"] for d in world.index.documents.values()} == {"newer"}
    assert world.states() == {"verified": 3}


def test_an_image_asked_for_while_it_is_projected_is_not_enqueued_from_the_older_truth() -> None:
    world, ids = library_of(1)
    world.preflight()
    world.open_phase(Phase.INDEX)

    def ask_again() -> None:
        if len(world.projector.calls) == 1:
            world.add(*ids, title="newer")
            world.upload(ids, name="second")

    world.projector.interrupt = ask_again
    world.tick_until_drained(Phase.INDEX)
    Night(world).rounds()

    assert world.index.documents[ids[0]]["title"] == "newer"
    assert world.states() == {"verified": 1}


def test_what_an_aborted_run_created_and_is_gone_now_is_deleted_by_the_next() -> None:
    world, ids = library_of(1)
    in_check(world)
    world.drain()
    world.end("run-1", "aborted")
    assert ids[0] in world.index.documents
    del world.projector.truth[ids[0]], world.library.originals[ids[0]]

    world.reindex("run-2")

    assert world.states() == {"not_found": 1}
    assert not world.index.documents


# Who runs is decided before anything is touched


def test_a_second_execution_is_refused_while_the_first_gathers() -> None:
    world = World()
    world.add("a", "b", "c")
    world.phases.running.add("run-1")
    world.run_steps.gathering.plan("run-1", {**BUCKET, "limit": 1})

    with pytest.raises(PreflightFailed, match="run run-1 is open"):
        world.gather(BUCKET, "run-2")

    assert not world.table.rows


def test_a_run_that_another_took_over_while_it_gathered_is_refused() -> None:
    world = World()
    world.add("a")
    world.gather(BUCKET, "run-1")
    world.phases.running.discard("run-1")
    world.gather(BUCKET, "run-2")

    with pytest.raises(PreflightFailed, match="run run-2 has the run record"):
        world.check("run-1")


def test_a_run_that_was_aborted_while_it_gathered_is_not_opened() -> None:
    world = World()
    world.add("a")
    world.gather(BUCKET, "run-1")
    world.end("run-1", "aborted")

    with pytest.raises(PreflightFailed, match="run run-1 has the run record"):
        world.check("run-1")


@pytest.mark.parametrize("kind", ["bucket", "file"])
def test_a_limit_with_only_new_goes_on_where_it_stopped(kind: str) -> None:
    world = World()
    ids = [f"i{n}" for n in range(7)]
    world.add(*ids)
    world.files.put("uploads/ids", "\n".join(ids).encode())
    source = {"kind": kind} | ({"key": "uploads/ids"} if kind == "file" else {})
    verified = []
    for month in range(4):
        world.reindex(f"run-{month}", source=source, limit=2, only_new=True)
        verified.append(world.states().get("verified"))

    assert verified == [2, 4, 6, 7]


def test_ids_that_no_index_can_hold_are_counted_in_the_report() -> None:
    world = World()
    world.add("a", "x" * 513)

    result = world.reindex(**BUCKET)

    report = json.loads(world.files.get(result["report"]))
    assert report["gathered"] == {"new": 1, "invalid": 1}


# Two deployments share an index


def test_two_stages_on_one_index_leave_each_others_documents_alone() -> None:
    """Stage B (another bucket, the same alias) would delete what stage A created."""
    a, b = World(), World()
    b.index = a.index
    a.add("x", title="of A")
    b.upload(["x"])
    b.preflight("b-1")
    b.open_phase(Phase.INDEX)
    b.tick_until_drained(Phase.INDEX)
    a.upload(["x"])
    a.reindex("a-1")

    b.open_phase(Phase.CHECK)
    b.tick_until_drained(Phase.CHECK)

    assert a.index.documents["x"]["title"] == "of A"
    assert b.states() == {"not_found": 1}


# Unchanged is the same in everything that the truth decides


@pytest.mark.parametrize(("active", "unchanged"), [(True, 0), (False, 1)])
def test_a_lease_that_has_ended_is_no_longer_active_in_an_unchanged_document(
    active: bool,  # noqa: FBT001
    unchanged: int,
) -> None:
    world = World()
    lease = {"id": "l", "startDate": "2020-01-01T00:00:00.000Z", "endDate": "2021-01-01T00:00:00Z"}
    world.add("a", leases={"leases": [lease | {"active": False}]})
    world.upload(["a"])
    world.reindex("run-1")
    stored = world.index.documents["a"]
    stored["leases"]["leases"][0]["active"] = active
    world.index.live_write("a", stored)
    world.upload(["a"], name="second")

    world.reindex("run-2", skip_unchanged=True)

    assert world.run.counts.get("unchanged", 0) == unchanged
    assert world.index.documents["a"]["leases"]["leases"][0]["active"] is False


# Ids are what they are


@pytest.mark.parametrize("image_id", ["abc ", " abc", "a\tb", "\u00a0"])
def test_an_id_from_a_bucket_keeps_its_blanks(image_id: str) -> None:
    world = World()
    world.add(image_id, title="true")

    world.reindex(**BUCKET)

    assert world.index.documents[image_id]["title"] == "true"


# Liars


def test_an_indexer_that_drops_messages_is_found_out_and_its_images_are_mended() -> None:
    world, _ = library_of(400, max_attempts=9)
    messages_sent = iter(range(10_000))
    send = world.backlog.send

    def loses(messages: Any) -> set[str]:
        send([message for message in messages if next(messages_sent) % 20])
        return {message.id for message in messages}

    world.backlog.send = loses  # type: ignore[method-assign]

    result = Night(world).run("run-1")

    assert result["status"] == "succeeded"
    assert world.states() == {"verified": 400}
    assert world.run.counts["queued"] >= 20, "those that were dropped were projected again"


def test_an_index_that_forgets_what_it_wrote_is_found_out_and_mended() -> None:
    world, _ = library_of(400, max_attempts=9)
    write = world.index.write
    written = iter(range(10_000))

    def forgets(index: str, writes: Any, uuid: str | None = None) -> list[WriteResult]:
        kept = [one for one in writes if next(written) % 20]
        results = dict(zip([one.id for one in kept], write(index, kept, uuid), strict=True))
        return [results.get(one.id, WriteResult(Verdict.WRITTEN)) for one in writes]

    world.index.write = forgets  # type: ignore[method-assign]
    result = Night(world).run("run-1")

    assert result["status"] == "succeeded"
    assert world.states() == {"verified": 400}
    assert len(world.index.documents) == 400


def test_an_index_that_forgets_after_the_check_is_named_by_the_certificate() -> None:
    world, ids = library_of(30)
    world.reindex("run-1")
    world.index.live_delete(ids[3])

    certifying = Certifying(
        world.table, world.runs, world.index, world.files, ALIAS, world.preserve, segments=3
    )

    assert [d.about for d in certifying.differences(Certified(), deep=False)] == [ids[3]]
