"""The contract of a migration's index, on the twin and on real servers."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from reindex.domain.failures import IndexGone, IndexMisconfigured
from reindex.domain.index_names import cluster_and_name, on_cluster
from reindex.domain.provenance import Guard
from reindex.domain.rounds import PinnedIndex
from reindex.stores.interfaces.index import IndexWrite, Verdict
from reindex.stores.interfaces.migrations import MigrationIndex
from reindex.stores.search.cluster import SearchCluster
from reindex.stores.search.clusters import Clusters, KnownCluster
from reindex.stores.search.migration_index import MigratingIndex
from reindex.stores.search.schema import Schema
from tests.contract.conftest import NOIDA, REAL, SearchServers, new_alias
from tests.twins.index import MemoryIndex

SCHEMA = Schema(
    settings={"index": {"number_of_replicas": 0}},
    mapping={"dynamic": "strict", "properties": {"title": {"type": "text"}}},
)


#: The cluster of the indices that are named by URL.
ELSEWHERE = "https://elsewhere.example:9200"


@pytest.fixture(params=["memory", "elsewhere", *REAL])
def index(
    request: pytest.FixtureRequest, search_servers: SearchServers
) -> Iterator[MigrationIndex]:
    if request.param == "memory":
        yield MemoryIndex()
        return
    if request.param == "elsewhere":
        own, other = MemoryIndex("another-000001", "another"), MemoryIndex()
        yield Clusters(
            KnownCluster(["https://own.example"], lambda: own),
            KnownCluster([ELSEWHERE], lambda: other),
        )
        return
    with search_servers.get(request.param).cluster() as cluster:
        yield MigratingIndex(cluster, SCHEMA)


@pytest.fixture(params=REAL)
def cluster(
    request: pytest.FixtureRequest, search_servers: SearchServers
) -> Iterator[SearchCluster]:
    with search_servers.get(request.param).cluster() as made:
        yield made


@pytest.fixture
def real(cluster: SearchCluster) -> MigratingIndex:
    return MigratingIndex(cluster, SCHEMA)


@pytest.fixture
def alias(index: MigrationIndex) -> str:
    if isinstance(index, MigratingIndex):
        return prepared(index, shards=3)
    return on_cluster(ELSEWHERE, "images") if isinstance(index, Clusters) else "images"


@pytest.fixture
def plain(alias: str) -> str:
    """The name of the alias on its own cluster."""
    return cluster_and_name(alias)[1]


@pytest.fixture
def name(index: MigrationIndex, alias: str) -> str:
    return index.resolve(alias)


def prepared(index: MigratingIndex, *, shards: int = 1) -> str:
    """An alias of an empty index of some shards."""
    alias = new_alias()
    made_of = {
        "aliases": {alias: {}},
        "settings": {"number_of_shards": shards, "number_of_replicas": 0},
        "mappings": SCHEMA.mapping,
    }
    index._cluster.send("PUT", f"/{alias}-000001", body=made_of)
    return alias


def write(index: MigrationIndex, name: str, *ids: str) -> None:
    found = index.read(name, ids, [])
    writes = [
        IndexWrite(image_id, found[image_id].guard if image_id in found else None, {"title": "t"})
        for image_id in ids
    ]
    assert {result.verdict for result in index.write(name, writes)} == {Verdict.WRITTEN}


def changed(index: MigrationIndex, name: str, since: dict[str, int]) -> set[str]:
    """The ids of all that changed since a position, in pages of two."""
    found: list[str] = []
    until = index.position(name)
    for shard, last in until.items():
        after: int | None = since.get(shard, -1)
        while after is not None:
            page = index.changed(name, shard, after, last, 2)
            assert len(page.ids) <= 2
            found += page.ids
            after = page.last
    assert len(found) == len(set(found))
    return set(found)


IDS = [f"i{n}" for n in range(20)]


def test_all_documents_have_changed_since_nothing(index: MigrationIndex, name: str) -> None:
    write(index, name, *IDS)
    assert changed(index, name, {}) == set(IDS)


def test_what_changed_since_a_position_is_found_without_waiting(
    index: MigrationIndex, name: str
) -> None:
    write(index, name, *IDS)
    position = dict(index.position(name))
    write(index, name, "i3", "i7", "new")
    guard = index.read(name, ["i9"], [])["i9"].guard
    index.delete(name, "i9", guard)
    assert changed(index, name, position) == {"i3", "i7", "new"}
    assert index.count_changed(name, position) == 3


def test_of_some_documents_it_is_known_which_were_written_since(
    index: MigrationIndex, name: str
) -> None:
    write(index, name, *IDS)
    position = index.position(name)
    write(index, name, "i3", "i7", "new")
    assert index.written_since(name, ["i2", "i3", "new", "absent"], position) == {"i3", "new"}


def test_what_is_written_after_a_position_was_read_is_beyond_it(
    index: MigrationIndex, name: str
) -> None:
    write(index, name, *IDS)
    until = index.position(name)
    write(index, name, "late")
    found = {
        image_id
        for shard, last in until.items()
        for image_id in index.changed(name, shard, -1, last, 100).ids
    }
    assert found == set(IDS)


def test_an_index_that_is_gone_is_said_so(index: MigrationIndex) -> None:
    with pytest.raises(IndexGone):
        index.position("no-such-index")
    with pytest.raises(IndexGone):
        index.aliases_of("no-such-index")


def test_an_index_of_a_cluster_that_the_stage_does_not_have_is_gone() -> None:
    clusters = Clusters(KnownCluster(["https://own.example"], MemoryIndex))
    assert clusters.resolve("https://own.example/images") == "https://own.example/images-000001"
    with pytest.raises(IndexGone, match="no cluster"):
        clusters.uuid("https://gone.example/images-000001")


def test_a_new_index_is_built_like_the_old_and_adopted_when_asked_again(
    index: MigrationIndex, alias: str, name: str
) -> None:
    free = index.free_name(alias)
    assert free == f"{alias}-000002"
    built = index.build(free, index.shards(name))
    assert built == PinnedIndex(free, index.uuid(free))
    assert index.position(free).keys() == index.position(name).keys()
    assert index.build(free, index.shards(name)) == built
    assert index.free_name(alias) == f"{alias}-000003"


def test_an_index_that_people_search_is_not_adopted(
    index: MigrationIndex, alias: str, name: str
) -> None:
    with pytest.raises(IndexMisconfigured, match="exists"):
        index.build(name, 1)


def test_an_alias_moves_once_and_may_be_moved_again(
    index: MigrationIndex, alias: str, plain: str, name: str
) -> None:
    new = index.build(index.free_name(alias), 1).name
    for _ in range(2):
        index.move_aliases([plain], name, new)
        assert index.resolve(alias) == new
    assert list(index.aliases_of(name)) == []
    assert list(index.aliases_of(new)) == [plain]


def test_aliases_are_added_once_and_may_be_added_again(
    index: MigrationIndex, alias: str, plain: str, name: str
) -> None:
    new = index.build(index.free_name(alias), 1).name
    said = {f"{plain}-too": index.aliases_of(name)[plain]}
    for _ in range(2):
        index.add_aliases(new, said)
        assert index.indices_behind(f"{alias}-too") == [new]
    assert index.indices_behind(alias) == [name]


def test_an_alias_is_not_taken_from_another_index(
    index: MigrationIndex, alias: str, name: str
) -> None:
    new = index.build(index.free_name(alias), 1).name
    with pytest.raises(IndexMisconfigured, match="already"):
        index.add_aliases(new, index.aliases_of(name))
    assert index.indices_behind(alias) == [name]


def test_an_alias_that_leads_elsewhere_is_not_moved(
    index: MigrationIndex, alias: str, plain: str, name: str
) -> None:
    new = index.build(index.free_name(alias), 1).name
    with pytest.raises(IndexMisconfigured, match="another"):
        index.move_aliases([plain, "another"], name, new)
    assert index.resolve(alias) == name


def test_an_index_is_dropped_unless_people_search_it_or_another_has_its_name(
    index: MigrationIndex, alias: str, name: str
) -> None:
    new = index.build(index.free_name(alias), 1)
    index.drop(PinnedIndex(new.name, "another"))
    assert index.uuid(new.name) == new.uuid
    with pytest.raises(IndexMisconfigured, match="searched"):
        index.drop(PinnedIndex(name, index.uuid(name)))
    index.drop(new)
    index.drop(new)
    with pytest.raises(IndexGone):
        index.uuid(new.name)


class TestOnARealServer:
    def test_an_alias_keeps_what_it_says(
        self, real: MigratingIndex, cluster: SearchCluster
    ) -> None:
        alias = prepared(real)
        old = real.resolve(alias)
        says = {"filter": {"match": {"title": "t"}}, "is_write_index": True}
        routed = {"index_routing": "1", "search_routing": "1,2"}
        cluster.send("PUT", f"/{old}/_alias/{alias}", body=says)
        cluster.send("PUT", f"/{old}/_alias/{alias}-routed", body=routed)
        before = cluster.read("GET", f"/{old}/_alias")[old]["aliases"]
        assert real.aliases_of(old) == before
        new = real.build(real.free_name(alias), 1).name
        real.move_aliases([alias, f"{alias}-routed"], old, new)
        assert cluster.read("GET", f"/{new}/_alias")[new]["aliases"] == before

    def test_a_new_index_is_tuned_for_building_and_becomes_like_the_old_again(
        self, cluster: SearchCluster
    ) -> None:
        index = MigratingIndex(cluster, Schema(settings={}, mapping=SCHEMA.mapping))
        alias = prepared(index, shards=2)
        old = index.resolve(alias)
        cluster.send("PUT", f"/{old}/_settings", body={"refresh_interval": "7s"})
        live = index.live_settings(old)
        new = index.build(index.free_name(alias), index.shards(old)).name
        built = index._settings(new)
        assert built["index.number_of_shards"] == "2"
        assert built["index.refresh_interval"] == "-1"
        assert built["index.translog.durability"] == "async"
        index.apply(new, live)
        after = index._settings(new)
        assert after["index.refresh_interval"] == "7s"
        assert after["index.number_of_replicas"] == "0"
        assert after["index.translog.durability"] == "request"
        assert index.health_of(new) == "green"

    def test_documents_nested_in_others_are_no_changes(
        self, real: MigratingIndex, cluster: SearchCluster
    ) -> None:
        alias = prepared(real)
        name = real.resolve(alias)
        nested = {"type": "nested", "properties": {"id": {"type": "keyword"}}}
        cluster.send("PUT", f"/{name}/_mapping", body={"properties": {"usages": nested}})
        document = {"title": "t", "usages": [{"id": "1"}, {"id": "2"}]}
        [result] = real.write(name, [IndexWrite("a", None, document)])
        assert result.verdict is Verdict.WRITTEN
        assert changed(real, name, {}) == {"a"}
        assert real.count_changed(name, {"0": -1}) == 1

    def test_it_can_be_followed(self, real: MigratingIndex) -> None:
        alias = prepared(real, shards=2)
        name = real.resolve(alias)
        write(real, name, *IDS)
        assert real.follow_problems(name) == []

    def test_a_position_holds_across_writes_that_were_never_acknowledged(
        self, real: MigratingIndex
    ) -> None:
        alias = prepared(real)
        name = real.resolve(alias)
        write(real, name, "a")
        position = dict(real.position(name))
        # A write that fails its guard takes no sequence number.
        [result] = real.write(name, [IndexWrite("a", Guard(99, 1), {"title": "no"})])
        assert result.verdict is Verdict.CONFLICT
        assert real.position(name) == position


def test_a_server_that_does_not_search_by_sequence_number_is_refused_by_name(
    search_servers: SearchServers,
) -> None:
    with search_servers.get(NOIDA).cluster() as cluster:
        index = MigratingIndex(cluster, SCHEMA)
        name = index.resolve(prepared(index))
        write(index, name, "a")
        [problem] = index.follow_problems(name)
    assert "Elasticsearch" in problem


@pytest.mark.real_search_server
def test_an_index_on_a_full_disk_takes_no_document_and_charges_none(
    real: MigratingIndex,
) -> None:
    alias = prepared(real)
    name = real.resolve(alias)
    real.apply(name, {"index.blocks.read_only_allow_delete": "true"})
    [result] = real.write(name, [IndexWrite("a", None, {"title": "t"})])
    assert result.verdict in {Verdict.NOT_TAKEN, Verdict.UNAVAILABLE}
    real.apply(name, {"index.blocks.read_only_allow_delete": ""})
    write(real, name, "a")
