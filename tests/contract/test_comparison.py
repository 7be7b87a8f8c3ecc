"""Two indices compared on the twin, on noida-db and on real servers."""

from __future__ import annotations

import itertools
import threading
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from typing import Any, Self

import pytest

from reindex.domain.failures import IndexMisconfigured, SourceUnusable
from reindex.repairs.comparison import Comparing, Extent
from reindex.reports.comparison import Compared, Gate, verdict
from reindex.reports.rehearsal import Tolerance
from reindex.reports.saved_searches import SavedSearch
from reindex.stores.interfaces.index import Index, IndexWrite
from reindex.stores.search.index import SearchIndex
from reindex.stores.search.schema import Schema
from tests.contract.conftest import NOIDA, REAL, SearchServers, new_alias
from tests.twins.index import MemoryIndex
from tests.unit.steps.world import ManualClock

KEYWORD = {"type": "keyword"}
OLD_MAPPING: dict[str, Any] = {
    "dynamic": "strict",
    "properties": {
        "metadata": {"properties": {"credit": KEYWORD, "city": KEYWORD, "keywords": KEYWORD}},
        "usages": {"type": "nested", "properties": {"platform": KEYWORD}},
        "raw": {"type": "object", "enabled": False},
        "esInfo": {"properties": {"reindex": {"type": "object", "enabled": False}}},
    },
}
NEW_MAPPING: dict[str, Any] = {
    **OLD_MAPPING,
    "properties": {
        **OLD_MAPPING["properties"],
        "metadata": {
            "properties": {
                "credit": KEYWORD,
                "city": {"type": "keyword", "index": False, "doc_values": False},
                "keywords": KEYWORD,
            }
        },
    },
}
COUNT = 30


def document(number: int, **metadata: Any) -> dict[str, Any]:
    credit = "AP" if number % 3 else "PA"
    return {
        "metadata": {"credit": credit, "city": f"c{number}", "keywords": ["a", "b"], **metadata},
        "usages": [{"platform": "print"}, {"platform": "web"}] if number % 2 else [],
        "raw": {"any": {"thing": number}},
    }


#: An index, and the names of an old and a new one in it, both filled.
World = tuple[Index, str, str]


@pytest.fixture(params=["memory", NOIDA, *REAL])
def world(request: pytest.FixtureRequest, search_servers: SearchServers) -> Iterator[World]:
    old, new = new_alias(), new_alias()
    index: Index
    running = ExitStack()
    if request.param == "memory":
        index = MemoryIndex(f"{old}-000001", old, OLD_MAPPING)
        index.add_index(f"{new}-000001", NEW_MAPPING)
    else:
        cluster = running.enter_context(search_servers.get(request.param).cluster())
        for name, mapping in ((old, OLD_MAPPING), (new, NEW_MAPPING)):
            index = SearchIndex(cluster, Schema(settings={}, mapping=mapping))
            index.prepare(name)
    old, new = f"{old}-000001", f"{new}-000001"
    for name in (old, new):
        index.write(name, [IndexWrite(f"id-{n:02}", None, document(n)) for n in range(COUNT)])
    with running:
        yield index, old, new


def compare(world: World, *searches: SavedSearch, sample: int = 0) -> Compared:
    index, old, new = world
    return Comparing(index, old, new, ManualClock()).compare(Extent(sample, searches=searches))


def replace(index: Index, name: str, image_id: str, values: dict[str, Any]) -> None:
    guard = index.read(name, [image_id], [])[image_id].guard
    index.write(name, [IndexWrite(image_id, guard, values)])


def test_every_difference_is_found_and_none_is_invented(world: World) -> None:
    index, old, new = world
    index.delete(new, "id-03", index.read(new, ["id-03"], [])["id-03"].guard)
    index.write(new, [IndexWrite("id-99", None, document(1))])
    replace(index, new, "id-05", {**document(5), "raw": {}})
    replace(index, new, "id-07", document(7, credit="Reuters", keywords=[]))

    found = compare(world, sample=COUNT)

    assert found.documents == (COUNT, COUNT)
    assert (found.missing.examples, found.extra.examples) == (["id-03"], ["id-99"])
    lost = {path: fill.lost.examples for path, fill in found.fields.items() if fill.lost.count}
    assert lost == {"raw.any.thing": ["id-05"], "metadata.keywords": ["id-07"]}
    fill = found.fields["usages.platform"]
    assert (fill.before, fill.after) == (15, 15), "id-03 is odd, and so is what id-99 holds"
    assert (fill.searchable.before, fill.searchable.after) == (15, 15)
    city = found.fields["metadata.city"]
    assert (city.before, city.after) == (COUNT, COUNT)
    assert (city.searchable.before, city.searchable.after) == (COUNT, None)
    credit = found.values["metadata.credit"]
    assert credit
    assert credit.before == {"PA": 10, "AP": 20}
    assert credit.after == {"PA": 9, "AP": 20, "Reuters": 1}
    assert len(found.sample) == COUNT - 1
    assert {p.partition(":")[0] for p in verdict(found, Gate())} == {
        f"1 document of 30 in {old} missing in {new}, such as id-03",
        "metadata.city",
        "metadata.keywords",
        "raw.any.thing",
    }


