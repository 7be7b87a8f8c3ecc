"""A migration to another cluster loses no write, whenever the library moves there."""

from __future__ import annotations

import pytest

from reindex.domain.failures import IndexMisconfigured, StoreUnavailable
from reindex.domain.migration import MigrationRefused, MigrationState
from reindex.steps.catch_up import CatchUpOutcome
from reindex.steps.preflight import PreflightFailed
from tests.unit.steps.migrations import FROM_INDEX
from tests.unit.steps.moves import ALIAS, NEW, OLD, OTHER_CLUSTER, OWN_CLUSTER, MovingWorld, moved


def handed_over(*ids: str) -> MovingWorld:
    """A world whose new index may be used."""
    world = moved(*ids)
    world.compared()
    world.switch()
    return world


class TestBeginning:
    @pytest.mark.parametrize(
        ("to", "finding"),
        [
            ("https://nowhere.example", '"url": "https://nowhere.example"'),
            (f"{OWN_CLUSTER}/", "the stage's own cluster"),
        ],
    )
    def test_a_cluster_that_the_stage_does_not_declare_is_refused_by_name(
        self, to: str, finding: str
    ) -> None:
        [found] = MovingWorld().migration_steps.control.findings(to)
        assert finding in found

    def test_an_alias_that_exists_there_is_named_before_anything_is_built(self) -> None:
        world = MovingWorld()
        world.other.aliases[ALIAS] = ["unrelated"]
        [found] = world.migration_steps.control.findings(OTHER_CLUSTER)
        assert f"{OTHER_CLUSTER}/images exists, and leads to {OTHER_CLUSTER}/unrelated" in found

    def test_a_start_does_not_take_up_one_that_leads_elsewhere(self) -> None:
        world = MovingWorld()
        world.begin(FROM_INDEX)
        with pytest.raises(MigrationRefused, match="is open"):
            world.migration_steps.control.create([FROM_INDEX], OTHER_CLUSTER)

    def test_the_new_index_is_built_there_and_nothing_changes_here(self) -> None:
        world = moved("a", "b")
        assert (world.migration.old.name, world.migration.new.name) == (OLD, NEW)
        world.assert_moved()
        assert world.other.indices_behind(ALIAS) == []
        assert all("reindex" not in d.get("esInfo", {}) for d in world.first.documents.values())

    def test_preserved_fields_are_carried_across(self) -> None:
        world = MovingWorld()
        world.publish("a", embedding=3.0)
        world.migration_steps.control.create([FROM_INDEX], OTHER_CLUSTER)
        world.follow()
        assert world.other.documents_of("images-000001")["a"]["embedding"] == [3.0]

    def test_an_abort_deletes_the_index_there_alone(self) -> None:
        world = moved("a")
        world.migration_steps.control.abort()
        assert list(world.other._indices) == ["unrelated"]
        assert list(world.first.documents) == ["a"]


class TestHandingOver:
    def test_without_a_comparison_it_is_refused(self) -> None:
        world = moved("a")
        with pytest.raises(MigrationRefused, match="comparison"):
            world.switch()

    def test_the_alias_is_made_there_and_stays_here(self) -> None:
        world = moved("a")
        world.compared()
        world.switching().make_live(world.migration)
        world.edit("a", title="late")
        assert world.switch().state is MigrationState.HANDED_OVER
        world.assert_moved()
        assert world.other.resolve(ALIAS) == "images-000001"
        assert world.first.resolve(ALIAS) == "images-000001"
        assert world.other._indices["images-000001"].settings["index.refresh_interval"] == ""
        assert world.schedule.is_on

    def test_one_that_was_killed_is_taken_up(self) -> None:
        world = moved("a")
        world.compared()
        add = world.other.add_aliases

        def killed(*_: object) -> None:
            setattr(world.other, "add_aliases", add)  # noqa: B010
            raise StoreUnavailable("no answer")

        setattr(world.other, "add_aliases", killed)  # noqa: B010
        with pytest.raises(StoreUnavailable):
            world.switch()
        assert world.switch().state is MigrationState.HANDED_OVER
        assert world.other.resolve(ALIAS) == "images-000001"

    def test_ordinary_runs_are_refused_until_it_is_finished(self) -> None:
        world = handed_over("a")
        with pytest.raises(PreflightFailed, match="is open"):
            world.gather({}, "ordinary")

    def test_neither_an_abort_nor_a_way_back_nor_a_drop_touches_an_index(self) -> None:
        world = handed_over("a")
        with pytest.raises(MigrationRefused, match="finish"):
            world.migration_steps.control.abort()
        with pytest.raises(MigrationRefused, match="go on with it"):
            world.migration_steps.control.roll_back()
        with pytest.raises(MigrationRefused, match="finish"):
            world.migration_steps.control.drop_old()


