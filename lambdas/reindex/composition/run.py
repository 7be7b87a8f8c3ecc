"""The steps of a run."""

from __future__ import annotations

from functools import cached_property

from reindex import __version__
from reindex import settings as groups
from reindex.composition.ports import RunPorts
from reindex.domain.progress import Retry
from reindex.reports.forecast import StageCapacity
from reindex.steps.batch_check import CheckPhase
from reindex.steps.batch_index import IndexPhase
from reindex.steps.batch_projection import TRUTH
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

#: Name, in gates and findings, of what each kind of projection reads.
TRUTHS = {
    groups.OWN: TRUTH,
    groups.LOADER: "the image loader",
    groups.FUNCTION: "the library's function",
}


class RunSteps:
    """Builds each step of a run on first use."""

    def __init__(self, ports: RunPorts) -> None:
        self._ports = ports
        self._settings = ports.settings

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
        ports = self._ports
        return Upload(
            ports.table, ports.work_list, ports.runs, ports.clock, name, only_new=only_new
        )

    @cached_property
    def gathering(self) -> Gathering:
        """Brings the ids of a run's source into the progress table."""
        ports = self._ports
        return Gathering(
            ports.table,
            ports.work_list,
            ports.runs,
            ports.phases,
            ports.migrations,
            ports.id_source,
            lambda: ports.index,
            self._settings[groups.Elasticsearch].index_alias,
            ports.clock,
            ports.meter,
        )

    @cached_property
    def preflight(self) -> Preflight:
        """Opens a run, unless something would make it fail."""
        ports = self._ports
        return Preflight(
            work_list=ports.work_list,
            runs=ports.runs,
            phases=ports.phases,
            migrations=ports.migrations,
            connect=lambda: ports.index,
            probes=ports.probes,
            alias=self._settings[groups.Elasticsearch].index_alias,
            segments=self._settings[groups.Rounds].tally_segments,
            clock=ports.clock,
        )

    # The phases

    @cached_property
    def ticker(self) -> Ticker:
        """Runs the ticks of a phase."""
        ports = self._ports
        return Ticker(
            ports.table,
            ports.work_list,
            ports.runs,
            ports.phases,
            self._settings[groups.PhaseRules],
            self.retry,
            ports.clock,
            ports.meter,
            ports.files,
        )

    @cached_property
    def pacing(self) -> IndexerPacing:
        """Adapts the number of indexers to what the cluster takes."""
        ports = self._ports
        feed = self._settings[groups.IndexerFeed]
        return IndexerPacing(
            runs=ports.runs,
            concurrency=ports.indexers,
            live_queue=ports.live_queue,
            live_queue_max=self._settings[groups.Pace].live_queue_max,
            ceiling=feed.indexer_concurrency,
            batch=feed.indexer_batch_size,
            clock=ports.clock,
            meter=ports.meter,
        )

    @cached_property
    def index_phase(self) -> IndexPhase:
        """The work of batch-index."""
        ports = self._ports
        pace = self._settings[groups.Pace]
        return IndexPhase(
            table=ports.table,
            projector=ports.projector,
            backlog=ports.backlog,
            index=ports.index,
            files=ports.files,
            gates=Gates(
                ports.index,
                ports.live_queue,
                pace.live_queue_max,
                ports.clock,
                self.stage_capacity,
            ),
            pacing=self.pacing,
            pace=pace,
            retry=self.retry,
            preserve=self._settings[groups.Elasticsearch].preserve,
            workers=self._settings[groups.PhaseRules].workers,
            clock=ports.clock,
            meter=ports.meter,
            truth=TRUTHS[self._settings[groups.Projection].projection_by],
        )

    @cached_property
    def check_phase(self) -> CheckPhase:
        """The work of batch-check."""
        ports = self._ports
        return CheckPhase(
            table=ports.table,
            runs=ports.runs,
            backlog=ports.backlog,
            index=ports.index,
            library=ports.library,
            pacing=self.pacing,
            stage=self._settings[groups.Stage].stage,
            pace=self._settings[groups.Pace],
            retry=self.retry,
            clock=ports.clock,
            meter=ports.meter,
        )

    @cached_property
    def indexer(self) -> Indexer:
        """Writes the low-priority queue's documents to the index."""
        ports = self._ports
        return Indexer(
            table=ports.table,
            work_list=ports.work_list,
            runs=ports.runs,
            index=ports.index,
            files=ports.files,
            queue=ports.deliveries,
            dead_letters=ports.dead_letters,
            retry=self.retry,
            clock=ports.clock,
            meter=ports.meter,
            time_limit=ports.time_limit,
        )

    # Projection

    @cached_property
    def projection(self) -> Projection:
        """Builds documents: in image-projection, and in the command."""
        ports = self._ports
        loader = ports.loader
        return Projection(
            ports.library,
            ports.files,
            f"image-reindex {__version__}{' with the image loader' if loader else ''}",
            self._settings[groups.Stage].stage,
            ports.clock,
            ports.meter,
            ports.time_limit,
            loader,
            loader is not None and self._settings[groups.ImageLoader].loader_whole,
            tag_names=self._settings[groups.Naming].tag_names,
            processors=ports.processors,
        )

    @cached_property
    def rehearsal(self) -> Rehearsal:
        """Projects a sample without writing: ``reindex rehearse``."""
        ports = self._ports
        place = self._settings[groups.Elasticsearch]
        return Rehearsal(
            index=ports.index,
            projector=ports.projector,
            files=ports.files,
            alias=place.index_alias,
            preserve=place.preserve,
            clock=ports.clock,
            calls=min(CALLS, self._settings[groups.Pace].projection_concurrency),
        )

    # After the phases

    @cached_property
    def tallying(self) -> Tallying:
        """Decides if a run is done, and reports."""
        ports = self._ports
        return Tallying(
            table=ports.table,
            work_list=ports.work_list,
            runs=ports.runs,
            migrations=ports.migrations,
            files=ports.files,
            index=ports.index,
            dead_letters=ports.dead_letters,
            max_rounds=self._settings[groups.Rounds].max_rounds,
            pace=self._settings[groups.Pace],
            clock=ports.clock,
            meter=ports.meter,
        )

    @cached_property
    def notifier(self) -> Notifier:
        """Sends notices to people."""
        ports = self._ports
        return Notifier(
            stage=self._settings[groups.Stage].stage,
            runs=ports.runs,
            files=ports.files,
            topic=ports.topic,
            chat=ports.chat,
            clock=ports.clock,
        )

    @cached_property
    def ordering(self) -> Ordering:
        """Sorts a long work list by id."""
        return Ordering(self._ports.work_list, self._ports.files, self._ports.clock)
