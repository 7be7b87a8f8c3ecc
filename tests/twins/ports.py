"""The ports of the steps, each a twin unless a test supplies another."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from reindex.domain.audit_classes import Listing
from reindex.domain.options import Source
from reindex.domain.projections import ProjectionAnswer
from reindex.metrics import SilentMeter
from reindex.processors.processing import NamedProcessor
from reindex.settings import Settings
from reindex.steps.ambient import Clock, Meter, SystemClock
from reindex.steps.preflight import Probe
from reindex.stores.interfaces.archive import Archive
from reindex.stores.interfaces.executions import RunStarter
from reindex.stores.interfaces.id_sources import IdSource
from reindex.stores.interfaces.index import Index
from reindex.stores.interfaces.library import Library
from reindex.stores.interfaces.listings import EntryListing
from reindex.stores.interfaces.migrations import CatchUpSchedule, MigrationIndex, Migrations
from reindex.stores.interfaces.notices import Chat, NoticeTopic
from reindex.stores.interfaces.phases import Phases
from reindex.stores.interfaces.progress_table import ProgressTable
from reindex.stores.interfaces.projection import Loader, Projector
from reindex.stores.interfaces.queues import (
    Backlog,
    DeadLetters,
    Deliveries,
    HighPriority,
    IndexerConcurrency,
    Queue,
)
from reindex.stores.interfaces.run_files import RunFiles
from reindex.stores.interfaces.runs import Runs
from reindex.stores.interfaces.submissions import Submissions, SubmittedFiles
from reindex.stores.interfaces.work_list import WorkList
from reindex.time_limit import TimeLimit
from tests.twins.backlog import MemoryBacklog, MemoryDeadLetters
from tests.twins.id_sources import MemoryIds
from tests.twins.index import MemoryIndex
from tests.twins.indexers import MemoryIndexers
from tests.twins.library import MemoryLibrary
from tests.twins.migrations import MemoryMigrations, MemorySchedule, MemoryStarter
from tests.twins.notices import MemoryNotices
from tests.twins.phases import MemoryPhases
from tests.twins.progress_table import MemoryProgressTable
from tests.twins.run_files import MemoryRunFiles
from tests.twins.runs import MemoryRuns
from tests.twins.submissions import (
    MemoryArchive,
    MemoryHighPriority,
    MemorySubmissions,
    MemorySubmittedFiles,
)
from tests.twins.work_list import MemoryWorkList


class NoProjector(Projector):
    """The projector of a test in which nothing is projected."""

    def project(
        self, ids: Sequence[str], run_id: str, misfits: Mapping[str, str] | None = None
    ) -> ProjectionAnswer:
        raise AssertionError(f"asked to project {ids}")


@dataclass(frozen=True, kw_only=True)
class MemoryPorts:
    """The ports of all areas: see :mod:`reindex.composition.ports`."""

    settings: Settings = field(default_factory=Settings.of)
    projector: Projector = field(default_factory=NoProjector)
    clock: Clock = field(default_factory=SystemClock)
    meter: Meter = field(default_factory=lambda: SilentMeter("TEST"))
    time_limit: TimeLimit = field(default_factory=TimeLimit)
    table: ProgressTable = field(default_factory=MemoryProgressTable)
    work_list: WorkList = field(default_factory=MemoryWorkList)
    runs: Runs = field(default_factory=MemoryRuns)
    migrations: Migrations = field(default_factory=MemoryMigrations)
    phases: Phases = field(default_factory=MemoryPhases)
    backlog: Backlog = field(default_factory=MemoryBacklog)
    deliveries: Deliveries = field(default_factory=MemoryBacklog)
    dead_letters: DeadLetters = field(default_factory=MemoryDeadLetters)
    live_queue: Queue | None = None
    indexers: IndexerConcurrency = field(default_factory=MemoryIndexers)
    index: MigrationIndex = field(default_factory=MemoryIndex)
    files: RunFiles = field(default_factory=MemoryRunFiles)
    library: Library = field(default_factory=MemoryLibrary)
    loader: Loader | None = None
    processors: Sequence[NamedProcessor] = ()
    probes: Mapping[str, Probe] = field(default_factory=dict)
    topic: NoticeTopic = field(default_factory=MemoryNotices)
    chat: Chat | None = None
    id_source: Callable[[Source], IdSource] = lambda _: MemoryIds([])
    executions: RunStarter = field(default_factory=MemoryStarter)
    catch_up_schedule: CatchUpSchedule = field(default_factory=MemorySchedule)
    patient_index: MigrationIndex = field(default_factory=MemoryIndex)
    own_index: Index = field(default_factory=MemoryIndex)
    listings: Callable[[], Mapping[Listing, EntryListing]] = dict
    submissions: Submissions = field(default_factory=MemorySubmissions)
    submitted_files: SubmittedFiles = field(default_factory=MemorySubmittedFiles)
    archive: Archive = field(default_factory=lambda: MemoryArchive(MemoryLibrary()))
    high_priority: HighPriority = field(default_factory=MemoryHighPriority)
    ingest_deliveries: Deliveries = field(default_factory=MemoryBacklog)
    live_deliveries: Deliveries = field(default_factory=MemoryBacklog)
    lane_dead_letters: DeadLetters = field(default_factory=MemoryDeadLetters)
