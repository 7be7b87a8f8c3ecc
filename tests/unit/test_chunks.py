"""How rows with work left are cut into chunks, and what a chunk's file holds."""

from __future__ import annotations

import gzip
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reindex.domain.chunks import MAX_ROWS, UnreadableChunk, chunks_of, rows_of, to_text
from reindex.domain.failures import SourceUnavailable, WorkerDied
from reindex.domain.progress import ProgressRow, Retry
from reindex.domain.states import State

NOW = 1_795_305_600.0


def queued(image_id: str, due_at: int = 0) -> ProgressRow:
    return replace(ProgressRow.new(image_id, "upload-1", NOW), due_at=due_at)


def died(row: ProgressRow, times: int) -> ProgressRow:
    for _ in range(times):
        row = row.failed(
            WorkerDied("it died").as_failure(), run_id="run-1", retry=Retry(9), now=NOW
        )
    return replace(row, due_at=0)


@st.composite
def some_rows(draw: st.DrawFn) -> list[ProgressRow]:
    ids = draw(st.lists(st.text(min_size=1, max_size=5), unique=True, max_size=60))
    rows = []
    for image_id in ids:
        row = queued(image_id, draw(st.integers(0, 500)))
        match draw(st.integers(0, 4)):
            case 0:
                row = row.enqueued(digest="d", created=True, run_id="run-1", check_at=NOW, now=NOW)
            case 1:
                row = died(row, draw(st.integers(1, 3)))
            case 2:
                failure = SourceUnavailable("slow", "S3").as_failure()
                row = row.failed(failure, run_id="run-1", retry=Retry(), now=NOW)
            case 3:
                row = row.unchanged(digest="d", run_id="run-1", now=NOW)
        rows.append(row)
    return rows


@given(some_rows(), st.integers(0, 900))
def test_each_row_with_work_left_is_in_one_chunk_of_its_phase(
    rows: list[ProgressRow], not_before: int
) -> None:
    chunks = chunks_of(rows, "x", not_before)

    listed = [row for chunk in chunks for row in chunk.rows]
    assert sorted(row.id for row in listed) == sorted(row.id for row in rows if row.state.phase)
    assert len({chunk.name for chunk in chunks}) == len(chunks)
    for chunk in chunks:
        assert {row.state.phase for row in chunk.rows} == {chunk.phase}
        assert [row.id for row in chunk.rows] == sorted(row.id for row in chunk.rows)
        dues = [row.due_at or 0 for row in chunk.rows]
        assert chunk.due_at == max(not_before, *dues)
        assert max(dues) - min(dues) <= 60, "nothing waits long for what is due later"


@given(some_rows())
def test_a_chunks_file_holds_its_rows(rows: list[ProgressRow]) -> None:
    for chunk in chunks_of(rows, "x"):
        assert rows_of(to_text(chunk)) == list(chunk.rows)


def test_a_chunk_has_at_most_so_many_rows() -> None:
    chunks = chunks_of([queued(f"{n:05d}") for n in range(2 * MAX_ROWS + 1)], "x")

    assert [len(chunk.rows) for chunk in chunks] == [MAX_ROWS, MAX_ROWS, 1]
    assert chunks[0].rows[-1].id < chunks[1].rows[0].id


@pytest.mark.parametrize(("times", "most"), [(1, 25), (2, 1), (5, 1)])
def test_what_may_have_killed_a_worker_travels_in_small_chunks(times: int, most: int) -> None:
    rows = [died(queued(f"{n:03d}"), times) for n in range(60)]

    assert max(len(chunk.rows) for chunk in chunks_of(rows, "x")) == most


def test_finished_rows_make_no_chunk() -> None:
    row = queued("a").unchanged(digest="d", run_id="run-1", now=NOW)
    assert row.state is State.VERIFIED
    assert chunks_of([row], "x") == []


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"[]",
        gzip.compress(b"{", mtime=0),
        gzip.compress(b'["a"]'),
        gzip.compress(b'{"a": 1}'),
        gzip.compress(b'[{"id": "a"}]'),
        gzip.compress(b"7"),
        to_text(chunks_of([queued("a")], "x")[0])[:-9],
    ],
    ids=range(8),
)
def test_what_is_no_chunks_file_is_named(text: bytes) -> None:
    with pytest.raises(UnreadableChunk):
        rows_of(text)
