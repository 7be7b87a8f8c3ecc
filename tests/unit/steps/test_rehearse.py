"""A rehearsal says what a run would do, and does nothing."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest

from reindex.domain.failures import Failure, IndexMisconfigured, StoreUnavailable
from reindex.domain.states import State
from reindex.reports.field_changes import flatten
from reindex.reports.forecast import forecast
from reindex.reports.rehearsal import RehearsalResult, Tolerance, to_json, verdict
from reindex.reports.rehearsal_page import page
from reindex.steps.rehearse import Rehearsal
from tests.unit.steps.world import World

IDS = [f"id-{number:03}" for number in range(60)]


def rehearsal(world: World) -> Rehearsal:
    return world.run_steps.rehearsal


@pytest.fixture
def world() -> World:
    """A library whose index holds documents that another program made."""
    world = World()
    world.add(*IDS, metadata={"title": "from the truth", "credit": "AP"})
    for image_id in IDS:
        theirs = {"title": "theirs", "credit": "AP", "supplier": "only they know"}
        source = {"id": image_id, "metadata": theirs, "embedding": [0.1, 0.2]}
        world.index.live_write(image_id, source)
    return world


def everything(world: World) -> Any:
    """All that a run writes to."""
    return copy.deepcopy(
        (world.index.documents, world.table.rows, world.backlog.bodies, world.work_list.listed)
    )


def test_it_names_what_would_be_lost_and_changed_and_writes_nothing(world: World) -> None:
    before = everything(world)

    found = rehearsal(world).rehearse(IDS)

    assert everything(world) == before
    assert verdict(found, Tolerance()) == [
        "metadata.supplier: 60 of 60 documents hold it now, 0 would"
    ]
    fields = found.changes.fields
    assert (fields["metadata.title"].changed, fields["metadata.credit"].same) == (60, 60)
    assert fields["embedding"].same == 60, "a run keeps what only the index holds"


def test_the_run_then_does_exactly_that(world: World) -> None:
    before = {i: flatten(document) for i, document in world.index.documents.items()}
    found = rehearsal(world).rehearse(IDS)
    world.upload(IDS)

    world.reindex()

    assert world.states() == {"verified": 60}
    after = {i: flatten(document) for i, document in world.index.documents.items()}
    for path, change in found.changes.fields.items():
        assert change.before == sum(path in document for document in before.values())
        assert change.after == sum(path in document for document in after.values())
        pairs = [(before[i].get(path), after[i].get(path)) for i in IDS]
        assert change.same == sum(old == new for old, new in pairs)


@pytest.mark.parametrize(
    ("accepted", "passes"),
    [
        (["metadata.supplier"], True),
        (["metadata"], True),
        (["metadata.sup"], False),
        (["supplier"], False),
    ],
)
def test_what_may_go_is_named_by_field_or_by_the_object_it_is_in(
    world: World, accepted: list[str], *, passes: bool
) -> None:
    found = rehearsal(world).rehearse(IDS)

    assert (not verdict(found, Tolerance(accepted=accepted))) is passes


@pytest.mark.parametrize(("lacking", "passes"), [(0, True), (1, True), (2, False)])
def test_a_field_may_fall_by_as_much_as_is_tolerated(lacking: int, *, passes: bool) -> None:
    world = World()
    world.add(*IDS, credit="AP")
    for image_id in IDS:
        world.index.live_write(image_id, {"id": image_id, "credit": "AP"})
    for image_id in IDS[:lacking]:
        world.projector.truth[image_id] = {}

    found = rehearsal(world).rehearse(IDS)

    assert (not verdict(found, Tolerance(percent=2.0))) is passes


def test_failures_deaths_and_new_images_are_distinguished(world: World) -> None:
    world.projector.failing["id-001"] = Failure("truncated", "the file breaks off")
    world.projector.deadly.add("id-002")
    world.add("new")

    found = rehearsal(world).rehearse([*IDS, "new", "gone", "id-003"])

    assert {code: (g.count, g.examples) for code, g in found.failures.items()} == {
        "truncated": (1, ["id-001"]),
        "projection_died": (1, ["id-002"]),
        "not_found": (1, ["gone"]),
    }
    assert (found.images, found.new, found.changes.documents) == (62, 1, 58)


def test_nothing_that_can_be_projected_does_not_pass(world: World) -> None:
    world.projector.truth.clear()

    found = rehearsal(world).rehearse(IDS)

    assert verdict(found, Tolerance(percent=100)) == ["no image of the sample can be projected"]


def test_documents_that_the_mapping_refuses_are_named() -> None:
    mapping = {
        "dynamic": "strict",
        "properties": {"id": {"type": "keyword"}, "esInfo": {"enabled": False}},
    }
    world = World(mapping=mapping)
    world.add("a", title="unmapped")
    world.add("b")

    found = rehearsal(world).rehearse(["a", "b"])

    assert found.refused_documents == 1
    [(reason, group)] = found.refused.items()
    assert reason == "title is not mapped, and its parent is strict"
    assert group.examples == ["a"]
    world.upload(["a", "b"])
    world.reindex()
    assert (world.state("a"), world.state("b")) == (State.KNOWN_ERROR, State.VERIFIED)


def test_a_service_that_does_not_answer_ends_it(world: World) -> None:
    world.index.aliases.clear()
    with pytest.raises(IndexMisconfigured):
        rehearsal(world).rehearse(IDS)
    world = World()
    world.index.fail_next()
    with pytest.raises(StoreUnavailable):
        rehearsal(world).rehearse(IDS)


def test_what_it_took_is_what_the_forecast_is_made_of(world: World) -> None:
    world.projector.seconds = 10.0
    found = rehearsal(world).rehearse(IDS)

    assert found.per_image.projection_seconds == pytest.approx(10.0 / 60, rel=0.5)
    assert RehearsalResult("images").per_image.projection_seconds < 0.1, "assumed, without a sample"


def test_all_of_it_is_json_and_a_page_that_nothing_breaks_out_of(world: World) -> None:
    world.index.live_write(IDS[0], {"id": IDS[0], "<script>": "</td><script>alert(1)</script>"})
    found = rehearsal(world).rehearse(IDS)
    capacity = world.run_steps.index_phase.gates.stage_capacity
    told = to_json(found, Tolerance(), forecast(60, 60, 60, capacity), seed=1)

    html = page(json.loads(json.dumps(told)), {IDS[1]: "data:image/png;base64,AA=="})

    assert told["passed"] is False
    assert "<script>" not in html
    assert "--accept metadata.supplier" in html
    assert '<img src="data:image/png;base64,AA=="' in html


def test_images_that_no_time_was_left_for_are_asked_for_again(world: World) -> None:
    world.projector.later = set(IDS[30:])
    world.projector.interrupt = world.projector.later.clear
    assert rehearsal(world).rehearse(IDS).images == len(IDS)

    world.projector.later = set(IDS)
    world.projector.interrupt = lambda: None
    with pytest.raises(StoreUnavailable, match="no time for any image"):
        rehearsal(world).rehearse(IDS)
