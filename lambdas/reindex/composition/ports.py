"""The ports of the steps: the interfaces that a process supplies, by area.

Each is a property, so that a process creates only the stores that its step uses.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from reindex.domain.audit_classes import Listing
from reindex.domain.options import Source
from reindex.processors.processing import NamedProcessor
from reindex.settings import Settings
from reindex.steps.ambient import Clock, Meter
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


class RunPorts(Protocol):
    """The ports of the steps of a run."""

    @property
    def settings(self) -> Settings:
        """The groups of settings that the process has read."""

    @property
    def clock(self) -> Clock:
        """The time."""

    @property
    def meter(self) -> Meter:
        """Writer of metrics."""

    @property
    def time_limit(self) -> TimeLimit:
        """The time that the invocation has left."""

    @property
    def table(self) -> ProgressTable:
        """The progress table."""

    @property
    def work_list(self) -> WorkList:
        """The work list."""

    @property
    def runs(self) -> Runs:
        """The run record and the ledger."""

    @property
    def migrations(self) -> Migrations:
        """The record of the latest migration."""

    @property
    def phases(self) -> Phases:
        """The schedules and task tokens of a run's phases."""

    @property
    def backlog(self) -> Backlog:
        """The low-priority queue, as its sender sees it."""

    @property
    def deliveries(self) -> Deliveries:
        """The low-priority queue, as its consumer sees it."""

    @property
    def dead_letters(self) -> DeadLetters:
        """The dead-letter queue."""

    @property
    def live_queue(self) -> Queue | None:
        """The library's own ingestion queue; None if there is none."""

    @property
    def indexers(self) -> IndexerConcurrency:
        """The concurrency of the indexer."""

    @property
    def index(self) -> MigrationIndex:
        """The search indices of the stage's clusters."""

    @property
    def files(self) -> RunFiles:
        """The run's bucket."""

    @property
    def library(self) -> Library:
        """The truth."""

    @property
    def projector(self) -> Projector:
        """The function that projects."""

    @property
    def loader(self) -> Loader | None:
        """The library's image loader; None if our own projection reads originals."""

    @property
    def processors(self) -> Sequence[NamedProcessor]:
        """The library's processors of files' metadata."""

    @property
    def probes(self) -> Mapping[str, Probe]:
        """Calls that show if a run can use each resource, by its name."""

    @property
    def topic(self) -> NoticeTopic:
        """The topic of notices."""

    @property
    def chat(self) -> Chat | None:
        """The chat that receives notices; None if there is none."""

    @property
    def id_source(self) -> Callable[[Source], IdSource]:
        """Returns the store that lists the ids of a run's source."""


class MigrationPorts(RunPorts, Protocol):
    """The ports of the steps of a migration."""

    @property
    def executions(self) -> RunStarter:
        """The executions of the state machine."""

    @property
    def catch_up_schedule(self) -> CatchUpSchedule:
        """The schedule that starts a migration's rounds."""

    @property
    def patient_index(self) -> MigrationIndex:
        """The search indices, with retried reads."""


class AuditPorts(RunPorts, Protocol):
    """The ports of an audit."""

    @property
    def own_index(self) -> Index:
        """The search indices of the stage's own cluster."""

    @property
    def listings(self) -> Callable[[], Mapping[Listing, EntryListing]]:
        """Returns all that an audit lists, the longest first."""


class LanePorts(RunPorts, Protocol):
    """The ports of the steps of the live lane."""

    @property
    def submissions(self) -> Submissions:
        """The submissions table."""

    @property
    def submitted_files(self) -> SubmittedFiles:
        """The ingest bucket and the failed bucket."""

    @property
    def archive(self) -> Archive:
        """The buckets of originals and renditions."""

    @property
    def high_priority(self) -> HighPriority:
        """The high-priority queue, as its senders see it."""

    @property
    def ingest_deliveries(self) -> Deliveries:
        """The queue of S3's events, as its consumer sees it."""

    @property
    def live_deliveries(self) -> Deliveries:
        """The high-priority queue, as its consumer sees it."""

    @property
    def lane_dead_letters(self) -> DeadLetters:
        """The dead-letter queue of the live lane."""
