"""What every handler does around its step."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from reindex import handling
from reindex.handling import Context, lambda_handler
from reindex.time_limit import TimeLimit
from reindex.wiring import Wiring
from tests.unit.steps.world import CountingMeter


class FlushableMeter(CountingMeter):
    def flush(self) -> None:
        pass


@dataclass
class FakeWiring:
    """Counts how often it is made."""

    environ: Mapping[str, str]
    groups: Any
    meter: FlushableMeter = field(default_factory=FlushableMeter)
    is_outdated: bool = False
    time_limit: TimeLimit = field(default_factory=TimeLimit)


@dataclass
class Invocation:
    aws_request_id: str = "request-1"
    log_group_name: str = "/aws/lambda/a-function"
    log_stream_name: str = "2026/03/01/[$LATEST]0"

    def get_remaining_time_in_millis(self) -> int:
        return 60_000


@pytest.fixture(autouse=True)
def _fake(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(handling, "Wiring", FakeWiring)
    handling._wiring.cache_clear()
    yield
    handling._wiring.cache_clear()


@lambda_handler("indexer")
def handler(wiring: Wiring, event: Mapping[str, Any], context: Context) -> Wiring:
    """A step that answers with its wiring."""
    return wiring


def test_what_was_wired_is_kept_for_the_next_invocation() -> None:
    assert handler({}, Invocation()) is handler({}, Invocation())


def test_an_invocation_has_no_more_time_than_lambda_gives_it() -> None:
    assert 50 < handler({}, Invocation()).time_limit.left() < 60


def test_what_the_cluster_refuses_is_wired_anew() -> None:
    first = handler({}, Invocation())
    first.is_outdated = True

    assert handler({}, Invocation()) is first, "known only once it has been tried"
    assert handler({}, Invocation()) is not first
