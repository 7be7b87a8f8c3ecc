"""The stores of the live lane."""

from __future__ import annotations

from functools import cached_property

from reindex import settings as groups
from reindex.stores.archive import S3Archive
from reindex.stores.backlog import SqsDeliveries
from reindex.stores.dead_letters import SqsDeadLetters
from reindex.stores.high_priority import SqsHighPriority
from reindex.stores.submissions import DynamoSubmissions
from reindex.stores.submitted_files import S3SubmittedFiles
from reindex.wiring.stores import Stores


class LaneStores(Stores):
    """The stores of the live lane, each created on first use."""

    @cached_property
    def submissions(self) -> DynamoSubmissions:
        """The submissions table."""
        name = self.settings[groups.Ingest].submissions_table
        return DynamoSubmissions(self.clients.dynamodb, name)

    @cached_property
    def submitted_files(self) -> S3SubmittedFiles:
        """The ingest bucket and the failed bucket."""
        place = self.settings[groups.Ingest]
        return S3SubmittedFiles(self.clients.s3, place.ingest_bucket, place.failed_bucket)

    @cached_property
    def archive(self) -> S3Archive:
        """The buckets of originals and renditions."""
        return S3Archive(
            self.clients.s3,
            self.settings[groups.LibrarySettings],
            self.settings[groups.Ingest].public_bucket,
        )

    @cached_property
    def high_priority(self) -> SqsHighPriority:
        """The high-priority queue, as its senders see it."""
        url = self.settings[groups.Ingest].high_priority_queue_url
        return SqsHighPriority(self.clients.sqs, url)

    @property
    def lane_dead_letters(self) -> SqsDeadLetters:
        """The dead-letter queue of the live lane."""
        url = self.settings[groups.IngestQueues].ingest_dead_letter_queue_url
        return SqsDeadLetters(self.clients.sqs, url)

    @property
    def ingest_deliveries(self) -> SqsDeliveries:
        """The queue of S3's events about submitted files, as its consumer sees it."""
        url = self.settings[groups.IngestQueues].ingest_queue_url
        return SqsDeliveries(self.clients.sqs, url)

    @property
    def live_deliveries(self) -> SqsDeliveries:
        """The high-priority queue, as its consumer sees it."""
        url = self.settings[groups.Ingest].high_priority_queue_url
        return SqsDeliveries(self.clients.sqs, url)
