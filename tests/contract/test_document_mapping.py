"""What the mapping promises, shown on the servers it is for.

noida-db ignores `copy_to`, limits and the length of terms; those are shown on a real server.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import Any

import pytest
from elasticsearch import BadRequestError, Elasticsearch

from reindex.domain.digest import digest
from reindex.image.dates import format_date
from reindex.image.document import build, with_provenance
from reindex.image.limits import Trimmed, with_trimmed
from reindex.image.mapping import (
    PROVENANCE_MAPPING,
    TOTAL_FIELDS,
    index_settings,
    mapping,
    paths,
)
from reindex.image.misfits import without_misfits
from reindex.steps.index_messages import merged
from reindex.stores.search.index import ElasticsearchIndex
from tests.contract.analysis import without_analysis_common
from tests.local.index_server import IndexServer
from tests.local.noida import noida
from tests.local.search_servers import real_server
from tests.local.versions import SearchServer
from tests.unit.image.truths import FULL, ID, NOW, image_file, truth, usage

SERVERS: dict[str, Callable[[], AbstractContextManager[IndexServer]]] = {
    "noida": noida,
    "elasticsearch": partial(real_server, SearchServer.ELASTICSEARCH_8),
}
REAL = pytest.param("elasticsearch", marks=pytest.mark.real_elasticsearch)
ON_A_REAL_SERVER = pytest.mark.parametrize("client", [REAL], indirect=True)


@pytest.fixture(scope="module", params=["noida", REAL])
def client(request: pytest.FixtureRequest) -> Iterator[Elasticsearch]:
    with ExitStack() as stack:
        server = stack.enter_context(SERVERS[request.param]())
        yield stack.enter_context(Elasticsearch(server.url, request_timeout=120))


@pytest.fixture
def index(client: Elasticsearch) -> Iterator[str]:
    name = "images"
    settings = index_settings()
    try:
        client.indices.create(index=name, settings=settings, mappings=mapping())
    except BadRequestError:
        settings = without_analysis_common(settings)
        client.indices.create(index=name, settings=settings, mappings=mapping())
    yield name
    client.indices.delete(index=name)


def _full() -> dict[str, Any]:
    document = build(FULL, NOW)
    return with_provenance(
        document, digest=digest(document), run_id="r", stage="TEST", projected_at=NOW, projector="p"
    )


def _hits(client: Elasticsearch, index: str, query: dict[str, Any]) -> list[str]:
    client.indices.refresh(index=index)
    return [hit["_id"] for hit in client.search(index=index, query=query)["hits"]["hits"]]


def test_the_document_that_has_everything_is_accepted_and_read_back_as_it_was(
    client: Elasticsearch, index: str
) -> None:
    client.index(index=index, id=ID, document=_full(), op_type="create")
    source = client.get(index=index, id=ID)["_source"]
    assert source == _full()
    assert digest(source) == source["esInfo"]["reindex"]["digest"]


def test_the_smallest_document_is_accepted(client: Elasticsearch, index: str) -> None:
    assert client.index(index=index, id=ID, document=build(truth(), NOW))["result"] == "created"


def test_accepting_documents_adds_fields_to_dynamic_objects_only(
    client: Elasticsearch, index: str
) -> None:
    client.index(index=index, id=ID, document=_full())
    now = set(paths(client.indices.get_mapping(index=index)[index]["mappings"]["properties"]))
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
    client: Elasticsearch, index: str, document: dict[str, Any]
) -> None:
    with pytest.raises(BadRequestError, match="strict_dynamic_mapping_exception"):
        client.index(index=index, id=ID, document=document)


def test_preserved_fields_are_accepted(client: Elasticsearch, index: str) -> None:
    preserved = {
        "usagesLastModified": "2024-06-12T00:00:00.000Z",
        "suggestMetadataCredit": {"input": ["Example Pictures"], "weight": 3},
        "esInfo": {"migration": {"failures": {"images_2": "refused"}, "migratedTo": "images_3"}},
    }
    document = {**build(FULL, NOW), **preserved}
    client.index(index=index, id=ID, document=document)
    source = client.get(index=index, id=ID)["_source"]
    assert digest(source, [*preserved, "esInfo.migration"]) == digest(build(FULL, NOW))


def test_one_images_number_is_anothers_word(client: Elasticsearch, index: str) -> None:
    for number, value in enumerate([1, 1.5, True, "word"]):
        domain = {"desk": {"value": value}}
        client.index(index=index, id=str(number), document={"metadata": {"domainMetadata": domain}})


@pytest.mark.parametrize(
    "when", [datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, 23, 59, 59, 999000, UTC)]
)
def test_dates_of_all_years_are_accepted(client: Elasticsearch, index: str, when: datetime) -> None:
    document = {"metadata": {"dateTaken": format_date(when)}}
    assert client.index(index=index, id=ID, document=document)["result"] == "created"


def test_an_index_that_exists_learns_about_provenance(client: Elasticsearch) -> None:
    old = mapping()
    del old["properties"]["esInfo"]["properties"]["reindex"]
    settings = without_analysis_common(index_settings())
    client.indices.create(index="old", settings=settings, mappings=old)
    try:
        gaps = ElasticsearchIndex(client).accepts("old")
        assert {gap.split()[0].rstrip(":") for gap in gaps} == {"esInfo.reindex"}
        client.indices.put_mapping(index="old", **PROVENANCE_MAPPING)
        assert ElasticsearchIndex(client).accepts("old") == []
        client.index(index="old", id=ID, document=_full())
    finally:
        client.indices.delete(index="old")


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
def test_what_is_copied_is_found(client: Elasticsearch, index: str, query: dict[str, Any]) -> None:
    client.index(index=index, id=ID, document=_full())
    assert _hits(client, index, query) == [ID]


@ON_A_REAL_SERVER
def test_provenance_is_not_searchable(client: Elasticsearch, index: str) -> None:
    client.index(index=index, id=ID, document=_full())
    assert _hits(client, index, {"exists": {"field": "esInfo.reindex.digest"}}) == []


@ON_A_REAL_SERVER
def test_text_longer_than_a_term_would_be_refused_and_is_not(
    client: Elasticsearch, index: str
) -> None:
    chinese = "\u6f22" * 20_000
    for raw in ({"metadata": {"credit": chinese}}, {"fileMetadata": {"xmp": {"dc:x": chinese}}}):
        with pytest.raises(BadRequestError, match="failed to parse"):
            client.index(index=index, id=ID, document=raw)
    xmp = {"photoshop:Credit": chinese, "dc:description": chinese, "dc:x": chinese + chinese}
    document = build(replace(truth(), file=image_file(xmp=xmp)), NOW)
    assert client.index(index=index, id=ID, document=document)["result"] == "created"
    for text in ("a" * 33_000, "\u6f22" * 11_000):
        with pytest.raises(BadRequestError, match="failed to parse"):
            client.index(index=index, id=ID, document={"metadata": {"credit": text}})
        edited = build(truth(edits={"metadata": {"credit": text, "keywords": [text]}}), NOW)
        assert edited["fileMetadata"]["trimmedCount"] == 4
        client.index(index=index, id=ID, document=edited)


@ON_A_REAL_SERVER
def test_more_usages_than_the_index_takes_would_be_refused_and_are_not(
    client: Elasticsearch, index: str
) -> None:
    rows = [usage(grouping=f"g{number}", last_modified=number) for number in range(10_001)]
    document = build(truth(usages=rows), NOW)
    raw = document | {"usages": [*document["usages"], document["usages"][0]]}
    with pytest.raises(BadRequestError, match="nested documents"):
        client.index(index=index, id=ID, document=raw)
    assert client.index(index=index, id=ID, document=document)["result"] == "created"
    assert _hits(client, index, {"term": {"fileMetadata.trimmed": "usages"}}) == [ID]
    assert _hits(client, index, {"term": {"fileMetadata.trimmedCount": 1}}) == [ID]


@ON_A_REAL_SERVER
def test_objects_deeper_than_a_mapping_would_be_refused_and_are_not(
    client: Elasticsearch, index: str
) -> None:
    deep: dict[str, Any] = {"level": "x"}
    for _ in range(17):
        deep = {"level": deep}
    raw = {"metadata": {"domainMetadata": {"raw": deep}}}
    with pytest.raises(BadRequestError, match="mapping depth"):
        client.index(index=index, id=ID, document=raw)
    domain = {"desk": deep, "note": "x"}
    document = build(truth(edits={"metadata": {"domainMetadata": domain}}), NOW)
    assert document["metadata"]["domainMetadata"] == {"note": "x"}
    assert client.index(index=index, id=ID, document=document)["result"] == "created"


@pytest.fixture
def own(client: Elasticsearch) -> Iterator[str]:
    """An index of a library's own, which maps what documents bring as a server does by itself."""
    wanted = mapping()
    del wanted["dynamic_templates"], wanted["date_detection"]
    settings = without_analysis_common(index_settings())
    client.indices.create(index="own", settings=settings, mappings=wanted)
    yield "own"
    client.indices.delete(index="own")


