"""The desk in a real browser: every panel in each state, by eye, by keyboard, by axe-core."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Final

import pytest

from reindex.domain.audit import Shrunk
from reindex.domain.audit_classes import ImageClass
from reindex.domain.failures import NotAnImage, StoreUnavailable
from reindex.domain.run_records import RunRecord
from reindex.domain.tally import Kind
from scripts.desk.serving import listening
from scripts.desk.verb import launcher_page
from tests.browser.devtools import Tab, driven_tab
from tests.local.deploy import ROOT
from tests.unit.scripts.desk_stage import HOSTILE, DeskStage

AXE: Final = ROOT / "node_modules" / "axe-core" / "axe.min.js"

#: Where pictures of all that was looked at are left.
PICTURES: Final = ROOT / "build" / "desk"

_NARROW: Final = 500


@pytest.fixture(scope="module")
def tab(browser: str) -> Iterator[Tab]:
    with driven_tab(browser) as driven:
        yield driven


@contextmanager
def served(stage: DeskStage, *, read_only: bool = False) -> Iterator[str]:
    """The address of a stage's desk, for the time of a ``with`` block."""
    with listening(stage.desk(read_only=read_only), 0) as found:
        thread = threading.Thread(target=found.server.serve_forever)
        thread.start()
        try:
            yield found.address
        finally:
            found.server.shutdown()
            thread.join()


def open_desk(tab: Tab, address: str) -> None:
    tab.complaints.clear()
    tab.resize(1_100, 900)
    tab.open(address)
    tab.until("!document.body.innerText.includes('Loading')")


def look(tab: Tab, name: str, scheme: str) -> None:
    """Hold what is shown to all that a page is held to, and leave a picture of it."""
    tab.prefer(scheme)
    tab.run(AXE.read_text())
    found = tab.run("axe.run().then(found => found.violations.map(v => [v.id, v.help, "
                    "v.nodes.map(n => n.html + ' ' + n.failureSummary)]))")  # fmt: skip
    assert found == []
    # Pictures that are further down are loaded when they are scrolled to.
    tab.run("document.querySelectorAll('img').forEach(i => { i.loading = 'eager'; })")
    tab.until("[...document.images].every(i => i.complete && i.naturalWidth)")
    tab.resize(_NARROW, 900)
    assert tab.run("document.documentElement.scrollWidth") <= _NARROW, "nothing reaches over"
    height = tab.run("document.documentElement.scrollHeight")
    tab.resize(1_100, height)
    PICTURES.mkdir(parents=True, exist_ok=True)
    tab.picture().save(PICTURES / f"{name}-{scheme}.png")
    assert tab.complaints == []


def is_paused(stage: DeskStage) -> bool:
    return stage.run.paused


def nothing(_: DeskStage) -> None:
    """Before the first run."""


def gathering(stage: DeskStage) -> None:
    stage.phases.running.add("arn:run-1")


def busy(stage: DeskStage) -> None:
    """Open, held by a gate and by its budget, with dead letters and failures of everything."""
    stage.finish_a_run()
    stage.open_a_run()
    pace = {"concurrency": 4, "set_by": "growing"}
    stage.runs.update(
        "run-2", {"held_by": "the backlog is full", "budget": 2.5, "indexer_pace": pace}
    )
    failure = NotAnImage(HOSTILE).as_failure()
    kind = Kind(failure.code, failure.message, 2, ["c", "gone"])
    stage.runs.record_failures("run-2", {failure.fingerprint: kind})
    stage.dead_letters.put_raw("poison")
    stage.fail_a_submission()
    counts = {ImageClass.NEVER_UPLOADED: 2, ImageClass.STALE_DOCUMENT: 4_000}
    stage.audit(counts, Shrunk("crops", "", 100, 0))
    stage.fail_a_submission("agency/a-very-long-name-" + "x" * 150 + ".jpg")


def paused(stage: DeskStage) -> None:
    stage.open_a_run()
    stage.runs.update("run-2", {"paused": True})


def dead(stage: DeskStage) -> None:
    stage.open_a_run()
    stage.phases.running.clear()


def silent(stage: DeskStage) -> None:
    stage.open_a_run()
    stage.phases.on.clear()


def failed(stage: DeskStage) -> None:
    stage.finish_a_run()
    record = stage.runs.current()
    assert record
    stage.runs.record = replace(record, status="failed", reason="the ledger does not balance")


def calm(stage: DeskStage) -> None:
    """A run in which nothing failed."""
    stage.audit({})
    stage.add("a", title="true")
    stage.upload(["a"], name="first")
    stage.whole_run()
    stage.phases.running.clear()


def outage(stage: DeskStage) -> None:
    """Nothing answers."""
    stage.finish_a_run()
    stage.submissions.fail_next(10_000)
    stage.files.fail_next(10_000)
    stage.runs.current = unanswered  # type: ignore[method-assign]


def unanswered() -> RunRecord | None:
    raise StoreUnavailable("DynamoDB does not answer")


STATES: Final = (nothing, gathering, busy, paused, dead, silent, failed, calm, outage)

