"""The gates that throttle a run, so that it does not disturb the library."""

from __future__ import annotations

from dataclasses import dataclass

from reindex.domain.run_records import RunRecord
from reindex.reports.forecast import StageCapacity, bill
from reindex.steps.ambient import Clock
from reindex.stores.interfaces.index import Index
from reindex.stores.interfaces.queues import Queue

#: Some shard of the cluster has no copy that answers.
CLUSTER_RED = "the cluster is red"

#: The library's own ingestion queue holds more than ``tuning.live_queue_max``.
LIVE_QUEUE_DEEP = "the live queue is deep"

#: Goes on when ``reindex resume --budget`` allows more.
OVER_BUDGET = "the run would cost more than its budget"


@dataclass(frozen=True, slots=True)
class Gates:
    """The gates in the order in which they are asked; the first that holds is named.

    Attributes:
        index: Asked for the cluster's health.
        live_queue: The library's own ingestion queue; None when there is none.
        live_queue_max: Messages on it above which a reindex holds back.
        clock: For what the run has cost so far.
        stage_capacity: For what it will cost.
    """

    index: Index
    live_queue: Queue | None
    live_queue_max: int
    clock: Clock
    stage_capacity: StageCapacity

    def held_by(self, run: RunRecord) -> str | None:
        """Return the gate that holds now, in words for people; None when none does.

        Raises:
            IndexMisconfigured: The index cannot be used: also a gate, named by the error.
            StoreUnavailable: A service does not answer: also a gate, named by the error.
        """
        if run.index_uuid and self.index.uuid(run.index) != run.index_uuid:
            return "the index was deleted, and another has its name"
        if self.index.health(run.index) == "red":
            return CLUSTER_RED
        if self.live_queue and self.live_queue.depth().total > self.live_queue_max:
            return LIVE_QUEUE_DEEP
        if run.budget is not None:
            cost = bill(run, self.clock.now(), self.stage_capacity)
            if cost.total > run.budget:
                return OVER_BUDGET
        return None
