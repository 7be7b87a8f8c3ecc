"""The stores that several areas share, each on the resources that the settings name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cached_property, partial
from typing import TYPE_CHECKING

import boto3

from reindex import settings as groups
from reindex.domain.states import Phase
from reindex.metrics import EmfMeter, SilentMeter
from reindex.settings import Settings
from reindex.steps.ambient import SystemClock
from reindex.steps.function_answers import FunctionAnswers
from reindex.stores.aws import client_config
from reindex.stores.backlog import SqsBacklog, SqsDeliveries
from reindex.stores.dead_letters import SqsDeadLetters
from reindex.stores.executions import Executions
from reindex.stores.forgetter import DynamoForgetter
from reindex.stores.function_logs import GROUPS_AT_ONCE, FunctionLogs
from reindex.stores.indexer_concurrency import MappingConcurrency
from reindex.stores.interfaces.migrations import MigrationIndex
from reindex.stores.library import AwsLibrary
from reindex.stores.loader import HttpLoader
from reindex.stores.migrations import DynamoMigrations
from reindex.stores.phases import AwsCatchUpSchedule, AwsPhases
from reindex.stores.progress_table import DynamoProgressTable
from reindex.stores.projector import LambdaProjector, projector_config
from reindex.stores.run_files import S3RunFiles
from reindex.stores.runs.store import DynamoRuns
from reindex.stores.sources import source_config, source_session
from reindex.stores.sqs import SqsQueue
from reindex.stores.work_list import DynamoWorkList
from reindex.time_limit import TimeLimit
from reindex.wiring.clients import CONNECTIONS, Clients
from reindex.wiring.search import READ_PAUSES, IndexConnections, stage_schema

if TYPE_CHECKING:
    from reindex.stores.search.migration_index import MigratingIndex
    from reindex.stores.search.schema import Schema


class Stores:
    """The stores of a stage, each created on first use.

    Args:
        environ: The environment variables that hold the settings.
        wanted: The groups of settings to read.
        measures: True to write metrics.

    Raises:
        SettingsError: Names every variable that is missing or unreadable.
    """

    def __init__(
        self, environ: Mapping[str, str], wanted: Iterable[type], *, measures: bool = True
    ) -> None:
        self.settings = Settings(wanted, environ)
        self._measures = measures
        self.clock = SystemClock()
        self.time_limit = TimeLimit()
        self.clients = Clients()
        self._connections = IndexConnections(self.settings, self.clients.secret, self.time_limit)

    @cached_property
    def meter(self) -> EmfMeter:
        """Writer of metrics."""
        stage = self.settings[groups.Stage].stage
        return EmfMeter(stage) if self._measures else SilentMeter(stage)

    # Tables

    @cached_property
    def table(self) -> DynamoProgressTable:
        """The progress table."""
        name = self.settings[groups.Tables].progress_table
        return DynamoProgressTable(self.clients.dynamodb, name, time_limit=self.time_limit)

    @cached_property
    def work_list(self) -> DynamoWorkList:
        """The work list."""
        name = self.settings[groups.Tables].work_table
        return DynamoWorkList(self.clients.dynamodb, name, self.files)

    @cached_property
    def runs(self) -> DynamoRuns:
        """The run record and the ledger."""
        return DynamoRuns(self.clients.dynamodb, self.settings[groups.Tables].runs_table)

    @cached_property
    def forgetter(self) -> DynamoForgetter:
        """Removes images from the progress table."""
        tables = self.settings[groups.Tables]
        return DynamoForgetter(
            self.clients.dynamodb, tables.progress_table, tables.runs_table, self.runs
        )

    @cached_property
    def migrations(self) -> DynamoMigrations:
        """The record of the latest migration."""
        return DynamoMigrations(self.clients.dynamodb, self.settings[groups.Tables].runs_table)

    # Control of a run

    @cached_property
    def phases(self) -> AwsPhases:
        """The schedules and task tokens of a run's phases."""
        rules = self.settings[groups.PhaseRules]
        return AwsPhases(
            self.clients.events,
            self.clients.stepfunctions,
            {Phase.INDEX: rules.index_rule, Phase.CHECK: rules.check_rule},
        )

    @cached_property
    def executions(self) -> Executions:
        """The executions of the state machine."""
        arn = self.settings[groups.StateMachine].state_machine_arn
        return Executions(self.clients.stepfunctions, arn)

    @cached_property
    def catch_up_schedule(self) -> AwsCatchUpSchedule:
        """The schedule that starts a migration's rounds."""
        rule = self.settings[groups.CatchUpRule].catch_up_rule
        return AwsCatchUpSchedule(self.clients.events, rule)

    @cached_property
    def audit_executions(self) -> Executions:
        """The executions of the state machine of audits."""
        arn = self.settings[groups.AuditMachine].audit_machine_arn
        return Executions(self.clients.stepfunctions, arn)

    @cached_property
    def indexers(self) -> MappingConcurrency:
        """The concurrency of the indexer."""
        mapping = self.settings[groups.IndexerFeed].indexer_mapping
        return MappingConcurrency(self.clients.lambda_, mapping)

    # Queues

    @cached_property
    def backlog(self) -> SqsBacklog:
        """The low-priority queue, as its sender sees it."""
        return SqsBacklog(self.clients.sqs, self.settings[groups.Queue].reingest_queue_url)

    @cached_property
    def deliveries(self) -> SqsDeliveries:
        """The low-priority queue, as its consumer sees it."""
        return SqsDeliveries(self.clients.sqs, self.settings[groups.Queue].reingest_queue_url)

    @cached_property
    def dead_letters(self) -> SqsDeadLetters:
        """The dead-letter queue."""
        return SqsDeadLetters(self.clients.sqs, self.settings[groups.Queue].dead_letter_queue_url)

    @property
    def live_queue(self) -> SqsQueue | None:
        """The library's own ingestion queue; None when the settings name none."""
        url = self.settings[groups.Pace].live_queue_url
        return SqsQueue(self.clients.sqs, url) if url else None

    # The index

    @cached_property
    def index(self) -> MigrationIndex:
        """The search indices of the stage's clusters."""
        return self.index_with_schema(stage_schema(self.settings))

    @cached_property
    def patient_index(self) -> MigrationIndex:
        """The search indices, for long commands: reads are retried for two minutes."""
        schema = stage_schema(self.settings)
        return self._connections.connect(schema, read_pauses=READ_PAUSES)

    def index_with_schema(self, schema: Schema | None) -> MigrationIndex:
        """Return the search indices, with a mapping of another schema than the stage's.

        Args:
            schema: None for that of our own documents.
        """
        return self._connections.connect(schema)

    @cached_property
    def own_index(self) -> MigratingIndex:
        """The search indices of the stage's own cluster."""
        return self.own_index_with_schema(stage_schema(self.settings))

    def own_index_with_schema(self, schema: Schema | None) -> MigratingIndex:
        """Return :attr:`own_index`, with a mapping of another schema than the stage's."""
        return self._connections.connect_own(schema)

    @property
    def is_outdated(self) -> bool:
        """True if a cluster rejected the credentials: the secret may have been rotated."""
        return self._connections.credentials_rejected

    # Files, the truth, and the programs that build documents

    @cached_property
    def files(self) -> S3RunFiles:
        """The run's bucket."""
        return S3RunFiles(self.clients.s3, self.settings[groups.Bucket].run_bucket)

    @cached_property
    def library(self) -> AwsLibrary:
        """The truth."""
        session, config = source_session(), source_config(CONNECTIONS)
        return AwsLibrary(
            session.client("s3", config=config),
            session.client("dynamodb", config=config),
            self.settings[groups.LibrarySettings],
        )

    @cached_property
    def projector(self) -> LambdaProjector:
        """The function that projects: image-projection, or the library's own."""
        place = self.settings[groups.Projection]
        concurrency = self.settings[groups.Pace].projection_concurrency
        read = None
        if place.projection_by == groups.FUNCTION:
            name = place.projection_function.rpartition(":function:")[2]
            stage = self.settings[groups.Stage].stage
            read = FunctionAnswers(self.files, stage, name, self.clock).read
        return LambdaProjector(
            boto3.client("lambda", config=projector_config(concurrency)),
            place.projection_function,
            time_limit=self.time_limit,
            read=read,
        )

    @cached_property
    def loader(self) -> HttpLoader | None:
        """The library's image loader; None when our own projection reads the originals."""
        if groups.ImageLoader not in self.settings:
            return None
        place = self.settings[groups.ImageLoader]
        if not place.loader_url:
            return None
        arn = place.loader_secret
        return HttpLoader(
            place, partial(self.clients.secret, arn) if arn else None, time_limit=self.time_limit
        )

    @cached_property
    def function_logs(self) -> FunctionLogs:
        """The log groups of the stage's functions."""
        lane = (*groups.INGEST_FUNCTIONS, *groups.FOLLOW_FUNCTIONS) if self.has_ingest else ()
        names = (*groups.FUNCTIONS, *lane)
        client = boto3.client("logs", config=client_config(max_pool_connections=GROUPS_AT_ONCE))
        return FunctionLogs(client, self.settings[groups.Stage].stage, names)

    @property
    def has_ingest(self) -> bool:
        """True if the stage has a live lane."""
        return groups.Ingest in self.settings
