"""A stage, its desk, and the browser."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from scripts.desk.plans import Plans
from tests.unit.scripts.desk_stage import (
    Browser,
    DeskStage,
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
