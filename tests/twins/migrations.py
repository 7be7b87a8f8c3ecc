"""The record of a migration, and what starts its rounds, in memory."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reindex.domain.migration import Migration
from reindex.stores.interfaces.executions import Execution, RunStarter
from reindex.stores.interfaces.migrations import CatchUpSchedule, Migrations
from tests.twins.outages import Outages


class MemoryMigrations(Outages, Migrations):
    """The twin of ``DynamoMigrations``."""

    def __init__(self) -> None:
        super().__init__()
        self.record: Migration | None = None

    def current(self) -> Migration | None:
        self.answer()
        return self.record

    def save(self, migration: Migration, instead_of: Migration | None) -> bool:
        self.answer()
        if _version(self.record) != _version(instead_of):
            return self.record == migration
        # As it is after a round trip: a value that is not JSON would fail here.
        self.record = Migration.from_json(migration.to_json())
        return True


class MemorySchedule(Outages, CatchUpSchedule):
    """The twin of ``AwsCatchUpSchedule``."""

    def __init__(self) -> None:
        super().__init__()
        self.is_on = False

    def turn_on(self) -> None:
        self.answer()
        self.is_on = True

    def turn_off(self) -> None:
        self.answer()
        self.is_on = False


class MemoryStarter(Outages, RunStarter):
    """The twin of ``Executions`` as far as it starts runs.

    Attributes:
        started: The input of each execution, by name.
        executions: Those that exist, by name.
    """

    def __init__(self) -> None:
        super().__init__()
        self.started: dict[str, Mapping[str, Any]] = {}
        self.executions: dict[str, Execution] = {}

    def start(self, name: str, options: Mapping[str, Any]) -> str:
        self.answer()
        self.started.setdefault(name, options)
        self.executions.setdefault(name, Execution("RUNNING"))
        return name

    def find(self, name: str) -> Execution | None:
        self.answer()
        return self.executions.get(name)


def _version(record: Migration | None) -> tuple[str, int] | None:
    return (record.id, record.rev) if record else None
