"""The contract of the work list."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from reindex.domain.chunks import Chunk, ListedChunk, TakenChunk, UnreadableChunk, chunks_of
from reindex.domain.progress import ProgressRow
from reindex.domain.states import Phase
from reindex.stores.interfaces.work_list import WorkList
from reindex.stores.work_list import DynamoWorkList
from tests.twins.work_list import MemoryWorkList

NOW = 1_795_305_600.0
UNTIL = NOW + 125


def rows(*ids: str, due_at: int = 0) -> list[ProgressRow]:
    return [replace(ProgressRow.new(each, "upload-1", NOW), due_at=due_at) for each in ids]


def chunk(name: str, *ids: str, due_at: int = 0) -> Chunk:
    return Chunk(name, Phase.INDEX, due_at, rows(*ids or name, due_at=due_at))


def take(work_list: WorkList, holder: str = "a", now: float = NOW) -> TakenChunk | None:
    return work_list.take(Phase.INDEX, holder, now, now + 125)


def taken(work_list: WorkList, holder: str = "a", now: float = NOW) -> TakenChunk:
    found = take(work_list, holder, now)
    assert found is not None
    return found


def test_an_empty_list_has_nothing_to_take(work_list: WorkList) -> None:
    assert take(work_list) is None
    assert work_list.earliest(Phase.INDEX) is None
    assert work_list.count(Phase.INDEX) == 0


def test_a_chunk_comes_back_as_it_was_added(work_list: WorkList) -> None:
    sent = rows("ä b", "z")[0].enqueued(
        digest="d", created=True, run_id="run-1", check_at=NOW - 1, now=NOW
    )
    [added] = chunks_of([sent], "x")
    work_list.add([added])

    found = work_list.take(Phase.CHECK, "a", NOW, UNTIL)

    assert found is not None
    assert (found.name, found.phase, found.abandoned) == (added.name, Phase.CHECK, False)
    assert list(work_list.rows(found)) == [sent]
    assert take(work_list) is None, "the other phase has none"


def test_what_is_due_longest_is_taken_first_and_what_is_due_later_not_at_all(
    work_list: WorkList,
) -> None:
    work_list.add([chunk("late", due_at=int(NOW) + 9), chunk("second", due_at=5), chunk("first")])

    assert work_list.earliest(Phase.INDEX) == 0
    assert {taken(work_list, n).name for n in "ab"} == {"first", "second"}
    assert take(work_list) is None
    assert taken(work_list, "c", NOW + 9).name == "late"
    assert work_list.earliest(Phase.INDEX) == 0, "held ones count, too"


def test_rows_are_counted_until_their_chunk_is_settled(work_list: WorkList) -> None:
    work_list.add([chunk("x", "a", "b"), chunk("y", "c", due_at=int(NOW) + 9)])
    assert work_list.count(Phase.INDEX) == 3

    work_list.settle(taken(work_list), [])

    assert (work_list.count(Phase.INDEX), work_list.count(Phase.CHECK)) == (1, 0)


def test_a_chunk_is_held_by_one(work_list: WorkList) -> None:
    work_list.add([chunk("x")])

    assert taken(work_list, "a").holder == "a"
    assert take(work_list, "b") is None
    assert take(work_list, "a") is None
    assert take(work_list, "b", UNTIL) is None


def test_of_many_that_come_each_gets_another_chunk(contended_work_list: WorkList) -> None:
    contended_work_list.add([chunk(f"chunk-{n}") for n in range(8)])

    with ThreadPoolExecutor(12) as pool:
        found = list(pool.map(lambda n: take(contended_work_list, f"holder-{n}"), range(12)))

    names = [each.name for each in found if each]
    assert sorted(names) == [f"chunk-{n}" for n in range(8)]


def test_chunks_behind_many_that_are_held_are_found(work_list: WorkList) -> None:
    work_list.add([chunk(f"chunk-{n:03d}") for n in range(80)])

    found = {taken(work_list, f"holder-{n}").name for n in range(80)}

    assert len(found) == 80
    assert take(work_list) is None


def test_a_chunk_given_back_is_free_and_is_not_abandoned(work_list: WorkList) -> None:
    work_list.add([chunk("x")])
    first = taken(work_list)
    assert work_list.mark(first, 0, 1)
    work_list.release(first)
    work_list.release(first)

    second = taken(work_list, "b")

    assert (second.abandoned, second.in_progress) == (False, None)
    assert not work_list.mark(first, 0, 1)


def test_a_chunk_whose_lease_ran_out_was_abandoned_with_what_was_marked_last(
    work_list: WorkList,
) -> None:
    work_list.add([chunk("x", "a", "b", "c")])
    first = taken(work_list)
    assert work_list.mark(first, 0, 1)
    assert work_list.mark(first, 1, 3)

    second = taken(work_list, "b", UNTIL + 1)
    assert (second.abandoned, second.in_progress) == (True, (1, 3))
    third = taken(work_list, "c", UNTIL + 200)
    assert (third.abandoned, third.in_progress) == (True, (1, 3)), "a second death loses nothing"
    work_list.release(third)
    assert not taken(work_list, "d", UNTIL + 201).abandoned


def test_a_lease_that_lasts_much_longer_than_any_of_ours_is_taken_over(work_list: WorkList) -> None:
    work_list.add([chunk("x")])
    assert work_list.take(Phase.INDEX, "edited", NOW, NOW + 1e9)

    assert taken(work_list, "ours").abandoned
    assert take(work_list, "another", NOW + 30) is None


def test_a_chunk_that_was_taken_over_is_lost_to_its_first_worker(work_list: WorkList) -> None:
    work_list.add([chunk("x")])
    first = taken(work_list)
    second = taken(work_list, "b", UNTIL + 1)

    assert not work_list.mark(first, 0, 1)
    assert not work_list.settle(first, [chunk("following")])
    work_list.release(first)

    assert take(work_list, "c", UNTIL + 2) is None
    assert work_list.count(Phase.INDEX) == 1
    assert work_list.settle(second, [])
    assert work_list.earliest(Phase.INDEX) is None


def test_a_settled_chunk_is_replaced_by_what_follows(work_list: WorkList) -> None:
    work_list.add([chunk("x", "a", "b")])
    later = chunk("later", "a", due_at=int(NOW) + 60)
    [row] = rows("b")
    sent = row.enqueued(digest="d", created=False, run_id="run-1", check_at=NOW, now=NOW)

    assert work_list.settle(taken(work_list), [later, *chunks_of([sent], "sent")])

    assert take(work_list) is None
    assert list(work_list.rows(taken(work_list, "b", NOW + 60))) == list(later.rows)
    check = work_list.take(Phase.CHECK, "c", NOW, UNTIL)
    assert check is not None
    assert list(work_list.rows(check)) == [sent]


def test_more_may_follow_than_one_transaction_takes(work_list: WorkList) -> None:
    work_list.add([chunk("x")])

    assert work_list.settle(taken(work_list), [chunk(f"y-{n:03d}") for n in range(230)])

    assert work_list.count(Phase.INDEX) == 230 * len("y-000")


def test_a_chunk_that_is_added_again_is_replaced(work_list: WorkList) -> None:
    work_list.add([chunk("x", "a")])
    work_list.add([chunk("x", "a", "b")])

    assert work_list.count(Phase.INDEX) == 2
    assert len(work_list.rows(taken(work_list))) == 2


def test_what_is_free_is_listed_with_the_range_of_its_ids(work_list: WorkList) -> None:
    work_list.add(
        [chunk("held"), chunk("x", "a", "b", "ü"), chunk("later", due_at=int(NOW) + 60), chunk("y")]
    )
    assert taken(work_list).name == "held"

    found = sorted(work_list.free(Phase.INDEX, NOW), key=lambda each: each.name)

    assert found == [ListedChunk("x", 0, 3, "a", "ü"), ListedChunk("y", 0, 1, "y", "y")]
    assert list(work_list.free(Phase.CHECK, NOW)) == []


def test_any_number_of_chunks_is_taken_off_the_list_and_any_number_of_times(
    work_list: WorkList,
) -> None:
    work_list.add([chunk(f"{n:03}") for n in range(60)])
    chunks = [each for each in work_list.free(Phase.INDEX, NOW) if each.name != "007"]

    for _ in range(2):
        work_list.remove(Phase.INDEX, chunks)

    assert [each.name for each in work_list.free(Phase.INDEX, NOW)] == ["007"]
    work_list.remove(Phase.INDEX, [])


def test_a_chunk_without_its_file_says_so(work_list: WorkList) -> None:
    work_list.add([chunk("x")])
    found = taken(work_list)
    match work_list:
        case MemoryWorkList():
            work_list.spoilt.add("x")
        case DynamoWorkList():
            work_list._files.files.clear()  # type: ignore[attr-defined]

    with pytest.raises(UnreadableChunk):
        work_list.rows(found)
