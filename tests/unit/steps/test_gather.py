"""Where a run's ids come from, and that none is lost or counted twice on the way."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from reindex.domain.ledger_balance import unbalanced
from reindex.domain.progress import ProgressRow
from reindex.domain.states import State
from reindex.domain.tally import Tally
from reindex.settings import SettingsError
from reindex.steps import gather
from reindex.steps.preflight import PreflightFailed
from reindex.stores.interfaces.id_sources import IdSource
from tests.twins.id_sources import MemoryIds
from tests.unit.steps.world import World

BUCKET: dict[str, Any] = {"source": {"kind": "bucket"}}
IDS = [f"image-{n:03d}" for n in range(50)]


class Killed(BaseException):
    """The invocation is no more."""


def imbalance(world: World) -> list[str]:
    tally = Tally()
    tally.count(world.table.rows.values(), {})
    ledger = world.runs.uploads()
    return unbalanced(ledger, ledger, tally.uploads)


def test_a_run_gathers_every_original_and_reindexes_it() -> None:
    world = World()
    world.add(*IDS)

    result = world.reindex(**BUCKET)

    assert result["status"] == "succeeded"
    assert world.states() == {"verified": 50}
    uploads = {row.upload for row in world.table.rows.values()}
    assert len(uploads) == 50, "each part is an upload of its own"


def test_what_was_finished_is_done_again_and_with_only_new_it_is_not() -> None:
    world = World()
    world.add("a")
    world.upload(["a"])
    world.reindex("run-1")
    world.add("b")
    world.phases.running.clear()

    world.gather({**BUCKET, "only_new": True}, "run-2")
    assert (world.state("a"), world.state("b")) == (State.VERIFIED, State.QUEUED)
    assert world.run.gathered == {"new": 1, "left_finished": 1}

    world.end("run-2", "aborted")
    world.gather(BUCKET, "run-3")
    assert world.states() == {"queued": 2}
    assert imbalance(world) == []


@pytest.mark.parametrize("source", [{"kind": "index", "lacking": "title"}, {"kind": "file"}])
def test_the_ids_of_the_index_or_of_a_file(source: dict[str, Any]) -> None:
    world = World()
    world.add("a", "b")
    world.index.live_write("b", {"id": "b"})
    world.files.put("uploads/x.txt", b"b\nb\n")
    told: dict[str, Any] = {
        "source": source | ({"key": "uploads/x.txt"} if source["kind"] == "file" else {})
    }

    world.reindex(**told)

    assert world.states() == {"verified": 1}


def test_by_default_nothing_is_gathered() -> None:
    world = World()
    world.add("a")

    assert world.run_steps.gathering.plan("run-1", {}) == {"parts": []}


def test_a_source_with_nothing_to_bring_is_no_failure() -> None:
    world = World()

    assert world.reindex(**BUCKET)["status"] == "succeeded"
    assert not world.runs.uploads()


def test_no_more_than_the_limit_is_taken_whatever_an_invocation_takes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(gather, "PART_SECONDS", -1)
    world = World()
    world.add(*IDS)

    world.gather({**BUCKET, "limit": 17})

    assert sorted(world.table.rows) == IDS[:17]
    assert len(world.runs.uploads()) == 6, "a page of three ids each"


@pytest.mark.parametrize("limit", [1, 3, 50, 51])
def test_a_limit_may_end_anywhere(limit: int) -> None:
    world = World()
    world.add(*IDS)

    world.gather({**BUCKET, "limit": limit})

    assert len(world.table.rows) == min(limit, 50)


def test_a_part_hands_over_when_its_time_is_up() -> None:
    world = World()
    ids = MemoryIds(IDS)
    page = ids.page
    ids.page = lambda part, after: (world.clock.sleep(400), page(part, after))[1]  # type: ignore[method-assign, func-returns-value]
    gathering = _gathering(world, ids)
    [part] = gathering.plan("run-1", {**BUCKET, "limit": 50})["parts"]

    step = gathering.part("run-1", "first", {**BUCKET, "limit": 50}, part, None)

    assert step == {"next": {"after": {"start": 6}, "taken": 6}}
    assert json.loads(json.dumps(step)) == step
    assert sorted(world.table.rows) == IDS[:6]


@pytest.mark.parametrize("lands", [True, False])
def test_a_part_that_dies_and_is_tried_again_balances(lands: bool) -> None:  # noqa: FBT001
    world = World()
    ids = MemoryIds(IDS)
    gathering = _gathering(world, ids)
    insert = world.table.insert

    def dies(rows: list[ProgressRow]) -> set[str]:
        if lands:
            insert(rows)
        raise Killed

    world.table.insert = dies  # type: ignore[method-assign, assignment]
    with pytest.raises(Killed):
        gathering.part("run-1", "first", BUCKET, {"of": 1, "part": 0}, None)
    assert imbalance(world) == []
    world.table.insert = insert  # type: ignore[method-assign]
    # What was there is gone meanwhile, and what was not has come.
    ids.ids = [*IDS[10:], "new"]

    gathering.part("run-1", "second", BUCKET, {"of": 1, "part": 0}, None)

    assert imbalance(world) == []
    assert world.table.rows.keys() == {*(IDS if lands else IDS[10:]), "new"}


def test_a_part_that_two_invocations_work_at_once_balances() -> None:
    world = World()
    gathering = _gathering(world, MemoryIds(IDS))
    insert = world.table.insert

    def overtaken(rows: list[ProgressRow]) -> set[str]:
        world.table.insert = insert  # type: ignore[method-assign]
        gathering.part("run-1", "second", BUCKET, {"of": 1, "part": 0}, None)
        return insert(rows)

    world.table.insert = overtaken  # type: ignore[method-assign, assignment]
    gathering.part("run-1", "first", BUCKET, {"of": 1, "part": 0}, None)

    assert imbalance(world) == []
    assert {upload.brought.count for upload in world.runs.uploads().values()} == {0, 50}


def test_nothing_is_gathered_while_a_run_is_open() -> None:
    world = World()
    world.add("a")
    world.upload(["a"])
    world.preflight("run-1")

    with pytest.raises(PreflightFailed, match="run run-1 is open: abort it, or let it end"):
        world.gather(BUCKET, "run-2")

    world.run_steps.gathering.plan("run-1", BUCKET)
    world.phases.running.discard("run-1")
    world.gather(BUCKET, "run-2")


@pytest.mark.parametrize(
    ("told", "why"),
    [
        ({"limt": 1}, "unknown setting limt"),
        ({"source": {"kind": "moon"}}, "source.kind must be one of table, bucket, index, file"),
        ({"limit": 3}, "limit and only_new need another source than table"),
    ],
)
def test_options_that_a_run_does_not_know_are_refused(told: dict[str, Any], why: str) -> None:
    with pytest.raises(SettingsError, match=why):
        World().run_steps.gathering.plan("run-1", told)


def _gathering(world: World, ids: IdSource) -> gather.Gathering:
    return replace(world.run_steps.gathering, source=lambda _: ids)
