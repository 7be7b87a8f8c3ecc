"""Adapts the number of concurrent bulks to how the cluster handles them."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace

from reindex.domain.failures import StoreUnavailable
from reindex.domain.indexer_pace import BulkCounts, Conditions, IndexerPace, next_pace
from reindex.domain.run_records import RunRecord
from reindex.steps.ambient import Clock, Meter
from reindex.stores.interfaces.queues import IndexerConcurrency, Queue
from reindex.stores.interfaces.runs import Runs

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class IndexerPacing:
    """Paces the indexers, from within the ticks.

    Attributes:
        live_queue: The library's own ingestion queue; None when there is none.
        live_queue_max: Messages on it above which a run is held; at half of them it slows down.
        ceiling: Most concurrent bulks.
        batch: Messages that an indexer is given at once.
    """

    runs: Runs
    concurrency: IndexerConcurrency
    live_queue: Queue | None
    live_queue_max: int
    ceiling: int
    batch: int
    clock: Clock
    meter: Meter

    def look(self, run: RunRecord, backlog: int) -> None:
        """Decide anew if it is time to, and note the decision in the run record.

        If several workers look at once, one decides: its decision replaces the one that it read. A
        call to the mapping that fails is repeated at the next look; no image waits for it.

        Args:
            run: Its record, as read a moment ago.
            backlog: Messages on the low-priority queue.
        """
        before = IndexerPace.of(run.indexer_pace)
        now = self.clock.now()
        try:
            after = next_pace(before, BulkCounts.of(run.bulks), self._conditions(backlog), now)
            if after is None:
                return
            # As it is stored: a record that cannot be read must be replaced, too.
            if not self.runs.replace_pace(run.run_id, after.to_json(), run.indexer_pace.get("at")):
                return
            if not after.is_applied:
                self.concurrency.allow(after.concurrency)
                applied = replace(after, is_applied=True)
                self.runs.replace_pace(run.run_id, applied.to_json(), after.at)
        except StoreUnavailable as error:
            log.warning("the indexer cannot be paced", extra={"reason": str(error)})
            return
        self.meter.count("IndexerConcurrency", after.concurrency)
        if before is None or after.set_by is not before.set_by:
            log.info("pace", extra={"concurrency": after.concurrency, "set_by": after.set_by})

    def _conditions(self, backlog: int) -> Conditions:
        deep = self.live_queue is not None and (
            self.live_queue.depth().total > self.live_queue_max / 2
        )
        return Conditions(backlog, self.batch, deep, self.ceiling)
