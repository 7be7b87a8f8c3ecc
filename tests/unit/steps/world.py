"""A whole library and a whole reindex in memory, where a test owns time and every accident."""

from __future__ import annotations

import itertools
import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from reindex.composition.migration import MigrationSteps
from reindex.composition.run import RunSteps
from reindex.domain.chunks import TakenChunk
from reindex.domain.digest import digest
from reindex.domain.failures import Failure, OriginalNotFound, ProjectorDied
from reindex.domain.options import Source
from reindex.domain.progress import Retry
from reindex.domain.projections import Projected, ProjectionAnswer
from reindex.domain.run_records import RunRecord
from reindex.domain.states import Phase, State
from reindex.image.document import with_provenance
from reindex.image.limits import Trimmed, with_trimmed
from reindex.image.misfits import without_misfits
from reindex.reports.footprint import INDEXER_BATCH, INDEXER_CONCURRENCY
from reindex.settings import (
    OWN,
    Elasticsearch,
    IndexerFeed,
    OtherCluster,
    Pace,
    PhaseRules,
    Projection,
    Rounds,
    Settings,
    Stage,
)
from reindex.steps.deliveries import Delivery
from reindex.steps.preflight import PreflightFailed
from reindex.steps.switching import Switching
from reindex.steps.tick import Outcome, TickReport
from reindex.stores.changed_ids import ChangedIds
from reindex.stores.interfaces.id_sources import IdSource
from reindex.stores.interfaces.migrations import MigrationIndex
from tests.twins.backlog import MemoryBacklog, MemoryDeadLetters
from tests.twins.forgetter import MemoryForgetter
from tests.twins.id_sources import MemoryIds
from tests.twins.index import MemoryIndex
from tests.twins.indexers import MemoryIndexers
from tests.twins.library import MemoryLibrary
from tests.twins.migrations import MemoryMigrations, MemorySchedule, MemoryStarter
from tests.twins.phases import MemoryPhases
from tests.twins.ports import MemoryPorts
from tests.twins.progress_table import MemoryProgressTable
from tests.twins.run_files import MemoryRunFiles
from tests.twins.runs import MemoryRuns
from tests.twins.work_list import MemoryWorkList

START = datetime(2026, 3, 1, 18, tzinfo=UTC).timestamp()

INDEX = "images-000001"
ALIAS = "images"
OWN_CLUSTER = "https://own.example:9200"
TOKEN = "token"
MAX_ROUNDS = 5

#: Each world is a deployment of its own, unless a test gives two the same name.
_STAGES = itertools.count()


class ManualClock:
    """Time that passes only in a sleep, or when a test says so.

    Attributes:
        meanwhile: Called at every sleep: what the rest of the world does.
    """

    def __init__(self) -> None:
        self.time = START
        self.meanwhile: Callable[[], None] = lambda: None

    def now(self) -> float:
        return self.time

    def sleep(self, seconds: float) -> None:
        self.time += max(seconds, 0.01)
        self.meanwhile()


