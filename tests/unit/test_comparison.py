"""Two indices compared: what is reported, what is refused, and what live writers cannot change."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from reindex.repairs import comparison
from reindex.repairs.comparison import PAUSE, Comparing, Extent
from reindex.reports import comparison as counting
from reindex.reports.comparison import OTHER_FIELDS, Compared, Gate, to_json, verdict
from reindex.reports.contents import contents
from reindex.reports.rehearsal import Tolerance
from reindex.reports.saved_searches import SavedSearch, read_searches
from reindex.settings import SettingsError
from tests.twins.index import MemoryIndex
from tests.unit.steps.world import ManualClock

OLD, NEW = "images-000001", "images-000002"
KEYWORD = {"type": "keyword"}
MAPPING: dict[str, Any] = {
    "properties": {
        "id": KEYWORD,
        "metadata": {"properties": {"credit": KEYWORD, "title": {"type": "text"}}},
        "usages": {"type": "nested", "properties": {"platform": KEYWORD}},
    }
}
COUNT = 40


@pytest.fixture
def index() -> MemoryIndex:
    """Two indices with the same documents."""
    index = MemoryIndex(OLD, mapping=MAPPING)
    index.add_index(NEW, MAPPING)
    for number in range(COUNT):
        for name in (OLD, NEW):
            index.live_write(f"id-{number:02}", document(number), name)
    return index


def document(number: int, **changes: Any) -> dict[str, Any]:
    metadata = {"credit": "AP" if number % 2 else "PA", "title": f"title {number}"}
    usages = [{"platform": "print"}, {"platform": "digital"}] if number < 10 else []
    return {"metadata": metadata, "usages": usages, "unmapped": {"deep": number}} | changes


def compare(
    index: MemoryIndex,
    *searches: SavedSearch,
    gate: Gate | None = None,
    meanwhile: Callable[[], None] = lambda: None,
    sample: int = 0,
) -> tuple[Compared, list[str]]:
    clock = ManualClock()
    clock.meanwhile = meanwhile
    gate = gate or Gate()
    comparing = Comparing(index, OLD, NEW, clock, gate.fields)
    found = comparing.compare(Extent(sample, searches=searches))
    return found, verdict(found, gate)


def test_equal_indices_pass_and_nothing_is_waited_for(index: MemoryIndex) -> None:
    found, problems = compare(index, meanwhile=lambda: pytest.fail("it waits"))
    assert (problems, found.documents, found.both) == ([], (COUNT, COUNT), COUNT)


def test_a_missing_document_is_named_and_refused(index: MemoryIndex) -> None:
    index.live_delete("id-07", NEW)
    found, problems = compare(index)
    platforms = next(f for f in to_json(found, Gate())["fields"] if f["path"] == "usages.platform")
    assert (platforms["fill_before"], platforms["fill_after"]) == (25, 23.08), "shown, no fall"
    assert problems == [f"1 document of 40 in {OLD} missing in {NEW}, such as id-07"]
    assert compare(index, gate=Gate(missing=1))[1] == []
    assert found.documents == (COUNT, COUNT - 1)


def test_a_document_that_only_the_new_index_holds_is_named_and_accepted(index: MemoryIndex) -> None:
    index.live_write("id-new", document(1), NEW)
    found, problems = compare(index)
    assert (found.extra.examples, problems) == (["id-new"], [])


@pytest.mark.parametrize(
    ("path", "changes"),
    [
        ("metadata.credit", {"metadata": {"title": "t"}}),
        ("usages.platform", {"usages": [{}]}),
        ("unmapped.deep", {"unmapped": {}}),
    ],
)
def test_a_field_that_falls_is_refused_unless_accepted(
    index: MemoryIndex, path: str, changes: dict[str, Any]
) -> None:
    index.live_write("id-03", document(3, **changes), NEW)
    found, problems = compare(index)
    assert [problem.partition(":")[0] for problem in problems] == [path]
    assert found.fields[path].lost.examples == ["id-03"]

    for accepted in (path, path.partition(".")[0]):
        gate = Gate(Tolerance(accepted=[accepted]))
        assert compare(index, gate=gate)[1] == []
    assert compare(index, gate=Gate(Tolerance(percent=10)))[1] == []


def test_one_document_in_many_is_a_fall_where_none_is_tolerated() -> None:
    found = Compared(OLD, NEW)
    for number in range(30_000):
        found.add(f"id-{number}", {"title": ["t"]}, {"title": ["t"]} if number else {})
    assert verdict(found, Gate()) == []
    assert len(verdict(found, Gate(Tolerance(percent=0)))) == 1


def test_documents_of_one_index_alone_do_not_hide_a_field_that_falls(index: MemoryIndex) -> None:
    index.live_write("id-03", document(3, unmapped={}), NEW)
    for number in range(1_000):
        index.live_write(f"new-{number}", document(1), NEW)
    assert [p.partition(":")[0] for p in compare(index)[1]] == ["unmapped.deep"]


def test_documents_of_the_new_index_alone_that_lack_a_field_are_a_fall(index: MemoryIndex) -> None:
    for number in range(10):
        index.live_write(f"new-{number}", document(number, unmapped={}), NEW)
    assert [p.partition(":")[0] for p in compare(index)[1]] == ["unmapped.deep"]


def test_every_field_is_counted_over_all_documents(index: MemoryIndex) -> None:
    found, _ = compare(index)
    fills = {path: (fill.before, fill.after) for path, fill in found.fields.items()}
    assert fills == {
        "id": (0, 0),
        "metadata.credit": (COUNT, COUNT),
        "metadata.title": (COUNT, COUNT),
        "unmapped.deep": (COUNT, COUNT),
        "usages.platform": (10, 10),
    }


def test_a_field_that_documents_hold_and_the_new_mapping_does_not_index_is_refused(
    index: MemoryIndex,
) -> None:
    unindexed = json.loads(json.dumps(MAPPING))
    unindexed["properties"]["metadata"]["properties"]["credit"]["index"] = False
    unindexed["properties"]["usages"]["enabled"] = False
    index._shard(NEW).mapping = unindexed
    _, problems = compare(index)
    assert problems == [
        f"metadata.credit: a search by it finds 100% of the documents in {OLD}, 0% in {NEW}",
        f"usages.platform: a search by it finds 25% of the documents in {OLD}, 0% in {NEW}",
    ]


def test_what_a_search_finds_is_counted_again_before_it_is_a_fall(
    index: MemoryIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    count, behind = index.count, {NEW}

    def count_what_arrived(name: str, query: Mapping[str, Any]) -> int:
        return 0 if name in behind and "exists" in query else count(name, query)

    monkeypatch.setattr(index, "count", count_what_arrived)
    assert compare(index, meanwhile=behind.clear)[1] == []


def test_the_values_of_fields_that_have_few_are_counted(index: MemoryIndex) -> None:
    for number in range(30):
        index.live_write(f"id-{number:02}", document(number, id=f"id-{number:02}"), NEW)
    index.live_write("id-01", document(1, id="x", metadata={"credit": "Reuters"}), NEW)
    found, _ = compare(index)
    told = to_json(found, Gate())["values"]
    assert told["metadata.credit"] == {
        "before": {"AP": 20, "PA": 20},
        "after": {"AP": 19, "PA": 20, "Reuters": 1},
    }
    assert told["usages.platform"]["after"] == {"print": 10, "digital": 10}, "documents, not values"
    assert "id" not in told, "too many values"
    assert "metadata.title" not in told, "no keyword"


class TestLiveWriters:
    """A writer of the old index, and a catch-up that brings its changes to the new one later."""

    @pytest.fixture(autouse=True)
    def behind(self, index: MemoryIndex) -> None:
        index.live_write("created", document(1))
        index.live_delete("id-05")
        index.live_write("id-06", document(6, edited="text"))

    @staticmethod
    def catch_up(index: MemoryIndex) -> None:
        index.live_write("created", document(1), NEW)
        index.live_write("id-06", document(6, edited="text"), NEW)
        index._shard(NEW).documents.pop("id-05", None)

    def test_are_no_false_alarm(self, index: MemoryIndex) -> None:
        found, problems = compare(index, meanwhile=lambda: self.catch_up(index))
        assert (problems, found.settled) == ([], 3)
        assert found.documents == (COUNT, COUNT)
        assert (found.missing.count, found.extra.count) == (0, 0)

    def test_what_does_not_arrive_is_named(self, index: MemoryIndex) -> None:
        found, problems = compare(index)
        assert found.missing.examples == ["created"]
        assert found.extra.examples == ["id-05"]
        assert [problem.split()[0] for problem in problems] == ["1", "edited:"]

    def test_documents_beyond_those_that_are_read_again_are_counted_once(
        self, index: MemoryIndex, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(comparison, "MOST_DEFERRED", 3)
        for number in range(10, 20):
            index.live_delete(f"id-{number}", NEW)
        found, _ = compare(index)
        assert (found.missing.count, found.documents) == (11, (COUNT, COUNT - 10))

    def test_a_field_that_every_document_lost_leaves_room_for_others(
        self, index: MemoryIndex, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(comparison, "MOST_DEFERRED_OF_A_FIELD", 2)
        monkeypatch.setattr(comparison, "MOST_DEFERRED", 5)
        for number in set(range(COUNT)) - {5, 6}:
            index.live_write(f"id-{number:02}", document(number, unmapped={}), NEW)
        found, problems = compare(index, meanwhile=lambda: self.catch_up(index))
        assert [problem.partition(":")[0] for problem in problems] == ["unmapped.deep"]
        assert found.fields["unmapped.deep"].lost.count == COUNT - 2
        assert found.missing.count == 0


class TestSearches:
    AP = SavedSearch({"term": {"metadata.credit": "AP"}}, "AP", must_find=("id-01", "id-03"))

    def test_find_the_same_in_equal_indices(self, index: MemoryIndex) -> None:
        found, problems = compare(index, self.AP)
        [result] = found.searches
        assert problems == []
        assert (result.before.count, result.after.count, result.overlap) == (20, 20, 1)
        assert result.still_found == 20

    def test_find_an_image_at_any_rank(self, index: MemoryIndex) -> None:
        for number in range(49):
            index.live_write(f"before-{number:02}", document(1), NEW)
        [result] = compare(index, self.AP)[0].searches
        assert (result.overlap, result.still_found, result.not_found) == (0.02, 20, [])

    def test_that_miss_an_image_are_refused(self, index: MemoryIndex) -> None:
        index.live_write("id-03", document(2), NEW)
        found, problems = compare(index, self.AP)
        assert problems == ["search AP: the new index does not find id-03"]
        assert found.searches[0].overlap == 0.95

    def test_are_run_again_before_an_image_is_called_missed(self, index: MemoryIndex) -> None:
        index.live_write("id-03", document(2), NEW)
        arrives = lambda: index.live_write("id-03", document(3), NEW)  # noqa: E731
        assert compare(index, self.AP, meanwhile=arrives)[1] == []  # type: ignore[arg-type]

    def test_that_the_new_index_alone_refuses_are_refused(self, index: MemoryIndex) -> None:
        odd = SavedSearch({"nonsense": {}}, "odd")
        found, problems = compare(index, odd)
        assert (problems, found.searches[0].after.count) == ([], None)

    @pytest.mark.parametrize(
        ("raw", "message"),
        [
            ({}, "s.json must be a list of searches"),
            ([{"name": "n"}], "s.json: search 1: query is missing"),
            ([{"query": "q"}], "s.json: search 1: query must be an object"),
            ([{"query": {}, "must_find": [1]}], "must_find must be a list of texts"),
        ],
    )
    def test_of_another_form_are_named(self, raw: Any, message: str) -> None:
        with pytest.raises(SettingsError, match=message):
            read_searches(raw, "s.json")


def test_sampled_documents_are_shown_side_by_side_without_provenance(index: MemoryIndex) -> None:
    reindexed = {"esInfo": {"reindex": {"digest": "d"}}}
    for number in range(COUNT):
        index.live_write(f"id-{number:02}", document(number, credits=1, **reindexed), NEW)
    found, _ = compare(index, sample=7)
    assert len(found.sample) == 7
    assert all(document.differences == [("credits", None, 1)] for document in found.sample)
    assert found.changes.fields["metadata.title"].same == 7


def test_fields_beyond_a_limit_are_counted_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(counting, "MAX_FIELDS", 3)
    found = Compared(OLD, NEW)
    for number in range(10):
        found.add(f"id-{number}", {f"a-{number}": [1], f"b-{number}": [1]}, {"a-0": [1]})
    assert found.fields.keys() == {"a-0", "b-0", "a-1", OTHER_FIELDS}
    assert (found.fields[OTHER_FIELDS].before, found.fields[OTHER_FIELDS].lost.count) == (9, 9)


def test_the_contents_of_a_document_are_its_leaves() -> None:
    odd = {
        "a": None,
        "b": {"c": [{"d": 1}, {"d": [2, None]}, {}]},
        "e": ["", []],
        "f": False,
        "g.h": 0,
    }
    assert contents(odd) == {"b.c.d": [1, 2], "f": [False], "g.h": [0]}


def test_an_old_index_without_documents_is_refused() -> None:
    assert verdict(Compared(OLD, NEW), Gate()) == [
        f"{OLD} holds no document: there is nothing to compare"
    ]


def test_pauses_are_bounded(index: MemoryIndex) -> None:
    index.live_delete("id-07", NEW)
    clock = ManualClock()
    started = clock.now()
    Comparing(index, OLD, NEW, clock).compare(Extent())
    assert clock.now() - started == PAUSE * (comparison.LOOKS - 1)
