from __future__ import annotations

import json

import pytest

from reindex import __version__
from reindex.domain.failures import Failure
from reindex.processors.draft import Draft
from reindex.processors.processing import NamedProcessor
from tests.unit.scripts.stage import Stage
from tests.unit.scripts.test_image_meta import picture


def test_the_document_that_would_be_written(stage: Stage) -> None:
    stage.library.originals["a"] = picture()
    stage.index.live_write("a", {"id": "a", "embedding": [1.5], "esInfo": {"migration": {"to": 1}}})
    result = stage.reindex("project", "a")
    assert (result.exit_code, result.stderr) == (0, "")
    document = json.loads(result.stdout)
    assert document["originalMetadata"]["description"] == "A harbour"
    assert document["embedding"] == [1.5]
    assert document["esInfo"]["migration"] == {"to": 1}
    assert document["esInfo"]["reindex"]["projector"] == f"image-reindex {__version__}"


def test_what_would_change(stage: Stage) -> None:
    stage.library.originals["a"] = picture()
    document = json.loads(stage.reindex("project", "a").stdout)
    document["metadata"]["description"] = "Une mer"
    document["embedding"] = [1.5]
    document["unknown"] = {"kept": False}
    del document["uploadedBy"]
    stage.index.live_write("a", document)
    result = stage.reindex("project", "a", "--diff")
    assert result.exit_code == 0
    assert result.stdout.splitlines() == [
        '- metadata.description: "Une mer"',
        '+ metadata.description: "A harbour"',
        '- unknown: {"kept": false}',
        '+ uploadedBy: "re-ingester"',
    ]


def test_a_document_that_is_not_there_comes_whole(stage: Stage) -> None:
    stage.library.originals["a"] = picture()
    result = stage.reindex("project", "a", "--diff")
    lines = result.stdout.splitlines()
    assert all(line.startswith("+ ") for line in lines)
    assert '+ id: "a"' in lines


def test_a_document_that_would_stay_as_it_is(stage: Stage) -> None:
    stage.library.originals["a"] = picture()
    stage.index.live_write("a", json.loads(stage.reindex("project", "a").stdout))
    assert stage.reindex("project", "a", "--diff").stdout == ""


def test_what_each_processor_did(stage: Stage) -> None:
    def ours(draft: Draft) -> Draft:
        return draft.with_metadata(description=None, credit="PA")

    stage.library.originals["a"] = picture()
    stage.processors = [NamedProcessor("rules/ours.py:tidy", ours)]
    result = stage.reindex("project", "a", "--explain")
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.splitlines() == [
        'rules/ours.py:tidy: metadata.credit: null → "PA"',
        'rules/ours.py:tidy: metadata.description: "A harbour" → null',
    ]
    assert stage.reindex("project", "a", "--explain", "--diff").exit_code == 2


def test_an_image_that_cannot_be_projected(stage: Stage) -> None:
    result = stage.reindex("project", "absent")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == "Error: not_found: The original does not exist.\n"


@pytest.mark.parametrize("projection_by", ["loader", "function"])
def test_a_stage_whose_documents_others_build_asks_them(stage: Stage, projection_by: str) -> None:
    stage.set(PROJECTION_BY=projection_by)
    stage.add("a", colour="red")
    stage.projector.failing["b"] = Failure("loader_refused", "the loader refused it", "422")

    document = json.loads(stage.reindex("project", "a").stdout)
    assert (document["colour"], document["esInfo"]["reindex"]["projector"]) == ("red", "test")
    assert stage.reindex("project", "b").stderr == (
        "Error: loader_refused: the loader refused it (422)\n"
    )
