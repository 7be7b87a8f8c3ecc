"""A world in which an index is migrated, driven as the schedule and the state machine drive it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from reindex.domain.migration import Migration
from reindex.domain.options import RunOptions, Source
from reindex.domain.source_kinds import BUCKET, INDEX
from reindex.domain.states import Phase
from reindex.steps.catch_up import CatchUpOutcome
from reindex.steps.tick import Outcome
from reindex.stores.interfaces.executions import Execution
from reindex.stores.interfaces.id_sources import IdSource
from tests.twins.id_sources import MemoryIds
from tests.unit.steps.world import INDEX as OLD
from tests.unit.steps.world import MAX_ROUNDS, World

NEW = "images-000002"

FROM_INDEX = RunOptions(source=Source(kind=INDEX))
FROM_BUCKET = RunOptions(source=Source(kind=BUCKET))


class MigratingWorld(World):
    """A library whose documents live writers wrote, and a migration of it.

    Attributes:
        meanwhile: Called between any two steps: what live writers do.
    """

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.meanwhile: Callable[[], None] = lambda: None
        self._moments: dict[tuple[str, str], MemoryIds] = {}

    def id_source(self, source: Source) -> IdSource:
        """A source of ids; of a whole index or bucket, as it was when the run first looked."""
        if source.kind not in (INDEX, BUCKET):
            return super().id_source(source)
        key = (self.run.run_id, source.kind)
        ids = self.library.originals if source.kind == BUCKET else self.index.documents
        return self._moments.setdefault(key, MemoryIds(list(ids)))

    def publish(self, *ids: str, embedding: float = 1.0, **content: Any) -> None:
        """Add images as the library's own way in does: the original, then the document."""
        self.add(*ids, **content)
        for image_id in ids:
            self.write(image_id, embedding=embedding)

    def write(self, image_id: str, *, embedding: float) -> None:
        """Write a document as a live writer does, to where the alias leads."""
        document = {"id": image_id, **self.projector.truth[image_id], "embedding": [embedding]}
        self.index.live_write(image_id, document)

    def edit(self, image_id: str, **content: Any) -> None:
        """Change the truth and the document, as a live writer does; what else it holds stays."""
        self.projector.truth[image_id] |= content
        # Right after the switch it may not be there yet: then it is written as a whole.
        found = self.index.documents.get(image_id, {"id": image_id})
        self.index.live_write(image_id, found | self.projector.truth[image_id])

    def embed(self, image_id: str, embedding: float) -> bool:
        """Change a preserved field alone; False when there is no document to change."""
        found = self.index.documents.get(image_id)
        if found is not None:
            self.index.live_write(image_id, found | {"embedding": [embedding]})
        return found is not None

    @property
    def migration(self) -> Migration:
        found = self.migrations.current()
        assert found is not None
        return found

    def begin(self, *sources: RunOptions) -> Migration:
        """Create the new index, and start its build."""
        self.migration_steps.control.create(sources or [FROM_INDEX])
        return self.migration_steps.control.follow()

    def tick_migration(self) -> CatchUpOutcome:
        """One tick of the schedule, and the whole of the round that it starts."""
        self.meanwhile()
        outcome = self.migration_steps.catch_up.tick()
        if outcome is CatchUpOutcome.STARTED:
            assert self.migration.round is not None
            self.run_round(self.migration.round.run_id, self.migration.round.options)
        self.clock.sleep(60)
        return outcome

    def follow(self, ticks: int = 20) -> None:
        """Tick until nothing has changed."""
        for _ in range(ticks):
            if self.tick_migration() is CatchUpOutcome.UNCHANGED:
                return
        raise AssertionError(f"it does not catch up: {self.migration}")

    def run_round(self, run_id: str, options: Mapping[str, Any]) -> dict[str, Any]:
        """A run from start to report, as the state machine does it, live writers between."""
        self.phases.running.add(run_id)
        for part in self.run_steps.gathering.plan(run_id, options)["parts"]:
            cursor = None
            while True:
                self.meanwhile()
                upload = self.invocation(run_id)
                cursor = self.run_steps.gathering.part(run_id, upload, options, part, cursor)[
                    "next"
                ]
                if cursor is None:
                    break
        opened = self.check(run_id)
        work, round_ = opened["work"], 0 if opened["work"] else -1
        while True:
            if work:
                round_ = self._phases(round_)
            decision = self._decided(run_id, round_, len(opened["segments"]), options)
            if not decision["again"]:
                break
            round_, work = decision["round"], True
        report = self.run_steps.tallying.report(run_id, round_)
        self.phases.running.discard(run_id)
        self.note_end(run_id)
        return report

    def note_end(self, run_id: str) -> None:
        """Have the execution of a round be over."""
        self.starter.executions[run_id] = Execution("SUCCEEDED")

    def _phases(self, round_: int) -> int:
        while True:
            for phase in Phase:
                self.open_phase(phase)
                for _ in range(200):
                    self.meanwhile()
                    if self.tick(phase).outcome is Outcome.DRAINED:
                        break
                    self.clock.sleep(10)
            if not self.phases.again or round_ >= MAX_ROUNDS:
                return round_
            round_ += 1

    def _decided(
        self, run_id: str, round_: int, segments: int, options: Mapping[str, Any]
    ) -> dict[str, Any]:
        for segment in range(segments):
            cursor = None
            while True:
                step = self.run_steps.tallying.segment(run_id, round_, segment, segments, cursor)
                cursor = step["next"]
                if cursor is None:
                    break
        return self.run_steps.tallying.decide(run_id, round_, segments, options)

    def switch(self) -> Migration:
        return self.switching().switch(self.migration)

    def compared(self) -> None:
        """A comparison found nothing."""
        self.migration_steps.control.compared(self.clock.now(), [])

    def assert_true(self, index: str) -> None:
        """Every document equals its truth, none is lost, none is too many."""
        documents = self.index.documents_of(index)
        assert documents.keys() == self.projector.truth.keys()
        for image_id, truth in self.projector.truth.items():
            kept = {name: documents[image_id].get(name) for name in truth}
            assert kept == truth, image_id


def migrated(*ids: str, **settings: Any) -> MigratingWorld:
    """A world of some images whose new index is built, and has caught up."""
    world = MigratingWorld(**settings)
    world.publish(*ids, title="true")
    world.begin(FROM_INDEX)
    world.follow()
    return world


__all__ = ["FROM_BUCKET", "FROM_INDEX", "NEW", "OLD", "MigratingWorld", "migrated"]
