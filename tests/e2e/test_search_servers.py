"""The same flow on real search servers, where the mapping does all that it promises."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from reindex.image.mapping import index_settings
from reindex.stores.interfaces.index import IndexWrite
from reindex.stores.search.index import SearchIndex
from reindex.stores.search.schema import Schema
from tests.contract.analysis import without_analysis_common
from tests.e2e.runs import run, upload
from tests.local.sample_library import SampleLibrary
from tests.local.stack import LocalStack
from tests.local.versions import SearchServer

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.real_search_server,
    pytest.mark.parametrize(
        "stack_on", SearchServer, ids=lambda server: server.name.lower(), indirect=True
    ),
]


@pytest.fixture(scope="module")
def library(stack_on: LocalStack) -> SampleLibrary:
    """A library that was reindexed."""
    library = SampleLibrary.generate(30)
    stack_on.fill(library)
    upload(stack_on, library.ids)
    run(stack_on)
    return library


def test_a_library_is_reindexed_and_found(stack_on: LocalStack, library: SampleLibrary) -> None:
    stack = stack_on
    assert library.deviations(stack.outcomes()) == []

    def found_by(query: Mapping[str, Any]) -> str:
        return next(iter(stack.search(query)))

    showpiece = library.images[0].id
    assert found_by({"match": {"metadata.title": "swans frozen canal"}}) == showpiece
    # Copies that only a real server makes: people search these in one box.
    everything = {"query": "Waterside Prinsengracht Vries weather", "operator": "or"}
    assert found_by({"match": {"metadata.englishAnalysedCatchAll": everything}}) == showpiece
    assert found_by({"term": {"usagesPlatform": "replaced"}})
    usage = {"term": {"usages.frontUsageMetadata.front": "uk/culture"}}
    assert showpiece in stack.search({"nested": {"path": "usages", "query": usage}})


def test_a_copy_of_the_index_is_compared_with_it(
    stack_on: LocalStack, library: SampleLibrary, tmp_path: Path
) -> None:
    stack = stack_on
    index = SearchIndex(stack.cluster)
    old = index.resolve(stack.alias)
    schema = Schema(mapping=index.mapping(old))
    if not stack.index.has_analysis_common:
        schema = replace(schema, settings=without_analysis_common(index_settings()))
    new = SearchIndex(stack.cluster, schema).prepare(f"{stack.alias}-copy").index
    copied = dict(index.scan(old, ["*"]))
    index.write(new, [IndexWrite(image_id, None, copied[image_id]) for image_id in copied])

    assert stack.reindex("compare", stack.alias, new).returncode == 0

    lost = next(iter(copied))
    index.delete(new, lost, index.read(new, [lost], [])[lost].guard)
    page = tmp_path / "comparison.html"
    done = stack.reindex("compare", old, new, "--html", str(page))
    assert done.returncode == 1
    assert f"1 document of {len(copied)} in {old} missing in {new}, such as {lost}" in done.stderr
    assert "should not replace" in page.read_text()
