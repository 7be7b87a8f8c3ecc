"""The rounds of a migration: each is started once, and what became of it is recorded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from reindex.domain.migration import Migration
from reindex.domain.options import RunOptions, Source
from reindex.domain.source_kinds import CHANGES
from reindex.steps.ambient import Clock, fresh_name
from reindex.stores.interfaces.executions import RunStarter
from reindex.stores.interfaces.index import Index
from reindex.stores.interfaces.migrations import Migrations
from reindex.stores.interfaces.runs import Runs


@dataclass(frozen=True, slots=True)
class Rounds:
    """Starts the rounds of a migration, and records those that failed.

    A round that succeeds records that itself, in its report.
    """

    migrations: Migrations
    runs: Runs
    starter: RunStarter
    clock: Clock

    def begin(self, migration: Migration, options: Mapping[str, Any]) -> Migration | None:
        """Record a round and start its run.

        Args:
            migration: The record as it was read.
            options: The run's input.

        Returns:
            The new record; None, with nothing started, if the record was changed meanwhile.

        Raises:
            StoreUnavailable: A service does not answer. The round may be recorded and not started:
                see :meth:`start_missing`.
        """
        run_id = fresh_name(self.clock)
        begun = migration.round_begun(run_id, options, self.clock.now())
        if not self.migrations.save(begun, migration):
            return None
        self.starter.start(run_id, options)
        return begun

    def start_missing(self, migration: Migration) -> bool:
        """Start the recorded round if it has no execution; return True if it was started now.

        A pass that the command makes itself has no options, and is none to be started.

        Raises:
            StoreUnavailable: Step Functions does not answer.
        """
        recorded = migration.round
        if recorded is None or not recorded.options or self.starter.find(recorded.run_id):
            return False
        self.starter.start(recorded.run_id, recorded.options)
        return True

    def look(self, migration: Migration) -> Migration:
        """Return the record as it is now; a round whose execution has failed is recorded as failed.

        A pass of a command that died is abandoned: the next round brings its documents.

        Raises:
            StoreUnavailable: A service does not answer.
        """
        execution = self.starter.find(migration.round.run_id) if migration.round else None
        # Read after the execution: one that succeeded has recorded that before it ended.
        current = self.migrations.current()
        if current is None or current.id != migration.id:
            return migration
        if current.round is not None and not current.round.options:
            abandoned = current.round_abandoned()
            return abandoned if self.migrations.save(abandoned, current) else current
        if execution is None or execution.is_running or current.round is None:
            return current
        run = self.runs.current()
        reason = run.reason if run and run.run_id == current.round.run_id else None
        failed = current.round_failed(reason or execution.message, self.clock.now())
        return failed if self.migrations.save(failed, current) else current


def alias_problem(index: Index, migration: Migration, alias: str) -> str | None:
    """Return why a round may not write: the alias leads to neither of the migration's indices.

    Before the switch it must lead to the source.

    Raises:
        IndexMisconfigured: The alias leads to none, or to several.
        StoreUnavailable: The cluster does not answer.
    """
    found = index.resolve(alias)
    if index.uuid(found) in migration.alias_uuids:
        return None
    return (
        f"the alias {alias} leads to {found}, not to where migration {migration.id} has it: "
        "somebody moved it"
    )


def changes_of(
    migration: Migration, *, surplus: bool = False, scan: bool = False
) -> dict[str, Any]:
    """Return the input of a round that brings what changed since the last.

    Args:
        migration: The migration.
        surplus: Also look up what only the target has.
        scan: End with the Tally's scan of the whole table, and its certificate.
    """
    source = Source(kind=CHANGES, surplus=surplus or None)
    return RunOptions(source=source, migration=migration.id, scan=scan).as_input()
