"""The results that ``reindex audit`` prints and writes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import Result

from reindex.domain.audit_classes import ImageClass
from tests.unit.scripts.stage import Stage


@pytest.fixture
def stage(stage: Stage) -> Stage:
    """A library of two images of which all is true."""
    stage.add("a", "b", title="true")
    stage.library.thumbnails = {"a": b"small", "b": b"small"}
    stage.upload(["a", "b"], name="first")
    stage.whole_run()
    return stage


def test_a_clean_library_exits_with_0(stage: Stage) -> None:
    result = stage.reindex("audit")
    assert (result.exit_code, result.stderr) == (0, "")
    assert "thumbnail_missing" in result.stdout


def test_each_finding_has_its_command_and_its_file_of_ids(stage: Stage, tmp_path: Path) -> None:
    stage.index.live_delete("b")
    folder, html = tmp_path / "my ids", tmp_path / "audit.html"

    result = stage.reindex("audit", "--lists", str(folder), "--html", str(html))

    assert result.exit_code == 1
    assert "Originals without a document: 1" in result.stderr
    assert (folder / "original_without_document.txt").read_text() == "b\n"
    command = f"reindex start --source file --file '{folder}/original_without_document.txt' --watch"
    assert f"  {command}" in result.stdout.splitlines()
    assert "original_without_document.txt" in html.read_text()
    accepted = stage.reindex("audit", "--last", "--accept", "original_without_document")
    assert accepted.exit_code == 0
    assert "such as b" in accepted.stdout
    assert len(stage.audit_executions.options) == 1


def test_json_is_the_summary_as_it_is_stored(stage: Stage) -> None:
    stage.library.thumbnails.clear()
    summary = json.loads(stage.reindex("audit", "--json").stdout)
    [found] = [each for each in summary["classes"] if each["count"]]
    assert found["name"] == ImageClass.THUMBNAIL_MISSING
    assert found["examples"] == ["a", "b"]


def test_after_a_failure_a_moment_ago_it_goes_on_with_the_same_audit(stage: Stage) -> None:
    executions = stage.audit_executions
    executions.failures.append("S3 does not answer")
    failed = stage.reindex("audit", "--deep")
    assert failed.exit_code == 1
    assert "S3 does not answer" in failed.stderr

    assert stage.reindex("audit", "--deep").exit_code == 0

    first, second = executions.options
    assert second.startswith(f"{first}.")
    assert stage.reindex("audit").exit_code == 0
    assert not list(executions.options)[-1].startswith(first)


def test_one_that_goes_on_is_waited_for(stage: Stage) -> None:
    stage.audit_executions.start("20260301-180000-ab12", {"deep": False})
    stage.audit_executions.going_on.append("20260301-180000-ab12")

    assert stage.reindex("audit").exit_code == 0

    assert list(stage.audit_executions.options) == ["20260301-180000-ab12"]


def test_without_an_audit_there_is_no_last_one(stage: Stage) -> None:
    result = stage.reindex("audit", "--last")
    assert result.exit_code == 1
    assert "there was no audit yet" in result.stderr
    assert stage.reindex("audit", "--last", "--deep").exit_code == 2


def test_an_operator_accepts_what_has_shrunk(stage: Stage) -> None:
    def audit(*options: str) -> Result:
        # The names of audits begin with their times.
        stage.clock.time += 60
        return stage.reindex("audit", *options)

    many = [f"{number:03}" for number in range(100)]
    stage.add(*many)
    audit()
    for image_id in many:
        del stage.library.originals[image_id]
    for _ in range(2):
        assert "The listing of originals has shrunk from 102 to 2" in audit().stderr

    accepted = audit("--accept-shrunk")

    assert (accepted.exit_code, accepted.stderr) == (0, "")
    assert "The listing of originals has shrunk from 102 to 2: accepted." in accepted.stdout
    assert "shrunk" not in audit().output
    assert stage.reindex("audit", "--last", "--accept-shrunk").exit_code == 2


def test_an_audit_that_goes_on_without_it_accepts_nothing(stage: Stage) -> None:
    stage.audit_executions.start("20260301-180000-ab12", {"deep": False})
    stage.audit_executions.going_on.append("20260301-180000-ab12")

    result = stage.reindex("audit", "--accept-shrunk")

    assert result.exit_code == 1
    assert "was started without --accept-shrunk" in result.stderr
