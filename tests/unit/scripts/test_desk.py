"""``reindex desk``: who may reach it, what its panels show, and what it changes."""

from __future__ import annotations

import _thread
import json
import re
import socket
import sys
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from urllib.parse import unquote, urlsplit
from urllib.request import urlopen

import pytest
from werkzeug.test import Client

from reindex.domain.failures import StoreUnavailable
from reindex.domain.states import State
from reindex.reports.markup import Markup
from scripts.desk.app import DeskApp
from scripts.desk.panel import ON_REQUEST, RETRY_SECONDS, Panel
from scripts.desk.plans import Plans
from scripts.desk.serving import listening
from tests.unit.scripts.desk_stage import (
    ACCESS,
    HOSTILE,
    OWN,
    PORT,
    TOKEN,
    Browser,
    DeskStage,
    text_of,
)


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Plans are counted and applied before their request is answered."""
    made = Plans.__init__

    def at_once(plans: Plans, done: Callable[..., None]) -> None:
        made(plans, done, start=lambda work: work())

    monkeypatch.setattr(Plans, "__init__", at_once)


@pytest.fixture
def stage() -> DeskStage:
    return DeskStage()


@pytest.fixture
def finished(stage: DeskStage) -> DeskStage:
    stage.finish_a_run()
    return stage


@pytest.fixture
def browser(stage: DeskStage) -> Browser:
    return Browser(stage.desk())


def fingerprint_of(stage: DeskStage, image_id: str) -> str:
    failure = stage.table.rows[image_id].failure
    assert failure
    return failure.fingerprint


# Who may reach it

REFUSED = [
    ("another token", f"/{'x' * len(TOKEN)}/", {}),
    ("a part of the token", f"/{TOKEN[:-1]}/", {}),
    ("no token", "/", {}),
    ("a token that is not ASCII", "/t\u00f6ken/", {}),
    ("another host, as after DNS rebinding", f"/{TOKEN}/", {"Host": f"evil.example:{PORT}"}),
    ("another port", f"/{TOKEN}/", {"Host": "127.0.0.1:1"}),
    ("another site's page", f"/{TOKEN}/", {"Origin": "https://evil.example"}),
    ("an opaque origin", f"/{TOKEN}/", {"Origin": "null"}),
    ("a picture in another site's page", f"/{TOKEN}/panels/run", {"Sec-Fetch-Site": "cross-site"}),
    ("a page of another port", f"/{TOKEN}/panels/run", {"Sec-Fetch-Site": "same-site"}),
]


@pytest.mark.parametrize(("path", "headers"), [r[1:] for r in REFUSED], ids=[r[0] for r in REFUSED])
def test_a_stranger_is_refused(stage: DeskStage, path: str, headers: dict[str, str]) -> None:
    answer = Client(DeskApp(stage.desk(), ACCESS)).get(path, headers={**OWN, **headers})
    assert answer.status_code == 403
    assert answer.text.startswith("Refused: ")
    assert TOKEN not in answer.text


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"},
    ],
)
def test_a_form_of_another_site_changes_nothing(stage: DeskStage, headers: dict[str, str]) -> None:
    stage.open_a_run()
    fields = {"action": "pause", "run": "run-2"}
    assert Browser(stage.desk()).post("plans", fields, **headers).status_code == 403


def test_a_form_must_name_its_origin(browser: Browser) -> None:
    without = {name: value for name, value in OWN.items() if name != "Origin"}
    answer = browser.client.post(f"/{TOKEN}/plans", data={"action": "pause"}, headers=without)
    assert answer.status_code == 403


def test_the_page_may_be_opened_from_a_file_or_by_its_address(browser: Browser) -> None:
    for site in ("none", "cross-site"):
        opened = {"Sec-Fetch-Site": site, "Sec-Fetch-Mode": "navigate", "Host": OWN["Host"]}
        assert browser.client.get(f"/{TOKEN}/", headers=opened).status_code == 200


def test_localhost_is_this_machine_too(browser: Browser) -> None:
    local = {"Host": f"localhost:{PORT}", "Origin": f"http://localhost:{PORT}"}
    assert browser.get("", **local).status_code == 200


@pytest.mark.parametrize(
    "path",
    [
        *("", "desk.css", "desk.js", "report.css", "icon.svg", "panels/run", "explanation?id=a"),
        *("thumbnails?id=a", "absent", "plans/absent", "panels/absent"),
    ],
)
def test_nothing_is_stored_framed_or_run_that_is_not_the_desks(
    finished: DeskStage, path: str
) -> None:
    answer = Browser(finished.desk()).get(path)
    headers = answer.headers
    assert headers["Cache-Control"] == "no-store"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "same-origin"
    assert headers["X-Frame-Options"] == "DENY"
    policy = dict(part.split(" ", 1) for part in headers["Content-Security-Policy"].split("; "))
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == "'self'"
    assert policy["frame-ancestors"] == policy["base-uri"] == "'none'"
    assert "Set-Cookie" not in headers
    assert TOKEN.encode() not in answer.data, "the address alone holds the token"
    assert b" style=" not in answer.data
    assert b"<script>" not in answer.data


def test_it_listens_on_loopback_alone(stage: DeskStage) -> None:
    with listening(stage.desk(), 0) as served:
        address = urlsplit(served.address)
        assert served.server.socket.getsockname() == ("127.0.0.1", address.port)
        with listening(stage.desk(), 0) as other:
            tokens = {urlsplit(each.address).path for each in (served, other)}
        assert len(tokens) == 2, "each desk has a token of its own"
        assert all(len(token) > 32 for token in tokens)


# What its panels show


def test_the_run_before_the_first(browser: Browser) -> None:
    assert "No run has been started yet." in browser.panel("run")


def test_the_open_run(stage: DeskStage, browser: Browser) -> None:
    stage.open_a_run()
    budget = {"budget": 2.5, "held_by": "the backlog is full"}
    stage.runs.update("run-2", budget)
    stage.dead_letters.put_raw("poison")

    html = browser.panel("run")
    said = text_of(html)

    assert "Run run-2: index phase" in said
    assert "Index phase: 19 of 40 images projected" in said
    assert "Check phase: 2 of 40 images finished" in said
    assert "Held by a gate: the backlog is full." in said
    assert "The dead-letter queue holds 1 message." in said
    assert "of $2.50 allowed" in said
    assert "Enqueued: at most 39.3 images per second" in said, "plotted from its samples"
    assert "the backlog is full 80 s" in said
    assert html.count('action="plans"') == 3


def test_samples_are_read_once(stage: DeskStage, monkeypatch: pytest.MonkeyPatch) -> None:
    stage.open_a_run()
    panel = stage.desk().panels["run"]
    read: list[str] = []
    get = stage.files.get

    def counted(key: str) -> bytes:
        read.append(key)
        return get(key)

    monkeypatch.setattr(stage.files, "get", counted)

    def reads(seconds: float) -> int:
        before = len(read)
        stage.clock.time += seconds
        panel.forget()
        panel.fragment()
        return len(read) - before

    assert [reads(0), reads(30), reads(60)] == [30, 0, 3], "then those that may be new"


def test_backlog_and_cost_are_plotted_from_what_was_seen(stage: DeskStage) -> None:
    stage.open_a_run()
    panel = stage.desk().panels["run"]
    for waiting in range(3):
        for _ in range(waiting):
            stage.backlog.put_raw("message")
        stage.clock.time += 60
        panel.forget()
        html = panel.fragment().html
    assert "Backlog: 3 at" in html
    assert "Cost so far: $" in html


def test_failures_are_grouped_as_in_the_report(finished: DeskStage) -> None:
    browser = Browser(finished.desk())
    html = browser.panel("failures")
    assert re.findall(r'class="code">(\w+)<', html) == [
        "not_an_image",
        "not_found",
        "source_unavailable",
    ]
    assert HOSTILE not in html
    assert 'src="thumbnails?id=c"' in html
    picture = browser.get("thumbnails?id=c")
    assert (picture.content_type, picture.data) == ("image/jpeg", finished.library.thumbnails["c"])


@pytest.mark.parametrize("content", [None, b"<svg onload='alert(1)'/>", b"\xff\xd8\xff" * 50_000])
def test_what_is_no_thumbnail_is_shown_as_missing(
    finished: DeskStage, content: bytes | None
) -> None:
    if content:
        finished.library.thumbnails["gone"] = content
    answer = Browser(finished.desk()).get("thumbnails?id=gone")
    assert (answer.status_code, answer.content_type) == (200, "image/svg+xml")
    assert "alert" not in answer.text


def test_the_failures_of_the_last_report_are_shown_while_a_run_is_open(
    finished: DeskStage,
) -> None:
    finished.open_a_run()
    html = Browser(finished.desk()).panel("failures")
    assert "As the report of run run-1 has them" in html
    assert "Those of the open run are grouped when it ends." in html


def test_failed_submissions_are_grouped(stage: DeskStage, browser: Browser) -> None:
    assert "No submission has failed." in browser.panel("submissions")
    for number in range(7):
        stage.fail_a_submission(f"agency/{number}.jpg")
    browser = Browser(stage.desk())
    said = text_of(browser.panel("submissions"))
    assert "7 not_an_image The file is of no image format." in said
    assert "And 2 submissions more" in said


def test_a_stage_without_a_live_lane_has_no_panel_of_it(
    stage: DeskStage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(DeskStage, "has_ingest", False)
    browser = Browser(stage.desk())
    assert "Submissions" not in browser.get("").text
    assert browser.get("panels/submissions").status_code == 404
    answer = browser.post("plans", {"action": "resubmit", "fingerprint": "x"})
    assert (answer.status_code, "no live lane" in answer.text) == (400, True)


def test_past_runs_and_their_pages(finished: DeskStage) -> None:
    browser = Browser(finished.desk())
    html = browser.panel("runs")
    assert "60.00%" in html
    assert 'href="reports/run-1"' in html
    page = browser.get("reports/run-1")
    assert page.data == finished.files.files["reports/run-1.html"]
    assert "script-src" not in page.headers["Content-Security-Policy"], "nothing runs in it"
    assert browser.get("reports/absent").status_code == 404


def test_a_field_that_became_rarer_is_named(finished: DeskStage) -> None:
    assert "2 documents can be searched. No field is much rarer" in (
        Browser(finished.desk()).panel("runs")
    )
    finished.projector.truth["a"] = {"credit": "AP"}
    finished.upload("second").upload(["a"])
    finished.whole_run("run-2")
    finished.phases.running.clear()
    said = text_of(Browser(finished.desk()).panel("runs"))
    assert "Fewer of them have title than after the run before." in said
    assert "title 100.0% 50.0% -50.0 credit 0.0% 50.0% +50.0" in said


@pytest.mark.parametrize(
    ("image_id", "said"),
    [
        ("a", "A search finds it"),
        ("gone", "The original does not exist"),
        ("", "An image id has 1 to 512 bytes."),
        ("x" * 513, "An image id has 1 to 512 bytes."),
    ],
)
def test_an_image_is_explained_as_the_verb_does(
    finished: DeskStage, image_id: str, said: str
) -> None:
    html = Browser(finished.desk()).get(f"explanation?id={image_id}").text
    assert said in html
    if image_id == "gone":
        told = json.loads(finished.reindex("explain", image_id, "--json").stdout)
        assert told["sentence"] in html
        assert told["command"] in html
        assert all(fact["text"] in text_of(html) for fact in told["facts"])


def unanswered(*_: object) -> None:
    raise StoreUnavailable("DynamoDB does not answer: ThrottlingException")


def silence(stage: DeskStage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stage.runs, "current", unanswered)
    monkeypatch.setattr(stage.submissions, "scan", unanswered)


@pytest.mark.parametrize("name", ["run", "failures", "submissions", "runs"])
def test_a_service_that_does_not_answer_is_a_panels_state(
    finished: DeskStage, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    browser = Browser(finished.desk())
    with monkeypatch.context() as silent:
        silence(finished, silent)
        answer = browser.get(f"panels/{name}")
        assert answer.status_code == 200
        assert "ThrottlingException" in answer.text
        assert float(answer.headers["Poll-Seconds"]) == RETRY_SECONDS
    browser = Browser(finished.desk())
    assert "ThrottlingException" not in browser.panel(name)


# How often it reads


class Readings:
    """A panel whose readings are counted, over a clock of the test's own."""

    def __init__(self, poll_seconds: float) -> None:
        self.count = 0
        self.now = 100.0
        self.panel = Panel(self.read, lambda _: Markup(), lambda _: poll_seconds, lambda: self.now)

    def read(self) -> int:
        self.count += 1
        return self.count


