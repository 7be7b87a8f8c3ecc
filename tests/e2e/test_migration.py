"""A migration on the deployed stack and on real search servers, while people use the library."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from random import Random
from typing import Any

import pytest

from reindex.domain.migration import Migration, MigrationState
from reindex.image.mapping import index_settings, mapping
from reindex.settings import Cluster, LibrarySettings
from reindex.stores.search.cluster import SearchCluster
from reindex.stores.search.connecting import connect
from tests.chaos.live_library import LiveLibrary, live_library, marks, titles
from tests.contract.analysis import without_analysis_common
from tests.e2e.runs import eventually
from tests.local.stack import LocalStack
from tests.local.versions import SearchServer

pytestmark = [pytest.mark.e2e, pytest.mark.real_search_server]

#: The stage's own server, and that of the other cluster that it declares.
_TWO = (SearchServer.ELASTICSEARCH_8, SearchServer.OPENSEARCH_2)

#: Seconds for some rounds, each a run from start to end, on a machine that has other things to do.
_PATIENCE = 400

#: Mean seconds between what one of the library's people does.
_PAUSE = 0.5


def _migration(stack: LocalStack) -> Migration:
    found = stack.migrations.current()
    assert found is not None
    return found


def _migrate(stack: LocalStack, *arguments: str) -> str:
    done = stack.reindex("migrate", *arguments)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def _has_caught_up(stack: LocalStack) -> bool:
    found = json.loads(_migrate(stack, "status", "--json"))
    assert found["failed_rounds"] == 0, found["rounds"]
    built = found["state"] in ("catching_up", "rolling_back")
    return built and found["lag"] == 0 and found["round"] is None


def _documents(cluster: SearchCluster, index: str) -> dict[str, Mapping[str, Any]]:
    cluster.send("POST", f"/{index}/_refresh")
    found = cluster.send("POST", f"/{index}/_search", body={"size": 5_000})
    return {hit["_id"]: hit["_source"] for hit in found["hits"]["hits"]}


def _assert_true(cluster: SearchCluster, people: LiveLibrary, index: str) -> None:
    """Every document equals its truth, none is lost, none is too many, nor anything preserved."""
    documents = _documents(cluster, index)
    assert titles(documents) == people.titles
    assert marks(documents) == {image_id: people.marks.get(image_id) for image_id in people.titles}


@pytest.fixture(scope="module")
def people(stack_on: LocalStack) -> LiveLibrary:
    """The people of a library whose index holds the truth."""
    made = live_library(
        stack_on.session,
        stack_on.endpoint_url,
        stack_on.settings[LibrarySettings],
        stack_on.cluster,
        stack_on.alias,
    )
    made.stock(40, Random("migration"), drifted=False)
    return made


@pytest.fixture
def other(stack_on: LocalStack) -> Iterator[SearchCluster]:
    """The other cluster that the stage declares."""
    place = Cluster(stack_on.laid_over["index"]["other_cluster"]["url"])
    with connect(place, None) as cluster:
        yield cluster


@pytest.fixture
def new_mapping(tmp_path: Path) -> Path:
    """A file with a new mapping, that each of the servers takes."""
    new_mapping = mapping()
    new_mapping["properties"]["ourNewField"] = {"type": "keyword"}
    file = tmp_path / "new.json"
    # Without what one of the servers lacks.
    analysis = without_analysis_common(index_settings(ignore_beyond_limit=False))
    file.write_text(json.dumps({"settings": analysis, "mappings": new_mapping}))
    return file


def _on(*parameters: SearchServer | tuple[SearchServer, ...]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize(
        "stack_on",
        parameters,
        ids=lambda one: (one if isinstance(one, SearchServer) else one[0]).name.lower(),
        indirect=True,
    )


@_on(_TWO, SearchServer.OPENSEARCH_2)
def test_a_new_mapping_while_people_work_and_the_way_back(
    stack_on: LocalStack, people: LiveLibrary, new_mapping: Path
) -> None:
    stack = stack_on
    old = _documents_index(stack)

    with people.live("before", pause=_PAUSE):
        _migrate(
            stack, "start", "--mapping", str(new_mapping), "--source", "bucket", "--sample", "5"
        )
        new = _migration(stack).new.name
        eventually(
            lambda: _migration(stack).state is MigrationState.CATCHING_UP,
            "it is built",
            patience=_PATIENCE,
        )
        assert _documents_index(stack) == old
    eventually(lambda: _has_caught_up(stack), "it has caught up", patience=_PATIENCE)
    _assert_true(stack.cluster, people, new)

    _migrate(stack, "compare", "--tolerate-missing", "50", "--tolerate", "100")
    with people.live("switch", pause=_PAUSE):
        said = _migrate(stack, "switch", "--yes")
    assert f"People search {new}" in said
    assert _documents_index(stack) == new
    _assert_true(stack.cluster, people, new)
    fields = stack.cluster.send("GET", f"/{stack.alias}/_mapping")[new]["mappings"]["properties"]
    assert fields["ourNewField"] == {"type": "keyword"}

    with people.live("back", pause=_PAUSE):
        _migrate(stack, "rollback")
        eventually(lambda: bool(_migration(stack).rounds), "it follows", patience=_PATIENCE)
    eventually(lambda: _has_caught_up(stack), "the old has caught up", patience=_PATIENCE)
    _assert_true(stack.cluster, people, old)
    with people.live("back again", pause=_PAUSE):
        _migrate(stack, "switch", "--yes")
    assert _documents_index(stack) == old
    _assert_true(stack.cluster, people, old)

    _migrate(stack, "abort", "--yes")
    assert list(stack.cluster.send("GET", f"/{stack.alias}*/_alias")) == [old]
    _assert_true(stack.cluster, people, old)


@_on(_TWO)
def test_a_library_moves_to_another_cluster_while_people_work(
    stack_on: LocalStack, people: LiveLibrary, new_mapping: Path, other: SearchCluster
) -> None:
    stack = stack_on
    old_url, new_url = stack.index.url, stack.laid_over["index"]["other_cluster"]["url"]

    with people.live("while it is built", pause=_PAUSE):
        _migrate(stack, "start", "--to", new_url, "--mapping", str(new_mapping))
        new = _migration(stack).new.name
        assert new.startswith(f"{new_url}/")
        eventually(
            lambda: _migration(stack).state is MigrationState.CATCHING_UP,
            "it is built",
            patience=_PATIENCE,
        )
    _migrate(stack, "compare", "--tolerate-missing", "50", "--tolerate", "100")
    with people.live("while it is handed over", pause=_PAUSE):
        said = _migrate(stack, "switch", "--yes")
        assert f"{new} is ready" in said
        # In the order that the operator was given: here some still write to the old cluster.
        stack.deploy_again(
            {"elasticsearch_url": new_url, "index": {"other_cluster": {"url": old_url}}}
        )
    people.documents = other
    with people.live("on the new cluster", pause=_PAUSE):
        eventually(lambda: bool(people.created), "somebody has created an image there")
    _migrate(stack, "finish", "--yes")

    assert _migration(stack).state is MigrationState.FINISHED
    _assert_true(other, people, stack.alias)


def _documents_index(stack: LocalStack) -> str:
    """The index that people search."""
    [name] = stack.cluster.send("GET", f"/_alias/{stack.alias}")
    return str(name)