def test_a_search_that_finds_something_else_is_reported(world: World) -> None:
    index, _, new = world
    replace(index, new, "id-04", document(4, credit="PA"))
    by_credit = SavedSearch({"term": {"metadata.credit": "AP"}}, "AP", ("id-02", "id-04"))
    odd = SavedSearch({"nonsense": {}}, "odd")

    found = compare(world, by_credit, odd).searches

    assert [(r.before.count, r.after.count) for r in found] == [(20, 19), (None, None)]
    assert (found[0].not_found, found[0].still_found) == (["id-04"], 19)
    assert found[0].overlap == 0.95


@pytest.mark.parametrize("world", [NOIDA, *REAL], indirect=True)
def test_a_writer_at_work_causes_no_false_alarm(world: World) -> None:
    index, old, new = world
    with LiveWriter(index, old, new) as writer:
        clock = ManualClock()
        clock.meanwhile = writer.rest
        tolerance = Tolerance(accepted=["metadata.city"])
        found = Comparing(index, old, new, clock, tolerance).compare(Extent())

    assert writer.created, "it was at work"
    assert (found.missing.count, found.extra.count) == (0, 0)
    assert verdict(found, Gate(tolerance)) == []


class LiveWriter:
    """Creates, edits and deletes documents of the old index; the new one follows a bit later."""

    def __init__(self, index: Index, old: str, new: str) -> None:
        self._index, self._old, self._new = index, old, new
        self._ended = threading.Event()
        self._behind: deque[str] = deque()
        self._thread = threading.Thread(target=self._work)
        self.created = 0

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.rest()

    def rest(self) -> None:
        """End its work, and let the new index catch up."""
        self._ended.set()
        self._thread.join()
        while self._behind:
            self._follow()

    def _work(self) -> None:
        for number in itertools.count():
            if self._ended.is_set():
                return
            added, edited, deleted = f"new-{number}", f"id-{number % COUNT:02}", f"new-{number - 5}"
            self._put(self._old, added, document(number))
            self._put(self._old, edited, document(number, keywords=[] if number % 2 else ["k"]))
            self._put(self._old, deleted, None)
            self._behind += [added, edited, deleted]
            self.created += 1
            while len(self._behind) > 10:
                self._follow()

    def _follow(self) -> None:
        image_id = self._behind.popleft()
        found = self._index.read(self._old, [image_id], ["*"]).get(image_id)
        self._put(self._new, image_id, found.source if found else None)

    def _put(self, index: str, image_id: str, values: Mapping[str, Any] | None) -> None:
        there = self._index.read(index, [image_id], []).get(image_id)
        if values is not None:
            guard = there.guard if there else None
            self._index.write(index, [IndexWrite(image_id, guard, values)])
        elif there:
            self._index.delete(index, image_id, there.guard)


class TestSearchingForIds:
    def test_finds_what_was_just_written_once_the_index_is_refreshed(self, world: World) -> None:
        index, old, _ = world
        index.write(old, [IndexWrite("id-99", None, document(0, city="Ulm"))])
        index.refresh(old)
        assert index.search_ids(old, {"term": {"metadata.city": "Ulm"}}, 10) == ["id-99"]

    def test_gives_no_more_than_wanted(self, world: World) -> None:
        index, old, _ = world
        index.refresh(old)
        assert len(index.search_ids(old, {"match_all": {}}, 7)) == 7

    def test_of_a_query_that_is_none_is_refused(self, world: World) -> None:
        index, old, _ = world
        with pytest.raises(SourceUnusable, match="query"):
            index.search_ids(old, {"nonsense": {}}, 1)

    def test_of_an_index_that_is_gone_is_an_error(self, world: World) -> None:
        index, _, _ = world
        with pytest.raises(IndexMisconfigured):
            index.search_ids("gone", {"match_all": {}}, 1)
        with pytest.raises(IndexMisconfigured):
            index.refresh("gone")
