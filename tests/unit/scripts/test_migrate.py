"""``reindex migrate``: from start to drop-old, and what it says on the way."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, cast

import pytest

from reindex.domain.migration import MigrationState
from reindex.steps.rounds import changes_of
from reindex.wiring import Wiring
from tests.unit.scripts.stage import Stage, squeezed
from tests.unit.steps.migrations import MigratingWorld
from tests.unit.steps.moves import NEW as TO
from tests.unit.steps.moves import OLD as FROM
from tests.unit.steps.moves import OTHER_CLUSTER, MovingWorld

NEW = "images-000002"


class MigratingStage(Stage, MigratingWorld):
    """A stage whose state machine runs a round from start to report at once."""

    def _open(self, execution: str) -> None:
        migration = self.migrations.current()
        if migration and migration.round and migration.round.run_id == execution:
            self.run_round(execution, self.stepfunctions.last_input)
            return
        super()._open(execution)

    def note_end(self, run_id: str) -> None:
        self.stepfunctions.status[run_id] = "SUCCEEDED"

    def follow_by_schedule(self) -> None:
        """Tick until nothing has changed, while rounds are run by the state machine."""
        for _ in range(20):
            if self.migration_steps.catch_up.tick() == "nothing changed":
                return
            self.clock.sleep(60)
        raise AssertionError(self.migration)


@pytest.fixture
def stage() -> MigratingStage:
    made = MigratingStage()
    made.starter = cast("Any", made.executions)
    made.publish("a", "b", title="true")
    return made


def begun(stage: MigratingStage) -> MigratingStage:
    assert stage.reindex("migrate", "start").exit_code == 0
    stage.follow_by_schedule()
    return stage


def test_from_start_to_drop_old(stage: MigratingStage) -> None:
    started = stage.reindex("migrate", "start")
    assert started.stdout.startswith(f"Migration {stage.migration.id} builds {NEW} beside ")
    stage.follow_by_schedule()
    compared = stage.reindex("migrate", "compare")
    assert compared.exit_code == 0, compared.output
    plan = stage.reindex("migrate", "switch")
    assert plan.exit_code == 0
    assert "--yes does it." in plan.stdout
    assert stage.index.resolve("images") == "images-000001"
    stage.edit("a", title="late")
    done = stage.reindex("migrate", "switch", "--yes")
    assert done.exit_code == 0, done.output
    assert f"People search {NEW}." in done.stdout
    stage.assert_true(NEW)
    lines = squeezed(stage.reindex("migrate", "status").stdout)
    assert f"new index {NEW}: 2 documents, people search it" in lines
    dropped = stage.reindex("migrate", "drop-old", "--yes")
    assert "images-000001 is deleted" in dropped.stdout
    assert stage.migration.state is MigrationState.FINISHED


def test_the_way_back(stage: MigratingStage) -> None:
    begun(stage)
    stage.reindex("migrate", "compare")
    stage.reindex("migrate", "switch", "--yes")
    stage.edit("b", title="after the switch")
    assert stage.reindex("migrate", "rollback").exit_code == 0
    stage.follow_by_schedule()
    back = stage.reindex("migrate", "switch", "--yes")
    assert back.exit_code == 0, back.output
    assert "People search images-000001 again" in back.stdout
    stage.assert_true("images-000001")


def test_the_switch_needs_a_comparison(stage: MigratingStage) -> None:
    begun(stage)
    refused = stage.reindex("migrate", "switch", "--yes")
    assert refused.exit_code == 1
    assert "reindex migrate compare" in refused.stderr


def test_a_comparison_that_finds_something_keeps_the_alias_where_it_is(
    stage: MigratingStage,
) -> None:
    begun(stage)
    stage.index.live_write("orphan", {"id": "orphan", "title": "no original"})
    stage.follow_by_schedule()
    found = stage.reindex("migrate", "compare")
    assert found.exit_code == 1
    assert "should not replace" in found.stderr
    assert stage.reindex("migrate", "switch", "--yes").exit_code == 1
    accepted = stage.reindex("migrate", "compare", "--tolerate-missing", "1")
    assert accepted.exit_code == 0, accepted.output
    assert stage.reindex("migrate", "switch", "--yes").exit_code == 0


def test_status_says_how_far_it_is(stage: MigratingStage) -> None:
    assert stage.reindex("migrate", "status").stdout == "No migration has been started yet.\n"
    begun(stage)
    stage.edit("a", title="new")
    lines = squeezed(stage.reindex("migrate", "status").stdout)
    assert "state catching_up: the new index follows the old one" in lines
    assert "old index images-000001: 2 documents, people search it" in lines
    assert f"new index {NEW}: 2 documents" in lines
    assert any(line.startswith("behind 1 document; ") for line in lines)
    assert any(line.startswith("comparison not made since") for line in lines)
    told = json.loads(stage.reindex("migrate", "status", "--json").stdout)
    assert told["lag"] == 1
    assert told["documents"] == {"images-000001": 2, NEW: 2}


def test_documents_are_tried_before_the_whole_is_built(stage: MigratingStage) -> None:
    stage.index.next_mapping = {"dynamic": "strict", "properties": {"id": {"type": "keyword"}}}
    refused = stage.reindex("migrate", "start", "--sample", "2")
    assert refused.exit_code == 1
    assert "2 documents of 2 tried failed" in refused.stderr
    assert not stage.schedule.is_on
    assert stage.reindex("migrate", "abort", "--yes").exit_code == 0
    stage.index.next_mapping = None
    del stage.projector.truth["b"], stage.library.originals["b"]
    tried = stage.reindex("migrate", "start", "--sample", "2").stdout
    assert "took 1 of 2 documents that were tried" in tried
    assert stage.schedule.is_on


def test_a_server_that_cannot_be_followed_is_refused_by_name(stage: MigratingStage) -> None:
    stage.index.unfollowable = ["this server has no sequence numbers"]
    refused = stage.reindex("migrate", "start")
    assert refused.exit_code == 1
    assert "this server has no sequence numbers" in refused.stderr
    assert stage.migrations.current() is None


def test_other_aliases_are_named_and_stay_unless_they_are_listed(stage: MigratingStage) -> None:
    begun(stage)
    stage.reindex("migrate", "compare")
    stage.index.aliases |= {"api": ["images-000001"], "archive": ["images-000001"]}
    plan = stage.reindex("migrate", "switch", "--also", "api")
    assert "stay there: archive (--also)" in plan.stdout
    stage.reindex("migrate", "switch", "--also", "api", "--yes")
    assert stage.index.resolve("api") == NEW
    assert stage.index.resolve("archive") == "images-000001"
    kept = stage.reindex("migrate", "drop-old", "--yes")
    assert kept.exit_code == 1
    assert "searched" in kept.stderr


def test_a_last_round_that_fails_is_named_and_the_switch_can_be_repeated_or_given_up(
    stage: MigratingStage,
) -> None:
    begun(stage)
    stage.reindex("migrate", "compare")
    stage.index.aliases["images"] = [NEW]
    failed = stage.reindex("migrate", "switch", "--yes")
    assert failed.exit_code == 1
    assert "somebody moved it" in failed.stderr
    stage.index.aliases["images"] = ["images-000001"]
    assert stage.reindex("migrate", "resume").exit_code == 0
    assert stage.migration.state is MigrationState.CATCHING_UP
    assert stage.reindex("migrate", "switch", "--yes").exit_code == 0


def test_an_abort_says_what_it_would_do_and_deletes_the_new_index(stage: MigratingStage) -> None:
    begun(stage)
    assert f"delete {NEW}; --yes does" in stage.reindex("migrate", "abort").stdout
    assert stage.migration.is_open
    assert f"{NEW} is deleted" in stage.reindex("migrate", "abort", "--yes").stdout
    assert stage.reindex("migrate", "abort", "--yes").exit_code == 0


def test_an_abort_ends_the_round_that_runs(stage: MigratingStage) -> None:
    begun(stage)
    stage.edit("a", title="new")
    options = changes_of(stage.migration)
    stage.migrations.save(stage.migration.round_begun("r", options, 0), stage.migration)
    stage.phases.running.add("r")
    stage.stepfunctions.status["r"] = "RUNNING"
    stage.run_steps.gathering.plan("r", options)
    done = stage.reindex("migrate", "abort", "--yes")
    assert done.exit_code == 0, done.output
    assert stage.run.status == "aborted"
    assert NEW not in stage.index._indices
    stage.gather({}, "ordinary")


def test_after_an_abort_the_certificate_is_that_of_the_index_that_people_search(
    stage: MigratingStage,
) -> None:
    begun(stage)
    stage.reindex("migrate", "abort", "--yes")
    found = stage.reindex("certify")
    assert found.exit_code == 1
    assert "documents of reindexes in images-000001" in found.stderr


def test_pause_and_resume(stage: MigratingStage) -> None:
    begun(stage)
    assert "is paused" in stage.reindex("migrate", "pause").stdout
    assert "paused" in stage.reindex("migrate", "status").stdout
    assert "goes on" in stage.reindex("migrate", "resume").stdout
    assert not stage.migration.paused


def test_the_report_of_a_round_says_what_it_was(stage: MigratingStage) -> None:
    begun(stage)
    stage.edit("a", title="new")
    stage.follow_by_schedule()
    lines = squeezed(stage.reindex("report").stdout)
    assert f"round of migration {stage.migration.id}" in lines
    assert "gathered 1 queued_again" in lines
    assert "has no page" in stage.reindex("report", "--html", "-").stderr


def test_the_certificate_is_that_of_the_new_index_before_the_switch(
    stage: MigratingStage,
) -> None:
    begun(stage)
    stage.reindex("migrate", "compare")
    found = stage.reindex("certify", "--deep")
    assert found.exit_code == 0, found.output
    assert f"2 documents of reindexes in {NEW}" in found.stdout
    stage.reindex("migrate", "switch", "--yes")
    assert stage.reindex("certify", "--deep").exit_code == 0
    [full] = [
        json.loads(stage.files.get(f"reports/{each.run_id}.json"))
        for each in stage.migration.rounds
        if each.options.get("scan")
    ]
    assert full["migration"]["comparison"]["problems"] == []
    assert full["certificate"]["ids"] == 2


def test_a_stage_with_documents_of_its_own_needs_their_mapping(
    stage: MigratingStage, tmp_path: Path
) -> None:
    stage.set(OWN_DOCUMENTS="false")
    refused = stage.reindex("migrate", "start")
    assert refused.exit_code == 2
    assert "--mapping" in refused.stderr
    file = tmp_path / "ours.json"
    file.write_text('{"properties": {"ours": {"type": "keyword"}}}')
    assert stage.reindex("migrate", "start", "--mapping", str(file)).exit_code == 0
    [schema] = stage.schemas
    assert schema.mapping["properties"]["ours"] == {"type": "keyword"}


class MovingStage(MovingWorld, MigratingStage):
    """A stage that is to move to another cluster."""

    def connect(self, stage: str) -> Wiring:
        assert stage == "TEST"
        # To the command its index is that of both clusters; to the test, where people search.
        return cast("Wiring", _OfBothClusters(self))


class _OfBothClusters:
    def __init__(self, stage: MovingStage) -> None:
        self._stage = stage

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stage, "indices" if name == "index" else name)


def test_to_another_cluster_and_until_the_library_has_moved() -> None:
    stage = MovingStage()
    stage.starter = cast("Any", stage.executions)
    stage.publish("a", "b", title="true")

    refused = stage.reindex("migrate", "start", "--to", "https://strange.example")
    assert refused.exit_code == 1
    assert '{"index": {"other_cluster": {"url": "https://strange.example"}}}' in refused.stderr
    assert stage.migrations.current() is None

    started = stage.reindex("migrate", "start", "--to", OTHER_CLUSTER, "--sample", "1")
    assert f"builds {TO} beside {FROM}" in started.stdout, started.output
    stage.follow_by_schedule()
    assert stage.reindex("migrate", "compare").exit_code == 0
    plan = stage.reindex("migrate", "switch").stdout
    assert f"make images on {OTHER_CLUSTER} lead to it" in plan
    done = stage.reindex("migrate", "switch", "--yes")
    assert f"{TO} is ready, and follows {FROM}" in done.stdout, done.output

    stage.edit("a", title="late")
    lines = squeezed(stage.reindex("migrate", "status").stdout)
    assert lines[1].startswith("state handed_over: the library may move")
    assert any(line.startswith("behind 1 document") for line in lines)
    for refusing in ("rollback", "abort", "drop-old"):
        assert stage.reindex("migrate", refusing).exit_code == 1
    assert "--yes does it." in stage.reindex("migrate", "finish").stdout
    ended = stage.reindex("migrate", "finish", "--yes")
    assert ended.exit_code == 0, ended.output
    stage.assert_moved()
    stage.declared = False
    lines = squeezed(stage.reindex("migrate", "status").stdout)
    assert f"new index {TO}: is gone" in lines