def _of_file(name: str, value: Any) -> dict[str, Any]:
    return {"fileMetadata": {"xmp": {name: value}}}


def _of_people(name: str, value: Any) -> dict[str, Any]:
    metadata = {"metadata": {"domainMetadata": {"desk": {name: value}}}}
    return metadata | {"userMetadata": metadata}


#: What other documents' values make of a field; of ours, what it refuses, and what it takes.
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
    client: Elasticsearch, own: str, said: Callable[[str, Any], dict[str, Any]], made: list[Any]
) -> None:
    for number, (theirs, _, _) in enumerate(made):
        client.index(index=own, id=f"theirs{number}", document=said(f"f{number}", theirs))
    misfits = ElasticsearchIndex(client).misfits(own)
    for number, (theirs, refused, taken) in enumerate(made):
        for ours in (*refused, *taken):
            case = f"{ours!r} where others have {theirs!r}"
            whole = merged(said(f"f{number}", ours), said("other", "text"))
            trimmed = Trimmed()
            document = with_trimmed(without_misfits(whole, misfits, trimmed), trimmed)
            if ours in taken:
                assert document == whole, case
            else:
                assert merged(said("other", "text"), document) == document, case
                assert document["fileMetadata"]["trimmedCount"] == trimmed.count > 0, case
                with pytest.raises(BadRequestError, match="exception"):
                    client.index(index=own, id=ID, document=whole)
            client.index(index=own, id=ID, document=document)
    assert ElasticsearchIndex(client).accepts(own) == []


@ON_A_REAL_SERVER
def test_more_names_than_the_index_holds_harm_no_image(client: Elasticsearch, index: str) -> None:
    xmp = {f"made:up{number}": "x" for number in range(TOTAL_FIELDS + 1)}
    crowded = build(replace(truth(), file=image_file(xmp=xmp)), NOW)
    client.index(index=index, id="crowded", document=crowded)
    client.index(index=index, id=ID, document=_full())
    assert _hits(client, index, {"term": {"metadata.credit": "Example Pictures"}}) == [ID]
