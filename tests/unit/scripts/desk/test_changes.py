"""What the desk changes: after a plan, once, and by the code of the verbs."""

from __future__ import annotations

from dataclasses import replace

import pytest

from reindex.domain.failures import StoreUnavailable
from reindex.domain.states import State
from tests.unit.scripts.desk_stage import (
    Browser,
    DeskStage,
    text_of,
)


def fingerprint_of(stage: DeskStage, image_id: str) -> str:
    failure = stage.table.rows[image_id].failure
    assert failure
    return failure.fingerprint


def unanswered(*_: object) -> None:
    raise StoreUnavailable("DynamoDB does not answer: ThrottlingException")


def test_a_plan_changes_nothing_and_is_applied_once(stage: DeskStage, browser: Browser) -> None:
    stage.open_a_run()
    plan = browser.plan("pause", run="run-2")
    page = browser.get(plan).text
    assert "Pause run run-2?" in page
    state = browser.get(f"{plan}/state").text
    assert "Run run-2 would be paused" in state
    assert "reindex pause" in state
    assert not stage.run.paused

    assert browser.post(plan, {}).status_code == 303
    assert "Run run-2 is paused." in browser.get(f"{plan}/state").text
    assert stage.runs.current() == replace(stage.run, paused=True)
    stage.runs.update("run-2", {"paused": False})
    again = browser.post(plan, {})
    assert again.status_code == 409
    assert 'href="../"' in again.text
    assert not stage.run.paused


def test_a_run_is_resumed_with_another_budget(stage: DeskStage, browser: Browser) -> None:
    stage.open_a_run()
    stage.runs.update("run-2", {"paused": True, "budget": 1.0})
    plan = browser.plan("resume", run="run-2", budget="4.5")
    assert "It might cost $4.50 in all." in browser.get(f"{plan}/state").text
    browser.post(plan, {})
    assert (stage.run.paused, stage.run.budget) == (False, 4.5)


def test_a_run_is_aborted(stage: DeskStage, browser: Browser) -> None:
    stage.open_a_run()
    plan = browser.plan("abort", run="run-2")
    assert "2 images of 40 would be settled by it" in browser.get(f"{plan}/state").text
    assert stage.run.is_open
    browser.post(plan, {})
    assert stage.run.status == "aborted"
    assert "Run run-2: aborted" in browser.get("panels/run").text, "the panel was read again"


@pytest.mark.parametrize("action", ["pause", "resume", "abort"])
def test_a_plan_of_a_run_never_touches_the_next(
    stage: DeskStage, browser: Browser, action: str
) -> None:
    stage.open_a_run()
    plan = browser.plan(action, run="run-2")
    stage.end("run-2", "failed")
    stage.upload(["image-1"], name="third")
    stage.preflight("run-3")
    before = stage.run
    browser.post(plan, {})
    assert "run run-3 is open, and no longer run run-2" in browser.get(f"{plan}/state").text
    assert stage.run == before


def test_a_group_of_failures_is_queued_again(finished: DeskStage) -> None:
    browser = Browser(finished.desk())
    fingerprint = fingerprint_of(finished, "c")
    plan = browser.plan("requeue", fingerprint=fingerprint)
    state = browser.get(f"{plan}/state").text
    assert "known_error not_an_image 1" in text_of(state)
    assert f"reindex requeue --fingerprint {fingerprint} --yes" in state
    assert finished.state("c") is State.KNOWN_ERROR
    browser.post(plan, {})
    assert finished.state("c") is State.QUEUED
    assert finished.state("d") is State.KNOWN_ERROR

    empty = browser.plan("requeue", fingerprint=fingerprint)
    assert "There is nothing to do." in browser.get(f"{empty}/state").text
    assert browser.post(empty, {}).status_code == 409


def test_failed_submissions_are_submitted_again(stage: DeskStage, browser: Browser) -> None:
    row = stage.fail_a_submission()
    assert row.failure
    plan = browser.plan("resubmit", fingerprint=row.failure.fingerprint)
    assert "Would send 1 submission again." in browser.get(f"{plan}/state").text
    assert stage.submitted_files.failed
    browser.post(plan, {})
    assert "Sent 1 submission again." in browser.get(f"{plan}/state").text
    assert not stage.submitted_files.failed
    assert [ref.key for ref in stage.submitted_files.files] == ["agency/photo.jpg"]


def test_an_operation_that_fails_says_so(
    finished: DeskStage, monkeypatch: pytest.MonkeyPatch
) -> None:
    browser = Browser(finished.desk())
    plan = browser.plan("requeue", fingerprint=fingerprint_of(finished, "c"))
    with monkeypatch.context() as silent:
        silent.setattr(finished.table, "scan", unanswered)
        browser.post(plan, {})
    state = browser.get(f"{plan}/state").text
    assert "It failed." in state
    assert "ThrottlingException" in state


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({}, "names no action"),
        ({"action": "forget"}, "names no action"),
        ({"action": "pause"}, "lacks run"),
        ({"action": "requeue", "fingerprint": ""}, "lacks fingerprint"),
        ({"action": "resume", "run": "run-2", "budget": "-1"}, "not a number of dollars"),
        ({"action": "resume", "run": "run-2", "budget": "nan"}, "not a number of dollars"),
    ],
)
def test_a_form_that_cannot_be_read(browser: Browser, fields: dict[str, str], said: str) -> None:
    answer = browser.post("plans", fields)
    assert (answer.status_code, said in answer.text) == (400, True)


def test_a_form_is_small(browser: Browser) -> None:
    answer = browser.post("plans", {"action": "x" * 20_000})
    assert answer.status_code == 413


@pytest.mark.parametrize(
    ("production", "read_only", "refused"),
    [("true", None, True), ("false", None, False), ("true", False, False), ("false", True, True)],
)
def test_a_stage_marked_production_is_read_only_unless_it_is_said_otherwise(
    stage: DeskStage,
    production: str,
    read_only: bool | None,  # noqa: FBT001
    refused: bool,  # noqa: FBT001
) -> None:
    stage.set(PRODUCTION=production, THUMBNAILS_BUCKET="thumbnails", PROJECTION_BY="function")
    stage.finish_a_run()
    stage.fail_a_submission()
    stage.open_a_run()
    browser = Browser(stage.desk(read_only=read_only))
    answer = browser.post("plans", {"action": "pause", "run": "run-2"})
    assert answer.status_code == (403 if refused else 303)
    for name in ("run", "failures", "submissions"):
        assert ("<form" in browser.panel(name)) is not refused
    assert ("Read-only" in browser.get("").text) is refused
    # What an operator would do in a shell is still shown.
    assert ("reindex requeue --fingerprint" in browser.panel("failures")) is refused
