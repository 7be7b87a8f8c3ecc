"""The contract of the progress table."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest

from reindex.domain.failures import Failure
from reindex.domain.progress import ProgressRow, Retry
from reindex.domain.states import State
from reindex.stores.interfaces.paging import Cursor
from reindex.stores.interfaces.progress_table import Change, ProgressTable
from reindex.stores.progress_table import DynamoProgressTable
from tests.twins.progress_table import MemoryProgressTable

NOW = 1_795_305_600.0
FAILURE = Failure("truncated", "It ends before its dimensions", "byte 17 of 40", retryable=True)


def row(image_id: str) -> ProgressRow:
    return ProgressRow.new(image_id, "upload-1", NOW)


def enqueued(before: ProgressRow, check_at: float = NOW + 60) -> ProgressRow:
    return before.enqueued(digest="d1", created=True, run_id="run-1", check_at=check_at, now=NOW)


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


def test_one_of_two_concurrent_writes_wins(progress: ProgressTable) -> None:
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


def test_one_of_two_concurrent_inserts_is_refused(progress: ProgressTable) -> None:
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
    ],
    ids=str,
)
def test_a_malformed_row_does_not_affect_others(
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
    # No part of it was written, so it can be repeated.
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
