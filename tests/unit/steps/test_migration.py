"""A migration loses no write of a live library, before, during and after the switch, or back."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from reindex.composition.lane import LiveLane
from reindex.domain.failures import IndexMisconfigured, StoreUnavailable
from reindex.domain.migration import Migration, MigrationRefused, MigrationState
from reindex.domain.states import State
from reindex.steps.catch_up import CatchUpOutcome
from reindex.steps.preflight import PreflightFailed
from reindex.stores.interfaces.executions import Execution
from tests.unit.steps.migrations import FROM_BUCKET, FROM_INDEX, NEW, OLD, MigratingWorld, migrated


def _embeddings(world: MigratingWorld, index: str) -> dict[str, Any]:
    return {i: d.get("embedding") for i, d in world.index.documents_of(index).items()}


class TestBuilding:
    def test_the_new_index_is_filled_and_people_still_search_the_old(self) -> None:
        world = migrated("a", "b")
        world.assert_true(NEW)
        assert world.index.resolve("images") == OLD
        assert all("reindex" not in d.get("esInfo", {}) for d in world.index.documents.values())
        assert world.migration.state is MigrationState.CATCHING_UP

    def test_preserved_fields_are_carried_from_the_old_index(self) -> None:
        world = MigratingWorld()
        world.publish("a", embedding=3.0)
        world.begin(FROM_INDEX)
        world.follow()
        assert _embeddings(world, NEW) == {"a": [3.0]}

    def test_a_further_source_brings_images_that_the_old_index_never_had(self) -> None:
        world = MigratingWorld()
        world.publish("a")
        world.add("forgotten", title="true")
        world.begin(FROM_INDEX, FROM_BUCKET)
        world.follow()
        world.assert_true(NEW)

    def test_what_was_written_while_it_was_built_is_brought_by_the_next_round(self) -> None:
        world = MigratingWorld()
        world.publish("a", "b", title="before")
        world.begin(FROM_INDEX)
        edits = iter([lambda: world.edit("a", title="after"), lambda: world.publish("c")])
        world.meanwhile = lambda: _next(edits)
        world.follow()
        world.assert_true(NEW)

    def test_a_start_that_was_killed_is_taken_up_with_the_same_index(self) -> None:
        world = MigratingWorld()
        world.publish("a")
        _before_build(world)
        with pytest.raises(StoreUnavailable):
            world.begin(FROM_INDEX)
        planned = world.migration
        assert world.begin(FROM_INDEX).id == planned.id
        world.follow()
        world.assert_true(NEW)

    def test_a_second_migration_is_refused_by_name(self) -> None:
        world = migrated("a")
        with pytest.raises(MigrationRefused, match=f"migration {world.migration.id} is open"):
            world.begin(FROM_INDEX)

    def test_an_ordinary_run_is_refused_by_name_while_it_is_open(self) -> None:
        world = migrated("a")
        with pytest.raises(PreflightFailed, match=f"migration {world.migration.id} is open"):
            world.gather({}, "ordinary")

    def test_what_the_new_mapping_refuses_is_named_and_holds_up_no_other(self) -> None:
        world = MigratingWorld()
        world.publish("a", "b", title="true")
        world.index.next_mapping = {"properties": {"title": {"type": "text"}}}
        world.index.refused = {"b": "mapper_parsing_exception"}
        world.begin(FROM_INDEX)
        world.follow()
        assert world.index.documents_of(NEW).keys() == {"a"}
        row = world.table.rows["b"]
        assert row.failure is not None
        assert (row.state, row.failure.code) == (State.KNOWN_ERROR, "index_refused")


class TestRounds:
    def test_a_round_costs_by_what_changed(self, monkeypatch: pytest.MonkeyPatch) -> None:
        world = migrated(*(f"i{n:03d}" for n in range(300)))
        before = len(world.projector.calls)
        monkeypatch.setattr(world.table, "scan", None)
        world.edit("i007", title="new")
        world.follow()
        projected = [i for call in world.projector.calls[before:] for i in call]
        assert projected == ["i007"]

    def test_a_preserved_field_that_changes_alone_is_carried(self) -> None:
        world = migrated("a")
        world.embed("a", 7.0)
        world.follow()
        assert _embeddings(world, NEW) == {"a": [7.0]}

    def test_what_was_deleted_is_removed(self) -> None:
        world = migrated("a", "b")
        world.remove("a")
        world.follow()
        world.assert_true(NEW)
        assert world.state("a") is State.NOT_FOUND

    def test_nothing_is_started_when_nothing_changed(self) -> None:
        world = migrated("a")
        started = len(world.starter.started)
        assert world.tick_migration() is CatchUpOutcome.UNCHANGED
        assert len(world.starter.started) == started

    def test_a_round_that_failed_is_made_again_from_where_it_began(self) -> None:
        world = migrated("a")
        world.edit("a", title="new")
        assert world.migration_steps.catch_up.tick() is CatchUpOutcome.STARTED
        assert world.migration.round is not None
        # The execution dies after its plan: the position it read is not the migration's.
        name = world.migration.round.run_id
        world.phases.running.add(name)
        world.run_steps.gathering.plan(name, world.migration.round.options)
        world.end(name, "failed")
        world.starter.executions[name] = Execution("FAILED", "RunFailed", "poison")
        assert world.tick_migration() is CatchUpOutcome.ROUND_FAILED
        world.follow()
        world.assert_true(NEW)

    def test_a_round_that_was_recorded_and_not_started_is_started_by_the_next_tick(self) -> None:
        world = migrated("a")
        world.edit("a", title="new")
        world.starter.fail_next()
        with pytest.raises(StoreUnavailable):
            world.migration_steps.catch_up.tick()
        world.follow()
        world.assert_true(NEW)

    def test_an_operator_may_change_the_record_whenever_a_round_does(self) -> None:
        world = migrated("a")
        world.edit("a", title="new")
        save = world.migrations.save
        theirs: set[int] = set()

        def overtake(after: Migration, before: Migration | None) -> bool:
            if before and before.round and before.rev not in theirs:
                save(replace(before, rev=before.rev + 1), before)
                theirs.add(before.rev + 1)
            return save(after, before)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(world.migrations, "save", overtake)
            world.follow()
        # The plan and the report of a round, at least.
        assert len(theirs) >= 2
        world.assert_true(NEW)

    def test_three_failed_rounds_hold_it_and_resume_lets_it_go_on(self) -> None:
        world = migrated("a")
        world.edit("a", title="new")
        for _ in range(3):
            assert world.migration_steps.catch_up.tick() is CatchUpOutcome.STARTED
            assert world.migration.round is not None
            name = world.migration.round.run_id
            world.starter.executions[name] = Execution("FAILED", "PreflightFailed", "the reason")
            assert world.migration_steps.catch_up.tick() is CatchUpOutcome.ROUND_FAILED
        assert world.migration_steps.catch_up.tick() is CatchUpOutcome.TURNED_OFF
        assert world.migration.rounds[-1].problem == "the reason"
        world.migration_steps.control.resume()
        assert world.schedule.is_on
        world.follow()
        world.assert_true(NEW)

    def test_an_alias_that_another_program_moved_fails_the_round_by_name(self) -> None:
        world = migrated("a")
        world.edit("a", title="new")
        world.index.aliases["images"] = [NEW]
        assert world.migration_steps.catch_up.tick() is CatchUpOutcome.STARTED
        assert world.migration.round is not None
        with pytest.raises(PreflightFailed, match="somebody moved it"):
            world.run_round(world.migration.round.run_id, world.migration.round.options)

    def test_a_pause_starts_no_further_round(self) -> None:
        world = migrated("a")
        world.migration_steps.control.pause()
        world.edit("a", title="new")
        assert world.tick_migration() is CatchUpOutcome.TURNED_OFF
        world.migration_steps.control.resume()
        world.follow()
        world.assert_true(NEW)


class TestSwitch:
    def test_without_a_comparison_it_is_refused(self) -> None:
        world = migrated("a")
        with pytest.raises(MigrationRefused, match="comparison"):
            world.switch()

    def test_people_are_led_to_the_new_index(self) -> None:
        world = migrated("a")
        world.compared()
        assert world.switch().state is MigrationState.SWITCHED
        assert world.index.resolve("images") == NEW

    def test_what_was_written_after_the_last_round_is_there_before_the_alias_moves(self) -> None:
        world = migrated("a", "b")
        world.compared()
        world.edit("a", title="late")
        world.embed("b", 9.0)
        seen: list[Any] = []
        _before_move(world, lambda: seen.append(world.index.documents_of(NEW)))
        world.switch()
        assert seen[0]["a"]["title"] == "late"
        assert seen[0]["b"]["embedding"] == [9.0]

    def test_what_was_written_in_the_last_moment_is_swept(self) -> None:
        world = migrated("a", "b", "c")
        world.compared()

        def last_moment() -> None:
            world.edit("a", title="last")
            world.embed("b", 9.0)
            world.remove("c")
            world.publish("d", embedding=4.0, title="new")

        _before_move(world, last_moment)
        world.switch()
        world.assert_true(NEW)
        assert _embeddings(world, NEW) == {"a": [1.0], "b": [9.0], "d": [4.0]}

    def test_what_live_writers_write_to_the_new_index_at_once_is_kept(self) -> None:
        world = migrated("a", "b", "c")
        world.compared()

        def last_moment() -> None:
            for image_id in "abc":
                world.edit(image_id, title="last")

        def after_move() -> None:
            world.embed("a", 8.0)
            world.edit("b", title="newest")
            world.write("c", embedding=6.0)

        _before_move(world, last_moment)
        _after_move(world, after_move)
        world.switch()
        world.assert_true(NEW)
        assert _embeddings(world, NEW) == {"a": [8.0], "b": [1.0], "c": [6.0]}

    def test_the_live_lane_that_writes_first_hides_no_change_of_the_last_moment(self) -> None:
        world = migrated("a")
        world.compared()
        lane = LiveLane(world.ports, world.run_steps).live_index
        _before_move(world, lambda: world.embed("a", 9.0))
        _after_move(world, lambda: lane.refresh(["a"]))
        world.switch()
        assert _embeddings(world, NEW) == {"a": [9.0]}

    def test_a_switch_that_was_killed_is_taken_up(self) -> None:
        world = migrated("a")
        world.compared()
        _before_move(world, lambda: world.edit("a", title="last"))
        _after_move(world, world.migrations.fail_next)
        with pytest.raises(StoreUnavailable):
            world.switch()
        assert world.switch().state is MigrationState.SWITCHED
        world.assert_true(NEW)

    def test_an_alias_that_another_program_moved_is_not_moved(self) -> None:
        world = migrated("a")
        world.compared()
        world.index.aliases["images"] = []
        with pytest.raises(IndexMisconfigured, match="no alias"):
            world.switch()


class TestWayBack:
    def test_the_old_index_follows_and_takes_its_place_again(self) -> None:
        world = migrated("a", "b", "c")
        world.compared()
        world.switch()
        world.edit("a", title="after the switch")
        world.embed("b", 5.0)
        world.remove("c")
        world.publish("d", title="new")
        world.migration_steps.control.roll_back()
        world.follow()
        world.assert_true(OLD)
        _before_move(world, lambda: world.embed("a", 6.0))
        world.switch()
        assert world.index.resolve("images") == OLD
        world.assert_true(OLD)
        assert _embeddings(world, OLD) == {"a": [6.0], "b": [5.0], "d": [1.0]}

    def test_after_it_the_new_index_catches_up_again_and_may_be_switched_to_again(self) -> None:
        world = migrated("a")
        world.compared()
        world.switch()
        world.migration_steps.control.roll_back()
        world.follow()
        assert world.switch().state is MigrationState.CATCHING_UP
        world.edit("a", title="newest")
        world.follow()
        world.assert_true(NEW)
        assert world.switch().state is MigrationState.SWITCHED


class TestEnd:
    def test_dropping_the_old_index_ends_it(self) -> None:
        world = migrated("a")
        world.compared()
        world.switch()
        assert world.migration_steps.control.drop_old().state is MigrationState.FINISHED
        assert OLD not in world.index._indices
        assert world.index.resolve("images") == NEW
        world.gather({}, "ordinary")

    def test_the_old_index_is_not_dropped_while_people_search_it(self) -> None:
        world = migrated("a")
        with pytest.raises(MigrationRefused, match="catching_up"):
            world.migration_steps.control.drop_old()

    def test_an_abort_deletes_the_new_index_alone(self) -> None:
        world = migrated("a")
        world.migration_steps.control.abort()
        assert NEW not in world.index._indices
        world.assert_true(OLD)
        assert not world.schedule.is_on

    def test_after_the_switch_there_is_nothing_to_abort(self) -> None:
        world = migrated("a")
        world.compared()
        world.switch()
        with pytest.raises(MigrationRefused, match="switched"):
            world.migration_steps.control.abort()


def _next(steps: Iterator[Callable[[], object]]) -> None:
    for step in steps:
        step()
        return


def _hook(world: MigratingWorld, name: str, instead: Callable[..., Any]) -> None:
    """Replace a method of the index for its next call; it is given the method itself."""
    method = getattr(world.index, name)

    def once(*args: Any) -> Any:
        setattr(world.index, name, method)
        return instead(method, *args)

    setattr(world.index, name, once)


def _before_build(world: MigratingWorld) -> None:
    """Have the cluster not answer once, when the new index is about to be created."""

    def unanswered(_: Callable[..., Any], *args: Any) -> None:
        raise StoreUnavailable(f"no answer: {args}")

    _hook(world, "build", unanswered)


def _before_move(world: MigratingWorld, happens: Callable[[], object]) -> None:
    """Have something happen when nothing but the alias is left to move."""

    def moving(move: Callable[..., Any], *args: Any) -> None:
        happens()
        move(*args)

    _hook(world, "move_aliases", moving)


def _after_move(world: MigratingWorld, happens: Callable[[], object]) -> None:
    """Have something happen as soon as the alias has moved."""

    def moving(move: Callable[..., Any], *args: Any) -> None:
        move(*args)
        happens()

    _hook(world, "move_aliases", moving)