@pytest.mark.parametrize("poll_seconds", [5.0, 300.0])
def test_several_pages_cost_no_more_than_one(poll_seconds: float) -> None:
    readings = Readings(poll_seconds)
    for _ in range(10):
        for _ in range(3):
            fragment = readings.panel.fragment()
        assert 0 < fragment.poll_seconds <= 30
        readings.now += poll_seconds
    assert readings.count == 10


def test_what_a_run_left_is_read_when_it_ends(stage: DeskStage) -> None:
    stage.open_a_run()
    desk = stage.desk()
    browser = Browser(desk)
    for name in ("run", "failures", "runs"):
        browser.get(f"panels/{name}")
    assert "No run has written a report yet." in browser.get("panels/failures").text
    stage.end("run-2", "failed")
    stage.finish_a_run()
    desk.panels["run"].forget()
    browser.get("panels/run")
    assert "not_an_image" in browser.get("panels/failures").text
    assert "run-1" in browser.get("panels/runs").text


def test_what_is_read_on_request_is_kept(stage: DeskStage) -> None:
    readings = Readings(ON_REQUEST)
    assert readings.panel.fragment().poll_seconds == 0
    readings.now += 60
    readings.panel.fragment()
    assert readings.count == 1
    readings.panel.fragment(refresh=True)
    readings.panel.fragment(refresh=True)
    assert readings.count == 2, "a finger that rests on the key costs nothing"


