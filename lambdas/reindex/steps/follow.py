"""The index follows the truth: changed rows and crops send their images to be indexed."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from reindex.batches import in_batches
from reindex.domain.changes import id_of_change, ids_of_crops
from reindex.domain.key_templates import KeyTemplate
from reindex.domain.messages import UnreadableMessage
from reindex.domain.submissions import IndexImage
from reindex.settings import LibrarySettings, user_tables
from reindex.steps.ambient import Meter
from reindex.stores.interfaces.queues import HighPriority

log = logging.getLogger(__name__)

#: Messages that are sent by one call of the store.
_AT_ONCE = 100


@dataclass(frozen=True, slots=True)
class Follow:
    """Sends the images of changes to the high-priority queue.

    Attributes:
        library: Names the tables, and the form of the keys of crops.
        delay_seconds: Before an image is projected. Reads by secondary index, which find usages and
            leases, are behind the stream by less than that; further changes join the first.
    """

    high_priority: HighPriority
    library: LibrarySettings
    delay_seconds: int
    meter: Meter

    def handle(self, records: Sequence[Mapping[str, Any]]) -> None:
        """Send the images of a batch of changes, each once.

        A record that names no image is counted and passed over.

        Args:
            records: Of a DynamoDB stream, or messages of the queue of S3's events.

        Raises:
            StoreUnavailable: The queue does not accept them; the batch is to be tried again.
        """
        ids = list(dict.fromkeys(self._ids(records)))
        for batch in in_batches(ids, _AT_ONCE):
            self.high_priority.send([IndexImage(i) for i in batch], self.delay_seconds)
        self.meter.count("ChangesFollowed", len(records))

    def _ids(self, records: Sequence[Mapping[str, Any]]) -> Iterator[str]:
        attributes = {table.name: table.attribute for table in user_tables(self.library)}
        folder = KeyTemplate(self.library.crops_folder)
        for record in records:
            try:
                if record.get("eventSource") == "aws:sqs":
                    yield from ids_of_crops(record["body"], folder)
                else:
                    yield id_of_change(record, attributes)
            except UnreadableMessage as error:
                self.meter.count("ChangesUnreadable")
                log.warning("a change cannot be followed", extra={"reason": str(error)})
