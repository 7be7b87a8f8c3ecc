"""How often the desk reads."""

from __future__ import annotations

import pytest

from reindex.reports.markup import Markup
from scripts.desk.panel import ON_REQUEST, Panel
from tests.unit.scripts.desk_stage import (
    Browser,
    DeskStage,
)


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
