"""Leads people to the index that follows, and loses no write on the way.

The order is what makes it safe:

1. What changed in the source is brought to the target, again and again, until little is left.
2. The target's position is read: until now only we have written there.
3. The alias moves, in one request. From here on live writers write to the target.
4. What was written to the source after the last look is swept: at once, so that people do not see
   older documents for longer than a projection takes; then again after ``settle_seconds``, when
   every write that was under way has ended and reads by secondary index show it; and what only the
   target has is looked up in the truth.

Each step may be repeated, by the next call, from the migration's record.

To another cluster there is no alias to move: the same alias is made there, rounds go on, and the
library leads its people and writers over by itself. What was written to the source in the last
moments is swept when the migration is finished.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from enum import Enum, auto
from typing import Final

from reindex.domain.failures import IndexGone, IndexMisconfigured
from reindex.domain.migration import Migration, MigrationRefused
from reindex.domain.rounds import PinnedIndex
from reindex.domain.run_records import RunRecord
from reindex.steps.ambient import Clock, fresh_name
from reindex.steps.eager import Eager, EagerResult
from reindex.steps.migrate import changed
from reindex.steps.rounds import alias_problem
from reindex.stores.changed_ids import ChangedIds, all_ids
from reindex.stores.interfaces.migrations import CatchUpSchedule, MigrationIndex, Migrations

#: Documents left over that are few enough to move the alias: their projection takes a second.
MAX_LEFT: Final = 25

#: Looks at what changed before the alias is moved in any case: a library in which more changes in
#: the time of a projection would never come to :data:`MAX_LEFT`.
MAX_PASSES: Final = 10

#: The healths of an index, from worst to best.
_HEALTH: Final = ("red", "yellow", "green")


class _Pass(Enum):
    """Why changes are brought to the target without a run."""

    CATCH_UP = auto()
    FIRST_SWEEP = auto()
    LAST_SWEEP = auto()


@dataclass(frozen=True, slots=True)
class Switching:
    """Leads people to the target.

    Attributes:
        settle_seconds: After which reads by secondary index show what a live writer wrote.
        health_seconds: How long the target may take to become as healthy as the source.
        note: Tells an operator what is done.
    """

    migrations: Migrations
    index: MigrationIndex
    eager: Eager
    schedule: CatchUpSchedule
    settle_seconds: float
    health_seconds: float
    clock: Clock
    note: Callable[[str], None]

    def try_out(self, migration: Migration, ids: Sequence[str]) -> EagerResult:
        """Write some images' documents to the target, so that what it refuses is known early.

        Raises:
            IndexMisconfigured: One of the indices cannot be used.
            StoreUnavailable: A service does not answer.
        """
        return self.eager.reindex(self._run(migration, fresh_name(self.clock)), ids, settle=False)

    def stop_rounds(self) -> Migration:
        """Record that the alias is about to be moved, so that no further round is started.

        Raises:
            MigrationRefused: It may not be switched.
            StoreUnavailable: The runs table does not answer.
        """
        return changed(self.migrations, Migration.switching)

    def make_live(self, migration: Migration) -> None:
        """Give the target the settings of an index that is searched, and wait for its copies.

        Raises:
            MigrationRefused: It does not become as healthy as the source in time.
            StoreUnavailable: The cluster does not answer.
        """
        target, source = migration.target.name, migration.source.name
        if not migration.is_rollback:
            self.index.apply(target, migration.live_settings)
        end = self.clock.now() + self.health_seconds
        while True:
            found, wanted = self.index.health_of(target), self.index.health_of(source)
            if _HEALTH.index(found) >= _HEALTH.index(wanted):
                return
            if self.clock.now() > end:
                raise MigrationRefused(
                    f"{target} is {found}, {source} is {wanted}: its copies are not there yet"
                )
            self.clock.sleep(2)

    def switch(self, migration: Migration, also: tuple[str, ...] = ()) -> Migration:
        """Catch up, move the alias, and sweep; to another cluster, make the alias there.

        Args:
            migration: As it was read.
            also: Names of further aliases of the source that are to move.

        Raises:
            MigrationRefused: It may not be switched, or another call changed it meanwhile.
            IndexMisconfigured: One of the indices cannot be used, or the aliases cannot be moved.
            StoreUnavailable: A service does not answer: repeat it.
        """
        if migration.target_position is None:
            migration = self._save(migration.switching(), migration)
            migration = self._catch_up(migration)
            if problem := alias_problem(self.index, migration, migration.alias):
                raise IndexMisconfigured(problem)
            position = self.index.position(migration.target.name)
            migration = self._save(migration.moving(position, self.clock.now()), migration)
        # An earlier call may have come this far: all of this may be repeated.
        names = (migration.alias, *also)
        if migration.destination is None:
            self._move(migration, names)
            return self._sweep(migration)
        self._add(migration, names)
        done = self._save(migration.handed_over(), migration)
        self.schedule.turn_on()
        return done

    def finish(self, migration: Migration) -> Migration:
        """Sweep once more, and end a migration to another cluster.

        Args:
            migration: As it was read: paused, and without a round that runs.

        Raises:
            MigrationRefused: It was not handed over, or another call changed it meanwhile.
            IndexMisconfigured: One of the indices cannot be used.
            StoreUnavailable: A service does not answer: repeat it.
        """
        migration.finished(self.clock.now())
        if self._is_there(migration.source):
            self.clock.sleep(self.settle_seconds)
            migration, count = self._pass(migration, _Pass.LAST_SWEEP)
            self.note(f"{count:,} documents of the last moments were brought along.")
        else:
            self.note(f"{migration.source.name} is gone: nothing is left to bring along.")
        done = self._save(migration.finished(self.clock.now()), migration)
        self.schedule.turn_off()
        return done

    def _is_there(self, index: PinnedIndex) -> bool:
        try:
            return self.index.uuid(index.name) == index.uuid
        except IndexGone:
            return False

    def _catch_up(self, migration: Migration) -> Migration:
        for look in range(MAX_PASSES):
            migration, count = self._pass(migration, _Pass.CATCH_UP)
            if count <= MAX_LEFT:
                break
            self.note(f"{count:,} documents changed meanwhile; look {look + 1} of {MAX_PASSES}.")
        return migration

    def _move(self, migration: Migration, names: Sequence[str]) -> None:
        self.index.move_aliases(names, migration.source.name, migration.target.name)
        self.note(f"{', '.join(names)} now leads to {migration.target.name}.")

    def _add(self, migration: Migration, names: Sequence[str]) -> None:
        """Give the target, on another cluster, the aliases that the source has and keeps."""
        found = self.index.aliases_of(migration.source.name)
        if lost := [name for name in names if name not in found]:
            raise IndexMisconfigured(f"{', '.join(lost)} does not lead to {migration.source.name}")
        self.index.add_aliases(migration.target.name, {name: found[name] for name in names})
        self.note(f"{', '.join(names)} on {migration.destination} leads to the new index.")

    def _sweep(self, migration: Migration) -> Migration:
        """Bring what was written to the source in the last moments."""
        migration, count = self._pass(migration, _Pass.FIRST_SWEEP)
        self.note(
            f"{count:,} documents of the last moments were brought along; they are looked at once "
            f"more in {self.settle_seconds:.0f} s."
        )
        self.clock.sleep(self.settle_seconds)
        migration, _ = self._pass(migration, _Pass.LAST_SWEEP)
        done = self._save(migration.swept(), migration)
        if done.follows:
            self.schedule.turn_on()
        return done

    def _pass(self, migration: Migration, kind: _Pass) -> tuple[Migration, int]:
        """Bring what changed since the position, and record the new one.

        The first sweep records none: what it brought may not have been the last of it, and what it
        read by secondary index may have been older than what it was to show.

        Returns:
            The record, and how many documents were brought.
        """
        now = self.clock.now()
        run_id = fresh_name(self.clock)
        begun = migration.round_begun(run_id, {}, now)
        planned = begun.round_planned(self.index.position(migration.source.name), now)
        migration = self._save(planned, migration)
        assert migration.round is not None
        assert migration.round.position is not None
        is_last = kind is _Pass.LAST_SWEEP
        ids = list(all_ids(ChangedIds(self.index, self.migrations, surplus=is_last)))
        if ids:
            result = self.eager.reindex(self._run(migration, run_id), ids, settle=is_last)
            if left := [*(row.id for row in result.unfinished), *result.without_row]:
                names = ", ".join(left[:3])
                raise MigrationRefused(
                    f"{len(left)} images could not be brought along ({names}): repeat it"
                )
        done = (
            migration.round_abandoned()
            if kind is _Pass.FIRST_SWEEP
            else migration.round_succeeded(len(ids), self.clock.now())
        )
        return self._save(done, migration), len(ids)

    def _run(self, migration: Migration, run_id: str) -> RunRecord:
        """Return the record of a round that no execution holds."""
        now = self.clock.now()
        return RunRecord(
            run_id=run_id,
            execution="",
            alias=migration.alias,
            index=migration.target.name,
            index_uuid=migration.target.uuid,
            started_at=now,
            progressed_at=now,
            migration=asdict(migration.mark(is_partial=True)),
        )

    def _save(self, after: Migration, before: Migration) -> Migration:
        if not self.migrations.save(after, before):
            raise MigrationRefused(
                f"migration {before.id} was changed by another call in this moment: repeat it"
            )
        return after
