"""The steps of a run."""

from __future__ import annotations

from functools import cached_property, partial
from pathlib import Path

from reindex import __version__
from reindex import settings as groups
from reindex.domain.options import Source
from reindex.domain.progress import Retry
from reindex.domain.source_kinds import CHANGES, FILE, INDEX
from reindex.processors.loading import LIBRARY_FOLDER, ProcessorsError, load
from reindex.processors.processing import NamedProcessor
from reindex.reports.forecast import StageCapacity
from reindex.settings import SettingsError
from reindex.steps.batch_check import CheckPhase
from reindex.steps.batch_index import IndexPhase
from reindex.steps.gates import Gates
from reindex.steps.gather import Gathering
from reindex.steps.index_messages import Indexer
from reindex.steps.indexer_pacing import IndexerPacing
from reindex.steps.notify import Notifier
from reindex.steps.ordering import Ordering
from reindex.steps.preflight import Preflight
from reindex.steps.project import Projection
from reindex.steps.rehearse import CALLS, Rehearsal
from reindex.steps.tally import Tallying
from reindex.steps.tick import Ticker
from reindex.steps.upload import Upload
from reindex.stores.changed_ids import ChangedIds
from reindex.stores.id_sources import BucketIds, FileIds
from reindex.stores.interfaces.id_sources import IdSource
from reindex.stores.notices import ChatWebhook, SnsTopic
from reindex.wiring.preflight_probes import TRUTHS, probes
from reindex.wiring.search import ASSET
from reindex.wiring.stores import Stores


