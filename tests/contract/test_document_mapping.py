"""What the mapping promises, shown on the servers it is for.

noida-db ignores `copy_to`, limits and the length of terms; those are shown on a real server.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import nullcontext
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import pytest

from reindex.domain.digest import digest
from reindex.domain.document_parts import with_preserved
from reindex.image.dates import format_date
from reindex.image.document import build, with_provenance
from reindex.image.limits import Trimmed, with_trimmed
from reindex.image.mapping import (
    PROVENANCE_MAPPING,
    TOTAL_FIELDS,
    mapping,
    paths,
)
from reindex.image.misfits import without_misfits
from reindex.stores.search.cluster import Refusal, SearchCluster, path
from reindex.stores.search.index import SearchIndex
from reindex.stores.search.schema import Schema
from tests.contract.analysis import without_analysis_common
from tests.contract.conftest import NOIDA, REAL, SearchServers
from tests.local.index_server import IndexServer
from tests.unit.image.truths import FULL, ID, NOW, image_file, truth, usage

ON_A_REAL_SERVER = pytest.mark.parametrize("server", REAL, indirect=True)


@dataclass(frozen=True)
class Server:
    """A running server, and requests about documents."""

    about: IndexServer
    cluster: SearchCluster

    def create(self, name: str, wanted: Mapping[str, Any]) -> None:
        """Create an index, of our settings as far as the server knows them."""
        schema = Schema(mapping=wanted)
        if not self.about.has_analysis_common:
            schema = replace(schema, settings=without_analysis_common(schema.settings))
        SearchIndex(self.cluster, schema)._make(name, aliases={})

    def delete(self, name: str) -> None:
        self.cluster.send("DELETE", f"/{name}")

    def put(self, index: str, id_: str, document: Mapping[str, Any]) -> str:
        return str(self.cluster.send("PUT", path(index, "_doc", id_), body=document)["result"])

    def get(self, index: str, id_: str) -> Any:
        return self.cluster.read("GET", path(index, "_doc", id_))["_source"]

    def hits(self, index: str, query: Mapping[str, Any]) -> list[str]:
        self.cluster.send("POST", f"/{index}/_refresh")
        found = self.cluster.read("POST", f"/{index}/_search", body={"query": query})
        return [hit["_id"] for hit in found["hits"]["hits"]]


@pytest.fixture(params=[NOIDA, *REAL])
def server(request: pytest.FixtureRequest, search_servers: SearchServers) -> Iterator[Server]:
    about = search_servers.get(request.param)
    with about.cluster(request_seconds=120) as cluster:
        yield Server(about, cluster)


@pytest.fixture
def index(server: Server) -> Iterator[str]:
    server.create("images", mapping())
    yield "images"
    server.delete("images")


def _full() -> dict[str, Any]:
    document = build(FULL, NOW)
    return with_provenance(
        document, digest=digest(document), run_id="r", stage="TEST", projected_at=NOW, projector="p"
    )


def test_the_document_that_has_everything_is_accepted_and_read_back_as_it_was(
    server: Server, index: str
) -> None:
    server.put(index, ID, _full())
    source = server.get(index, ID)
    assert source == _full()
    assert digest(source) == source["esInfo"]["reindex"]["digest"]


def test_the_smallest_document_is_accepted(server: Server, index: str) -> None:
    assert server.put(index, ID, build(truth(), NOW)) == "created"


def test_accepting_documents_adds_fields_to_dynamic_objects_only(
    server: Server, index: str
) -> None:
    server.put(index, ID, _full())
    now = set(
        paths(server.cluster.read("GET", f"/{index}/_mapping")[index]["mappings"]["properties"])
    )
    new = now - set(paths(mapping()["properties"]))
    roots = {"fileMetadata", "identifiers", "domainMetadata"}
    assert new
    assert all(roots & set(path.split(".")) for path in new)


@pytest.mark.parametrize(
    "document",
    [
        {"unknown": 1},
        {"metadata": {"unknown": "x"}},
        {"usages": [{"unknown": "x"}]},
        {"esInfo": {"unknown": "x"}},
        {"leases": {"leases": [{"unknown": "x"}]}},
    ],
)
def test_what_is_not_mapped_is_refused(
    server: Server, index: str, document: dict[str, Any]
) -> None:
    with pytest.raises(Refusal, match="strict_dynamic_mapping_exception"):
        server.put(index, ID, document)


def test_preserved_fields_are_accepted(server: Server, index: str) -> None:
    preserved = {
        "usagesLastModified": "2024-06-12T00:00:00.000Z",
        "suggestMetadataCredit": {"input": ["Example Pictures"], "weight": 3},
        "esInfo": {"migration": {"failures": {"images_2": "refused"}, "migratedTo": "images_3"}},
    }
    document = {**build(FULL, NOW), **preserved}
    server.put(index, ID, document)
    source = server.get(index, ID)
    assert digest(source, [*preserved, "esInfo.migration"]) == digest(build(FULL, NOW))


def test_one_images_number_is_anothers_word(server: Server, index: str) -> None:
    for number, value in enumerate([1, 1.5, True, "word"]):
        domain = {"desk": {"value": value}}
        server.put(index, str(number), {"metadata": {"domainMetadata": domain}})


@pytest.mark.parametrize(
    "when", [datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, 23, 59, 59, 999000, UTC)]
)
def test_dates_of_all_years_are_accepted(server: Server, index: str, when: datetime) -> None:
    document = {"metadata": {"dateTaken": format_date(when)}}
    assert server.put(index, ID, document) == "created"


def test_an_index_that_exists_learns_about_provenance(server: Server) -> None:
    old = mapping()
    del old["properties"]["esInfo"]["properties"]["reindex"]
    server.create("old", old)
    try:
        gaps = SearchIndex(server.cluster).mapping_gaps("old")
        assert {gap.split()[0].rstrip(":") for gap in gaps} == {"esInfo.reindex"}
        server.cluster.send("PUT", "/old/_mapping", body=PROVENANCE_MAPPING)
        assert SearchIndex(server.cluster).mapping_gaps("old") == []
        server.put("old", ID, _full())
    finally:
        server.delete("old")


@ON_A_REAL_SERVER
@pytest.mark.parametrize(
    "query",
    [
        {"term": {"usagesPlatform": "print"}},
        {"term": {"usagesStatus": "removed"}},
        {"match": {"metadata.englishAnalysedCatchAll": "example pictures"}},
        {"match": {"metadata.englishAnalysedCatchAll": "front page"}},
        {"exists": {"field": "collections.pathHierarchy"}},
        {"nested": {"path": "usages", "query": {"term": {"usages.media": "image"}}}},
        {"term": {"fileMetadata.xmp.dc:creator": "Jo Bloggs"}},
    ],
)
def test_what_is_copied_is_found(server: Server, index: str, query: dict[str, Any]) -> None:
    server.put(index, ID, _full())
    assert server.hits(index, query) == [ID]


@ON_A_REAL_SERVER
def test_provenance_is_not_searchable(server: Server, index: str) -> None:
    server.put(index, ID, _full())
    assert server.hits(index, {"exists": {"field": "esInfo.reindex.digest"}}) == []


@ON_A_REAL_SERVER
def test_text_longer_than_a_term_would_be_refused_and_is_not(server: Server, index: str) -> None:
    chinese = "\u6f22" * 20_000
    for raw in ({"metadata": {"credit": chinese}}, {"fileMetadata": {"xmp": {"dc:x": chinese}}}):
        with pytest.raises(Refusal, match=r"failed to parse|immense term"):
            server.put(index, ID, raw)
    xmp = {"photoshop:Credit": chinese, "dc:description": chinese, "dc:x": chinese + chinese}
    document = build(replace(truth(), file=image_file(xmp=xmp)), NOW)
    assert server.put(index, ID, document) == "created"
    for text in ("a" * 33_000, "\u6f22" * 11_000):
        with pytest.raises(Refusal, match=r"failed to parse|immense term"):
            server.put(index, ID, {"metadata": {"credit": text}})
        edited = build(truth(edits={"metadata": {"credit": text, "keywords": [text]}}), NOW)
        assert edited["fileMetadata"]["trimmedCount"] == 4
        server.put(index, ID, edited)


@ON_A_REAL_SERVER
def test_more_usages_than_the_index_takes_would_be_refused_and_are_not(
    server: Server, index: str
) -> None:
    rows = [usage(grouping=f"g{number}", last_modified=number) for number in range(10_001)]
    document = build(truth(usages=rows), NOW)
    raw = document | {"usages": [*document["usages"], document["usages"][0]]}
    with pytest.raises(Refusal, match="nested documents"):
        server.put(index, ID, raw)
    assert server.put(index, ID, document) == "created"
    assert server.hits(index, {"term": {"fileMetadata.trimmed": "usages"}}) == [ID]
    assert server.hits(index, {"term": {"fileMetadata.trimmedCount": 1}}) == [ID]


@ON_A_REAL_SERVER
def test_objects_deeper_than_a_mapping_would_be_refused_and_are_not(
    server: Server, index: str
) -> None:
    deep: dict[str, Any] = {"level": "x"}
    for _ in range(17):
        deep = {"level": deep}
    raw = {"metadata": {"domainMetadata": {"raw": deep}}}
    with pytest.raises(Refusal, match=r"mapping depth|depth of the field"):
        server.put(index, ID, raw)
    domain = {"desk": deep, "note": "x"}
    document = build(truth(edits={"metadata": {"domainMetadata": domain}}), NOW)
    assert document["metadata"]["domainMetadata"] == {"note": "x"}
    assert server.put(index, ID, document) == "created"


@pytest.fixture
def own(server: Server) -> Iterator[str]:
    """An index of a library's own, which maps what documents bring as a server does by itself."""
    wanted = mapping()
    del wanted["dynamic_templates"], wanted["date_detection"]
    server.create("own", wanted)
    yield "own"
    server.delete("own")


