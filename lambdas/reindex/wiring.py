"""Puts the parts together: settings, clients, stores and steps.

The only module that knows which store stands behind which interface. A client is made when it
is first asked for, never at import.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import fields, replace
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING

import boto3

from reindex import __version__
from reindex import settings as groups
from reindex.domain.audit import Listing
from reindex.domain.failures import IndexMisconfigured
from reindex.domain.options import Source
from reindex.domain.progress import Retry
from reindex.domain.source_kinds import CHANGES, FILE, INDEX
from reindex.domain.states import Phase
from reindex.metrics import EmfMeter, SilentMeter
from reindex.processors.loading import LIBRARY_FOLDER, ProcessorsError, load
from reindex.processors.processing import NamedProcessor
from reindex.reports.forecast import StageCapacity
from reindex.settings import Settings, SettingsError
from reindex.steps.ambient import SystemClock
from reindex.steps.audit import Auditing
from reindex.steps.batch_check import CheckPhase
from reindex.steps.batch_index import TRUTH, IndexPhase
from reindex.steps.catch_up import CatchUp
from reindex.steps.eager import Eager, InlineQueue, NoPostponing, NoWorkList
from reindex.steps.follow import Follow
from reindex.steps.function_answers import FunctionAnswers
from reindex.steps.gates import Gates
from reindex.steps.gather import Gathering
from reindex.steps.index_messages import Indexer
from reindex.steps.indexer_pacing import IndexerPacing
from reindex.steps.live_index import LiveIndex, LiveMessages
from reindex.steps.migrate import MigrationControl
from reindex.steps.now import Now
from reindex.steps.ordering import Ordering
from reindex.steps.preflight import Preflight, Probe
from reindex.steps.project import Projection
from reindex.steps.projector_probe import probe_projector
from reindex.steps.rehearse import CALLS, Rehearsal
from reindex.steps.rounds import Rounds
from reindex.steps.second_look import SecondLook
from reindex.steps.switching import Switching
from reindex.steps.tally import Tallying
from reindex.steps.tick import Ticker
from reindex.steps.upload import Upload
from reindex.stores import probes
from reindex.stores.archive import S3Archive
from reindex.stores.aws import CLIENT_CONFIG, client_config, unavailable
from reindex.stores.backlog import SqsBacklog, SqsDeliveries
from reindex.stores.changed_ids import ChangedIds
from reindex.stores.dead_letters import SqsDeadLetters
from reindex.stores.executions import Executions
from reindex.stores.forgetter import DynamoForgetter
from reindex.stores.function_logs import GROUPS_AT_ONCE, FunctionLogs
from reindex.stores.high_priority import SqsHighPriority
from reindex.stores.id_sources import BucketIds, FileIds
from reindex.stores.indexer_concurrency import MappingConcurrency
from reindex.stores.interfaces import (
    EntryListing,
    HighPriority,
    IdSource,
    MigrationIndex,
    SubmittedFiles,
)
from reindex.stores.library import AwsLibrary
from reindex.stores.listings import DocumentListing, library_listings, progress_listing
from reindex.stores.loader import HttpLoader
from reindex.stores.migrations import DynamoMigrations
from reindex.stores.phases import AwsCatchUpSchedule, AwsPhases
from reindex.stores.progress_table import DynamoProgressTable
from reindex.stores.projector import LambdaProjector, projector_config
from reindex.stores.run_files import S3RunFiles
from reindex.stores.runs import DynamoRuns
from reindex.stores.sources import source_config, source_session
from reindex.stores.sqs import SqsQueue
from reindex.stores.submissions import DynamoSubmissions
from reindex.stores.submitted_files import S3SubmittedFiles
from reindex.stores.work_list import DynamoWorkList
from reindex.time_limit import TimeLimit

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_events import EventBridgeClient
    from mypy_boto3_lambda import LambdaClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_stepfunctions import SFNClient

    from reindex.steps.ingest import Ingest, IngestMessages
    from reindex.stores.search.migration_index import MigratingIndex
    from reindex.stores.search.schema import Schema

#: An id to read, to find out whether the table lets us.
_ANY_ID = "preflight"

#: What each that builds documents reads, for people: it names gates and findings.
_TRUTHS = {
    groups.OWN: TRUTH,
    groups.LOADER: "the image loader",
    groups.FUNCTION: "the library's function",
}

#: The functions' asset, in which the stack puts the library's own mapping.
_ASSET = Path(__file__).parents[1]

#: Seconds before each further time that a long command asks a busy or silent cluster: two minutes.
READ_PAUSES = (0.5, 1.0, 2.0, 4.0, 8.0, 15.0, 30.0, 60.0)

#: How long a new index may take to have its copies: of some hundred GB on another node.
HEALTH_SECONDS = 3600

#: Connections per client: the most threads that any step has at once on one service.
CONNECTIONS = 32


class Wiring:
    """Everything one function, or the command, is made of; each part made on first use.

    Args:
        environ: Where the settings are read from.
        wanted: The groups of settings to read.
        measures: Whether metrics are written.

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
        self._connected_index: MigratingIndex | None = None

    @cached_property
    def meter(self) -> EmfMeter:
        """Where metrics go."""
        stage = self.settings[groups.Stage].stage
        return EmfMeter(stage) if self._measures else SilentMeter(stage)

    # Clients

    @cached_property
    def dynamodb(self) -> DynamoDBClient:
        """DynamoDB."""
        return boto3.client("dynamodb", config=client_config(max_pool_connections=CONNECTIONS))

    @cached_property
    def s3(self) -> S3Client:
        """S3."""
        return boto3.client("s3", config=client_config(max_pool_connections=CONNECTIONS))

    @cached_property
    def sqs(self) -> SQSClient:
        """SQS."""
        return boto3.client("sqs", config=client_config(max_pool_connections=CONNECTIONS))

    @cached_property
    def events(self) -> EventBridgeClient:
        """EventBridge."""
        return boto3.client("events", config=CLIENT_CONFIG)

    @cached_property
    def stepfunctions(self) -> SFNClient:
        """Step Functions."""
        return boto3.client("stepfunctions", config=CLIENT_CONFIG)

    @cached_property
    def lambda_(self) -> LambdaClient:
        """Lambda, for short calls; the projection has a client of its own."""
        return boto3.client("lambda", config=CLIENT_CONFIG)

    # Stores

    @cached_property
    def table(self) -> DynamoProgressTable:
        """The progress table."""
        return DynamoProgressTable(
            self.dynamodb,
            self.settings[groups.Tables].progress_table,
            time_limit=self.time_limit,
        )

    @cached_property
    def work_list(self) -> DynamoWorkList:
        """The work list."""
        return DynamoWorkList(self.dynamodb, self.settings[groups.Tables].work_table, self.files)

    @cached_property
    def runs(self) -> DynamoRuns:
        """The run record and the ledger."""
        return DynamoRuns(self.dynamodb, self.settings[groups.Tables].runs_table)

    @cached_property
    def forgetter(self) -> DynamoForgetter:
        """What takes images out of the progress table."""
        tables = self.settings[groups.Tables]
        return DynamoForgetter(self.dynamodb, tables.progress_table, tables.runs_table, self.runs)

    @cached_property
    def caller(self) -> str:
        """The ARN of whoever's credentials these are."""
        with unavailable("STS"):
            return str(boto3.client("sts", config=CLIENT_CONFIG).get_caller_identity()["Arn"])

    @cached_property
    def phases(self) -> AwsPhases:
        """The switches of a run."""
        rules = self.settings[groups.PhaseRules]
        return AwsPhases(
            self.events,
            self.stepfunctions,
            {Phase.INDEX: rules.index_rule, Phase.CHECK: rules.check_rule},
        )

    @cached_property
    def migrations(self) -> DynamoMigrations:
        """The record of the latest migration."""
        return DynamoMigrations(self.dynamodb, self.settings[groups.Tables].runs_table)

    @cached_property
    def executions(self) -> Executions:
        """The executions of the state machine."""
        arn = self.settings[groups.StateMachine].state_machine_arn
        return Executions(self.stepfunctions, arn)

    @cached_property
    def audit_executions(self) -> Executions:
        """The executions of the state machine of audits."""
        return Executions(self.stepfunctions, self.settings[groups.AuditMachine].audit_machine_arn)

    @cached_property
    def catch_up_schedule(self) -> AwsCatchUpSchedule:
        """What starts a migration's rounds."""
        return AwsCatchUpSchedule(self.events, self.settings[groups.CatchUpRule].catch_up_rule)

    @cached_property
    def backlog(self) -> SqsBacklog:
        """The low-priority queue, to fill it."""
        return SqsBacklog(self.sqs, self.settings[groups.Queue].reingest_queue_url)

    @property
    def live_queue(self) -> SqsQueue | None:
        """The library's own ingestion queue; None when it names none."""
        url = self.settings[groups.Pace].live_queue_url
        return SqsQueue(self.sqs, url) if url else None

    @cached_property
    def pacing(self) -> IndexerPacing:
        """What finds out how many bulks the cluster takes at once."""
        feed = self.settings[groups.IndexerFeed]
        return IndexerPacing(
            runs=self.runs,
            concurrency=self.indexers,
            live_queue=self.live_queue,
            live_queue_max=self.settings[groups.Pace].live_queue_max,
            ceiling=feed.indexer_concurrency,
            batch=feed.indexer_batch_size,
            clock=self.clock,
            meter=self.meter,
        )

    @cached_property
    def indexers(self) -> MappingConcurrency:
        """How many indexers run side by side, if any does."""
        return MappingConcurrency(self.lambda_, self.settings[groups.IndexerFeed].indexer_mapping)

    @cached_property
    def deliveries(self) -> SqsDeliveries:
        """The low-priority queue, to drain it."""
        return SqsDeliveries(self.sqs, self.settings[groups.Queue].reingest_queue_url)

    @cached_property
    def dead_letters(self) -> SqsDeadLetters:
        """The dead-letter queue."""
        return SqsDeadLetters(self.sqs, self.settings[groups.Queue].dead_letter_queue_url)

    @cached_property
    def index(self) -> MigratingIndex:
        """The search index."""
        return self.index_made_of(self._schema())

    @cached_property
    def patient_index(self) -> MigratingIndex:
        """The search index, for commands that read for hours: a busy cluster is asked again."""
        return self.index_made_of(self._schema(), read_pauses=READ_PAUSES)

    def index_made_of(
        self, schema: Schema | None, *, read_pauses: Sequence[float] = ()
    ) -> MigratingIndex:
        """The search index, held against a schema; None for that of our own documents."""
        # The client's import takes longer than all others together, and the projection, of
        # which most are started, never needs it.
        from reindex.stores.search.access import read_secret  # noqa: PLC0415
        from reindex.stores.search.connecting import connect  # noqa: PLC0415
        from reindex.stores.search.migration_index import MigratingIndex  # noqa: PLC0415

        place = self.settings[groups.Elasticsearch]
        arn = place.elasticsearch_secret
        secret = read_secret(self._secret(arn)) if arn else None
        cluster = connect(place, secret, time_limit=self.time_limit, read_pauses=read_pauses)
        self._connected_index = MigratingIndex(cluster, schema)
        return self._connected_index

    def _schema(self) -> Schema | None:
        """What the index is held against; None for documents of our own shape."""
        from reindex.stores.search.schema import UNKNOWN_MAPPING, library_schema  # noqa: PLC0415 - as above

        if groups.Projection not in self.settings:
            return None
        place = self.settings[groups.Projection]
        if place.document_mapping and _ASSET.joinpath(place.document_mapping).is_file():
            return library_schema(_ASSET.joinpath(place.document_mapping).read_text())
        return None if place.own_documents else library_schema(UNKNOWN_MAPPING)

    @property
    def is_outdated(self) -> bool:
        """Whether the cluster refuses the credentials that were read: they may be others now."""
        index = self._connected_index
        return index is not None and index.credentials_rejected

    @cached_property
    def files(self) -> S3RunFiles:
        """The run's bucket."""
        return S3RunFiles(self.s3, self.settings[groups.Bucket].run_bucket)

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
        place = self.settings[groups.ImageLoader]
        if not place.loader_url:
            return None
        arn = place.loader_secret
        return HttpLoader(
            place, partial(self._secret, arn) if arn else None, time_limit=self.time_limit
        )

    # Steps

    @cached_property
    def retry(self) -> Retry:
        """How failed work goes round again."""
        rounds = self.settings[groups.Rounds]
        return Retry(rounds.max_attempts, rounds.backoff_seconds)

    @cached_property
    def ticker(self) -> Ticker:
        """Runs ticks."""
        return Ticker(
            self.table,
            self.work_list,
            self.runs,
            self.phases,
            self.settings[groups.PhaseRules],
            self.retry,
            self.clock,
            self.meter,
            self.files,
        )

    @cached_property
    def rehearsal(self) -> Rehearsal:
        """What ``reindex rehearse`` does."""
        place = self.settings[groups.Elasticsearch]
        return Rehearsal(
            index=self.index,
            projector=self.projector,
            files=self.files,
            alias=place.index_alias,
            preserve=place.preserve,
            clock=self.clock,
            calls=min(CALLS, self.settings[groups.Pace].projection_concurrency),
        )

    @property
    def stage_capacity(self) -> StageCapacity:
        """What the stage has to work with, for forecasts."""
        return StageCapacity(
            workers=self.settings[groups.PhaseRules].workers,
            projection_concurrency=self.settings[groups.Pace].projection_concurrency,
            bulks=self.settings[groups.IndexerFeed].indexer_concurrency,
        )

    @cached_property
    def index_phase(self) -> IndexPhase:
        """What batch-index does."""
        pace = self.settings[groups.Pace]
        return IndexPhase(
            table=self.table,
            projector=self.projector,
            backlog=self.backlog,
            index=self.index,
            files=self.files,
            gates=Gates(
                self.index, self.live_queue, pace.live_queue_max, self.clock, self.stage_capacity
            ),
            pacing=self.pacing,
            pace=pace,
            retry=self.retry,
            preserve=self.settings[groups.Elasticsearch].preserve,
            workers=self.settings[groups.PhaseRules].workers,
            clock=self.clock,
            meter=self.meter,
            truth=_TRUTHS[self.settings[groups.Projection].projection_by],
        )

    @cached_property
    def check_phase(self) -> CheckPhase:
        """What batch-check does."""
        return CheckPhase(
            table=self.table,
            runs=self.runs,
            backlog=self.backlog,
            index=self.index,
            library=self.library,
            pacing=self.pacing,
            stage=self.settings[groups.Stage].stage,
            pace=self.settings[groups.Pace],
            retry=self.retry,
            clock=self.clock,
            meter=self.meter,
        )

    @cached_property
    def processors(self) -> list[NamedProcessor]:
        """What the library makes of files' metadata.

        Raises:
            SettingsError: One of them cannot be loaded. The command looks for the library's own
                files where it is called: beside ``cdk.json``.
        """
        rules = self.settings[groups.MetadataRules]
        packed = _ASSET / LIBRARY_FOLDER
        try:
            return load(rules.processors, rules.rights, packed if packed.is_dir() else Path.cwd())
        except ProcessorsError as error:
            raise SettingsError(f"projection.processors: {error}") from error

    @cached_property
    def projection(self) -> Projection:
        """What image-projection does, and the command for a stage whose projection is ours."""
        loader = self.loader if groups.ImageLoader in self.settings else None
        return Projection(
            self.library,
            self.files,
            f"image-reindex {__version__}{' with the image loader' if loader else ''}",
            self.settings[groups.Stage].stage,
            self.clock,
            self.meter,
            self.time_limit,
            loader,
            loader is not None and self.settings[groups.ImageLoader].loader_whole,
            tag_names=self.settings[groups.Naming].tag_names,
            processors=self.processors,
        )

    @cached_property
    def indexer(self) -> Indexer:
        """What the indexer does."""
        return Indexer(
            table=self.table,
            work_list=self.work_list,
            runs=self.runs,
            index=self.index,
            files=self.files,
            queue=self.deliveries,
            dead_letters=self.dead_letters,
            retry=self.retry,
            clock=self.clock,
            meter=self.meter,
            time_limit=self.time_limit,
        )

    # The live lane

    @property
    def has_ingest(self) -> bool:
        """Whether the stage has a live lane."""
        return groups.Ingest in self.settings

    @cached_property
    def submissions(self) -> DynamoSubmissions:
        """The submissions table."""
        return DynamoSubmissions(self.dynamodb, self.settings[groups.Ingest].submissions_table)

    @cached_property
    def submitted_files(self) -> S3SubmittedFiles:
        """The ingest bucket and the failed bucket."""
        place = self.settings[groups.Ingest]
        return S3SubmittedFiles(self.s3, place.ingest_bucket, place.failed_bucket)

    @cached_property
    def archive(self) -> S3Archive:
        """Where originals and renditions are kept."""
        return S3Archive(
            self.s3,
            self.settings[groups.LibrarySettings],
            self.settings[groups.Ingest].public_bucket,
        )

    @cached_property
    def high_priority(self) -> SqsHighPriority:
        """The high-priority queue, to fill it."""
        return SqsHighPriority(self.sqs, self.settings[groups.Ingest].high_priority_queue_url)

    @property
    def _ingest_dead_letters(self) -> SqsDeadLetters:
        url = self.settings[groups.IngestQueues].ingest_dead_letter_queue_url
        return SqsDeadLetters(self.sqs, url)

    def ingest(self, files: SubmittedFiles, high_priority: HighPriority) -> Ingest:
        """What processes submissions.

        Args:
            files: Where they are.
            high_priority: Takes the images to index.
        """
        # libvips takes longer to load than all other imports together.
        from reindex.steps.ingest import Ingest  # noqa: PLC0415

        return Ingest(
            submissions=self.submissions,
            files=files,
            archive=self.archive,
            high_priority=high_priority,
            clock=self.clock,
            meter=self.meter,
            max_megabytes=self.settings[groups.Ingest].max_megabytes,
        )

    @cached_property
    def ingest_messages(self) -> IngestMessages:
        """What the ingest function does."""
        from reindex.steps.ingest import IngestMessages  # noqa: PLC0415 - as above

        url = self.settings[groups.IngestQueues].ingest_queue_url
        return IngestMessages(
            self.ingest(self.submitted_files, self.high_priority),
            SqsDeliveries(self.sqs, url),
            self._ingest_dead_letters,
            self.meter,
        )

    @cached_property
    def live_index(self) -> LiveIndex:
        """What brings documents up to date."""
        place = self.settings[groups.Elasticsearch]
        return LiveIndex(self.index, self.projector, self.files, place.index_alias, place.preserve)

    @cached_property
    def follow(self) -> Follow:
        """What the follow function does."""
        return Follow(
            self.high_priority,
            self.settings[groups.LibrarySettings],
            self.settings[groups.Following].follow_window_seconds,
            self.meter,
        )

    @cached_property
    def now(self) -> Now:
        """What ``reindex now`` does."""
        return Now(self.live_index, self.table, self.retry, self.clock)

    @cached_property
    def function_logs(self) -> FunctionLogs:
        """What the functions log."""
        lane = (*groups.INGEST_FUNCTIONS, *groups.FOLLOW_FUNCTIONS) if self.has_ingest else ()
        names = (*groups.FUNCTIONS, *lane)
        client = boto3.client("logs", config=client_config(max_pool_connections=GROUPS_AT_ONCE))
        return FunctionLogs(client, self.settings[groups.Stage].stage, names)

    @cached_property
    def live_messages(self) -> LiveMessages:
        """What the live indexer does."""
        url = self.settings[groups.Ingest].high_priority_queue_url
        return LiveMessages(
            live_index=self.live_index,
            submissions=self.submissions,
            queue=SqsDeliveries(self.sqs, url),
            dead_letters=self._ingest_dead_letters,
            clock=self.clock,
            meter=self.meter,
        )

    @cached_property
    def gathering(self) -> Gathering:
        """What gather does."""
        return Gathering(
            self.table,
            self.work_list,
            self.runs,
            self.phases,
            self.migrations,
            self.id_source,
            lambda: self.index,
            self.settings[groups.Elasticsearch].index_alias,
            self.clock,
            self.meter,
        )

    @cached_property
    def catch_up(self) -> CatchUp:
        """What starts a migration's rounds."""
        return CatchUp(
            migrations=self.migrations,
            runs=self.runs,
            phases=self.phases,
            index=self.index,
            rounds=self.rounds,
            schedule=self.catch_up_schedule,
            clock=self.clock,
            meter=self.meter,
        )

    @cached_property
    def rounds(self) -> Rounds:
        """What starts a migration's rounds and looks at them."""
        return Rounds(self.migrations, self.runs, self.executions, self.clock)

    @cached_property
    def migration_control(self) -> MigrationControl:
        """An operator's hold on migrations."""
        return self.migration_control_of(self.index)

    def migration_control_of(self, index: MigrationIndex) -> MigrationControl:
        """The same with an index that makes new ones of another schema."""
        return MigrationControl(
            self.migrations,
            index,
            self.catch_up_schedule,
            self.settings[groups.Elasticsearch].index_alias,
            self.clock,
        )

    @cached_property
    def eager(self) -> Eager:
        """The steps of a run in this process."""
        indexer = replace(self.indexer, work_list=NoWorkList(), queue=NoPostponing())
        straight = InlineQueue(indexer)
        return Eager(
            self.table,
            self.runs,
            replace(self.index_phase, backlog=straight),
            replace(self.check_phase, backlog=straight),
            self.clock,
        )

    def switching(self, note: Callable[[str], None]) -> Switching:
        """What moves a migration's alias.

        Args:
            note: Tells an operator what is done.
        """
        return Switching(
            migrations=self.migrations,
            index=self.patient_index,
            eager=self.eager,
            schedule=self.catch_up_schedule,
            settle_seconds=self.settings[groups.Pace].settle_seconds,
            health_seconds=HEALTH_SECONDS,
            clock=self.clock,
            note=note,
        )

    @cached_property
    def preflight(self) -> Preflight:
        """What preflight does."""
        return Preflight(
            work_list=self.work_list,
            runs=self.runs,
            phases=self.phases,
            migrations=self.migrations,
            connect=lambda: self.index,
            probes=self._probes(),
            alias=self.settings[groups.Elasticsearch].index_alias,
            segments=self.settings[groups.Rounds].tally_segments,
            clock=self.clock,
        )

    @cached_property
    def tallying(self) -> Tallying:
        """What the tally does."""
        return Tallying(
            table=self.table,
            work_list=self.work_list,
            runs=self.runs,
            migrations=self.migrations,
            files=self.files,
            index=self.index,
            dead_letters=self.dead_letters,
            max_rounds=self.settings[groups.Rounds].max_rounds,
            pace=self.settings[groups.Pace],
            clock=self.clock,
            meter=self.meter,
        )

    @cached_property
    def ordering(self) -> Ordering:
        """What puts a long work list in order."""
        return Ordering(self.work_list, self.files, self.clock)

    @cached_property
    def auditing(self) -> Auditing:
        """What the audit does."""
        place = self.settings[groups.Elasticsearch]
        return Auditing(
            listings=self._listings,
            second_look=SecondLook(
                library=self.library,
                table=self.table,
                index=lambda: self.index,
                alias=place.index_alias,
                preserve=place.preserve,
                project=self.rehearsal.project,
            ),
            runs=self.runs,
            files=self.files,
            settle_seconds=self.settings[groups.Pace].settle_seconds,
            clock=self.clock,
        )

    def _listings(self) -> Mapping[Listing, EntryListing]:
        """Everything that an audit lists."""
        from reindex.stores.search.ids import IndexSlices  # noqa: PLC0415 - as in index

        place, index = self.settings[groups.Elasticsearch], self.index
        documents = DocumentListing(
            IndexSlices(index, place.index_alias),
            lambda: index.count(index.resolve(place.index_alias), {"match_all": {}}),
            place.preserve,
        )
        # Most of a listing would be the parsing of times.
        s3 = source_session().client("s3", config=CLIENT_CONFIG)
        library = library_listings(
            s3,
            self.dynamodb,
            self.settings[groups.LibrarySettings],
            own_documents=self.settings[groups.Projection].own_documents,
        )
        progress = progress_listing(self.dynamodb, self.settings[groups.Tables].progress_table)
        # The longest first.
        return {Listing.DOCUMENTS: documents, Listing.PROGRESS: progress, **library}

    def upload(self, name: str, *, only_new: bool) -> Upload:
        """An upload of ids.

        Args:
            name: Of its ledger item.
            only_new: Leave finished images as they are.
        """
        return Upload(self.table, self.work_list, self.runs, self.clock, name, only_new=only_new)

    def id_source(self, source: Source) -> IdSource:
        """Open where a run's ids come from."""
        if source.kind == INDEX:
            from reindex.stores.search.ids import IndexIds  # noqa: PLC0415 - as in index

            alias = self.settings[groups.Elasticsearch].index_alias
            return IndexIds(self.index, alias, source.query, source.lacking)
        if source.kind == CHANGES:
            return ChangedIds(self.index, self.migrations, surplus=bool(source.surplus))
        if source.kind == FILE:
            return FileIds(self.s3, self.settings[groups.Bucket].run_bucket, source.key or "")
        return BucketIds(self.s3, self.settings[groups.LibrarySettings])

    def _secret(self, arn: str) -> str:
        with unavailable("Secrets Manager"):
            client = boto3.client("secretsmanager", config=CLIENT_CONFIG)
            return client.get_secret_value(SecretId=arn)["SecretString"]

    def _reach_index(self) -> None:
        """Look whether the cluster answers; Preflight finds what else is wrong with its index."""
        with suppress(IndexMisconfigured):
            self.index.resolve(self.settings[groups.Elasticsearch].index_alias)

    def _probes(self) -> dict[str, Probe]:
        """What each thing that a run needs is asked first, but for its own execution."""
        library = self.settings[groups.LibrarySettings]
        named = {f.name: getattr(library, f.name) for f in fields(library)}
        rules = self.settings[groups.PhaseRules]
        function = self.settings[groups.Projection]
        found: dict[str, Probe] = {
            "index": self._reach_index,
            "progress table": lambda: self.table.read([_ANY_ID]),
            "work list": lambda: self.work_list.earliest(Phase.INDEX),
            "run record": self.runs.current,
            "low-priority queue": self.backlog.depth,
            "dead-letter queue": self.dead_letters.depth,
            "run bucket": lambda: probes.bucket(self.s3, self.settings[groups.Bucket].run_bucket),
            "index rule": lambda: probes.rule(self.events, rules.index_rule),
            "check rule": lambda: probes.rule(self.events, rules.check_rule),
            "projection": lambda: probes.function(self.lambda_, function.projection_function),
        }
        if function.projection_by != groups.OWN:
            originals = BucketIds(self.s3, library)
            found[_TRUTHS[function.projection_by]] = lambda: probe_projector(
                self.projector, originals
            )
        for name, value in named.items():
            if name == "originals_bucket":
                found["originals bucket"] = partial(probes.originals, self.s3, library)
            elif value and name.endswith("_bucket"):
                found[name.replace("_", " ")] = partial(probes.bucket, self.s3, value)
            elif value and name.endswith("_table"):
                found[name.replace("_", " ")] = partial(
                    probes.library_table, self.dynamodb, library, name
                )
        if self.live_queue:
            found["live queue"] = self.live_queue.depth
        return found
