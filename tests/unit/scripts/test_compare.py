"""``reindex compare``: what it prints and writes, and when it exits with 1."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.unit.scripts.stage import Stage, squeezed
from tests.unit.steps.world import ALIAS, INDEX

NEW = "images-000002"
IDS = [f"id-{number:02}" for number in range(20)]


@pytest.fixture
def stage() -> Stage:
    """A stage with a second index, equal to the one behind the alias."""
    stage = Stage()
    stage.index.add_index(NEW)
    for image_id in IDS:
        for index in (INDEX, NEW):
            stage.index.live_write(image_id, document(supplier="S"), index)
    return stage


def document(**metadata: str) -> dict[str, object]:
    return {"metadata": {"credit": "AP", **metadata}}


def test_equal_indices_exit_0(stage: Stage) -> None:
    result = stage.reindex("compare", ALIAS, NEW)
    assert (result.exit_code, result.stderr) == (0, "")
    assert f"old {INDEX}, 20 documents" in squeezed(result.stdout)


def test_what_is_lost_is_named_and_exits_1_unless_accepted(stage: Stage) -> None:
    for image_id in IDS[:5]:
        stage.index.live_write(image_id, document(), NEW)
    result = stage.reindex("compare", INDEX, NEW)
    assert result.exit_code == 1
    assert result.stderr == (
        f"Error: {NEW} should not replace {INDEX}:\n"
        f"  metadata.supplier: 100% of the documents hold it in {INDEX}, 75% in {NEW}; "
        f"lost by 5 documents, such as {', '.join(IDS[:2])}\n"
    )
    for accepted in (("--accept", "metadata.supplier"), ("--tolerance", "25")):
        assert stage.reindex("compare", INDEX, NEW, *accepted).exit_code == 0


def test_all_of_it_as_json_as_a_page_and_as_lists(stage: Stage, tmp_path: Path) -> None:
    stage.index.live_delete("id-07", NEW)
    stage.index.live_write("id-20", document(), NEW)
    searches, page = tmp_path / "searches.json", tmp_path / "comparison.html"
    saved = [{"query": {"ids": {"values": IDS}}, "must_find": ["id-07"], "name": "all <of> them"}]
    searches.write_text(json.dumps(saved))

    result = stage.reindex(
        *("compare", INDEX, NEW, "--json", "--searches", str(searches), "--sample", "5"),
        *("--html", str(page), "--lists", str(tmp_path / "lists"), "--tolerate", "5"),
    )

    assert result.exit_code == 1
    found = json.loads(result.stdout)
    assert found["documents"] == {"old": 20, "new": 20, "both": 19}
    assert [problem.split()[0] for problem in found["problems"]] == ["1", "search"]
    assert found["searches"][0]["not_found"] == ["id-07"]
    assert (tmp_path / "lists" / "missing.txt").read_text() == "id-07\n"
    assert (tmp_path / "lists" / "extra.txt").read_text() == "id-20\n"
    assert "all &lt;of&gt; them" in page.read_text()

    result = stage.reindex("compare", INDEX, NEW, "--tolerate-missing", "1", "--tolerate", "5")
    assert (result.exit_code, result.stderr) == (0, "")


@pytest.mark.parametrize(
    ("args", "status", "said"),
    [
        ((ALIAS, INDEX), 2, f"OLD and NEW are the same index: {INDEX}"),
        ((INDEX, "images-000009"), 1, "images-000009"),
        ((INDEX, NEW, "--sample", "501"), 2, "--sample"),
        ((INDEX,), 2, "NEW"),
    ],
)
def test_what_cannot_be_compared_is_named(
    stage: Stage, args: tuple[str, ...], status: int, said: str
) -> None:
    result = stage.reindex("compare", *args)
    assert result.exit_code == status
    assert said in result.stderr


def test_a_file_of_searches_that_is_none_is_named(stage: Stage, tmp_path: Path) -> None:
    file = tmp_path / "searches.json"
    file.write_text("[{]")
    result = stage.reindex("compare", INDEX, NEW, "--searches", str(file))
    assert result.exit_code == 1
    assert f"{file} is no JSON" in result.stderr