def _of_file(name: str, value: Any) -> dict[str, Any]:
    return {"fileMetadata": {"xmp": {name: value}}}


def _of_people(name: str, value: Any) -> dict[str, Any]:
    metadata = {"metadata": {"domainMetadata": {"desk": {name: value}}}}
    return metadata | {"userMetadata": metadata}


#: A value of another document, which makes a field's type; our values that it rejects; and accepts.
MADE_BY_OTHERS: list[tuple[Any, list[Any], list[Any]]] = [
    ({"y": "an object"}, ["text"], []),
    ([{"y": "an object"}], ["text", ["text"]], []),
    ({"y": {"z": 1}}, ["1"], []),
    ("text", [], ["other"]),
    (1, ["text", "1/250", "1e3x"], ["-1.5", ["1", "200"]]),
    (1.5, ["undef"], ["0.3333333333"]),
    (
        "2024-06-10",
        ["2024:06:10 18:22:05", "2024-02-31"],
        ["2024-06-10T18:22:05.120+01:00", "2024-06-10T18:22Z"],
    ),
    (True, ["yes"], ["false"]),
]

#: The same of what people wrote, which may be anything.
MADE_BY_PEOPLE: list[tuple[Any, list[Any], list[Any]]] = [
    ("text", [{"deep": 1}], [1, 1.5, True]),
    ({"deep": 1}, ["text", [{"deep": 2}, "text"]], [{"deep": 2}, [{"deep": 2}, {"other": "x"}]]),
    (1, ["text", True, 10**30, {"deep": 1}], [2, 1.5]),
    ("2024-06-10", [{"deep": 1}, "soon"], ["2024-06-11"]),
]


