"""Before the first write: rehearse, start --rehearse, --plan and --budget."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.unit.scripts.stage import Stage, squeezed

IDS = [f"id-{number:02}" for number in range(20)]
LOST = "metadata.supplier: 20 of 20 documents hold it now, 0 would"


@pytest.fixture
def stage() -> Stage:
    """A stage whose index holds a field that its projection does not give."""
    stage = Stage()
    stage.add(*IDS, metadata={"credit": "AP"})
    for image_id in IDS:
        metadata = {"credit": "AP", "supplier": "only they know"}
        stage.index.live_write(image_id, {"id": image_id, "metadata": metadata})
    return stage


def test_a_rehearsal_that_loses_a_field_exits_1_and_names_it(stage: Stage) -> None:
    result = stage.reindex("rehearse")
    assert result.exit_code == 1
    assert result.stderr == f"Error: the rehearsal did not pass: {LOST}\n"
    assert "metadata.supplier 100% 0% 20 0 0 only they know → nothing" in squeezed(result.stdout)


def test_what_is_accepted_may_go(stage: Stage) -> None:
    result = stage.reindex("rehearse", "--accept", "metadata.supplier")
    assert (result.exit_code, result.stderr) == (0, "")


def test_all_of_it_as_json_and_as_a_page(stage: Stage, tmp_path: Path) -> None:
    file = tmp_path / "rehearsal.html"
    result = stage.reindex("rehearse", "--sample", "5", "--json", "--html", str(file))
    found = json.loads(result.stdout)
    assert (found["images"], found["compared"], found["passed"]) == (5, 5, False)
    [lost] = [field for field in found["fields"] if not field["allowed"]]
    assert (lost["path"], lost["fill_before"], lost["fill_after"]) == ("metadata.supplier", 100, 0)
    assert found["forecast"]["images"] == 20, "of the whole library"
    assert "metadata.supplier" in file.read_text()


def test_a_seed_draws_the_same_images_again(stage: Stage) -> None:
    one, two, other = (
        stage.reindex("rehearse", "--sample", "3", "--json", "--seed", seed).stdout
        for seed in ("7", "7", "8")
    )
    assert one == two != other


@pytest.mark.parametrize(
    ("args", "images"),
    [
        (("--ids", "-"), 3),
        (("--ids", "-", "--sample", "2"), 2),
        (("--query", '{"ids": {"values": ["id-07"]}}'), 1),
    ],
)
def test_a_file_or_a_query_names_the_images(
    stage: Stage, args: tuple[str, ...], images: int
) -> None:
    result = stage.reindex("rehearse", "--json", *args, stdin="id-01\n\nid-02\nid-03\n")
    assert json.loads(result.stdout)["images"] == images


def test_nothing_to_rehearse_is_said(stage: Stage) -> None:
    result = stage.reindex("rehearse", "--query", '{"ids": {"values": ["gone"]}}')
    assert result.exit_code == 1
    assert "there is nothing to rehearse" in result.stderr


@pytest.mark.parametrize(
    "args",
    [
        ("rehearse", "--ids", "-", "--query", "{}"),
        ("rehearse", "--lower"),
        ("rehearse", "--sample", "10001"),
        ("start", "--accept", "metadata"),
        ("start", "--budget", "0"),
    ],
)
def test_wrong_usage(stage: Stage, args: tuple[str, ...]) -> None:
    assert stage.reindex(*args).exit_code == 2


def test_start_goes_no_further_than_a_rehearsal_that_does_not_pass(stage: Stage) -> None:
    result = stage.reindex("start", "--source", "index", "--rehearse", "20")
    assert result.exit_code == 1
    assert result.stdout == ""
    assert LOST in result.stderr
    assert not stage.stepfunctions.status
    assert not stage.table.rows


def test_start_after_a_rehearsal_that_passed_prints_the_runs_id_alone(stage: Stage) -> None:
    accepted = ("--accept", "metadata.supplier")
    result = stage.reindex("start", "--source", "index", "--rehearse", "20", *accepted)
    assert result.exit_code == 0, result.stderr
    assert result.stdout == f"{stage.run.run_id}\n"
    assert len(stage.table.rows) == 20


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("--source", "index"), "20 images of the index: about "),
        (("--source", "index", "--limit", "5"), "5 images of the index: about "),
        (("--source", "bucket"), "20 images as the index has documents: about "),
        (("--source", "file", "--file", "-"), "2 images of the file: about "),
        ((), "1 image with work left in the table: about "),
    ],
)
def test_a_plan_counts_and_starts_nothing(stage: Stage, args: tuple[str, ...], said: str) -> None:
    stage.upload(["id-01"], name="before")
    result = stage.reindex("start", "--plan", *args, stdin="a\n\nb\n")
    assert result.exit_code == 0
    assert result.stdout.startswith(said)
    assert not stage.stepfunctions.status


def test_a_run_that_its_budget_holds_is_reported_and_continues_with_more(stage: Stage) -> None:
    stage.upload(IDS, name="before")
    assert stage.reindex("start", "--budget", "0.000001").exit_code == 0
    assert stage.stepfunctions.last_input == {"source": {"kind": "table"}, "budget": 0.000001}
    assert "of a budget of $0.00" in stage.reindex("status").stdout

    result = stage.reindex("resume", "--budget", "250")

    assert result.stdout == f"Run {stage.run.run_id} goes on.\n"
    assert stage.run.budget == 250
