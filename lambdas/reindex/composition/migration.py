"""The steps of a migration."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cached_property

from reindex import settings as groups
from reindex.composition.ports import MigrationPorts
from reindex.composition.run import RunSteps
from reindex.steps.catch_up import CatchUp
from reindex.steps.eager import Eager, InlineQueue, NoPostponing, NoWorkList
from reindex.steps.migrate import MigrationControl
from reindex.steps.rounds import Rounds
from reindex.steps.switching import Switching
from reindex.stores.interfaces.migrations import MigrationIndex

#: Seconds that a new index may take to allocate its replicas: some hundred GB to another node.
HEALTH_SECONDS = 3600


class MigrationSteps:
    """Builds each step of a migration on first use.

    Args:
        ports: Of the stage.
        run: The steps of a run, which the switch of the alias works in its own process.
    """

    def __init__(self, ports: MigrationPorts, run: RunSteps) -> None:
        self._ports = ports
        self._run = run
        self._settings = ports.settings

    @cached_property
    def rounds(self) -> Rounds:
        """Starts and observes a migration's rounds."""
        ports = self._ports
        return Rounds(ports.migrations, ports.runs, ports.executions, ports.clock)

    @cached_property
    def catch_up(self) -> CatchUp:
        """Starts a migration's rounds on a schedule."""
        ports = self._ports
        return CatchUp(
            migrations=ports.migrations,
            runs=ports.runs,
            phases=ports.phases,
            index=ports.index,
            rounds=self.rounds,
            schedule=ports.catch_up_schedule,
            clock=ports.clock,
            meter=ports.meter,
        )

    @cached_property
    def control(self) -> MigrationControl:
        """The operations on a migration: start, pause, resume, roll back and so on."""
        return self.control_with(self._ports.index)

    def control_with(self, index: MigrationIndex) -> MigrationControl:
        """Return :attr:`control`, with an index whose new indices have another schema."""
        ports = self._ports
        place = self._settings[groups.Elasticsearch]
        other = self._settings[groups.OtherCluster].cluster
        return MigrationControl(
            migrations=ports.migrations,
            index=index,
            schedule=ports.catch_up_schedule,
            alias=place.index_alias,
            cluster_urls=place.cluster.urls,
            other_urls=other.urls if other else (),
            clock=ports.clock,
        )

    @cached_property
    def _eager(self) -> Eager:
        """The steps of a run, worked in this process without queue and work list."""
        run = self._run
        indexer = replace(run.indexer, work_list=NoWorkList(), queue=NoPostponing())
        straight = InlineQueue(indexer)
        return Eager(
            self._ports.table,
            self._ports.runs,
            replace(run.index_phase, backlog=straight),
            replace(run.check_phase, backlog=straight),
            self._ports.clock,
        )

    def switching(self, note: Callable[[str], None]) -> Switching:
        """Return what moves the alias to the new index.

        Args:
            note: Receives a line for the operator at each step.
        """
        ports = self._ports
        return Switching(
            migrations=ports.migrations,
            index=ports.patient_index,
            eager=self._eager,
            schedule=ports.catch_up_schedule,
            settle_seconds=self._settings[groups.Pace].settle_seconds,
            health_seconds=HEALTH_SECONDS,
            clock=ports.clock,
            note=note,
        )
