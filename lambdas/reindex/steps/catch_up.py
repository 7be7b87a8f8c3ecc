"""The ticks of a migration: each starts the next round, when there is something for it to do."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from reindex.domain.migration import Migration, MigrationState
from reindex.domain.rounds import Position
from reindex.steps.ambient import Clock, Meter
from reindex.steps.rounds import Rounds, changes_of
from reindex.stores.interfaces.migrations import CatchUpSchedule, MigrationIndex, Migrations
from reindex.stores.interfaces.phases import Phases
from reindex.stores.interfaces.runs import Runs

log = logging.getLogger(__name__)


#: Seconds after which it is recorded again that nothing changed.
_SAME_SECONDS = 30.0


class CatchUpOutcome(StrEnum):
    """The outcome of a tick."""

    TURNED_OFF = "turned off"
    ROUND_RUNS = "a round runs"
    OTHER_RUN = "another run is open"
    ROUND_ENDED = "a round has ended"
    ROUND_FAILED = "a round failed"
    UNCHANGED = "nothing changed"
    STARTED = "a round was started"
    OVERTAKEN = "another was quicker"


@dataclass(frozen=True, slots=True)
class CatchUp:
    """Starts the rounds of a migration, one after the other."""

    migrations: Migrations
    runs: Runs
    phases: Phases
    index: MigrationIndex
    rounds: Rounds
    schedule: CatchUpSchedule
    clock: Clock
    meter: Meter

    def tick(self) -> CatchUpOutcome:
        """Start the next round if none runs and something changed; turn off what has an end.

        A tick may be repeated, or come twice at once: each step is conditional on the record that
        was read, and the name of a round starts one execution.

        Raises:
            IndexMisconfigured: One of the migration's indices cannot be used.
            StoreUnavailable: A service does not answer: the next tick tries again.
        """
        migration = self.migrations.current()
        if migration is None or not migration.follows:
            self.schedule.turn_off()
            return CatchUpOutcome.TURNED_OFF
        if migration.round is not None:
            return self._attend(migration)
        run = self.runs.current()
        if run and run.is_open and self.phases.is_running(run.execution):
            return CatchUpOutcome.OTHER_RUN
        options = self._next_round(migration)
        return self._begin(migration, options) if options else CatchUpOutcome.UNCHANGED

    def _attend(self, migration: Migration) -> CatchUpOutcome:
        """See to the round that the record names: it runs, was never started, or has ended."""
        if self.rounds.start_missing(migration):
            return CatchUpOutcome.STARTED
        found = self.rounds.look(migration)
        if found.round is not None:
            return CatchUpOutcome.ROUND_RUNS
        if found.failed_rounds == 0:
            return CatchUpOutcome.ROUND_ENDED
        if found.is_held:
            reason = found.rounds[-1].problem
            log.error("a migration is held", extra={"migration": found.id, "reason": reason})
            self.meter.count("MigrationsHeld")
        return CatchUpOutcome.ROUND_FAILED

    def _next_round(self, migration: Migration) -> Mapping[str, Any] | None:
        """Return the input of the next round; None when there is nothing for it to do."""
        if migration.sources:
            return migration.sources[0]
        now = self.clock.now()
        # It refreshes the index: what was written a moment ago counts.
        position = self.index.position(migration.source.name)
        lag = self.index.count_changed(migration.source.name, migration.position)
        surplus = migration.surplus
        if surplus is None or not _is_unchanged(migration, position):
            surplus = self._surplus(migration)
        looks_for_surplus = migration.surplus is None or surplus > migration.surplus
        self.meter.count("MigrationLag", lag)
        looked = migration.lag_measured(lag, now)
        if surplus != migration.surplus:
            looked = looked.surplus_counted(surplus)
        is_news = (lag, surplus) != (migration.lag, migration.surplus)
        # An unchanged lag is not written at each tick.
        if (is_news or now - migration.position_at > _SAME_SECONDS) and not self.migrations.save(
            looked, migration
        ):
            return None
        if lag == 0 and not looks_for_surplus:
            return None
        return changes_of(migration, surplus=looks_for_surplus)

    def _surplus(self, migration: Migration) -> int:
        """Return how many more documents the target has than the source."""
        everything: Mapping[str, Any] = {"match_all": {}}
        # The target is not refreshed by itself while it is built.
        self.index.position(migration.target.name)
        return self.index.count(migration.target.name, everything) - self.index.count(
            migration.source.name, everything
        )

    def _begin(self, migration: Migration, options: Mapping[str, Any]) -> CatchUpOutcome:
        current = self.migrations.current()
        if current is None or current.id != migration.id or not current.follows or current.round:
            return CatchUpOutcome.OVERTAKEN
        begun = self.rounds.begin(current, options)
        return CatchUpOutcome.OVERTAKEN if begun is None else CatchUpOutcome.STARTED


def _is_unchanged(migration: Migration, position: Position) -> bool:
    """Return True if nothing was written to or deleted from the source since the last round.

    Then the target's further documents are those of live writers that use it already: there is no
    reason to look at all of its ids.
    """
    return migration.state is MigrationState.HANDED_OVER and position == migration.position
