"""The ids of a migration's round: what changed in its source, and what only its target has."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

from reindex.domain.failures import SourceUnusable
from reindex.domain.migration import Migration
from reindex.domain.provenance import PROVENANCE
from reindex.domain.rounds import PinnedIndex, Position
from reindex.stores.interfaces.id_sources import IdPage, Part
from reindex.stores.interfaces.migrations import MigrationIndex, Migrations
from reindex.stores.interfaces.paging import Cursor

#: Ids of one page.
PAGE_IDS: Final = 5_000

#: Ids of one page that are looked up in the source: a multi-get of some hundred KB.
SURPLUS_PAGE_IDS: Final = 1_000


class ChangedIds:
    """The ids that a round of the open migration has to bring.

    Args:
        index: Where they are.
        migrations: Says from where on, and up to where.
        surplus: True if also those that only the target has.
    """

    def __init__(
        self, index: MigrationIndex, migrations: Migrations, *, surplus: bool = False
    ) -> None:
        self._index = index
        self._migrations = migrations
        self._surplus = surplus

    def parts(self, at_most: int) -> Sequence[Part]:  # noqa: ARG002 - an index has few shards
        """Cut what changed since the last round into a part for each shard.

        Raises:
            SourceUnusable: No round is planned.
            IndexMisconfigured: One of the indices is gone.
            StoreUnavailable: A service does not answer.
        """
        migration = self._migrations.current()
        if migration is None or migration.round is None or migration.round.position is None:
            raise SourceUnusable("no round of a migration is planned")
        parts = _parts(migration.source, migration.position, migration.round.position)
        if self._surplus:
            parts += [part | {"without": migration.source.name} for part in self._target(migration)]
        return parts

    def _target(self, migration: Migration) -> list[dict[str, Any]]:
        """All of the target that is of our making.

        Beyond its position at the switch live writers write, too: what they write is theirs.
        """
        target, now = migration.target, self._index.position(migration.target.name)
        if migration.target_position is None:
            return _parts(target, {}, now)
        later = _parts(target, migration.target_position, now)
        return [
            *_parts(target, {}, migration.target_position),
            *(part | {"reindexed": True} for part in later),
        ]

    def page(self, part: Part, after: Cursor | None) -> IdPage:
        """Return the next ids of a part; it may be repeated, and shows what has changed since.

        Raises:
            IndexMisconfigured: One of the indices is gone.
            StoreUnavailable: The cluster does not answer.
        """
        begin = after["after"] if after else part["after"]
        other = part.get("without")
        size = SURPLUS_PAGE_IDS if other else PAGE_IDS
        page = self._index.changed(part["index"], part["shard"], begin, part["until"], size)
        ids = list(page.ids)
        if other:
            found = self._index.read(other, ids, [])
            ids = [image_id for image_id in ids if image_id not in found]
        if part.get("reindexed"):
            ids = self._reindexed(part["index"], ids)
        return IdPage(ids, None if page.last is None else {"after": page.last})

    def _reindexed(self, index: str, ids: Sequence[str]) -> list[str]:
        """Those ids whose document a run has written."""
        found = self._index.read(index, ids, [PROVENANCE])
        provenances = {i: found[i].provenance for i in ids if i in found}
        return [i for i, known in provenances.items() if known and not known.is_live]


def all_ids(source: ChangedIds) -> Iterator[str]:
    """Every id of a source, part by part."""
    for part in source.parts(1):
        cursor: Cursor | None = None
        while True:
            page = source.page(part, cursor)
            yield from page.ids
            cursor = page.next
            if cursor is None:
                break


def _parts(index: PinnedIndex, since: Position, until: Position) -> list[dict[str, Any]]:
    return [
        {"index": index.name, "shard": shard, "after": since.get(shard, -1), "until": last}
        for shard, last in until.items()
        if last > since.get(shard, -1)
    ]