class CountingMeter:
    """Remembers what was counted."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.codes: Counter[str] = Counter()

    def count(self, name: str, value: float = 1) -> None:
        self.counts[name] += int(value)

    def seconds(self, name: str, value: float) -> None:
        pass

    def bytes(self, name: str, value: float) -> None:
        pass

    def failures(self, code: str, value: int) -> None:
        self.codes[code] += value


@dataclass
class TruthProjector:
    """Projects images from what the world says is true of them.

    Attributes:
        truth: The documents' content, by id.
        failing: Failures, by id.
        deadly: Ids that kill the lambda, whatever else is in the batch.
        later: Ids that no time is left for.
        seconds: How long a call takes.
        calls: The ids of every call.
        interrupt: Called inside every call, after the truth was read.
    """

    clock: ManualClock
    stage: str
    truth: dict[str, dict[str, Any]] = field(default_factory=dict)
    failing: dict[str, Failure] = field(default_factory=dict)
    deadly: set[str] = field(default_factory=set)
    later: set[str] = field(default_factory=set)
    seconds: float = 0.5
    calls: list[tuple[str, ...]] = field(default_factory=list)
    interrupt: Callable[[], None] = lambda: None

    def project(
        self, ids: Sequence[str], run_id: str, misfits: Mapping[str, str] | None = None
    ) -> ProjectionAnswer:
        self.calls.append(tuple(ids))
        if self.deadly.intersection(ids):
            self.clock.sleep(30)
            raise ProjectorDied("Runtime.OutOfMemory")
        self.clock.time += self.seconds
        absent = OriginalNotFound("the original does not exist").as_failure()
        failures = {i: self.failing.get(i, absent) for i in ids if i not in self.truth}
        failures |= {i: self.failing[i] for i in ids if i in self.failing}
        later = [i for i in ids if i in self.later and i not in failures]
        ready = [i for i in ids if i not in failures and i not in later]
        answer = ProjectionAnswer(
            [self._projected(i, run_id, misfits or {}) for i in ready], failures, later
        )
        self.interrupt()
        return answer

    def _projected(self, image_id: str, run_id: str, misfits: Mapping[str, str]) -> Projected:
        document = {"id": image_id, **self.truth[image_id]}
        trimmed = Trimmed()
        document = with_trimmed(without_misfits(document, misfits, trimmed), trimmed)
        known_by = digest(document)
        whole = with_provenance(
            document,
            digest=known_by,
            run_id=run_id,
            stage=self.stage,
            projected_at=datetime.fromtimestamp(self.clock.now(), UTC),
            projector="test",
        )
        return Projected(image_id, known_by, json.dumps(whole))


class World:
    """The library, the index, and everything a reindex is made of."""

    def __init__(
        self,
        *,
        workers: int = 1,
        pace: Pace | None = None,
        max_attempts: int = 3,
        mapping: Mapping[str, Any] | None = None,
        stage: str | None = None,
        tick_seconds: int = 50,
    ) -> None:
        self.stage = stage or f"stage-{next(_STAGES)}"
        self.clock = ManualClock()
        self.meter = CountingMeter()
        self.table = MemoryProgressTable()
        self.work_list = MemoryWorkList()
        self.runs = MemoryRuns()
        self.forgetter = MemoryForgetter(self.table, self.runs)
        self.phases = MemoryPhases()
        self.migrations = MemoryMigrations()
        self.schedule = MemorySchedule()
        self.starter = MemoryStarter()
        self.backlog = MemoryBacklog()
        self.dead_letters = MemoryDeadLetters()
        self.index = MemoryIndex(INDEX, ALIAS, mapping)
        self.files = MemoryRunFiles()
        self.library = MemoryLibrary()
        self.projector = TruthProjector(self.clock, self.stage)
        self.live_queue = MemoryBacklog()
        self.projection_by = OWN
        self.indexers = MemoryIndexers()
        self.workers = workers
        self.pace = pace or Pace(
            projection_concurrency=1, settle_seconds=0, check_delay_seconds=0, quiet_seconds=10
        )
        self.retry = Retry(max_attempts, base_seconds=60)
        self.rules = PhaseRules(
            "index-rule", "check-rule", workers=workers, tick_seconds=tick_seconds
        )
        self.preserve = ("embedding", "esInfo.migration")
        self._holders = itertools.count()
        self.notes: list[str] = []
        self.indexing = True
        self.clock.meanwhile = self.drain

    @classmethod
    def in_phase(cls, phase: Phase, *ids: str, **settings: Any) -> World:
        """A world in which images were uploaded, and a run has come to a phase."""
        world = cls(**settings)
        world.add(*ids)
        world.upload(ids)
        world.preflight()
        world.open_phase(Phase.INDEX)
        if phase is Phase.CHECK:
            world.tick_until_drained(Phase.INDEX)
            world.open_phase(Phase.CHECK)
        return world

    # The library's people

    def add(self, *ids: str, **content: Any) -> None:
        """Give images an original and some content."""
        for image_id in ids:
            self.projector.truth[image_id] = dict(content)
            self.library.originals[image_id] = b"bytes"

    def remove(self, image_id: str) -> None:
        """Delete an image as a live library does: the original, then the document."""
        del self.projector.truth[image_id], self.library.originals[image_id]
        if image_id in self.index.documents:
            self.index.live_delete(image_id)

    # The operator

    def upload(self, ids: Iterable[str], *, only_new: bool = False, name: str = "first") -> Any:
        return self.run_steps.upload(name, only_new=only_new).upload(ids)

    # The state machine

    def gather(self, told: Mapping[str, Any], run_id: str = "run-1") -> None:
        self.phases.running.add(run_id)
        for part in self.run_steps.gathering.plan(run_id, told)["parts"]:
            cursor = None
            while True:
                upload = self.invocation(run_id)
                cursor = self.run_steps.gathering.part(run_id, upload, told, part, cursor)["next"]
                if cursor is None:
                    break

    def preflight(
        self, run_id: str = "run-1", options: Mapping[str, Any] | None = None, **changes: Any
    ) -> dict[str, Any]:
        """Plan, without gathering anything, and check."""
        self.phases.running.add(run_id)
        self.run_steps.gathering.plan(run_id, options or {})
        try:
            return self.check(run_id, **changes)
        except PreflightFailed:
            self.end(run_id, "failed")
            raise

    def check(self, run_id: str, **changes: Any) -> dict[str, Any]:
        """Preflight alone."""
        return replace(self.run_steps.preflight, **changes).open_run(run_id)

    def invocation(self, run_id: str) -> str:
        """Name an invocation, and no other."""
        return f"{run_id}-invocation-{next(self._holders)}"

    def end(self, run_id: str, status: str) -> None:
        """End an execution, as the state machine does when a step fails, or as an abort does."""
        self.runs.update(run_id, {"status": status, "phase": None, "task_token": None})
        self.phases.running.discard(run_id)

    def begin_opening(self, phase: Phase) -> None:
        changes = {
            "phase": phase,
            "opening": True,
            "task_token": None,
            "quiet_since": None,
            "failed_ticks": 0,
            "progressed_at": self.clock.now(),
        }
        assert self.runs.update(self.run.run_id, changes)
        self.phases.on.add(phase)

    def open_phase(self, phase: Phase) -> None:
        self.begin_opening(phase)
        self.phases.waiting.add(TOKEN)
        assert self.runs.update(self.run.run_id, {"opening": False, "task_token": TOKEN})

    def tally(self, round_: int = 0, options: Mapping[str, Any] | None = None) -> dict[str, Any]:
        run_id = self.run.run_id
        for segment in range(3):
            cursor = None
            while True:
                step = self.run_steps.tallying.segment(run_id, round_, segment, 3, cursor)
                cursor = step["next"]
                if cursor is None:
                    break
        return self.run_steps.tallying.decide(run_id, round_, 3, options)

    def report(self, round_: int = 0) -> dict[str, Any]:
        return self.run_steps.tallying.report(self.run.run_id, round_)

    def reindex(self, run_id: str = "run-1", *, ticks: int = 200, **options: Any) -> dict[str, Any]:
        """Run from start to report, as the state machine does."""
        self.gather(options, run_id)
        work = self.preflight(run_id, options)["work"]
        round_ = 0 if work else -1
        while True:
            if work:
                round_ = self.work(round_, ticks)
            decision = self.tally(round_, options)
            if not decision["again"]:
                return self.report(round_)
            round_, work = decision["round"], True

    def work(self, round_: int = 0, ticks: int = 200) -> int:
        """Work through the phases until the work list is empty; return the round it took."""
        while True:
            for phase in Phase:
                self.open_phase(phase)
                self.tick_until_drained(phase, ticks)
            if not self.phases.again or round_ >= MAX_ROUNDS:
                return round_
            round_ += 1

    # The schedule

    def tick(self, phase: Phase, worker: int = 0, holder: str | None = None) -> TickReport:
        work = self.run_steps.index_phase if phase is Phase.INDEX else self.run_steps.check_phase
        return self.run_steps.ticker.tick(
            work, worker, holder or f"invocation-{next(self._holders)}"
        )

    def die_with(self, count: int) -> TakenChunk:
        """Take a chunk of the index phase, and die with its first rows in progress."""
        now = self.clock.now()
        holder = f"dead-{next(self._holders)}"
        taken = self.work_list.take(Phase.INDEX, holder, now, now + 95)
        assert taken is not None
        assert self.work_list.mark(taken, 0, count)
        return taken

    def tick_until_drained(self, phase: Phase, ticks: int = 200) -> None:
        for _ in range(ticks):
            for worker in range(self.workers):
                if self.tick(phase, worker).outcome is Outcome.DRAINED:
                    return
            self.clock.sleep(10)
        raise AssertionError(f"the {phase} phase did not drain: {self.states()}")

    # The event source mapping

    def drain(self) -> None:
        """Deliver what the queue holds, once, if the indexer is on."""
        if self.indexing:
            self.settle(self.deliver())

    def deliver(self) -> list[str]:
        return self.run_steps.indexer.handle(
            [
                Delivery(d.receipt, d.receipt, d.body, d.received)
                for d in self.backlog.receive(limit=1_000)
            ]
        )

    def settle(self, again: Iterable[str]) -> None:
        self.backlog.settle({"batchItemFailures": [{"itemIdentifier": i} for i in again]})

    # What is looked at

    @property
    def run(self) -> RunRecord:
        run = self.runs.current()
        assert run is not None
        return run

    def state(self, image_id: str) -> State:
        return self.table.rows[image_id].state

    def states(self) -> dict[str, int]:
        return dict(Counter(str(row.state) for row in self.table.rows.values()))

    # The parts

    @property
    def indices(self) -> MigrationIndex:
        """The indices of all of the stage's clusters."""
        return self.index

    def id_source(self, source: Source) -> IdSource:
        match source.kind:
            case "bucket":
                return MemoryIds(list(self.library.originals))
            case "index":
                return MemoryIds(list(self.index.documents))
            case "changes":
                return ChangedIds(self.indices, self.migrations, surplus=bool(source.surplus))
            case _:
                return MemoryIds(self.files.get(source.key or "").decode().splitlines())

    def groups(self) -> list[object]:
        """The groups of settings that the steps read; of two of a kind, the later one holds."""
        return [
            Stage(self.stage),
            Elasticsearch(OWN_CLUSTER, ALIAS, preserve=self.preserve),
            OtherCluster(),
            self.rules,
            IndexerFeed("mapping", INDEXER_CONCURRENCY, INDEXER_BATCH),
            self.pace,
            Rounds(
                self.retry.max_attempts,
                backoff_seconds=60,
                max_rounds=MAX_ROUNDS,
                tally_segments=3,
            ),
            Projection("projection", self.projection_by),
        ]

    @property
    def ports(self) -> MemoryPorts:
        """What the steps work with, as it is now: a test may have replaced any of it."""
        return MemoryPorts(
            settings=Settings.of(*self.groups()),
            clock=self.clock,
            meter=self.meter,
            table=self.table,
            work_list=self.work_list,
            runs=self.runs,
            migrations=self.migrations,
            phases=self.phases,
            backlog=self.backlog,
            deliveries=self.backlog,
            dead_letters=self.dead_letters,
            live_queue=self.live_queue,
            indexers=self.indexers,
            index=self.indices,
            patient_index=self.indices,
            own_index=self.index,
            files=self.files,
            library=self.library,
            projector=self.projector,
            id_source=self.id_source,
            executions=self.starter,
            catch_up_schedule=self.schedule,
        )

    @property
    def run_steps(self) -> RunSteps:
        return RunSteps(self.ports)

    @property
    def migration_steps(self) -> MigrationSteps:
        return MigrationSteps(self.ports, self.run_steps)

    def switching(self) -> Switching:
        return self.migration_steps.switching(self.notes.append)


def library_of(count: int, **settings: Any) -> tuple[World, list[str]]:
    """A world in which so many images were uploaded, with a title each."""
    world = World(**settings)
    ids = [f"i{n:04d}" for n in range(count)]
    world.add(*ids, title="true")
    world.upload(ids)
    return world, ids