#: What each state shows, beside what every other does.
SHOWN: Final = {
    nothing: "No run has been started yet",
    gathering: "Run run-1 gathers ids",
    busy: "Held by a gate: the backlog is full",
    paused: "It is paused: no image is begun",
    dead: "left its record open",
    silent: "The schedule of its phase is off",
    failed: "Reason: the ledger does not balance",
    calm: "No submission has failed",
    outage: "This could not be read",
}


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("state", STATES, ids=lambda state: state.__name__)
def test_every_panel_in_each_state(
    tab: Tab, state: Callable[[DeskStage], None], scheme: str
) -> None:
    stage = DeskStage()
    state(stage)
    with served(stage) as address:
        open_desk(tab, address)
        assert SHOWN[state] in tab.run("document.body.innerText")
        look(tab, state.__name__, scheme)


def test_the_page_that_the_browser_is_given_leads_to_the_desk(tab: Tab) -> None:
    with served(DeskStage()) as address, launcher_page(address) as page:
        tab.complaints.clear()
        tab.open(page.as_uri())
        tab.until("document.title === 'Desk of TEST'")
        tab.until("!document.body.innerText.includes('Loading')")
        assert tab.complaints == []


def test_a_stage_that_is_only_shown_has_no_button_that_changes_it(tab: Tab) -> None:
    stage = DeskStage()
    busy(stage)
    with served(stage, read_only=True) as address:
        open_desk(tab, address)
        assert tab.run("document.querySelectorAll('form.action').length") == 0
        look(tab, "read-only", "light")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("image_id", ["a", "c", "gone"])
def test_an_image_is_explained_by_keyboard(tab: Tab, image_id: str, scheme: str) -> None:
    stage = DeskStage()
    stage.finish_a_run()
    with served(stage) as address:
        open_desk(tab, address)
        while tab.run("document.activeElement.id") != "image":
            tab.press("Tab")
        tab.type(image_id)
        tab.press("Enter")
        tab.until("document.activeElement.id === 'explanation'")
        assert tab.run("document.querySelector('#explanation .command').innerText")
        look(tab, f"explained-{image_id}", scheme)


def test_an_example_is_explained_where_the_search_is(tab: Tab) -> None:
    stage = DeskStage()
    stage.finish_a_run()
    with served(stage) as address:
        open_desk(tab, address)
        tab.run("document.querySelector('[data-explain=gone]').click()")
        tab.until("document.activeElement.id === 'explanation'")
        assert tab.run("document.getElementById('image').value") == "gone"


def test_everything_that_can_be_used_is_reached_by_the_keyboard(tab: Tab) -> None:
    stage = DeskStage()
    busy(stage)
    with served(stage) as address:
        open_desk(tab, address)
        usable = tab.run(
            "document.querySelectorAll('a, button, input:not([type=hidden])').forEach("
            "(e, n) => { e.dataset.number = n; }) || "
            "document.querySelectorAll('[data-number]').length"
        )
        reached = set()
        for _ in range(3 * usable):
            tab.press("Tab")
            reached.add(tab.run("document.activeElement.dataset.number ?? null"))
        assert len(reached - {None}) == usable


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_run_is_paused_by_keyboard_after_its_plan_was_shown(tab: Tab, scheme: str) -> None:
    stage = DeskStage()
    stage.open_a_run()
    with served(stage) as address:
        open_desk(tab, address)
        tab.run("document.getElementById('act-pause-run-2').focus()")
        tab.press("Enter")
        tab.until("document.getElementById('apply')")
        assert is_paused(stage) is False, "a plan changes nothing"
        look(tab, "plan", scheme)
        tab.run("document.getElementById('apply').focus()")
        tab.press("Enter")
        tab.until("document.body.innerText.includes('Done.')")
        assert is_paused(stage)
        look(tab, "done", scheme)


def test_a_plan_that_would_change_nothing_cannot_be_applied(tab: Tab) -> None:
    stage = DeskStage()
    stage.finish_a_run()
    with served(stage) as address:
        open_desk(tab, address)
        stage.reindex("requeue", "--state", "not_found", "--yes")
        tab.run(
            "document.querySelector(\"[id^='act-requeue']\").form.elements.fingerprint.value = 'x'"
        )
        tab.run("document.querySelector(\"[id^='act-requeue']\").click()")
        tab.until("document.body.innerText.includes('There is nothing to do.')")
        assert not tab.run("document.getElementById('apply')")
        look(tab, "empty-plan", "light")


def test_a_plan_that_fails_says_why(tab: Tab) -> None:
    stage = DeskStage()
    stage.open_a_run()
    with served(stage) as address:
        open_desk(tab, address)
        stage.end("run-2", "failed")
        tab.run("document.getElementById('act-abort-run-2').click()")
        tab.until("document.body.innerText.includes('no run is open')")
        look(tab, "failed-plan", "light")


def test_an_open_page_follows_the_run(tab: Tab) -> None:
    stage = DeskStage()
    stage.open_a_run()
    with served(stage) as address:
        open_desk(tab, address)
        assert "It is paused" not in tab.run("document.body.innerText")
        tab.run("document.getElementById('act-abort-run-2').focus()")
        stage.runs.update("run-2", {"paused": True})
        stage.clock.time += 60
        tab.until("document.body.innerText.includes('It is paused')")
        assert tab.run("document.activeElement.id") == "act-abort-run-2", "the focus stays"
        assert "Backlog" in tab.run("document.querySelector('.plots').innerText")
        look(tab, "followed", "light")


def test_a_page_whose_desk_has_ended_says_so(tab: Tab) -> None:
    stage = DeskStage()
    stage.open_a_run()
    with served(stage) as address:
        open_desk(tab, address)
    tab.run("document.querySelector('#run .refresh').click()")
    tab.until("document.body.innerText.includes('The desk does not answer')")
