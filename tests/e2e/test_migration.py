"""A migration on the deployed stack and on real search servers, while people use the library."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from random import Random
from typing import Any

import pytest

from reindex.domain.migration import Migration, MigrationState
from reindex.image.mapping import index_settings, mapping
from reindex.settings import LibrarySettings
from tests.chaos.live_library import LiveLibrary, live_library, marks, titles
from tests.contract.analysis import without_analysis_common
from tests.e2e.runs import eventually
from tests.local.stack import LocalStack
from tests.local.versions import SearchServer

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.real_search_server,
    pytest.mark.parametrize(
        "stack_on",
        [SearchServer.ELASTICSEARCH_8, SearchServer.OPENSEARCH_2],
        ids=lambda server: server.name.lower(),
        indirect=True,
    ),
]

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


def _documents(stack: LocalStack, index: str) -> dict[str, Mapping[str, Any]]:
    stack.cluster.send("POST", f"/{index}/_refresh")
    found = stack.cluster.send("POST", f"/{index}/_search", body={"size": 5_000})
    return {hit["_id"]: hit["_source"] for hit in found["hits"]["hits"]}


def _assert_true(stack: LocalStack, people: LiveLibrary, index: str) -> None:
    """Every document equals its truth, none is lost, none is too many, nor anything preserved."""
    documents = _documents(stack, index)
    assert titles(documents) == people.titles
    assert marks(documents) == {image_id: people.marks.get(image_id) for image_id in people.titles}


def test_a_new_mapping_while_people_work_and_the_way_back(
    stack_on: LocalStack, tmp_path: Path
) -> None:
    stack = stack_on
    new_mapping = mapping()
    new_mapping["properties"]["ourNewField"] = {"type": "keyword"}
    file = tmp_path / "new.json"
    # Without what one of the servers lacks.
    analysis = without_analysis_common(index_settings(ignore_beyond_limit=False))
    schema = {"settings": analysis, "mappings": new_mapping}
    file.write_text(json.dumps(schema))
    old = _documents_index(stack)
    people = live_library(
        stack.session,
        stack.endpoint_url,
        stack.settings[LibrarySettings],
        stack.cluster,
        stack.alias,
    )
    people.stock(40, Random("migration"), drifted=False)

    with people.live("before", pause=_PAUSE):
        _migrate(stack, "start", "--mapping", str(file), "--source", "bucket", "--sample", "5")
        new = _migration(stack).new.name
        eventually(
            lambda: _migration(stack).state is MigrationState.CATCHING_UP,
            "it is built",
            patience=_PATIENCE,
        )
        assert _documents_index(stack) == old
    eventually(lambda: _has_caught_up(stack), "it has caught up", patience=_PATIENCE)
    _assert_true(stack, people, new)

    _migrate(stack, "compare", "--tolerate-missing", "50", "--tolerate", "100")
    with people.live("switch", pause=_PAUSE):
        said = _migrate(stack, "switch", "--yes")
    assert f"People search {new}" in said
    assert _documents_index(stack) == new
    _assert_true(stack, people, new)
    fields = stack.cluster.send("GET", f"/{stack.alias}/_mapping")[new]["mappings"]["properties"]
    assert fields["ourNewField"] == {"type": "keyword"}

    with people.live("back", pause=_PAUSE):
        _migrate(stack, "rollback")
        eventually(lambda: bool(_migration(stack).rounds), "it follows", patience=_PATIENCE)
    eventually(lambda: _has_caught_up(stack), "the old has caught up", patience=_PATIENCE)
    _assert_true(stack, people, old)
    with people.live("back again", pause=_PAUSE):
        _migrate(stack, "switch", "--yes")
    assert _documents_index(stack) == old
    _assert_true(stack, people, old)

    _migrate(stack, "abort", "--yes")
    assert list(stack.cluster.send("GET", f"/{stack.alias}*/_alias")) == [old]
    _assert_true(stack, people, old)


def _documents_index(stack: LocalStack) -> str:
    """The index that people search."""
    [name] = stack.cluster.send("GET", f"/_alias/{stack.alias}")
    return str(name)
