"""Two indices compared on the twin, on noida-db and on a real Elasticsearch."""

from __future__ import annotations

from typing import Any

import pytest

from reindex.domain.failures import IndexMisconfigured, SourceUnusable
from reindex.repairs.comparison import Comparing, Extent
from reindex.reports.comparison import Compared, Gate, verdict
from reindex.reports.saved_searches import SavedSearch
from reindex.stores.elasticsearch_index import ElasticsearchIndex, Schema
from reindex.stores.interfaces import Index, IndexWrite
from tests.contract.test_index import REAL, Server, _new_alias, noida_server, real_server
from tests.twins.index import MemoryIndex
from tests.unit.steps.world import ManualClock

__all__ = ["noida_server", "real_server"]

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


@pytest.fixture(params=["memory", "noida", REAL])
def world(request: pytest.FixtureRequest) -> tuple[Index, str, str]:
    """An index, and the names of an old and a new one in it, both filled."""
    old, new = _new_alias(), _new_alias()
    index: Index
    if request.param == "memory":
        index = MemoryIndex(f"{old}-000001", old, OLD_MAPPING)
        index.add_index(f"{new}-000001", NEW_MAPPING)
    else:
        server: Server = request.getfixturevalue(f"{request.param}_server")
        for name, mapping in ((old, OLD_MAPPING), (new, NEW_MAPPING)):
            index = ElasticsearchIndex(server.client, Schema(settings={}, mapping=mapping))
            index.prepare(name)
    old, new = f"{old}-000001", f"{new}-000001"
    for name in (old, new):
        index.write(name, [IndexWrite(f"id-{n:02}", None, document(n)) for n in range(COUNT)])
    return index, old, new


def compare(world: tuple[Index, str, str], *searches: SavedSearch, sample: int = 0) -> Compared:
    index, old, new = world
    return Comparing(index, old, new, ManualClock()).compare(Extent(sample, searches=searches))


def replace(index: Index, name: str, image_id: str, values: dict[str, Any]) -> None:
    guard = index.read(name, [image_id], [])[image_id].guard
    index.write(name, [IndexWrite(image_id, guard, values)])


def test_every_difference_is_found_and_none_is_invented(world: tuple[Index, str, str]) -> None:
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
    assert (fill.searchable_before, fill.searchable_after) == (15, 15)
    city = found.fields["metadata.city"]
    assert (city.before, city.after) == (COUNT, COUNT)
    assert (city.searchable_before, city.searchable_after) == (COUNT, None)
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


def test_a_search_finds_the_same_or_is_told(world: tuple[Index, str, str]) -> None:
    index, _, new = world
    replace(index, new, "id-04", document(4, credit="PA"))
    by_credit = SavedSearch({"term": {"metadata.credit": "AP"}}, "AP", ("id-02", "id-04"))
    odd = SavedSearch({"nonsense": {}}, "odd")

    found = compare(world, by_credit, odd).searches

    assert [(r.before.count, r.after.count) for r in found] == [(20, 19), (None, None)]
    assert (found[0].not_found, found[0].still_found) == (["id-04"], 19)
    assert found[0].overlap == 0.95


class TestSearchingForIds:
    def test_finds_what_was_just_written(self, world: tuple[Index, str, str]) -> None:
        index, old, _ = world
        index.write(old, [IndexWrite("id-99", None, document(0, city="Ulm"))])
        assert index.search_ids(old, {"term": {"metadata.city": "Ulm"}}, 10) == ["id-99"]

    def test_gives_no_more_than_wanted(self, world: tuple[Index, str, str]) -> None:
        index, old, _ = world
        assert len(index.search_ids(old, {"match_all": {}}, 7)) == 7

    def test_of_a_query_that_is_none_is_refused(self, world: tuple[Index, str, str]) -> None:
        index, old, _ = world
        with pytest.raises(SourceUnusable, match="query"):
            index.search_ids(old, {"nonsense": {}}, 1)

    def test_of_an_index_that_is_gone_is_an_error(self, world: tuple[Index, str, str]) -> None:
        index, _, _ = world
        with pytest.raises(IndexMisconfigured):
            index.search_ids("gone", {"match_all": {}}, 1)