@pytest.mark.parametrize(("state", "seconds"), [("open", 5), ("over", 30), ("gathering", 5)])
def test_an_open_run_is_looked_at_more_often(stage: DeskStage, state: str, seconds: int) -> None:
    if state == "gathering":
        stage.phases.running.add("arn:run-0")
    else:
        stage.finish_a_run()
    if state == "open":
        stage.open_a_run()
    answer = Browser(stage.desk()).get("panels/run")
    assert answer.headers["Poll-Seconds"] == str(seconds)


# What it changes


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
    stage.upload("third").upload(["image-1"])
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


# The verb


@pytest.fixture
def visits(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The pages that the browser was shown; then Ctrl-C is pressed."""
    pages: list[str] = []

    def opens(url: str) -> bool:
        file = Path(unquote(urlsplit(url).path))
        assert file.stat().st_mode & 0o077 == 0 or file.parent.stat().st_mode & 0o077 == 0
        found = re.search(r"url=(http://127\.0\.0\.1:\d+/[\w-]+/)", file.read_text())
        assert found

        def visit() -> None:
            with urlopen(found[1]) as answer:
                pages.append(answer.read().decode())
            _thread.interrupt_main()

        threading.Thread(target=visit).start()
        return True

    monkeypatch.setattr("webbrowser.open", opens)
    return pages


def test_the_verb_opens_the_desk_until_it_is_interrupted(
    stage: DeskStage, visits: list[str]
) -> None:
    result = stage.reindex("desk")
    assert (result.exit_code, result.stderr) == (0, "")
    assert ["Desk of TEST" in page for page in visits] == [True]
    first, address, last = result.stdout.splitlines()
    assert first == "The desk of TEST (changes are allowed), until Ctrl-C:"
    assert re.fullmatch(r"  http://127\.0\.0\.1:\d+/[\w-]{32}/", address)
    assert last == "The desk is closed; runs go on."


def test_the_verb_can_be_read_only(stage: DeskStage, visits: list[str]) -> None:
    result = stage.reindex("desk", "--read-only")
    assert "(read-only)" in result.stdout
    assert "nothing can be changed here" in visits[0]


def test_a_port_in_use_is_said(stage: DeskStage) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        result = stage.reindex("desk", "--port", str(taken.getsockname()[1]))
    assert result.exit_code == 1
    assert "in use" in result.stderr


def test_a_missing_extra_is_named(stage: DeskStage, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.startswith("scripts.desk.")]:
        if name != "scripts.desk.verb":
            monkeypatch.delitem(sys.modules, name)
    for name in [name for name in sys.modules if name.split(".")[0] == "werkzeug"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "werkzeug", None)
    result = stage.reindex("desk")
    assert result.exit_code == 1
    assert result.stderr == (
        "Error: the desk needs the extra desk: install image-reindex[desk] "
        "(uv tool install '.[desk]', or pipx install '.[desk]')\n"
    )