class TestMoving:
    def test_rounds_go_on_until_the_library_has_moved(self) -> None:
        world = handed_over("a", "b")
        world.edit("a", title="later")
        world.remove("b")
        world.publish("c", title="new")
        world.follow()
        world.assert_moved()

    def test_what_came_and_went_since_is_removed_and_what_live_writers_wrote_is_not(self) -> None:
        world = handed_over("a")
        world.publish("b", title="short-lived")
        world.follow()
        world.remove("b")
        # Its original is yet to come.
        world.other.live_write("c", {"id": "c", "title": "early"})
        world.follow()
        assert world.other.documents.keys() == {"a", "c"}
        world.remove("a")
        world.finish()
        assert world.other.documents.keys() == {"c"}

    def test_a_pause_holds_them(self) -> None:
        world = handed_over("a")
        world.migration_steps.control.pause()
        world.edit("a", title="later")
        assert world.tick_migration() is CatchUpOutcome.TURNED_OFF
        world.migration_steps.control.resume()
        world.follow()
        world.assert_moved()

    def test_what_is_written_to_the_new_cluster_is_never_undone(self) -> None:
        world = handed_over("a", "b")
        world.edit("a", title="still to the old one")
        world.embed("b", 5.0)
        world.library_moves()
        world.embed("a", 7.0)
        world.edit("b", title="to the new one")
        world.publish("c", title="new")
        world.follow()
        world.assert_moved()
        embeddings = {i: d["embedding"] for i, d in world.other.documents.items()}
        assert embeddings == {"a": [7.0], "b": [5.0], "c": [1.0]}

    def test_once_it_has_moved_no_round_looks_at_all_ids_again(self) -> None:
        world = handed_over("a")
        world.follow()
        world.library_moves()
        started = len(world.starter.started)
        for number in range(3):
            world.publish(f"new-{number}")
            assert world.tick_migration() is CatchUpOutcome.UNCHANGED
        assert len(world.starter.started) == started

    def test_rounds_go_on_when_the_stage_has_moved_before_all_writers(self) -> None:
        world = handed_over("a")
        world.stage_moves()
        world.edit("a", title="by a late writer")
        world.follow()
        world.assert_moved()

    def test_a_round_is_refused_when_the_stage_leads_to_neither(self) -> None:
        world = handed_over("a")
        world.edit("a", title="later")
        world.first.add_index("strange")
        world.first.aliases[ALIAS] = ["strange"]
        assert world.migration_steps.catch_up.tick() is CatchUpOutcome.STARTED
        assert world.migration.round is not None
        with pytest.raises(PreflightFailed, match="somebody moved it"):
            world.run_round(world.migration.round.run_id, world.migration.round.options)


class TestFinishing:
    def test_what_was_written_in_the_last_moments_arrives(self) -> None:
        world = handed_over("a", "b")
        world.edit("a", title="last")
        world.remove("b")
        assert world.finish().state is MigrationState.FINISHED
        world.assert_moved()
        assert not world.schedule.is_on
        assert list(world.first.documents) == ["a"]

    def test_after_it_the_stage_runs_on_the_new_cluster(self) -> None:
        world = handed_over("a")
        world.library_moves()
        world.stage_moves()
        world.finish()
        world.declared = False
        world.edit("a", title="newest")
        world.upload(["a"], name="second")
        assert world.reindex("ordinary")["status"] == "succeeded"
        assert world.run.index == "images-000001"

    def test_without_the_old_cluster_it_ends_and_says_so(self) -> None:
        world = handed_over("a")
        world.library_moves()
        world.stage_moves()
        world.declared = False
        assert world.finish().state is MigrationState.FINISHED
        assert f"{OLD} is gone: nothing is left to bring along." in world.notes

    def test_one_that_was_killed_is_taken_up(self) -> None:
        world = handed_over("a")
        world.edit("a", title="last")
        world.projector.interrupt = world.migrations.fail_next
        with pytest.raises(StoreUnavailable):
            world.finish()
        world.projector.interrupt = lambda: None
        world.migration_steps.rounds.start_missing(world.migration)
        world.migration_steps.rounds.look(world.migration)
        assert world.finish().state is MigrationState.FINISHED
        world.assert_moved()

    def test_it_is_not_finished_before_it_was_handed_over(self) -> None:
        world = moved("a")
        with pytest.raises(MigrationRefused, match="catching_up"):
            world.finish()


def test_the_alias_of_another_program_there_is_not_taken() -> None:
    world = moved("a")
    world.compared()
    world.other.aliases[ALIAS] = ["unrelated"]
    with pytest.raises(IndexMisconfigured, match="already"):
        world.switch()
