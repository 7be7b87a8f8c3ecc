"""The contract of the search index, on the twin, on noida-db and on real servers."""

import json
from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import pytest

from reindex.domain.digest import digest
from reindex.domain.failures import IndexGone, IndexMisconfigured, SourceUnusable
from reindex.domain.provenance import Guard
from reindex.image.mapping import PROVENANCE_MAPPING, index_settings
from reindex.image.refusals import refusals
from reindex.stores import listings
from reindex.stores.interfaces.id_sources import Part
from reindex.stores.interfaces.index import Index, IndexWrite, Verdict, WriteResult
from reindex.stores.interfaces.paging import Cursor
from reindex.stores.listings import DocumentListing
from reindex.stores.search import ids as ids_module
from reindex.stores.search import reading as reading_module
from reindex.stores.search.cluster import SearchCluster
from reindex.stores.search.ids import IndexIds, IndexSlices
from reindex.stores.search.index import SearchIndex
from reindex.stores.search.schema import UNKNOWN_MAPPING, Schema, library_schema
from tests.contract.analysis import without_analysis_common
from tests.contract.conftest import NOIDA, REAL, SearchServers, new_alias
from tests.local.index_server import IndexServer
from tests.twins.index import MemoryIndex, _Shard
from tests.twins.listings import all_entries

MAPPING: dict[str, Any] = {
    "dynamic": "strict",
    "properties": {
        "id": {"type": "keyword"},
        "lastModified": {"type": "date"},
        "metadata": {"properties": {"title": {"type": "text"}, "credit": {"type": "keyword"}}},
        "esInfo": {
            "properties": {
                "reindex": {"type": "object", "enabled": False},
                "migration": {"properties": {"migratedTo": {"type": "keyword"}}},
            }
        },
    },
}


@dataclass(frozen=True)
class Server:
    """A running server, and requests to it."""

    about: IndexServer
    cluster: SearchCluster

    def schema(self) -> Schema:
        """What our own index is made of, as far as this server has what that needs."""
        ours = Schema()
        if self.about.has_analysis_common:
            return ours
        return replace(ours, settings=without_analysis_common(index_settings()))


def _server(request: pytest.FixtureRequest) -> Server:
    servers: SearchServers = request.getfixturevalue("search_servers")
    about = servers.get(request.param)
    return Server(about, about.cluster())


@pytest.fixture(params=[NOIDA, *REAL])
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    found = _server(request)
    with found.cluster:
        yield found


@pytest.fixture(params=REAL)
def real(request: pytest.FixtureRequest) -> Iterator[Server]:
    found = _server(request)
    with found.cluster:
        yield found


@pytest.fixture(params=["memory", NOIDA, *REAL])
def index(request: pytest.FixtureRequest) -> Iterator[Index]:
    if request.param == "memory":
        yield MemoryIndex(mapping=MAPPING)
        return
    found = _server(request)
    with found.cluster:
        yield SearchIndex(found.cluster, Schema(settings={}, mapping=MAPPING))


@pytest.fixture
def small(server: Server) -> SearchIndex:
    schema = Schema(settings={}, mapping=MAPPING)
    return SearchIndex(server.cluster, schema, max_bulk_bytes=2_000)


@pytest.fixture
def alias(index: Index) -> str:
    if isinstance(index, SearchIndex):
        alias = new_alias()
        index.prepare(alias)
        return alias
    return "images"


@pytest.fixture
def name(index: Index, alias: str) -> str:
    """The concrete index, empty."""
    return index.resolve(alias)


def _write(
    index: Index, name: str, image_id: str, guard: Guard | None = None, **fields: Any
) -> WriteResult:
    [result] = index.write(name, [IndexWrite(image_id, guard, {"id": image_id, **fields})])
    return result


def _guard(index: Index, name: str, image_id: str) -> Guard:
    return index.read(name, [image_id], ["id"])[image_id].guard


