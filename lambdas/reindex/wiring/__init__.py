"""Builds all stores and steps of a process from its settings.

Only this package knows which store implements which interface.
"""

from __future__ import annotations

from functools import cached_property

from reindex.wiring.audit import AuditSteps
from reindex.wiring.lane import LiveLane
from reindex.wiring.migration import MigrationSteps
from reindex.wiring.run import RunSteps
from reindex.wiring.stores import Stores


class Wiring(Stores):
    """The stores of a stage, and the steps that work on them, by area."""

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
