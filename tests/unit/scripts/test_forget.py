"""``reindex forget``: images leave the progress table, and every report says so."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from reindex.domain.states import State
from reindex.stores.interfaces.progress_table import RowPage
from tests.unit.html import read
from tests.unit.scripts.stage import Stage, squeezed


@pytest.fixture
def stage(stage: Stage) -> Stage:
    """Two images that were never there, and one that is."""
    stage.add("a", title="true")
    stage.upload(["a", "gone-1", "gone-2"], name="first")
    stage.whole_run()
    return stage


def test_the_plan_comes_first_and_then_what_left_is_in_every_report(stage: Stage) -> None:
    plan = stage.reindex("forget", "--state", "not_found")
    assert squeezed(plan.stdout) == [
        "state failure images",
        "not_found not_found 2",
        "Would forget 2 images; --yes does.",
    ]
    assert len(stage.table.rows) == 3

    done = stage.reindex("forget", "--state", "not_found", "--limit", "1", "--yes")
    assert squeezed(done.stdout)[-1] == "Forgot 1 image."
    done = stage.reindex("forget", "--state", "not_found", "--yes")
    assert squeezed(done.stdout)[-1] == "Forgot 1 image."

    assert set(stage.table.rows) == {"a"}
    assert stage.reindex("certify").exit_code == 0, "the ledger balances"
    stage.upload(["a"], name="second")
    assert stage.whole_run("run-2")["status"] == "succeeded"
    stored = json.loads(stage.reindex("report", "--json").stdout)
    assert [(op["by"], op["what"], op["count"]) for op in stored["certificate"]["forgotten"]] == [
        ("arn:aws:iam::000000000000:user/ada", "state not_found", 1),
        ("arn:aws:iam::000000000000:user/ada", "state not_found", 1),
    ]
    assert "forgotten 2, the last at" in " ".join(squeezed(stage.reindex("report").stdout))
    page = read(stage.files.get("reports/run-2.html").decode())
    assert "2 images left the table, by reindex forget" in page.text


def test_what_is_in_work_stays(stage: Stage, tmp_path: Path) -> None:
    stage.upload(["gone-1"], name="second")
    ids = tmp_path / "ids.txt"
    ids.write_text("gone-1\ngone-2\nunknown\n")
    done = stage.reindex("forget", "--ids", str(ids), "--yes")
    assert squeezed(done.stdout)[-1] == "Forgot 1 image (1 in work already, 1 not in the table)."
    assert stage.state("gone-1") is State.QUEUED
    assert stage.runs.forgettings()[0].what == "a list of ids"


def test_an_image_that_is_uploaded_again_begins_anew(stage: Stage) -> None:
    stage.reindex("forget", "--state", "not_found", "--yes")
    stage.add("gone-1", title="back")
    stage.upload(["gone-1"], name="second")
    assert stage.whole_run("run-2")["status"] == "succeeded"
    assert stage.state("gone-1") is State.VERIFIED


def test_which_images_must_be_said(stage: Stage) -> None:
    assert stage.reindex("forget", "--yes").exit_code == 2
    assert stage.reindex("forget", "--state", "queued").exit_code == 2


def test_a_tally_beside_a_forgetting_fails_no_run(stage: Stage) -> None:
    """Of what left while it was scanned, the scan saw some, and the rest not."""
    stage.upload(["a"], name="second")
    scan = stage.table.scan

    def scan_and_forget(*args: Any) -> RowPage:
        stage.table.scan = scan  # type: ignore[method-assign]
        page = scan(*args)
        assert stage.reindex("forget", "--state", "not_found", "--yes").exit_code == 0
        return page

    stage.preflight("run-2")
    stage.work()
    stage.table.scan = scan_and_forget  # type: ignore[assignment,method-assign]
    stage.tally()
    assert stage.report()["problems"] == []
    assert stage.runs.forgettings()[0].images.count == 2