class TestReading:
    def test_sees_a_write_at_once(self, index: Index, name: str) -> None:
        _write(index, name, "a", lastModified="2024-05-17T09:30:00.000Z")

        found = index.read(name, ["a"], ["id", "lastModified"])

        assert found["a"].source == {"id": "a", "lastModified": "2024-05-17T09:30:00.000Z"}

    def test_leaves_out_what_is_absent(self, index: Index, name: str) -> None:
        _write(index, name, "a")

        assert index.read(name, ["a", "b"], ["id"]).keys() == {"a"}

    def test_gives_only_the_fields_asked_for_and_what_is_below_them(
        self, index: Index, name: str
    ) -> None:
        info = {"reindex": {"digest": "d", "runId": "r"}, "migration": {"migratedTo": "x"}}
        _write(index, name, "a", esInfo=info, metadata={"title": "t", "credit": "c"})

        found = index.read(name, ["a"], ["esInfo.reindex", "metadata"])

        assert found["a"].source == {
            "esInfo": {"reindex": {"digest": "d", "runId": "r"}},
            "metadata": {"title": "t", "credit": "c"},
        }

    def test_without_fields_gives_the_guard_alone(self, index: Index, name: str) -> None:
        _write(index, name, "a")

        assert index.read(name, ["a"], [])["a"].source == {}

    def test_of_nothing_asks_nothing(self, index: Index, name: str) -> None:
        assert index.read(name, [], ["id"]) == {}

    def test_of_an_index_that_is_gone_is_an_error_and_not_an_absence(self, index: Index) -> None:
        with pytest.raises(IndexMisconfigured):
            index.read("gone", ["a"], ["id"])

    def test_can_give_all_there_is(self, index: Index, name: str) -> None:
        metadata = {"title": "t", "credit": "c"}
        _write(index, name, "a", metadata=metadata)

        assert index.read(name, ["a"], ["*"])["a"].source == {"id": "a", "metadata": metadata}


