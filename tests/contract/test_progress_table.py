"""What a progress table does, whoever keeps it."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest

from reindex.failures import Failure
from reindex.progress import ProgressRow, Retry
from reindex.states import SHARDS, Phase, State, shard_of
from reindex.stores.interfaces import Change, Cursor, ProgressTable
from reindex.stores.progress_table import DynamoProgressTable
from tests.twins.progress_table import MemoryProgressTable

NOW = 1_795_305_600.0
FAILURE = Failure("truncated", "It ends before its dimensions", "byte 17 of 40", retryable=True)


def row(image_id: str) -> ProgressRow:
    return ProgressRow.new(image_id, "upload-1", NOW)


def enqueued(before: ProgressRow, check_at: float = NOW + 60) -> ProgressRow:
    return before.enqueued(digest="d1", created=True, run_id="run-1", check_at=check_at, now=NOW)


def ids_in_shard(shard: int, count: int) -> list[str]:
    candidates = (f"image-{n}" for n in range(count * SHARDS * 10))
    found = [image_id for image_id in candidates if shard_of(image_id) == shard]
    return found[:count]


def due_ids(table: ProgressTable, shard: int, now: float, limit: int = 100) -> list[str]:
    ids: list[str] = []
    cursor: Cursor | None = None
    while True:
        page = table.due(Phase.INDEX, shard, now, cursor, limit)
        assert len(page.ids) <= limit
        ids += page.ids
        if page.next is None:
            return ids
        cursor = page.next


def scanned(table: ProgressTable, segment: int, segments: int) -> list[ProgressRow]:
    rows: list[ProgressRow] = []
    cursor: Cursor | None = None
    while True:
        page = table.scan(segment, segments, cursor)
        rows += page.rows
        if page.next is None:
            return rows
        cursor = page.next


def write(table: ProgressTable, before: ProgressRow, after: ProgressRow) -> bool:
    return table.write([Change(before, after)]) == {before.id}


def write_all(table: ProgressTable, changes: Sequence[tuple[ProgressRow, ProgressRow]]) -> set[str]:
    return table.write([Change(before, after) for before, after in changes])


def test_an_empty_table_answers_nothing(progress: ProgressTable) -> None:
    assert progress.insert([]) == set()
    assert progress.write([]) == set()
    assert progress.read([]).rows == {}
    assert progress.read(["a"]).rows == {}
    assert scanned(progress, 0, 1) == []


def test_an_inserted_row_reads_as_it_was(progress: ProgressTable) -> None:
    assert progress.insert([row("a")]) == {"a"}
    assert progress.read(["a", "b"]).rows == {"a": row("a")}


@pytest.mark.parametrize("image_id", ["a'b", 'a"b', "ä/ö ü", "?", "#", "x" * 512])
def test_an_id_may_be_any_text(progress: ProgressTable, image_id: str) -> None:
    assert progress.insert([row(image_id)]) == {image_id}
    assert write(progress, row(image_id), enqueued(row(image_id)))
    assert progress.read([image_id]).rows == {image_id: enqueued(row(image_id))}


def test_a_row_that_exists_is_not_inserted_again(progress: ProgressTable) -> None:
    progress.insert([row("a")])
    write(progress, row("a"), enqueued(row("a")))
    assert progress.insert([row("a"), row("b")]) == {"b"}
    assert progress.read(["a"]).rows == {"a": enqueued(row("a"))}


@pytest.mark.parametrize("count", [25, 26, 130])
def test_batches_of_any_size_are_inserted_written_and_read(
    progress: ProgressTable, count: int
) -> None:
    rows = [row(f"image-{n}") for n in range(count)]
    ids = {each.id for each in rows}
    assert progress.insert(rows) == ids
    assert write_all(progress, [(each, enqueued(each)) for each in rows]) == ids
    assert progress.read(sorted(ids)).rows == {each.id: enqueued(each) for each in rows}


def test_an_id_twice_in_one_call_is_refused(progress: ProgressTable) -> None:
    with pytest.raises(ValueError, match="twice"):
        progress.insert([row("a"), row("a")])
    with pytest.raises(ValueError, match="twice"):
        write_all(progress, [(row("a"), enqueued(row("a")))] * 2)
    assert progress.read(["a"]).rows == {}


def test_an_id_twice_is_read_once(progress: ProgressTable) -> None:
    progress.insert([row("a")])
    assert progress.read(["a", "a"]).rows == {"a": row("a")}


def test_every_attribute_comes_and_goes(progress: ProgressTable) -> None:
    first = row("a")
    retried = first.failed(FAILURE, run_id="run-1", retry=Retry(), now=NOW)
    waiting = retried.waiting(NOW + 300, NOW)
    sent = enqueued(waiting)
    missing = sent.missing(FAILURE, retry=Retry(max_attempts=2), now=NOW)
    requeued = missing.requeued(NOW)
    assert missing.state is State.INCONSISTENT
    progress.insert([first])
    before = first
    for after in (retried, waiting, sent, missing, requeued):
        assert write(progress, before, after)
        assert progress.read(["a"]).rows == {"a": after}
        before = after


def test_a_row_that_is_not_there_is_not_written(progress: ProgressTable) -> None:
    assert not write(progress, row("a"), enqueued(row("a")))
    assert progress.read(["a"]).rows == {}


def test_a_row_in_another_state_is_not_written(progress: ProgressTable) -> None:
    sent = enqueued(row("a"))
    progress.insert([sent])
    assert not write(progress, replace(row("a"), rev=sent.rev), sent.verified(NOW))
    assert progress.read(["a"]).rows == {"a": sent}


def test_a_row_that_came_back_to_its_state_is_not_written(progress: ProgressTable) -> None:
    first = row("a")
    sent = enqueued(first)
    back = sent.missing(FAILURE, retry=Retry(), now=NOW)
    assert back.state is first.state
    progress.insert([first])
    write(progress, first, sent)
    write(progress, sent, back)
    assert not write(progress, first, sent)
    assert progress.read(["a"]).rows == {"a": back}


def test_the_same_change_is_written_once(progress: ProgressTable) -> None:
    progress.insert([row("a")])
    assert write(progress, row("a"), enqueued(row("a")))
    assert not write(progress, row("a"), enqueued(row("a")))


def test_each_change_of_a_batch_is_judged_alone(progress: ProgressTable) -> None:
    rows = [row(f"image-{n}") for n in range(60)]
    moved = rows[::3]
    progress.insert(rows)
    write_all(progress, [(each, each.waiting(NOW + 5, NOW)) for each in moved])
    written = write_all(progress, [(each, enqueued(each)) for each in rows])
    assert written == {each.id for each in rows} - {each.id for each in moved}


def test_of_two_who_write_one_wins(progress: ProgressTable) -> None:
    rows = [row(f"image-{n}") for n in range(50)]
    progress.insert(rows)
    theirs = [
        [(each, enqueued(each, check_at=NOW + worker)) for each in rows] for worker in range(4)
    ]
    with ThreadPoolExecutor(4) as pool:
        written = list(pool.map(lambda changes: write_all(progress, changes), theirs))
    assert sorted(image_id for ids in written for image_id in ids) == sorted(r.id for r in rows)
    stored = progress.read([each.id for each in rows]).rows
    for worker, ids in enumerate(written):
        assert {stored[image_id].due_at for image_id in ids} <= {int(NOW) + worker}


def test_of_two_who_insert_one_is_told_so(progress: ProgressTable) -> None:
    rows = [row(f"image-{n}") for n in range(50)]
    with ThreadPoolExecutor(4) as pool:
        inserted = list(pool.map(progress.insert, [rows] * 4))
    assert sorted(image_id for ids in inserted for image_id in ids) == sorted(r.id for r in rows)


@pytest.mark.parametrize("rev", [0, 1])
def test_a_write_that_does_not_raise_the_rev_is_refused(progress: ProgressTable, rev: int) -> None:
    progress.insert([row("a")])
    with pytest.raises(ValueError, match="may not become"):
        write(progress, row("a"), replace(enqueued(row("a")), rev=rev))


def test_a_row_that_the_index_would_lose_is_refused(progress: ProgressTable) -> None:
    lost = replace(row("a"), due_at=None)
    with pytest.raises(ValueError, match="due"):
        progress.insert([lost])
    progress.insert([row("a")])
    with pytest.raises(ValueError, match="due"):
        write(progress, row("a"), replace(lost, rev=2))


def test_work_is_due_in_order_and_not_before(progress: ProgressTable) -> None:
    delays = [300, 0, 20, 10, 21, 5]
    rows = [
        replace(row(image_id), due_at=int(NOW) + delay)
        for image_id, delay in zip(ids_in_shard(7, 6), delays, strict=True)
    ]
    progress.insert(rows)
    expected = [rows[n].id for n in (1, 5, 3, 2)]
    assert due_ids(progress, 7, NOW + 20.9) == expected
    assert due_ids(progress, 7, NOW + 20.9, limit=1) == expected
    assert due_ids(progress, 7, NOW - 1) == []


def test_pages_of_due_work_are_disjoint_and_complete(progress: ProgressTable) -> None:
    ids = ids_in_shard(3, 30)
    progress.insert([row(image_id) for image_id in ids])
    found = due_ids(progress, 3, NOW, limit=7)
    assert sorted(found) == sorted(ids)


def test_paging_goes_on_past_rows_that_were_finished_meanwhile(progress: ProgressTable) -> None:
    ids = ids_in_shard(3, 10)
    progress.insert([row(image_id) for image_id in ids])
    first = progress.due(Phase.INDEX, 3, NOW, None, 4)
    write_all(progress, [(row(image_id), enqueued(row(image_id))) for image_id in first.ids])
    rest = progress.due(Phase.INDEX, 3, NOW, first.next, 100)
    assert sorted([*first.ids, *rest.ids]) == sorted(ids)


def test_each_shard_shows_its_own_work(progress: ProgressTable) -> None:
    ids = [f"image-{n}" for n in range(100)]
    progress.insert([row(image_id) for image_id in ids])
    found = {shard: due_ids(progress, shard, NOW) for shard in range(SHARDS)}
    assert sorted(image_id for shard in found.values() for image_id in shard) == sorted(ids)
    assert all(shard_of(image_id) == shard for shard, ids in found.items() for image_id in ids)


def test_work_goes_from_phase_to_phase_and_then_out_of_the_index(progress: ProgressTable) -> None:
    first = row("a")
    shard = shard_of("a")
    sent = enqueued(first)

    def work() -> dict[Phase, tuple[bool, int]]:
        return {
            phase: (progress.has_work(phase, shard), progress.count_work(phase, shard))
            for phase in Phase
        }

    assert work() == {Phase.INDEX: (False, 0), Phase.CHECK: (False, 0)}
    progress.insert([first])
    assert work() == {Phase.INDEX: (True, 1), Phase.CHECK: (False, 0)}
    write(progress, first, sent)
    assert work() == {Phase.INDEX: (False, 0), Phase.CHECK: (True, 1)}
    assert progress.due(Phase.CHECK, shard, NOW, None, 10).ids == []
    assert progress.due(Phase.CHECK, shard, NOW + 60, None, 10).ids == ["a"]
    write(progress, sent, sent.verified(NOW))
    assert work() == {Phase.INDEX: (False, 0), Phase.CHECK: (False, 0)}
    assert progress.due(Phase.CHECK, shard, NOW + 60, None, 10).ids == []


def test_work_is_counted_whenever_it_is_due(progress: ProgressTable) -> None:
    ids = ids_in_shard(2, 8)
    progress.insert([replace(row(image_id), due_at=int(NOW) + n) for n, image_id in enumerate(ids)])
    assert progress.count_work(Phase.INDEX, 2) == 8
    assert len(due_ids(progress, 2, NOW + 3)) == 4


@pytest.mark.parametrize("segments", [1, 4])
def test_segments_of_a_scan_are_disjoint_and_together_all(
    progress: ProgressTable, segments: int
) -> None:
    rows = [row(f"image-{n}") for n in range(130)]
    finished = rows[0].failed(
        Failure("not_found", "It is gone"), run_id="run-1", retry=Retry(), now=NOW
    )
    progress.insert(rows)
    write(progress, rows[0], finished)
    found = [each for n in range(segments) for each in scanned(progress, n, segments)]
    expected = [finished, *rows[1:]]
    assert sorted(found, key=lambda each: each.id) == sorted(expected, key=lambda each: each.id)


@pytest.mark.parametrize(
    "spoilt",
    [
        {"state": {"S": "Queued"}},
        {"rev": {"S": "7"}},
        {"failure": {"L": []}},
        {"due_at": {"B": b"x"}},
        {"work": {"S": "check#99"}},
    ],
    ids=str,
)
def test_a_row_that_somebody_spoilt_is_told_apart_from_its_neighbours(
    progress: ProgressTable, spoilt: dict[str, Any]
) -> None:
    progress.insert([row("a"), row("b"), row("c")])
    _spoil(progress, "b", spoilt)

    found = progress.read(["a", "b", "c", "absent"])
    page = progress.scan(0, 1, None)

    assert found.rows == {"a": row("a"), "c": row("c")}
    assert found.unreadable.keys() == page.unreadable.keys() == {"b"}
    assert "b" in found.unreadable["b"]
    assert sorted(page.rows, key=lambda each: each.id) == [row("a"), row("c")]
    # Nothing of it was written: it can be mended.
    assert progress.insert([row("b")]) == set()


def _spoil(progress: ProgressTable, image_id: str, attributes: dict[str, Any]) -> None:
    match progress:
        case MemoryProgressTable():
            progress.unreadable[image_id] = f"progress row '{image_id}': {attributes}"
        case DynamoProgressTable():
            for name, value in attributes.items():
                # Of the index's keys a table takes values of their own kind alone.
                kept = value if name != "due_at" else {"N": "0.5"}
                progress._client.update_item(
                    TableName=progress._table,
                    Key={"id": {"S": image_id}},
                    UpdateExpression="SET #name = :value",
                    ExpressionAttributeNames={"#name": name},
                    ExpressionAttributeValues={":value": kept},
                )
