"""The same flow on Elastic's own server, where the mapping does all that it promises."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from tests.e2e.runs import run, upload
from tests.local.sample_library import SampleLibrary
from tests.local.stack import LocalStack

pytestmark = [pytest.mark.e2e, pytest.mark.real_search_server]


def test_a_library_is_reindexed_and_found(stack_on_elasticsearch: LocalStack) -> None:
    stack = stack_on_elasticsearch
    library = SampleLibrary.generate(30)
    stack.fill(library)
    upload(stack, library.ids)
    run(stack)
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