@ON_A_REAL_SERVER
@pytest.mark.parametrize(
    ("said", "made"), [(_of_file, MADE_BY_OTHERS), (_of_people, MADE_BY_PEOPLE)]
)
def test_what_a_field_of_others_refuses_is_left_out_and_the_document_is_written(
    server: Server, own: str, said: Callable[[str, Any], dict[str, Any]], made: list[Any]
) -> None:
    for number, (theirs, _, _) in enumerate(made):
        server.put(own, f"theirs{number}", said(f"f{number}", theirs))
    misfits = SearchIndex(server.cluster).misfits(own)
    for number, (theirs, refused, taken) in enumerate(made):
        for ours in (*refused, *taken):
            case = f"{ours!r} where others have {theirs!r}"
            whole = with_preserved(said(f"f{number}", ours), said("other", "text"))
            trimmed = Trimmed()
            document = with_trimmed(without_misfits(whole, misfits, trimmed), trimmed)
            if ours in taken:
                assert document == whole, case
            else:
                assert with_preserved(said("other", "text"), document) == document, case
                assert document["fileMetadata"]["trimmedCount"] == trimmed.count > 0, case
                with pytest.raises(Refusal, match="exception"):
                    server.put(own, ID, whole)
            server.put(own, ID, document)
    assert SearchIndex(server.cluster).mapping_gaps(own) == []


