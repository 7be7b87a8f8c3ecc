"""A long work list is put in order of ids, and loses nothing on the way."""

from __future__ import annotations

import hashlib
import itertools
import tracemalloc
from collections import Counter
from random import Random
from typing import Any

import pytest

from reindex.composition.run import RunSteps
from reindex.domain.chunks import MAX_ROWS, chunks_of
from reindex.domain.failures import StoreUnavailable
from reindex.domain.progress import ProgressRow
from reindex.domain.states import Phase
from reindex.steps import ordering, preflight, tally
from tests.twins.ports import MemoryPorts
from tests.twins.run_files import MemoryRunFiles
from tests.twins.work_list import MemoryWorkList
from tests.unit.steps.world import START, ManualClock, World

ROWS = 8_000


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    """A list of thousands is as long as one of millions."""
    monkeypatch.setattr(ordering, "ORDER_ABOVE", 1_000)
    monkeypatch.setattr(ordering, "RANGE_ROWS", 1_500)
    monkeypatch.setattr(ordering, "GROUP_ROWS", 2_500)
    monkeypatch.setattr(ordering, "HELD_ROWS", 700)


class Bench:
    """A work list, and what puts it in order."""

    def __init__(self) -> None:
        self.work_list = MemoryWorkList()
        self.files = MemoryRunFiles()
        ports = MemoryPorts(work_list=self.work_list, files=self.files, clock=ManualClock())
        self.ordering = RunSteps(ports).ordering

    def list_rows(self, ids: list[str], name: str = "scan", size: int = 200) -> None:
        for number in range(0, len(ids), size):
            rows = [ProgressRow.new(i, "upload", START) for i in ids[number : number + size]]
            self.work_list.add(chunks_of(rows, f"{name}-{number:06d}"))

    def put_in_order(self, *, twice: bool = False) -> dict[str, Any]:
        plan = self.ordering.plan("run-1", 0)
        for group in plan["groups"]:
            for _ in range(1 + twice):
                self.ordering.cut("run-1", 0, group)
        for number in plan["ranges"]:
            for _ in range(1 + twice):
                self.ordering.sort("run-1", 0, number)
        for _ in range(1 + twice):
            self.ordering.replace("run-1", 0)
        return plan

    def ranges(self) -> list[tuple[str, str]]:
        """The first and last id of each chunk, in order."""
        return sorted((c.first, c.last) for c in self.work_list.free(Phase.INDEX, START))

    def is_in_order(self) -> bool:
        found = self.ranges()
        return all(one[1] < other[0] for one, other in itertools.pairwise(found))


def scanned_ids(count: int = ROWS) -> list[str]:
    """Ids as a scan gives them: in no order."""
    return [hashlib.sha1(str(n).encode(), usedforsecurity=False).hexdigest() for n in range(count)]


@pytest.mark.parametrize("twice", [False, True])
def test_what_a_scan_listed_is_put_in_order_and_nothing_is_lost(*, twice: bool) -> None:
    bench, ids = Bench(), scanned_ids()
    bench.list_rows(ids)
    assert not bench.is_in_order()

    plan = bench.put_in_order(twice=twice)

    assert (len(plan["groups"]), len(plan["ranges"])) == (4, 6)
    assert bench.is_in_order()
    assert sorted(bench.work_list.ids(Phase.INDEX)) == sorted(ids)


