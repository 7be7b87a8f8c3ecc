"""Builds the stores of a process from its settings.

Only this package knows which store implements which interface.
"""

from __future__ import annotations

from functools import cached_property

from reindex.composition.audit import AuditSteps
from reindex.composition.lane import LiveLane
from reindex.composition.migration import MigrationSteps
from reindex.composition.run import RunSteps
from reindex.wiring.audit import AuditStores
from reindex.wiring.lane import LaneStores
from reindex.wiring.run import RunStores


class Wiring(RunStores, AuditStores, LaneStores):
    """The stores of a stage, which are the ports of its steps; and the steps, by area."""

    @cached_property
    def run_steps(self) -> RunSteps:
        """The steps of a run."""
        return RunSteps(self)

    @cached_property
    def migration_steps(self) -> MigrationSteps:
        """The steps of a migration."""
        return MigrationSteps(self, self.run_steps)

    @cached_property
    def audit_steps(self) -> AuditSteps:
        """The steps of an audit."""
        return AuditSteps(self, self.run_steps)

    @cached_property
    def lane(self) -> LiveLane:
        """The live lane."""
        return LiveLane(self, self.run_steps)