@ON_A_REAL_SERVER
def test_more_names_than_the_index_holds_fail_no_image(server: Server, index: str) -> None:
    xmp = {f"made:up{number}": "x" for number in range(TOTAL_FIELDS + 1)}
    crowded = build(replace(truth(), file=image_file(xmp=xmp)), NOW)
    # OpenSearch cannot leave names out of its index: it refuses the image that brings too many.
    refused = pytest.raises(Refusal, match="Limit of total fields")
    with refused if server.about.name == "opensearch" else nullcontext():
        server.put(index, "crowded", crowded)
    server.put(index, ID, _full())
    assert server.hits(index, {"term": {"metadata.credit": "Example Pictures"}}) == [ID]


class TestAnalysis:
    """On servers that have every analyser that the mapping names."""

    pytestmark = pytest.mark.parametrize(
        "server", [p for p in REAL if "opensearch" in str(p.id)], indirect=True
    )

    @pytest.fixture(autouse=True)
    def documents(self, server: Server, index: str) -> None:
        swans = {
            "title": "The Müllers' stories of Amsterdam's swans",
            "byline": "Imke de Vries",
            "city": "Reykjavík",
            "keywords": ["cold spell"],
        }
        server.put(index, "a", {"metadata": swans, "collections": [{"pathId": "News/2024/Ice"}]})
        server.put(index, "b", {"metadata": {"title": "Rain"}, "collections": [{"pathId": "News"}]})

    @pytest.mark.parametrize(
        ("words", "found"),
        [
            ("story", ["a"]),
            ("SWAN", ["a"]),
            ("muller amsterdam", ["a"]),
            ("the", ["a"]),
            ("amsterdam rain", []),
        ],
    )
    def test_words_are_found_by_their_stems_without_accents_and_case(
        self, server: Server, index: str, words: str, found: list[str]
    ) -> None:
        wanted = {"query": words, "operator": "and"}
        assert server.hits(index, {"match": {"metadata.title": wanted}}) == found

    @pytest.mark.parametrize("words", ["spells vries", "reykjavik cold", "imke spell"])
    def test_words_of_several_fields_are_found_in_one(
        self, server: Server, index: str, words: str
    ) -> None:
        wanted = {"query": words, "operator": "and"}
        assert server.hits(index, {"match": {"metadata.englishAnalysedCatchAll": wanted}}) == ["a"]

    @pytest.mark.parametrize(
        ("path_", "found"), [("news", ["a", "b"]), ("news/2024", ["a"]), ("2024", [])]
    )
    def test_a_collection_is_found_by_the_levels_above_it(
        self, server: Server, index: str, path_: str, found: list[str]
    ) -> None:
        query = {"term": {"collections.pathHierarchy": path_}}
        assert sorted(server.hits(index, query)) == found

    def test_what_was_searched_for_is_highlighted(self, server: Server, index: str) -> None:
        server.cluster.send("POST", f"/{index}/_refresh")
        asked = {
            "query": {"match": {"metadata.title": "story swan"}},
            "highlight": {"fields": {"metadata.title": {}}},
        }
        [hit] = server.cluster.read("POST", f"/{index}/_search", body=asked)["hits"]["hits"]
        assert hit["highlight"] == {
            "metadata.title": ["The Müllers' <em>stories</em> of Amsterdam's <em>swans</em>"]
        }
