"""An operator's actions on a migration, except moving its alias: begin, pause, roll back, end."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from reindex.domain.index_names import on_cluster
from reindex.domain.migration import SAVES, Migration, MigrationRefused, MigrationState
from reindex.domain.options import RunOptions
from reindex.domain.rounds import PinnedIndex
from reindex.steps.ambient import Clock, fresh_name
from reindex.stores.interfaces.migrations import CatchUpSchedule, MigrationIndex, Migrations

_NONE_OPEN: Final = "no migration is open: reindex migrate start begins one"
_OVERTAKEN: Final = "the migration was changed by another call: look, and repeat it"


@dataclass(frozen=True, slots=True)
class MigrationControl:
    """An operator's hold on migrations.

    Attributes:
        alias: The alias that people search through.
        cluster_urls: Of the stage's cluster.
        other_urls: Of the other cluster that the stage declares; none when it declares none.
    """

    migrations: Migrations
    index: MigrationIndex
    schedule: CatchUpSchedule
    alias: str
    cluster_urls: Sequence[str]
    other_urls: Sequence[str]
    clock: Clock

    def current(self) -> Migration:
        """Read the open migration.

        Raises:
            MigrationRefused: None is open.
            StoreUnavailable: The runs table does not answer.
        """
        found = self.migrations.current()
        if found is None or not found.is_open:
            raise MigrationRefused(_NONE_OPEN)
        return found

    def findings(self, to: str | None = None) -> list[str]:
        """Return the reasons why a migration cannot begin; empty if it can. Change nothing.

        Args:
            to: URL of the cluster that it leads to; None for the stage's own.

        Raises:
            IndexMisconfigured: The alias does not have exactly one index.
            StoreUnavailable: A cluster does not answer.
        """
        found = self.index.follow_problems(self.index.resolve(self.alias))
        if to is None:
            return found
        to = to.rstrip("/")
        if to in self.cluster_urls:
            return [*found, f"{to} is the stage's own cluster: leave --to out"]
        if to not in self.other_urls:
            setting = json.dumps({"index": {"other_cluster": {"url": to}}})
            return [*found, f"the stage does not declare {to}: put {setting} into it, and deploy"]
        alias = on_cluster(to, self.alias)
        if behind := self.index.indices_behind(alias):
            found.append(f"{alias} exists, and leads to {', '.join(behind)}: delete that alias")
        return found

    def follow(self) -> Migration:
        """Have the rounds of the open migration started.

        Raises:
            MigrationRefused: No migration is open.
            StoreUnavailable: A service does not answer: repeat it.
        """
        found = self.current()
        self.schedule.turn_on()
        return found

    def create(self, sources: Sequence[RunOptions], to: str | None = None) -> Migration:
        """Create the new index; take up a migration that was not begun to its end.

        Args:
            sources: Where the ids of the rounds come from that build it, in order.
            to: URL of the cluster that it is created on; None for the stage's own. There must be
                no :meth:`findings` for it.

        Raises:
            MigrationRefused: Another migration is open.
            IndexMisconfigured: The old index cannot be followed, or the new one not be created.
            StoreUnavailable: A service does not answer: repeat it.
        """
        to = to and to.rstrip("/")
        found = self.migrations.current()
        if found is None or not found.is_open:
            found = self._recorded(found, sources, to)
        elif found.state is not MigrationState.BUILDING or found.destination != to:
            raise MigrationRefused(f"migration {found.id} is open ({found.state})")
        if not found.new.uuid:
            new = self.index.build(found.new.name, self.index.shards(found.old.name))
            now = self.clock.now()
            position = self.index.position(found.old.name)
            found = self._save(found.created(new, position, now), found)
        return found

    def _recorded(
        self, before: Migration | None, sources: Sequence[RunOptions], to: str | None
    ) -> Migration:
        """Record a migration before anything is created for it, so that it can be taken up."""
        # Whichever cluster the stage is led to later, each index is still found where it is.
        home = None if to is None else self.cluster_urls[0]
        old = self.index.resolve(on_cluster(home, self.alias))
        id_ = fresh_name(self.clock)
        migration = Migration(
            id=id_,
            alias=self.alias,
            old=PinnedIndex(old, self.index.uuid(old)),
            new=PinnedIndex(self.index.free_name(on_cluster(to, self.alias)), ""),
            live_settings=dict(self.index.live_settings(old)),
            sources=tuple(_round_of(id_, options) for options in sources),
            began_at=self.clock.now(),
        )
        return self._save(migration, before)

    def pause(self) -> Migration:
        """Start no further round; the one that runs goes on.

        Raises:
            MigrationRefused: No migration is open, or none of its rounds is started by itself.
            StoreUnavailable: A service does not answer.
        """
        return self._changed(lambda found: found.set_paused(True))

    def resume(self) -> Migration:
        """Let rounds be started again, after a pause or after rounds that failed.

        Raises:
            MigrationRefused: No migration is open, or none of its rounds is started by itself.
            StoreUnavailable: A service does not answer.
        """
        return self._followed(lambda found: found.set_paused(False))

    def roll_back(self) -> Migration:
        """Have the old index follow the new one, so that the alias can go back to it.

        Raises:
            MigrationRefused: The alias has not been moved.
            StoreUnavailable: A service does not answer.
        """
        return self._followed(Migration.rolling_back)

    def abort(self, end_round: Callable[[], object] = lambda: None) -> Migration:
        """Give the new index up, and delete it; repeat it if it fails half way.

        Args:
            end_round: Ends the round that runs, if one does, once no other can be started.

        Raises:
            MigrationRefused: People search it.
            StoreUnavailable: A service does not answer.
        """
        return self._end(
            MigrationState.ABORTED,
            lambda found: found.aborted(self.clock.now()),
            lambda found: found.new,
            end_round,
        )

    def drop_old(self) -> Migration:
        """Delete the old index, and so end the migration; there is no way back from here.

        Raises:
            MigrationRefused: The alias has not been moved, or the new index is on another cluster.
            IndexMisconfigured: Another alias still leads to the old index.
            StoreUnavailable: A service does not answer.
        """
        return self._end(
            MigrationState.FINISHED,
            lambda found: found.old_dropped(self.clock.now()),
            lambda found: found.old,
        )

    def compared(self, began_at: float, problems: Sequence[str]) -> Migration:
        """Record what a comparison of the whole of both indices found.

        Raises:
            MigrationRefused: No migration is open.
            StoreUnavailable: A service does not answer.
        """
        return self._changed(lambda found: found.compared(began_at, problems))

    def _end(
        self,
        end: MigrationState,
        ended: Callable[[Migration], Migration],
        given_up: Callable[[Migration], PinnedIndex],
        end_round: Callable[[], object] = lambda: None,
    ) -> Migration:
        """End the open migration; for one that ended so before, do what may be left of it."""
        found = self.migrations.current()
        if found is None or (not found.is_open and found.state is not end):
            raise MigrationRefused("no migration is open")
        after = self._changed(ended) if found.is_open else found
        self.schedule.turn_off()
        end_round()
        index = given_up(after)
        if index.uuid:
            self.index.drop(index)
        return after

    def _followed(self, change: Callable[[Migration], Migration]) -> Migration:
        after = self._changed(change)
        self.schedule.turn_on()
        return after

    def _changed(self, change: Callable[[Migration], Migration]) -> Migration:
        return changed(self.migrations, change)

    def _save(self, after: Migration, before: Migration | None) -> Migration:
        if not self.migrations.save(after, before):
            raise MigrationRefused(_OVERTAKEN)
        return after


def changed(migrations: Migrations, change: Callable[[Migration], Migration]) -> Migration:
    """Change the open migration's record; again, if a tick or a round changed it meanwhile.

    Args:
        migrations: Where the record is.
        change: Returns the record that follows; it refuses what does not fit the state.

    Raises:
        MigrationRefused: No migration is open, or the change is refused.
        StoreUnavailable: The runs table does not answer.
    """
    for _ in range(SAVES):
        before = migrations.current()
        if before is None or not before.is_open:
            raise MigrationRefused(_NONE_OPEN)
        after = change(before)
        if migrations.save(after, before):
            return after
    raise MigrationRefused(_OVERTAKEN)


def _round_of(migration: str, options: RunOptions) -> Mapping[str, Any]:
    return options.as_input() | {"migration": migration}