class RunSteps:
    """Builds each step of a run on first use."""

    def __init__(self, stores: Stores) -> None:
        self._stores = stores
        self._settings = stores.settings

    @cached_property
    def retry(self) -> Retry:
        """When and how often failed work is retried."""
        rounds = self._settings[groups.Rounds]
        return Retry(rounds.max_attempts, rounds.backoff_seconds)

    @property
    def stage_capacity(self) -> StageCapacity:
        """The concurrency that forecasts are based on."""
        return StageCapacity(
            workers=self._settings[groups.PhaseRules].workers,
            projection_concurrency=self._settings[groups.Pace].projection_concurrency,
            bulks=self._settings[groups.IndexerFeed].indexer_concurrency,
        )

    # Before the phases

    def upload(self, name: str, *, only_new: bool) -> Upload:
        """Return an upload of ids.

        Args:
            name: Of its item in the ledger.
            only_new: True to leave finished images as they are.
        """
        stores = self._stores
        return Upload(
            stores.table, stores.work_list, stores.runs, stores.clock, name, only_new=only_new
        )

    def id_source(self, source: Source) -> IdSource:
        """Return the store that lists the ids of a run's source."""
        stores = self._stores
        if source.kind == INDEX:
            # Imports the search client: see reindex.wiring.search.
            from reindex.stores.search.ids import IndexIds  # noqa: PLC0415

            alias = self._settings[groups.Elasticsearch].index_alias
            return IndexIds(stores.own_index, alias, source.query, source.lacking)
        if source.kind == CHANGES:
            return ChangedIds(stores.index, stores.migrations, surplus=bool(source.surplus))
        if source.kind == FILE:
            bucket = self._settings[groups.Bucket].run_bucket
            return FileIds(stores.clients.s3, bucket, source.key or "")
        return BucketIds(stores.clients.s3, self._settings[groups.LibrarySettings])

    @cached_property
    def gathering(self) -> Gathering:
        """Brings the ids of a run's source into the progress table."""
        stores = self._stores
        return Gathering(
            stores.table,
            stores.work_list,
            stores.runs,
            stores.phases,
            stores.migrations,
            self.id_source,
            lambda: stores.index,
            self._settings[groups.Elasticsearch].index_alias,
            stores.clock,
            stores.meter,
        )

    @cached_property
    def preflight(self) -> Preflight:
        """Opens a run, unless something would make it fail."""
        stores = self._stores
        return Preflight(
            work_list=stores.work_list,
            runs=stores.runs,
            phases=stores.phases,
            migrations=stores.migrations,
            connect=lambda: stores.index,
            probes=probes(stores),
            alias=self._settings[groups.Elasticsearch].index_alias,
            segments=self._settings[groups.Rounds].tally_segments,
            clock=stores.clock,
        )

    # The phases

    @cached_property
    def ticker(self) -> Ticker:
        """Runs the ticks of a phase."""
        stores = self._stores
        return Ticker(
            stores.table,
            stores.work_list,
            stores.runs,
            stores.phases,
            self._settings[groups.PhaseRules],
            self.retry,
            stores.clock,
            stores.meter,
            stores.files,
        )

    @cached_property
    def pacing(self) -> IndexerPacing:
        """Adapts the number of indexers to what the cluster takes."""
        stores = self._stores
        feed = self._settings[groups.IndexerFeed]
        return IndexerPacing(
            runs=stores.runs,
            concurrency=stores.indexers,
            live_queue=stores.live_queue,
            live_queue_max=self._settings[groups.Pace].live_queue_max,
            ceiling=feed.indexer_concurrency,
            batch=feed.indexer_batch_size,
            clock=stores.clock,
            meter=stores.meter,
        )

    @cached_property
    def index_phase(self) -> IndexPhase:
        """The work of batch-index."""
        stores = self._stores
        pace = self._settings[groups.Pace]
        return IndexPhase(
            table=stores.table,
            projector=stores.projector,
            backlog=stores.backlog,
            index=stores.index,
            files=stores.files,
            gates=Gates(
                stores.index,
                stores.live_queue,
                pace.live_queue_max,
                stores.clock,
                self.stage_capacity,
            ),
            pacing=self.pacing,
            pace=pace,
            retry=self.retry,
            preserve=self._settings[groups.Elasticsearch].preserve,
            workers=self._settings[groups.PhaseRules].workers,
            clock=stores.clock,
            meter=stores.meter,
            truth=TRUTHS[self._settings[groups.Projection].projection_by],
        )

    @cached_property
    def check_phase(self) -> CheckPhase:
        """The work of batch-check."""
        stores = self._stores
        return CheckPhase(
            table=stores.table,
            runs=stores.runs,
            backlog=stores.backlog,
            index=stores.index,
            library=stores.library,
            pacing=self.pacing,
            stage=self._settings[groups.Stage].stage,
            pace=self._settings[groups.Pace],
            retry=self.retry,
            clock=stores.clock,
            meter=stores.meter,
        )

    @cached_property
    def indexer(self) -> Indexer:
        """Writes the low-priority queue's documents to the index."""
        stores = self._stores
        return Indexer(
            table=stores.table,
            work_list=stores.work_list,
            runs=stores.runs,
            index=stores.index,
            files=stores.files,
            queue=stores.deliveries,
            dead_letters=stores.dead_letters,
            retry=self.retry,
            clock=stores.clock,
            meter=stores.meter,
            time_limit=stores.time_limit,
        )

    # Projection

    @cached_property
    def processors(self) -> list[NamedProcessor]:
        """The library's processors of files' metadata.

        Raises:
            SettingsError: One of them cannot be loaded. The command looks for the library's own
                files in the current directory: beside ``cdk.json``.
        """
        rules = self._settings[groups.MetadataRules]
        packed = ASSET / LIBRARY_FOLDER
        try:
            return load(rules.processors, rules.rights, packed if packed.is_dir() else Path.cwd())
        except ProcessorsError as error:
            raise SettingsError(f"projection.processors: {error}") from error

    @cached_property
    def projection(self) -> Projection:
        """Builds documents: in image-projection, and in the command."""
        stores = self._stores
        loader = stores.loader
        return Projection(
            stores.library,
            stores.files,
            f"image-reindex {__version__}{' with the image loader' if loader else ''}",
            self._settings[groups.Stage].stage,
            stores.clock,
            stores.meter,
            stores.time_limit,
            loader,
            loader is not None and self._settings[groups.ImageLoader].loader_whole,
            tag_names=self._settings[groups.Naming].tag_names,
            processors=self.processors,
        )

    @cached_property
    def rehearsal(self) -> Rehearsal:
        """Projects a sample without writing: ``reindex rehearse``."""
        stores = self._stores
        place = self._settings[groups.Elasticsearch]
        return Rehearsal(
            index=stores.index,
            projector=stores.projector,
            files=stores.files,
            alias=place.index_alias,
            preserve=place.preserve,
            clock=stores.clock,
            calls=min(CALLS, self._settings[groups.Pace].projection_concurrency),
        )

    # After the phases

    @cached_property
    def tallying(self) -> Tallying:
        """Decides if a run is done, and reports."""
        stores = self._stores
        return Tallying(
            table=stores.table,
            work_list=stores.work_list,
            runs=stores.runs,
            migrations=stores.migrations,
            files=stores.files,
            index=stores.index,
            dead_letters=stores.dead_letters,
            max_rounds=self._settings[groups.Rounds].max_rounds,
            pace=self._settings[groups.Pace],
            clock=stores.clock,
            meter=stores.meter,
        )

    @cached_property
    def notifier(self) -> Notifier:
        """Sends notices to people."""
        stores = self._stores
        notices = self._settings[groups.Notices]
        secret = notices.notice_webhook
        return Notifier(
            stage=self._settings[groups.Stage].stage,
            runs=stores.runs,
            files=stores.files,
            topic=SnsTopic(stores.clients.sns, notices.notice_topic),
            chat=ChatWebhook(partial(stores.clients.secret, secret)) if secret else None,
            clock=stores.clock,
        )

    @cached_property
    def ordering(self) -> Ordering:
        """Sorts a long work list by id."""
        return Ordering(self._stores.work_list, self._stores.files, self._stores.clock)
