"""check-projector: what an owner learns of a function or a loader of their own."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import pytest

from reindex.domain.failures import Failure
from tests.unit.scripts.stage import Stage

IDS = [f"image-{number:03}" for number in range(30)]


@pytest.fixture
def stage() -> Stage:
    """A library whose images all have a document."""
    found = Stage()
    found.add(*IDS, metadata={"title": "Swans"})
    return found


def demands(stage: Stage, *args: str) -> dict[str, tuple[str, str]]:
    """Whether each demand holds, and what was seen, by how it begins."""
    result = stage.reindex("check-projector", *args)
    found = {}
    for line in result.stdout.splitlines():
        verdict, _, rest = line.partition("  ")
        demand, _, detail = rest.partition(": ")
        found[demand.split()[0]] = (verdict, detail)
    fails = sum(verdict == "FAILS" for verdict, _ in found.values())
    assert result.exit_code == (1 if fails else 0), result.output
    return found


def test_all_that_a_sound_projector_is_asked(stage: Stage) -> None:
    result = stage.reindex("check-projector")
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.splitlines() == [
        "holds  documents of single images: 3 documents",
        "holds  100 images in one call, within 30 s: 3 documents, 97 not_found; 0.5 s",
        "holds  the same document each time, so that its digest says whether anything changed",
        "holds  not_found for an image that does not exist: image-reindex-absent: not_found",
        (
            "holds  a failure with a code for an odd id, and its neighbour unharmed: not_found; "
            "its neighbour: a document"
        ),
        "holds  documents that the mapping of images-000001 takes: 3 documents",
    ]


def test_the_images_of_a_file(stage: Stage, tmp_path: Path) -> None:
    ids = tmp_path / "ids.txt"
    ids.write_text("image-029\nimage-007\n")
    demands(stage, "--ids", str(ids))
    assert stage.projector.calls[:2] == [("image-029",), ("image-007",)]


def test_a_projector_that_dies(stage: Stage) -> None:
    stage.projector.deadly = set(IDS)
    found = demands(stage)
    assert (
        found["documents"] == ("FAILS", "it died: Runtime.OutOfMemory")
        or found["documents"][0] == "FAILS"
    )
    assert found["100"][0] == "FAILS"
    assert found["not_found"][0] == "holds"


def test_a_projector_whose_answers_are_no_documents(stage: Stage) -> None:
    broken = Failure("loader_answer", "the answer is not JSON", "<html>")
    stage.projector.failing = dict.fromkeys(IDS, broken)
    found = demands(stage)
    assert found["100"] == (
        "FAILS",
        "0 documents, 3 loader_answer (the answer is not JSON), 97 not_found; 0.5 s",
    )
    assert found["not_found"][0] == "holds"


def test_a_projector_that_is_slow(stage: Stage) -> None:
    stage.projector.seconds = 31
    assert demands(stage)["100"][0] == "FAILS"


def test_documents_that_differ_each_time(stage: Stage) -> None:
    numbers = itertools.count()

    def change() -> None:
        stage.add(*IDS, metadata={"title": f"Swans {next(numbers)}"})

    stage.projector.interrupt = change
    assert demands(stage)["the"][0] == "FAILS"


def test_documents_that_the_index_would_refuse() -> None:
    stage = Stage(mapping={"dynamic": "strict", "properties": {"id": {"type": "keyword"}}})
    stage.add(*IDS, colour="red")
    found = stage.reindex("check-projector").stdout.splitlines()[-1]
    assert found.startswith("FAILS  documents that the mapping of images-000001 takes: ")
    assert "colour is not mapped, and its parent is strict (3)" in found


def test_a_projector_that_makes_something_of_anything(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Anything(dict[str, Any]):
        def __contains__(self, key: object) -> bool:
            return True

        def __missing__(self, key: str) -> dict[str, Any]:
            return {}

    stage.projector.truth = Anything()
    found = demands(stage)
    assert found["not_found"] == ("FAILS", "image-reindex-absent: a document")
    assert found["a"][0] == "FAILS"


def test_a_library_without_originals() -> None:
    result = Stage().reindex("check-projector")
    assert result.exit_code == 1
    assert result.stderr == "Error: the originals bucket is empty: name images with --ids\n"
