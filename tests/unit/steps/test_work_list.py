"""The work list in a run: the outcomes of chunks, for any worker and any fault."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest

from reindex.domain.chunks import MAX_ROWS, Chunk, TakenChunk
from reindex.domain.failures import Failure, StoreUnavailable
from reindex.domain.messages import OutgoingMessage
from reindex.domain.states import Phase, State
from reindex.settings import Pace
from reindex.steps.tick import Outcome
from tests.twins.wrapped import Faults
from tests.unit.steps.night import Night
from tests.unit.steps.world import MAX_ROUNDS, World, library_of


def in_index_phase(world: World) -> None:
    world.preflight()
    world.open_phase(Phase.INDEX)


def listed_as_they_are(world: World) -> bool:
    """Return True if the list has each row with work left once, as it is in the table."""
    listed = [row for each in world.work_list.listed.values() for row in each.chunk.rows]
    unfinished = [row for row in world.table.rows.values() if row.state.phase]
    return sorted(listed, key=lambda row: row.id) == sorted(unfinished, key=lambda row: row.id)


def test_between_ticks_the_list_holds_exactly_what_is_left() -> None:
    pace = Pace(projection_concurrency=1, max_backlog=70, settle_seconds=0, quiet_seconds=10)
    world, ids = library_of(300, pace=pace, tick_seconds=5)
    failing = Failure("source_unavailable", "S3 is slow", retryable=True)
    world.projector.failing = dict.fromkeys(ids[::7], failing)
    del world.projector.truth[ids[3]], world.library.originals[ids[3]]
    in_index_phase(world)

    for phase in Phase:
        world.open_phase(phase)
        while world.tick(phase).outcome is not Outcome.DRAINED:
            assert listed_as_they_are(world)
            world.clock.sleep(20)
            world.projector.failing.clear()
        assert listed_as_they_are(world)

    assert world.states() == {"verified": 299, "not_found": 1}


def test_what_was_uploaded_is_worked_on_without_any_scan() -> None:
    world, _ = library_of(10)

    def scans(*_: object) -> None:
        raise AssertionError("a scan takes minutes in a table of forty million")

    world.table.scan = scans  # type: ignore[method-assign, assignment]
    in_index_phase(world)
    world.tick_until_drained(Phase.INDEX)

    assert world.states() == {"enqueued": 10}


def test_what_is_uploaded_in_the_middle_of_a_run_is_part_of_it() -> None:
    world, _ = library_of(10)
    in_index_phase(world)
    world.tick_until_drained(Phase.INDEX)
    world.add("late", "later", title="true")
    world.open_phase(Phase.CHECK)
    world.upload(["late"], name="second")
    world.tick_until_drained(Phase.CHECK)
    assert world.phases.again, "the check found work for the phase before"

    world.work()
    assert world.states() == {"verified": 11}


def test_a_run_whose_list_is_empty_begins_with_a_scan() -> None:
    world, _ = library_of(10)
    world.work_list.listed.clear()

    result = world.reindex()

    assert result["status"] == "succeeded"
    assert world.states() == {"verified": 10}
    assert world.run.total == 10, "the first scan counts what is to do"


def test_a_chunk_that_cannot_be_read_is_listed_again_by_the_tally() -> None:
    world, ids = library_of(MAX_ROWS + 5)
    [first, _] = sorted(world.work_list.listed)
    world.work_list.spoilt.add(first[2])

    result = world.reindex(ticks=2_000)

    assert result["status"] == "succeeded"
    assert world.states() == {"verified": len(ids)}
    assert world.meter.counts["ChunksUnreadable"] == 1


def test_what_a_dead_worker_did_is_not_done_again() -> None:
    pace = Pace(projection_concurrency=1, max_backlog=30, settle_seconds=0)
    world, ids = library_of(100, pace=pace)
    in_index_phase(world)

    def die() -> None:
        if len(world.projector.calls) == 3:
            raise KeyboardInterrupt

    world.projector.interrupt = die
    with pytest.raises(KeyboardInterrupt):
        world.tick(Phase.INDEX)
    world.projector.interrupt = lambda: None
    done = [i for i in ids if world.state(i) is State.ENQUEUED]
    in_progress = set(world.projector.calls[-1])
    world.clock.sleep(600)
    world.drain()
    world.projector.calls.clear()
    world.tick_until_drained(Phase.INDEX)

    again = {image_id for call in world.projector.calls for image_id in call}
    assert again == set(ids) - set(done)
    assert {i for i in ids if world.table.rows[i].attempts} == in_progress
    assert sorted(world.work_list.ids(Phase.CHECK)) == ids, "what it had enqueued is checked"


def test_what_a_dead_worker_put_off_still_waits() -> None:
    pace = Pace(projection_concurrency=1, settle_seconds=300)
    world, ids = library_of(3, pace=pace)
    world.index.live_write(ids[0], {"id": ids[0], "lastModified": "2026-03-01T18:00:00Z"})
    in_index_phase(world)
    settle = world.work_list.settle

    def die(*_: object) -> bool:
        raise KeyboardInterrupt

    world.work_list.settle = die  # type: ignore[method-assign, assignment]
    with pytest.raises(KeyboardInterrupt):
        world.tick(Phase.INDEX)
    world.work_list.settle = settle  # type: ignore[method-assign]
    world.clock.time += 200
    world.tick(Phase.INDEX)

    assert world.table.rows[ids[0]].waits == 1
    assert world.state(ids[1]) is State.ENQUEUED
    assert world.work_list.ids(Phase.INDEX) == [ids[0]]


def test_of_two_that_work_the_same_chunk_one_settles_it() -> None:
    world, ids = library_of(40)
    in_index_phase(world)
    [slow] = [world.die_with(0)]
    world.clock.sleep(600)
    world.tick_until_drained(Phase.INDEX)

    assert not world.work_list.mark(slow, 0, 1)
    assert not world.work_list.settle(slow, [])
    assert sorted(world.work_list.ids(Phase.CHECK)) == ids


def test_a_chunk_that_is_taken_over_before_it_can_be_settled_loses_no_row() -> None:
    world, ids = library_of(40)
    in_index_phase(world)
    calls = itertools.count()

    def taken_over_then_lost(taken: TakenChunk, following: Sequence[Chunk]) -> bool:
        if next(calls) == 0:
            raise StoreUnavailable("DynamoDB: no answer")
        return False

    world.work_list.settle = taken_over_then_lost  # type: ignore[method-assign]
    report = world.tick(Phase.INDEX)

    assert report.error is None
    assert set(world.work_list.ids(Phase.CHECK)) == set(ids)


def test_a_worker_that_outlives_its_lease_gives_way() -> None:
    world, ids = library_of(40)
    in_index_phase(world)

    def outlive() -> None:
        if len(world.projector.calls) == 1:
            world.clock.time += 600
            world.tick(Phase.INDEX, holder="heir")

    world.projector.interrupt = outlive
    world.tick(Phase.INDEX)
    world.clock.sleep(600)
    world.tick_until_drained(Phase.INDEX)
    world.open_phase(Phase.CHECK)
    world.tick_until_drained(Phase.CHECK)

    assert world.states() == {"verified": len(ids)}


@pytest.mark.parametrize("lands", [True, False])
@pytest.mark.parametrize("method", ["settle", "mark", "rows", "take", "release", "earliest"])
def test_an_answer_of_the_list_that_is_lost_costs_no_image(method: str, lands: bool) -> None:  # noqa: FBT001
    world, ids = library_of(60)
    in_index_phase(world)
    real = getattr(world.work_list, method)
    calls = itertools.count()

    def fails(*args: object) -> object:
        if next(calls) != 0:
            return real(*args)
        if lands:
            real(*args)
        raise StoreUnavailable("DynamoDB: no answer")

    setattr(world.work_list, method, fails)
    night = Night(world)
    night.phase(Phase.INDEX)
    night.phase(Phase.CHECK)

    assert world.states() == {"verified": len(ids)}
    assert {row.attempts for row in world.table.rows.values()} == {0}, "nobody is charged"


@pytest.mark.parametrize("port", ["work_list", "runs", "table"])
def test_one_call_without_an_answer_takes_no_row_from_the_list(port: str) -> None:
    world, ids = library_of(3 * 500)
    method = {"work_list": "mark", "runs": "record_progress", "table": "write"}[port]
    in_index_phase(world)
    store = getattr(world, port)
    real, calls = getattr(store, method), itertools.count()

    def fails(*args: object) -> object:
        if next(calls) == 1:
            raise StoreUnavailable("DynamoDB: no answer")
        return real(*args)

    setattr(store, method, fails)
    world.tick_until_drained(Phase.INDEX)

    assert listed_as_they_are(world)
    assert sorted(world.work_list.ids(Phase.CHECK)) == ids


def test_an_unforeseen_image_takes_no_neighbour_from_the_list() -> None:
    world, ids = library_of(400)
    in_index_phase(world)
    read, reads, calls = world.index.read, world.table.read, itertools.count()

    def dies(index: str, asked: Sequence[str], fields: Sequence[str]) -> object:
        if ids[7] in asked:
            raise ZeroDivisionError
        return read(index, asked, fields)

    def silent_once(asked: Sequence[str]) -> object:
        if next(calls) == 2:
            raise StoreUnavailable("DynamoDB: no answer")
        return reads(asked)

    world.index.read = dies  # type: ignore[method-assign, assignment]
    world.table.read = silent_once  # type: ignore[method-assign, assignment]
    night = Night(world)
    night.phase(Phase.INDEX)

    assert listed_as_they_are(world)
    assert world.states() == {"enqueued": 399, "unknown_error": 1}


@pytest.mark.parametrize("seconds", [5, 20, 40])
def test_an_outage_of_the_tables_within_a_tick_counts_no_attempt(seconds: int) -> None:
    world, ids = library_of(600)
    in_index_phase(world)
    world.projector.seconds = 1
    began = world.clock.now()
    faults = Faults.over(world)
    outage = StoreUnavailable("DynamoDB: no answer")
    # All of DynamoDB, from the middle of a page on.
    faults.raising = lambda call: (
        outage
        if call.port in {"table", "work_list", "runs"}
        and began + 3 < world.clock.now() < began + 3 + seconds
        else None
    )
    Night(world).phase(Phase.INDEX)

    assert world.states() == {"enqueued": len(ids)}
    assert {row.attempts for row in world.table.rows.values()} == {0}


@pytest.mark.parametrize(("workers", "most"), [(1, 5), (5, 20), (5, 29)])
def test_a_backlog_smaller_than_the_workers_is_no_standstill(workers: int, most: int) -> None:
    pace = Pace(max_backlog=most, projection_concurrency=12, settle_seconds=0)
    world, _ = library_of(10, workers=workers, pace=pace)
    in_index_phase(world)

    assert world.run_steps.index_phase.capacity(world.run).rows == 1


def test_a_scan_that_only_finds_what_is_to_do_is_none_of_the_rounds() -> None:
    world, ids = library_of(3, max_attempts=9)
    world.work_list.listed.clear()
    losses = iter(range(MAX_ROUNDS))
    send = world.backlog.send

    def loses(messages: Sequence[OutgoingMessage]) -> set[str]:
        if next(losses, None) is not None:
            return {message.id for message in messages}
        return send(messages)

    world.backlog.send = loses  # type: ignore[method-assign]

    result = world.reindex()

    assert (result["status"], world.states()) == ("succeeded", {"verified": len(ids)})


def test_a_row_that_was_written_without_an_answer_is_not_projected_again() -> None:
    world, ids = library_of(20)
    in_index_phase(world)
    write = world.table.write
    calls = itertools.count()

    def silent(changes: Sequence[object]) -> set[str]:
        written = write(changes)  # type: ignore[arg-type]
        if next(calls) == 0:
            raise StoreUnavailable("DynamoDB: no answer")
        return written

    world.table.write = silent  # type: ignore[method-assign]
    world.tick_until_drained(Phase.INDEX)

    assert len(world.projector.calls) == 1
    assert sorted(world.work_list.ids(Phase.CHECK)) == ids


def test_a_tick_that_ends_gives_back_what_it_has_not_done() -> None:
    world, ids = library_of(600, tick_seconds=3)
    world.projector.seconds = 1
    in_index_phase(world)

    world.tick(Phase.INDEX)

    assert {listed.holder for listed in world.work_list.listed.values()} == {None}
    assert listed_as_they_are(world)
    assert 0 < len(world.work_list.ids(Phase.CHECK)) < len(ids)


def test_a_tick_ends_early_when_nothing_is_due_in_its_time() -> None:
    world, _ = library_of(3, pace=Pace(projection_concurrency=1, settle_seconds=300))
    for image_id in world.table.rows:
        world.index.live_write(image_id, {"id": image_id, "lastModified": "2026-03-01T18:00:00Z"})
    in_index_phase(world)

    began = world.clock.now()
    report = world.tick(Phase.INDEX)

    assert report.outcome is Outcome.WORKED
    assert world.clock.now() - began < 5, "to wait in a function is paid for"


@pytest.mark.parametrize("workers", [[1, 2, 3], [20], [5, 1, 20, 2]])
def test_the_number_of_workers_may_be_any_and_change_in_the_middle(workers: list[int]) -> None:
    pace = Pace(projection_concurrency=1, settle_seconds=0, check_delay_seconds=0, quiet_seconds=10)
    world, ids = library_of(2 * MAX_ROWS, pace=pace, tick_seconds=5)
    world.clock.meanwhile = lambda: None
    in_index_phase(world)
    for phase in Phase:
        world.open_phase(phase)
        for count in itertools.cycle(workers):
            with ThreadPoolExecutor(count) as pool:
                reports = list(pool.map(world.tick, [phase] * count))
            world.drain()
            world.clock.time += 20
            if any(report.outcome is Outcome.DRAINED for report in reports):
                break
    assert world.states() == {"verified": len(ids)}


def test_lanes_do_not_wait_on_each_other() -> None:
    pace = Pace(projection_concurrency=12, settle_seconds=0, check_delay_seconds=0)
    world, ids = library_of(3 * MAX_ROWS, pace=pace)
    world.clock.sleep = lambda seconds: None  # type: ignore[method-assign]  # noqa: ARG005
    world.projector.seconds = 0
    in_index_phase(world)
    holders: set[str] = set()
    take = world.work_list.take

    def noted(phase: Phase, holder: str, now: float, until: float) -> object:
        taken = take(phase, holder, now, until)
        if taken:
            holders.add(holder)
        return taken

    world.work_list.take = noted  # type: ignore[method-assign, assignment]
    world.tick(Phase.INDEX)

    assert world.states() == {"enqueued": len(ids)}
    assert len(holders) > 1


def test_an_upload_whose_list_does_not_answer_is_found_by_the_tally() -> None:
    world = World()
    world.add("a", "b", title="true")

    def silent(chunks: Sequence[Chunk]) -> None:
        raise StoreUnavailable("DynamoDB: no answer")

    add, world.work_list.add = world.work_list.add, silent  # type: ignore[method-assign]
    with pytest.raises(StoreUnavailable):
        world.upload(["a", "b"])
    world.work_list.add = add  # type: ignore[method-assign]

    world.reindex()

    assert world.states() == {"verified": 2}