def test_ranges_hold_about_as_many_rows_each_whatever_the_ids(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(ordering, "SAMPLED", 10)
    bench = Bench()
    rng = Random(1)
    ids = [f"agency/{rng.choice('aaaab')}/{n}" for n in rng.sample(range(10**6), ROWS)]
    bench.list_rows(ids)

    plan = bench.put_in_order()

    rows: Counter[int] = Counter()
    for (_, _, name), listed in bench.work_list.listed.items():
        rows[int(name.split("-")[-2])] += len(listed.chunk.rows)
    assert sorted(rows) == plan["ranges"]
    assert max(rows.values()) < 1.3 * min(rows.values())
    assert bench.is_in_order()
    assert sorted(bench.work_list.ids(Phase.INDEX)) == sorted(ids)


@pytest.mark.parametrize(
    "ids",
    [sorted(scanned_ids()), scanned_ids(900), []],
    ids=["in order already", "a short list", "an empty list"],
)
def test_what_needs_no_order_is_left_alone(ids: list[str]) -> None:
    bench = Bench()
    bench.list_rows(ids)
    before = dict(bench.work_list.listed)

    plan = bench.put_in_order()

    assert plan == {"groups": [], "ranges": []}
    assert bench.work_list.listed == before


def test_an_order_that_was_interrupted_anywhere_loses_nothing_and_is_taken_up_again() -> None:
    for calls in range(40):
        bench, ids = Bench(), scanned_ids(4_000)
        bench.list_rows(ids)
        stop_after(bench.files, calls)
        try:
            bench.put_in_order()
        except StoreUnavailable:
            assert set(bench.work_list.ids(Phase.INDEX)) == set(ids)
            stop_after(bench.files, 10**9)
            bench.put_in_order()
        assert set(bench.work_list.ids(Phase.INDEX)) == set(ids)
        assert bench.is_in_order()


def stop_after(files: MemoryRunFiles, calls: int) -> None:
    """Have the run's bucket fail once, after so many files were stored."""
    left = [calls]
    put = MemoryRunFiles.put

    def failing(key: str, body: bytes, content_type: str = "") -> None:
        left[0] -= 1
        if left[0] == 0:
            raise StoreUnavailable("S3")
        put(files, key, body, content_type)

    files.put = failing  # type: ignore[method-assign]


def test_chunks_that_are_held_due_later_or_unreadable_stay_as_they_are() -> None:
    bench, ids = Bench(), scanned_ids(3_000)
    bench.list_rows(ids)
    bench.list_rows(["spoilt"], "spoilt")
    bench.work_list.spoilt.add("spoilt-000000-0000")
    later = ProgressRow.new("later", "upload", START)
    bench.work_list.add(chunks_of([later], "later", not_before=START + 600))
    held = bench.work_list.take(Phase.INDEX, "dead", START, START + 1)
    assert held is not None
    of_the_dead = {row.id for row in bench.work_list.rows(held)}

    bench.put_in_order()

    names = {name for _, _, name in bench.work_list.listed}
    assert {held.name, "later-0000"} <= names
    listed = bench.work_list.ids(Phase.INDEX)
    assert sorted({*listed} - {"later"}) == sorted(ids), "what cannot be read is for the Tally"
    assert of_the_dead <= set(listed)


def test_of_a_row_that_is_listed_twice_the_latest_is_kept() -> None:
    bench, ids = Bench(), scanned_ids(3_000)
    bench.list_rows(ids)
    newer = ProgressRow.new(ids[7], "upload", START).requested_again(START)
    bench.work_list.add(chunks_of([newer], "again"))

    bench.put_in_order()

    found = [
        row
        for listed in bench.work_list.listed.values()
        for row in listed.chunk.rows
        if row.id == ids[7]
    ]
    assert found == [newer]


def test_one_invocation_holds_no_more_than_its_share(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ordering, "GROUP_ROWS", 40_000)
    monkeypatch.setattr(ordering, "HELD_ROWS", 5_000)
    bench = Bench()
    bench.list_rows(scanned_ids(40_000), size=MAX_ROWS)
    [group] = bench.ordering.plan("run-1", 0)["groups"]

    tracemalloc.start()
    bench.ordering.cut("run-1", 0, group)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    stored = sum(map(len, bench.files.files.values()))
    assert peak - stored < 16_000_000, "of 40,000 rows, which are several times as much"


@pytest.mark.parametrize(("ids", "is_long"), [(["a", "b"], False), (["a", "b", "c"], True)])
def test_a_long_list_is_to_be_put_in_order_at_the_opening_of_a_run(
    ids: list[str], *, is_long: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    for step in (preflight, tally):
        monkeypatch.setattr(step, "ORDER_ABOVE", 2)
    world = World()
    world.upload(ids)

    assert world.preflight()["order"] is is_long
    assert world.tally(-1)["order"] is is_long, "by the scan of a run that found nothing listed"
    assert world.tally(0)["order"] is False, "later rounds are short"
