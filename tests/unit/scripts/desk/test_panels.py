"""What the desk's panels show, in each of their states."""

from __future__ import annotations

import json
import re

import pytest

from reindex.domain.audit import Shrunk
from reindex.domain.audit_classes import ImageClass
from reindex.domain.failures import StoreUnavailable
from reindex.domain.tally import Kind
from scripts.desk.panel import RETRY_SECONDS
from tests.unit.scripts.desk_stage import HOSTILE, Browser, DeskStage, text_of


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
    assert "No image has failed for good in run run-2, which is open." in html


def test_the_first_failures_of_an_open_run_are_grouped(finished: DeskStage) -> None:
    finished.open_a_run()
    kinds = {
        "0badcafe": Kind("not_an_image", HOSTILE, 900, ["c", HOSTILE]),
        "feedbeef": Kind("cannot_render", "It cannot be rendered.", 111, ["d"]),
    }
    finished.runs.record_failures("run-2", kinds)

    html = Browser(finished.desk()).panel("failures")

    said = text_of(html)
    assert "Of the first 1,011 failures of run run-2, which is open." in said
    assert said.index("900 not_an_image") < said.index("111 cannot_render")
    assert said.index("111 cannot_render") < said.index("As the report of run run-1 has them")
    assert "reindex requeue --fingerprint 0badcafe --yes" in said
    assert HOSTILE not in html


def test_the_first_failures_of_a_run_that_left_no_report_are_grouped(stage: DeskStage) -> None:
    stage.open_a_run()
    kind = Kind("not_an_image", "The original is of no image format.", 1, ["c"])
    stage.runs.record_failures("run-2", {"0badcafe": kind})
    stage.end("run-2", "failed")

    said = text_of(Browser(stage.desk()).panel("failures"))

    assert "Of the first 1 failure of run run-2, without a report." in said


def test_failed_submissions_are_grouped(stage: DeskStage, browser: Browser) -> None:
    assert "No submission has failed." in browser.panel("submissions")
    for number in range(7):
        stage.fail_a_submission(f"agency/{number}.jpg")
    browser = Browser(stage.desk())
    said = text_of(browser.panel("submissions"))
    assert "7 not_an_image The file is of no image format." in said
    assert "And 2 submissions more" in said


def test_a_stage_without_a_live_lane_has_no_panel_of_it(stage: DeskStage) -> None:
    stage.has_ingest = False
    browser = Browser(stage.desk())
    assert "Submissions" not in browser.get("").text
    assert browser.get("panels/submissions").status_code == 404
    answer = browser.post("plans", {"action": "resubmit", "fingerprint": "x"})
    assert (answer.status_code, "no live lane" in answer.text) == (400, True)


def test_the_last_audit(stage: DeskStage) -> None:
    assert "No audit has been made yet." in Browser(stage.desk()).panel("audit")
    stage.audit({})
    assert "The last audit found nothing." in Browser(stage.desk()).panel("audit")
    shrunk = Shrunk("crops", "", 100, 0)
    stage.audit({ImageClass.NEVER_UPLOADED: 2, ImageClass.CROP_MISSING: 4_000}, shrunk)

    browser = Browser(stage.desk())
    html = browser.panel("audit")
    said = text_of(html)

    assert "The listing of crops has shrunk from 100 to 0" in said
    assert "Compared with audit 20260228-200000-cd34" in said
    assert "2 Originals whose id was never uploaded" in said
    assert "reindex start --source file --file audit/never_uploaded.txt --watch" in said
    assert "Not looked at again: they are too many." in said
    assert 'data-explain="gone"' in html
    assert HOSTILE not in html
    link = re.search(r'href="(audits/[^"]+)"', html)
    assert link
    assert "script-src" not in browser.get(link[1]).headers["Content-Security-Policy"]
    assert browser.get("audits/absent").status_code == 404


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
    finished.upload(["a"], name="second")
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
    monkeypatch.setattr(stage.submissions, "failed", unanswered)
    monkeypatch.setattr(stage.files, "keys", unanswered)


@pytest.mark.parametrize("name", ["run", "failures", "submissions", "audit", "runs"])
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
