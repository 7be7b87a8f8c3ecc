"""A migration's record, its indices and its schedule."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from reindex.domain.migration import Migration
from reindex.domain.rounds import PinnedIndex, Position
from reindex.stores.interfaces.index import Index


@dataclass(frozen=True, slots=True)
class ChangedPage:
    """A page of ids of documents that changed.

    Attributes:
        ids: In the order in which they changed.
        last: The last one's sequence number; None if no page follows.
    """

    ids: Sequence[str]
    last: int | None


class MigrationIndex(Index, Protocol):
    """The search index, with the operations of migrations: changes, settings and aliases."""

    def position(self, index: str) -> Position:
        """Return the position up to which all writes are known, and make them searchable.

        Later writes have a higher sequence number in their shard, even if a node fails meanwhile.
        """
        ...

    def changed(
        self, index: str, shard: str, after: int, until: int | None, size: int
    ) -> ChangedPage:
        """Page through the documents of a shard by the sequence number of their last write.

        Args:
            index: The concrete index.
            shard: Of :meth:`position`.
            after: Only documents beyond this number; -1 for all.
            until: Only documents up to this number; None for all.
            size: Most ids of a page.
        """
        ...

    def count_changed(self, index: str, since: Position) -> int:
        """Count the searchable documents that were written since a position."""
        ...

    def written_since(self, index: str, ids: Sequence[str], since: Position) -> set[str]:
        """Return those ids whose document was written after a position, up to now."""
        ...

    def follow_problems(self, index: str) -> list[str]:
        """Return the reasons why changes of the index cannot be found; empty if they can."""
        ...

    def indices_behind(self, alias: str) -> list[str]:
        """Return the concrete indices behind an alias; none when there is no such alias.

        Raises:
            IndexMisconfigured: It is the name of an index.
        """
        ...

    def free_name(self, alias: str) -> str:
        """Return the first name ``ALIAS-00000N`` that no index has."""
        ...

    def shards(self, index: str) -> int:
        """Return the number of an index's primary shards."""
        ...

    def build(self, name: str, shards: int) -> PinnedIndex:
        """Create an index with settings for a fast build; one that exists is used as it is.

        Args:
            name: Of the new index.
            shards: Its primary shards, unless its schema has another number.
        """
        ...

    def live_settings(self, like: str) -> Mapping[str, str]:
        """Return the settings for the time when an index is searched, copied from another index."""
        ...

    def apply(self, index: str, settings: Mapping[str, str]) -> None:
        """Change settings of an index, and flush it to disk."""
        ...

    def health_of(self, index: str) -> str:
        """Return the health of one index: ``green``, ``yellow`` or ``red``."""
        ...

    def aliases_of(self, index: str) -> Mapping[str, Mapping[str, Any]]:
        """Return the aliases of an index by name: the filter, routing and write flag of each."""
        ...

    def move_aliases(self, names: Sequence[str], source: str, target: str) -> None:
        """Move aliases from one index to another in one request, with their filters and routing.

        No effect if they have moved already.

        Raises:
            IndexMisconfigured: Neither index has one of them.
        """
        ...

    def add_aliases(self, index: str, aliases: Mapping[str, Mapping[str, Any]]) -> None:
        """Add aliases to an index in one request; no effect if it has them already.

        Args:
            index: The concrete index.
            aliases: As :meth:`aliases_of` returns them.

        Raises:
            IndexMisconfigured: One of them leads to another index of the cluster.
        """
        ...

    def drop(self, index: PinnedIndex) -> None:
        """Delete an index; no effect if it is gone.

        Raises:
            IndexMisconfigured: It still has an alias.
        """
        ...


class Migrations(Protocol):
    """The record of the latest migration."""

    def current(self) -> Migration | None:
        """Read it consistently; None before the first migration."""
        ...

    def save(self, migration: Migration, instead_of: Migration | None) -> bool:
        """Replace the record that was read; return False if another process changed it."""
        ...


class CatchUpSchedule(Protocol):
    """The schedule that starts a migration's rounds."""

    def turn_on(self) -> None:
        """Turn it on; no effect if it is on."""
        ...

    def turn_off(self) -> None:
        """Turn it off; no effect if it is off."""
        ...
