"""The steps of a migration."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cached_property

from reindex import settings as groups
from reindex.steps.catch_up import CatchUp
from reindex.steps.eager import Eager, InlineQueue, NoPostponing, NoWorkList
from reindex.steps.migrate import MigrationControl
from reindex.steps.rounds import Rounds
from reindex.steps.switching import Switching
from reindex.stores.interfaces.migrations import MigrationIndex
from reindex.stores.phases import AwsCatchUpSchedule
from reindex.wiring.run import RunSteps
from reindex.wiring.stores import Stores

#: Seconds that a new index may take to allocate its replicas: some hundred GB to another node.
HEALTH_SECONDS = 3600


class MigrationSteps:
    """Builds each step of a migration on first use.

    Args:
        stores: Of the stage.
        run: The steps of a run, which the switch of the alias works in its own process.
    """

    def __init__(self, stores: Stores, run: RunSteps) -> None:
        self._stores = stores
        self._run = run
        self._settings = stores.settings

    @cached_property
    def _schedule(self) -> AwsCatchUpSchedule:
        rule = self._settings[groups.CatchUpRule].catch_up_rule
        return AwsCatchUpSchedule(self._stores.clients.events, rule)

    @cached_property
    def rounds(self) -> Rounds:
        """Starts and observes a migration's rounds."""
        stores = self._stores
        return Rounds(stores.migrations, stores.runs, stores.executions, stores.clock)

    @cached_property
    def catch_up(self) -> CatchUp:
        """Starts a migration's rounds on a schedule."""
        stores = self._stores
        return CatchUp(
            migrations=stores.migrations,
            runs=stores.runs,
            phases=stores.phases,
            index=stores.index,
            rounds=self.rounds,
            schedule=self._schedule,
            clock=stores.clock,
            meter=stores.meter,
        )

    @cached_property
    def control(self) -> MigrationControl:
        """The operations on a migration: start, pause, resume, roll back and so on."""
        return self.control_with(self._stores.index)

    def control_with(self, index: MigrationIndex) -> MigrationControl:
        """Return :attr:`control`, with an index whose new indices have another schema."""
        place = self._settings[groups.Elasticsearch]
        other = self._settings[groups.OtherCluster].cluster
        return MigrationControl(
            migrations=self._stores.migrations,
            index=index,
            schedule=self._schedule,
            alias=place.index_alias,
            cluster_urls=place.cluster.urls,
            other_urls=other.urls if other else (),
            clock=self._stores.clock,
        )

    @cached_property
    def _eager(self) -> Eager:
        """The steps of a run, worked in this process without queue and work list."""
        run = self._run
        indexer = replace(run.indexer, work_list=NoWorkList(), queue=NoPostponing())
        straight = InlineQueue(indexer)
        return Eager(
            self._stores.table,
            self._stores.runs,
            replace(run.index_phase, backlog=straight),
            replace(run.check_phase, backlog=straight),
            self._stores.clock,
        )

    def switching(self, note: Callable[[str], None]) -> Switching:
        """Return what moves the alias to the new index.

        Args:
            note: Receives a line for the operator at each step.
        """
        stores = self._stores
        return Switching(
            migrations=stores.migrations,
            index=stores.patient_index,
            eager=self._eager,
            schedule=self._schedule,
            settle_seconds=self._settings[groups.Pace].settle_seconds,
            health_seconds=HEALTH_SECONDS,
            clock=stores.clock,
            note=note,
        )