class TestScanning:
    @pytest.fixture(autouse=True)
    def small_pages(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(reading_module, "_PAGE_DOCUMENTS", 3)

    @pytest.mark.parametrize("count", [0, 1, 3, 7])
    def test_gives_every_document_once(self, index: Index, name: str, count: int) -> None:
        ids = [str(number) for number in range(count)]
        index.write(name, [IndexWrite(i, None, {"id": i}) for i in ids])
        _refresh(index, name)

        assert sorted(image_id for image_id, _ in index.scan(name, [])) == ids

    def test_gives_the_fields_asked_for(self, index: Index, name: str) -> None:
        info = {"reindex": {"digest": "d", "runId": "r"}, "migration": {"migratedTo": "x"}}
        _write(index, name, "a", esInfo=info)
        _refresh(index, name)

        assert dict(index.scan(name, ["esInfo.reindex"])) == {
            "a": {"esInfo": {"reindex": {"digest": "d", "runId": "r"}}}
        }
        assert dict(index.scan(name, ["*"])) == {"a": {"id": "a", "esInfo": info}}
        assert dict(index.scan(name, [])) == {"a": {}}

    def test_does_not_mind_what_is_written_meanwhile(self, index: Index, name: str) -> None:
        ids = [str(number) for number in range(7)]
        index.write(name, [IndexWrite(i, None, {"id": i}) for i in ids])
        _refresh(index, name)
        scan = index.scan(name, [])
        found = [next(scan)[0]]
        index.delete(name, ids[-1], _guard(index, name, ids[-1]))
        _write(index, name, "new")
        _refresh(index, name)

        assert sorted([*found, *(image_id for image_id, _ in scan)]) == ids

    def test_may_be_given_up_midway(self, index: Index, name: str) -> None:
        index.write(name, [IndexWrite(str(n), None, {"id": str(n)}) for n in range(7)])
        _refresh(index, name)
        scan = index.scan(name, [])

        next(scan)

        assert isinstance(scan, Generator)
        scan.close()

    def test_of_an_index_that_is_gone_is_an_error(self, index: Index) -> None:
        with pytest.raises(IndexMisconfigured):
            list(index.scan("gone", []))


def _refresh(index: Index, name: str) -> None:
    if isinstance(index, SearchIndex):
        index._cluster.send("POST", f"/{name}/_refresh")


class TestIds:
    @pytest.fixture(autouse=True)
    def small(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(ids_module, "_PAGE_IDS", 3)
        monkeypatch.setattr(ids_module, "_SLICE_DOCUMENTS", 5)

    @pytest.fixture
    def index(self, server: Server) -> SearchIndex:
        return SearchIndex(server.cluster, Schema(settings={}, mapping=MAPPING))

    @pytest.fixture(autouse=True)
    def documents(self, index: SearchIndex, name: str) -> None:
        for number in range(24):
            credit = {"credit": "AP" if number < 20 else "PA"}
            metadata = {"title": f"t{number}", **credit} if number % 2 else credit
            _write(index, name, f"{number:02}", metadata=metadata)

    @pytest.mark.parametrize(
        ("at_most", "query", "lacking", "found", "slices"),
        [
            (256, None, None, range(24), 5),
            (3, None, None, range(24), 3),
            (1, None, None, range(24), 1),
            (256, {"term": {"metadata.credit": "PA"}}, None, range(20, 24), 1),
            (256, None, "metadata.title", range(0, 24, 2), 3),
            (256, {"term": {"metadata.credit": "PA"}}, "metadata.title", range(20, 24, 2), 1),
            (256, {"term": {"metadata.credit": "nobody"}}, None, range(0), 0),
        ],
    )
    def test_are_those_of_the_documents_that_match(
        self,
        index: SearchIndex,
        alias: str,
        at_most: int,
        query: Mapping[str, Any] | None,
        lacking: str | None,
        found: range,
        slices: int,
    ) -> None:
        source = IndexIds(index, alias, query, lacking)

        parts = source.parts(at_most)

        assert len(parts) == slices
        ids = [image_id for part in parts for image_id in _ids(source, part)]
        assert sorted(ids) == [f"{number:02}" for number in found]

    def test_are_as_they_were_at_one_moment(
        self, index: SearchIndex, alias: str, name: str
    ) -> None:
        source = IndexIds(index, alias)
        parts = source.parts(256)
        _write(index, name, "new")
        _refresh(index, name)

        assert "new" not in [image_id for part in parts for image_id in _ids(source, part)]

    @pytest.mark.parametrize("at_most", [1, 256])
    def test_are_listed_by_an_audit_with_what_it_keeps_of_their_documents(
        self, index: SearchIndex, alias: str, at_most: int, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(listings, "PAGE_DOCUMENTS", 3)
        listing = DocumentListing(IndexSlices(index, alias), lambda: 24, ["metadata.title"])

        entries = all_entries(listing, at_most)

        assert sorted(image_id for image_id, _, _ in entries) == [f"{n:02}" for n in range(24)]
        [facts] = {facts.digest for image_id, _, facts in entries if image_id == "23"}
        assert facts == digest({"metadata": {"credit": "PA"}, "id": "23"})

    @pytest.mark.parametrize("field", ["metadata.titel", "esInfo.reindex.runId", "esInfo.reindex"])
    def test_that_lack_what_cannot_be_searched_for_are_not_guessed(
        self, index: SearchIndex, alias: str, field: str
    ) -> None:
        with pytest.raises(SourceUnusable, match=f"{field} is no indexed field of {alias}"):
            IndexIds(index, alias, lacking=field).parts(256)

    def test_of_a_query_that_is_none_are_refused(self, index: SearchIndex, alias: str) -> None:
        with pytest.raises(SourceUnusable, match="does not take the query"):
            IndexIds(index, alias, {"nonsense": {}}).parts(256)


def _ids(source: IndexIds, part: Part) -> list[str]:
    ids: list[str] = []
    cursor: Cursor | None = None
    while True:
        page = source.page(part, cursor)
        ids += page.ids
        cursor = page.next
        if cursor is None:
            return ids


class TestWriting:
    def test_without_a_guard_creates(self, index: Index, name: str) -> None:
        assert _write(index, name, "a").verdict is Verdict.WRITTEN

    def test_of_a_document_whose_text_is_at_hand_is_the_same(self, index: Index, name: str) -> None:
        document = {"id": "ünï 𝄞", "metadata": {"title": 'a "title"', "credit": None}}
        text = json.dumps(document, ensure_ascii=False)

        [result] = index.write(name, [IndexWrite("a", None, text)])

        assert result.verdict is Verdict.WRITTEN
        assert index.read(name, ["a"], ["*"])["a"].source == document

    def test_without_a_guard_conflicts_with_a_document(self, index: Index, name: str) -> None:
        _write(index, name, "a")

        assert _write(index, name, "a").verdict is Verdict.CONFLICT

    def test_under_a_guard_replaces_that_version(self, index: Index, name: str) -> None:
        _write(index, name, "a", metadata={"title": "old", "credit": "gone"})
        guard = _guard(index, name, "a")

        result = _write(index, name, "a", guard, metadata={"title": "new"})

        assert result.verdict is Verdict.WRITTEN
        after = index.read(name, ["a"], ["metadata"])["a"]
        assert after.source == {"metadata": {"title": "new"}}
        assert after.guard != guard

    def test_under_a_guard_conflicts_with_any_other_version(self, index: Index, name: str) -> None:
        _write(index, name, "a")
        guard = _guard(index, name, "a")
        _write(index, name, "a", guard, metadata={"title": "a live writer's"})

        assert _write(index, name, "a", guard).verdict is Verdict.CONFLICT
        found = index.read(name, ["a"], ["metadata"])["a"]
        assert found.source == {"metadata": {"title": "a live writer's"}}

    def test_under_a_guard_conflicts_with_a_deletion(self, index: Index, name: str) -> None:
        _write(index, name, "a")
        guard = _guard(index, name, "a")
        index.delete(name, "a", guard)

        assert _write(index, name, "a", guard).verdict is Verdict.CONFLICT

    def test_after_a_deletion_creates_again_under_another_guard(
        self, index: Index, name: str
    ) -> None:
        _write(index, name, "a")
        before = _guard(index, name, "a")
        index.delete(name, "a", before)

        assert _write(index, name, "a").verdict is Verdict.WRITTEN
        assert _guard(index, name, "a") != before

    def test_of_a_field_that_the_mapping_does_not_know_is_refused_with_the_reason(
        self, index: Index, name: str
    ) -> None:
        result = _write(index, name, "a", metadata={"titel": "misspelt"})

        assert result.verdict is Verdict.REFUSED
        assert "strict_dynamic_mapping_exception" in result.reason
        assert "titel" in result.reason

    def test_gives_each_document_its_own_verdict_in_order(self, index: Index, name: str) -> None:
        _write(index, name, "old")
        _write(index, name, "changed")
        stale = Guard(_guard(index, name, "changed").seq_no + 1_000, 1)

        results = index.write(
            name,
            [
                IndexWrite("new", None, {"id": "new"}),
                IndexWrite("old", None, {"id": "old"}),
                IndexWrite("odd", None, {"id": "odd", "bogus": 1}),
                IndexWrite("changed", stale, {"id": "changed"}),
                IndexWrite("newer", None, {"id": "newer"}),
            ],
        )

        assert [result.verdict for result in results] == [
            Verdict.WRITTEN,
            Verdict.CONFLICT,
            Verdict.REFUSED,
            Verdict.CONFLICT,
            Verdict.WRITTEN,
        ]

    def test_of_nothing_writes_nothing(self, index: Index, name: str) -> None:
        assert index.write(name, []) == []

    def test_to_an_index_that_is_gone_never_creates_it(self, index: Index) -> None:
        for _ in range(2):
            with pytest.raises(IndexMisconfigured):
                _write(index, "gone", "a")


class TestDeleting:
    def test_under_its_guard_deletes(self, index: Index, name: str) -> None:
        _write(index, name, "a")

        assert index.delete(name, "a", _guard(index, name, "a")) is Verdict.WRITTEN
        assert index.read(name, ["a"], []) == {}

    def test_conflicts_with_any_other_version(self, index: Index, name: str) -> None:
        _write(index, name, "a")
        guard = _guard(index, name, "a")
        _write(index, name, "a", guard)

        assert index.delete(name, "a", guard) is Verdict.CONFLICT
        assert index.read(name, ["a"], []).keys() == {"a"}

    def test_conflicts_with_a_deletion(self, index: Index, name: str) -> None:
        _write(index, name, "a")
        guard = _guard(index, name, "a")
        index.delete(name, "a", guard)

        assert index.delete(name, "a", guard) is Verdict.CONFLICT

    def test_from_an_index_that_is_gone_is_an_error(self, index: Index) -> None:
        with pytest.raises(IndexMisconfigured):
            index.delete("gone", "a", Guard(0, 1))


class TestTheIdentity:
    def test_of_an_index_is_the_same_for_life_and_no_others(self, index: Index, name: str) -> None:
        other = _make_anew(index, name)

        assert index.uuid(name) == other
        assert index.uuid(name) == index.uuid(name)

    def test_of_an_index_that_is_gone_is_an_error(self, index: Index) -> None:
        with pytest.raises(IndexGone):
            index.uuid("gone")

    def test_is_asked_for_before_a_write(self, index: Index, name: str) -> None:
        before = index.uuid(name)
        _make_anew(index, name)

        with pytest.raises(IndexGone, match="another"):
            index.write(name, [IndexWrite("a", None, {"id": "a"})], before)
        assert index.read(name, ["a"], []) == {}
        assert index.write(name, [IndexWrite("a", None, {"id": "a"})], index.uuid(name)) == [
            WriteResult(Verdict.WRITTEN)
        ]


def _make_anew(index: Index, name: str) -> str:
    """Delete an index, and make another of that name; return what that one is known by."""
    before = index.uuid(name)
    match index:
        case MemoryIndex():
            index._indices[name] = _Shard(MAPPING)
        case SearchIndex():
            index._cluster.send("DELETE", f"/{name}")
            index._cluster.send("PUT", f"/{name}", body={"mappings": MAPPING})
    after = index.uuid(name)
    assert after != before
    return after


class TestFieldsOfOthers:
    def test_are_named_and_refuse_what_they_cannot_take(self, index: Index, name: str) -> None:
        assert index.misfits(name) == {}
        xmp = {"x:y": {"properties": {"z": {"type": "keyword"}}}}
        of_files = {"fileMetadata": {"properties": {"xmp": {"properties": xmp}}}}
        match index:
            case MemoryIndex():
                index.live_map({**MAPPING, "properties": {**MAPPING["properties"], **of_files}})
            case SearchIndex():
                index._cluster.send("PUT", f"/{name}/_mapping", body={"properties": of_files})

        assert index.misfits(name) == {"fileMetadata.xmp.x:y": "object"}
        document = {"fileMetadata": {"xmp": {"x:y": "text"}}}
        [result] = index.write(name, [IndexWrite("a", None, document)])
        assert result.verdict is Verdict.REFUSED
        assert "x:y" in result.reason

    def test_cannot_be_named_where_there_is_no_index(self, index: Index) -> None:
        with pytest.raises(IndexGone):
            index.misfits("never-made")


class TestASample:
    @pytest.fixture(autouse=True)
    def documents(self, index: Index, name: str) -> None:
        for number in range(40):
            _write(index, name, f"{number:02}")
        if isinstance(index, SearchIndex):
            index._cluster.send("POST", f"/{name}/_refresh")

    # noida-db gives the first documents whatever the seed.
    @pytest.mark.parametrize("index", ["memory", *REAL], indirect=True)
    def test_is_the_same_for_a_seed_and_another_for_another(self, index: Index, name: str) -> None:
        drawn = [index.sample(name, 10, seed) for seed in (1, 1, 2, 3)]

        assert all(len(set(ids)) == len(ids) == 10 for ids in drawn)
        assert set(drawn[0]) == set(drawn[1])
        assert len({frozenset(ids) for ids in drawn}) > 1

    def test_is_all_there_is_where_there_is_less(self, index: Index, name: str) -> None:
        assert sorted(index.sample(name, 100, 1)) == [f"{number:02}" for number in range(40)]
        assert index.count(name, {"match_all": {}}) == 40

    def test_is_of_what_matches(self, index: Index, name: str) -> None:
        query = {"ids": {"values": ["03", "07", "gone"]}}

        assert sorted(index.sample(name, 10, 1, query)) == ["03", "07"]

    def test_of_a_query_that_is_none_is_refused(self, index: Index, name: str) -> None:
        with pytest.raises(SourceUnusable):
            index.sample(name, 10, 1, {"no_such_query": {}})


class TestRefusalsForetold:
    """:mod:`reindex.image.refusals` says what the server would say, and writes nothing."""

    @pytest.mark.parametrize(
        "document",
        [
            {"id": "a", "metadata": {"title": "t", "credit": "c"}},
            {"id": ["a", "b"], "lastModified": None},
            {"lastModified": "2026-01-02T03:04:05.678Z"},
            {"lastModified": 1_700_000_000_000},
            {"lastModified": "yesterday"},
            {"metadata": {"credit": {"an": "object"}}},
            {"metadata": "a text"},
            {"metadata": [{"title": "t"}, {"credit": ["c"]}]},
            {"metadata": {"credit": "x" * 33_000}},
            {"metadata": {"title": "x " * 33_000}},
            {"metadata": {"credit": 7, "title": True}},
            {"unheard": 1},
            {"metadata": {"unheard": 1}},
            {"unheard": None},
            {"esInfo": {"reindex": {"any": ["thing", {"at": "all"}]}}},
            {"esInfo": {"migration": {"migratedTo": "x", "by": "y"}}},
        ],
        ids=lambda document: str(document)[:40],
    )
    def test_as_the_server_then_does(self, real: Server, document: Mapping[str, Any]) -> None:
        index = SearchIndex(real.cluster, Schema(settings={}, mapping=MAPPING))
        name = index.prepare(new_alias()).index
        foretold = refusals(document, index.mapping(name))

        [result] = index.write(name, [IndexWrite("a", None, document)])

        assert (result.verdict is Verdict.REFUSED) == bool(foretold), (result, foretold)


class TestWhatWeAreLetDo:
    def test_is_all_of_it_where_nothing_is_forbidden(self, index: Index, name: str) -> None:
        assert index.denied_operations(name) == []
        assert [image_id for image_id, _ in index.scan(name, [])] == [], "nothing was written"

    def test_is_named_where_writes_are_blocked(self, small: SearchIndex, server: Server) -> None:
        name = small.prepare(new_alias()).index
        server.cluster.send("PUT", f"/{name}/_settings", body={"index.blocks.write": True})

        problems = small.denied_operations(name)

        assert [problem.split(":")[0] for problem in problems] == [
            "we cannot write documents (index)",
            "we cannot delete documents (delete)",
        ]
        assert all("block" in problem for problem in problems)

    def test_is_named_where_the_index_is_closed(self, small: SearchIndex, server: Server) -> None:
        name = small.prepare(new_alias()).index
        server.cluster.send("POST", f"/{name}/_close")

        assert any(
            "we cannot read documents" in problem for problem in small.denied_operations(name)
        )

    def test_is_named_where_documents_must_be_asked_for_with_their_routing(
        self, server: Server
    ) -> None:
        index = SearchIndex(server.cluster)
        name = f"routed-{new_alias()}"
        server.cluster.send("PUT", f"/{name}", body={"mappings": {"_routing": {"required": True}}})

        [problem] = index.denied_operations(name)

        assert "needs a routing value" in problem
        with pytest.raises(IndexMisconfigured, match="routing"):
            index.read(name, ["a"], [])
        with pytest.raises(IndexMisconfigured, match="routing"):
            index.delete(name, "a", Guard(0, 1))


class TestDocumentsOfOtherPrograms:
    @pytest.mark.parametrize(
        "document",
        [
            {"lastModified": 1_700_000_000_000},
            {"lastModified": "2031-01-01T00:00:00Z"},
            {"esInfo": {"reindex": {"digest": 7, "runId": ["x"]}}},
            {"esInfo": {"reindex": {"digest": "", "stage": None}}},
            {"esInfo": [{"migration": {"migratedTo": "x"}}, {"reindex": {}}]},
        ],
        ids=str,
    )
    def test_are_read_without_being_believed(
        self, index: Index, name: str, document: dict[str, Any]
    ) -> None:
        _write(index, name, "a", **document)

        found = index.read(name, ["a"], ["*"])["a"]

        assert found.provenance is None
        assert (found.modified_at is None) == ("lastModified" not in document)

    # noida-db refuses them.
    def test_nested_as_deep_as_the_cluster_takes_them_do_not_affect_others(
        self, real: Server
    ) -> None:
        index = SearchIndex(real.cluster, Schema(settings={}, mapping=MAPPING))
        name = index.prepare(new_alias()).index
        deep: Any = "x"
        for _ in range(990):
            deep = {"a": deep}
        ids = ["fine", "odd"]
        assert _write(index, name, "fine").verdict is Verdict.WRITTEN
        assert _write(index, name, "odd", esInfo={"reindex": deep}).verdict is Verdict.WRITTEN

        assert index.read(name, ids, ["*"])["odd"].source["esInfo"]["reindex"] == deep
        assert sorted(image_id for image_id, _ in index.scan(name, ["*"])) == ids


class TestTheAlias:
    def test_names_one_concrete_index(self, index: Index, alias: str) -> None:
        assert index.resolve(alias) != alias

    def test_that_does_not_exist_is_an_error(self, index: Index) -> None:
        with pytest.raises(IndexMisconfigured):
            index.resolve("nobody")

    def test_that_is_an_index_itself_is_an_error(self, index: Index, name: str) -> None:
        with pytest.raises(IndexMisconfigured):
            index.resolve(name)

    def test_that_names_two_indices_is_an_error(self, index: Index, alias: str) -> None:
        _put_another_behind(index, alias)

        with pytest.raises(IndexMisconfigured, match="another"):
            index.resolve(alias)


class TestASearchThroughTheAlias:
    def test_finds_what_its_filter_does_not_hide(self, index: Index, name: str, alias: str) -> None:
        index.write(name, [IndexWrite(i, None, {"id": i}) for i in ("a", "b")])
        _refresh(index, name)
        assert [index.finds(alias, image_id) for image_id in ("a", "b", "c")] == [True, True, False]

        _hide(index, name, alias, "a")

        assert [index.finds(alias, image_id) for image_id in ("a", "b")] == [False, True]
        assert index.read(name, ["a"], []).keys() == {"a"}


def _hide(index: Index, name: str, alias: str, image_id: str) -> None:
    match index:
        case MemoryIndex():
            index.hidden.add(image_id)
        case SearchIndex():
            others = {"bool": {"must_not": [{"ids": {"values": [image_id]}}]}}
            index._cluster.send("PUT", f"/{name}/_alias/{alias}", body={"filter": others})


def _put_another_behind(index: Index, alias: str) -> None:
    match index:
        case MemoryIndex():
            index.aliases[alias].append("another")
        case SearchIndex():
            index._cluster.send("PUT", f"/another-{alias}", body={"aliases": {alias: {}}})


def test_the_health_is_a_colour(index: Index) -> None:
    assert index.health("images") in {"green", "yellow", "red"}


class TestOneBulk:
    def test_becomes_several_when_it_is_too_large(self, small: SearchIndex) -> None:
        name = small.prepare(new_alias()).index
        title = "x" * 700
        ids = [str(number) for number in range(10)]
        writes = [IndexWrite(i, None, {"id": i, "metadata": {"title": title}}) for i in ids]
        small.write(name, writes[4:5])

        results = small.write(name, writes)

        assert [i for i, r in zip(ids, results, strict=True) if r.verdict is Verdict.CONFLICT] == [
            "4"
        ]
        assert list(small.read(name, ids, [])) == ids

    def test_holds_a_document_larger_than_its_bound_alone(self, small: SearchIndex) -> None:
        name = small.prepare(new_alias()).index

        result = _write(small, name, "a", metadata={"title": "x" * 5_000})

        assert result.verdict is Verdict.WRITTEN

    def test_that_one_id_spoils_is_written_but_for_that_one(self, small: SearchIndex) -> None:
        name = small.prepare(new_alias()).index
        ids = ["a", "b" * 513, "c"]

        results = small.write(name, [IndexWrite(i, None, {"id": "x"}) for i in ids])

        assert [result.verdict for result in results] == [
            Verdict.WRITTEN,
            Verdict.REFUSED,
            Verdict.WRITTEN,
        ]
        assert "too long" in results[1].reason

    def test_to_an_index_with_a_write_block_blames_no_document(
        self, small: SearchIndex, server: Server
    ) -> None:
        name = small.prepare(new_alias()).index
        server.cluster.send("PUT", f"/{name}/_settings", body={"index.blocks.write": True})

        result = _write(small, name, "a")

        assert result.verdict is Verdict.UNAVAILABLE
        assert "block" in result.reason

    def test_to_a_closed_index_blames_no_document(self, small: SearchIndex, server: Server) -> None:
        name = small.prepare(new_alias()).index
        server.cluster.send("POST", f"/{name}/_close")

        with pytest.raises(IndexMisconfigured, match="closed"):
            _write(small, name, "a")


class TestPreparing:
    @pytest.fixture
    def ours(self, server: Server) -> SearchIndex:
        return SearchIndex(server.cluster, server.schema())

    def test_creates_an_index_that_takes_our_documents(self, ours: SearchIndex) -> None:
        alias = new_alias()

        prepared = ours.prepare(alias)

        assert prepared.created
        assert not prepared.lacking
        assert ours.resolve(alias) == prepared.index == f"{alias}-000001"

    def test_twice_changes_nothing(self, ours: SearchIndex) -> None:
        alias = new_alias()
        first = ours.prepare(alias)

        second = ours.prepare(alias)

        assert second.index == first.index
        assert not second.created
        assert not second.provenance_added

    def test_takes_the_next_name_when_an_index_was_taken_from_behind_the_alias(
        self, ours: SearchIndex, server: Server
    ) -> None:
        alias = new_alias()
        first = ours.prepare(alias).index
        server.cluster.send("DELETE", f"/{first}/_alias/{alias}")

        assert ours.prepare(alias).index == f"{alias}-000002"

    def test_gives_a_librarys_own_index_room_for_provenance_and_nothing_else(
        self, ours: SearchIndex, server: Server
    ) -> None:
        alias = new_alias()
        name = f"own-{alias}"
        own = {"dynamic": "strict", "properties": {"id": {"type": "keyword"}}}
        server.cluster.send("PUT", f"/{name}", body={"mappings": own, "aliases": {alias: {}}})
        before = ours.mapping_gaps(name)

        prepared = ours.prepare(alias)

        assert prepared.provenance_added
        assert any(gap.startswith("esInfo.reindex ") for gap in before)
        assert not any(gap.startswith("esInfo.reindex ") for gap in prepared.lacking)
        live = server.cluster.read("GET", f"/{name}/_mapping")[name]["mappings"]
        added = PROVENANCE_MAPPING["properties"]
        assert live["properties"].keys() == {"id", *added}
        assert not ours.prepare(alias).provenance_added

    def test_leaves_a_field_that_is_in_the_way_alone_and_names_it(
        self, ours: SearchIndex, server: Server
    ) -> None:
        alias = new_alias()
        reindex = {"properties": {"digest": {"type": "keyword"}}}
        own = {"properties": {"esInfo": {"properties": {"reindex": reindex}}}}
        made_of = {"mappings": own, "aliases": {alias: {}}}
        server.cluster.send("PUT", f"/own-{alias}", body=made_of)

        prepared = ours.prepare(alias)

        assert not prepared.provenance_added
        assert any(gap.startswith("esInfo.reindex ") for gap in prepared.lacking)

    def test_refuses_a_name_that_is_an_index_itself(
        self, ours: SearchIndex, server: Server
    ) -> None:
        alias = new_alias()
        server.cluster.send("PUT", f"/{alias}")

        with pytest.raises(IndexMisconfigured, match="an index of that name"):
            ours.prepare(alias)

    def test_makes_documents_that_people_find(self, ours: SearchIndex, server: Server) -> None:
        alias = new_alias()
        name = ours.prepare(alias).index
        _write(ours, name, "a", metadata={"title": "A fox on the hill"})
        _write(ours, name, "b", metadata={"title": "Rain"})
        server.cluster.send("POST", f"/{name}/_refresh")

        assert [found["id"] for found in ours.search(alias, "fox")] == ["a"]

    def test_a_librarys_own_mapping_makes_an_index_and_is_what_another_is_held_against(
        self, server: Server
    ) -> None:
        own = {
            "dynamic": "strict",
            "properties": {"colour": {"type": "keyword"}, "made": {"type": "date"}},
        }
        theirs = SearchIndex(server.cluster, library_schema(json.dumps({"mappings": own})))
        prepared = theirs.prepare(new_alias())
        assert (prepared.created, prepared.lacking) == (True, [])
        provenance = {"reindex": {"digest": "d", "runId": "r"}}
        sound = {"colour": "red", "made": "2026-01-01", "esInfo": provenance}
        odd = {**sound, "title": "of another library"}
        writes = [IndexWrite("a", None, sound), IndexWrite("b", None, odd)]
        verdicts = [result.verdict for result in theirs.write(prepared.index, writes)]
        assert verdicts == [Verdict.WRITTEN, Verdict.REFUSED]

        other = f"other-{prepared.index}"
        other_made = {**own, "properties": {"made": {"type": "long"}}}
        server.cluster.send("PUT", f"/{other}", body={"mappings": other_made})
        gaps = theirs.mapping_gaps(other)
        assert "colour is missing, and its parent is strict" in gaps
        assert "made is long, where documents hold date" in gaps
        assert any(gap.startswith("esInfo.reindex ") for gap in gaps)

    def test_an_index_of_unknown_documents_needs_a_place_for_provenance_and_nothing_else(
        self, server: Server
    ) -> None:
        alias = new_alias()
        own = {"dynamic": "strict", "properties": {"id": {"type": "keyword"}}}
        made_of = {"mappings": own, "aliases": {alias: {}}}
        server.cluster.send("PUT", f"/own-{alias}", body=made_of)
        unknown = SearchIndex(server.cluster, library_schema(UNKNOWN_MAPPING))
        assert unknown.mapping_gaps(f"own-{alias}") != []
        assert unknown.prepare(alias).lacking == []
