"""The live lane: its stores and its steps."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from reindex import settings as groups
from reindex.steps.follow import Follow
from reindex.steps.live_index import LiveIndex, LiveMessages
from reindex.steps.now import Now
from reindex.stores.archive import S3Archive
from reindex.stores.backlog import SqsDeliveries
from reindex.stores.dead_letters import SqsDeadLetters
from reindex.stores.high_priority import SqsHighPriority
from reindex.stores.interfaces.queues import HighPriority
from reindex.stores.interfaces.submissions import SubmittedFiles
from reindex.stores.submissions import DynamoSubmissions
from reindex.stores.submitted_files import S3SubmittedFiles
from reindex.wiring.run import RunSteps
from reindex.wiring.stores import Stores

if TYPE_CHECKING:
    from reindex.steps.ingest import Ingest, IngestMessages


class LiveLane:
    """Builds each store and step of the live lane on first use.

    Args:
        stores: Of the stage.
        run_steps: Those of a run, whose settings the lane's functions do not have.
    """

    def __init__(self, stores: Stores, run_steps: RunSteps) -> None:
        self._stores = stores
        self._run_steps = run_steps
        self._settings = stores.settings

    # Stores

    @cached_property
    def submissions(self) -> DynamoSubmissions:
        """The submissions table."""
        name = self._settings[groups.Ingest].submissions_table
        return DynamoSubmissions(self._stores.clients.dynamodb, name)

    @cached_property
    def submitted_files(self) -> S3SubmittedFiles:
        """The ingest bucket and the failed bucket."""
        place = self._settings[groups.Ingest]
        return S3SubmittedFiles(self._stores.clients.s3, place.ingest_bucket, place.failed_bucket)

    @cached_property
    def archive(self) -> S3Archive:
        """The buckets of originals and renditions."""
        return S3Archive(
            self._stores.clients.s3,
            self._settings[groups.LibrarySettings],
            self._settings[groups.Ingest].public_bucket,
        )

    @cached_property
    def high_priority(self) -> SqsHighPriority:
        """The high-priority queue, as its senders see it."""
        url = self._settings[groups.Ingest].high_priority_queue_url
        return SqsHighPriority(self._stores.clients.sqs, url)

    @property
    def _dead_letters(self) -> SqsDeadLetters:
        url = self._settings[groups.IngestQueues].ingest_dead_letter_queue_url
        return SqsDeadLetters(self._stores.clients.sqs, url)

    def _deliveries(self, url: str) -> SqsDeliveries:
        return SqsDeliveries(self._stores.clients.sqs, url)

    # Steps

    def ingest(self, files: SubmittedFiles, high_priority: HighPriority) -> Ingest:
        """Return what processes submissions.

        Args:
            files: The submitted files.
            high_priority: Receives the images to index.
        """
        # libvips takes longer to load than all other imports together.
        from reindex.steps.ingest import Ingest  # noqa: PLC0415

        return Ingest(
            submissions=self.submissions,
            files=files,
            archive=self.archive,
            high_priority=high_priority,
            clock=self._stores.clock,
            meter=self._stores.meter,
            max_megabytes=self._settings[groups.Ingest].max_megabytes,
        )

    @cached_property
    def ingest_messages(self) -> IngestMessages:
        """The work of the ingest function."""
        from reindex.steps.ingest import IngestMessages  # noqa: PLC0415 - as above

        return IngestMessages(
            self.ingest(self.submitted_files, self.high_priority),
            self._deliveries(self._settings[groups.IngestQueues].ingest_queue_url),
            self._dead_letters,
            self._stores.meter,
        )

    @cached_property
    def live_index(self) -> LiveIndex:
        """Brings documents up to date."""
        stores = self._stores
        place = self._settings[groups.Elasticsearch]
        return LiveIndex(
            stores.index, stores.projector, stores.files, place.index_alias, place.preserve
        )

    @cached_property
    def live_messages(self) -> LiveMessages:
        """The work of the live indexer."""
        return LiveMessages(
            live_index=self.live_index,
            submissions=self.submissions,
            queue=self._deliveries(self._settings[groups.Ingest].high_priority_queue_url),
            dead_letters=self._dead_letters,
            clock=self._stores.clock,
            meter=self._stores.meter,
        )

    @cached_property
    def follow(self) -> Follow:
        """The work of the follow function."""
        return Follow(
            self.high_priority,
            self._settings[groups.LibrarySettings],
            self._settings[groups.Following].follow_window_seconds,
            self._stores.meter,
        )

    @cached_property
    def now(self) -> Now:
        """Reindexes images at once: ``reindex now``."""
        return Now(self.live_index, self._stores.table, self._run_steps.retry, self._stores.clock)
