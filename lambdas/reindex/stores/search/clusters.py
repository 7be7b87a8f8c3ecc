"""The indices of the stage's own cluster, and of another that a migration leads to or comes from.

The name of an index says which cluster it is on (:mod:`reindex.domain.index_names`): this is the
only place that decides which cluster a call goes to.
"""

# ruff: noqa: D102 - the interface documents each method

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from reindex.domain.failures import IndexGone
from reindex.domain.index_names import cluster_and_name, on_cluster
from reindex.domain.provenance import Guard, Indexed
from reindex.domain.rounds import PinnedIndex, Position
from reindex.stores.interfaces.index import IndexWrite, Verdict, WriteResult
from reindex.stores.interfaces.migrations import ChangedPage, MigrationIndex


@dataclass(frozen=True, slots=True)
class KnownCluster:
    """A cluster of the stage.

    Attributes:
        urls: Of its nodes: an index may be named by any of them.
        connect: Returns its indices; called for each request, so it should make them once.
    """

    urls: Sequence[str]
    connect: Callable[[], MigrationIndex]


class Clusters(MigrationIndex):
    """The indices of all clusters of a stage.

    Args:
        own: The cluster of indices with a plain name.
        other: Further clusters.
    """

    def __init__(self, own: KnownCluster, *other: KnownCluster) -> None:
        self._own = own
        self._known = (own, *other)

    def _find(self, name: str) -> tuple[MigrationIndex, str]:
        """Return the indices of the cluster that a name says, and the plain name.

        Raises:
            IndexGone: The stage has no such cluster.
        """
        url, plain = cluster_and_name(name)
        if url is None:
            return self._own.connect(), plain
        for cluster in self._known:
            if url in cluster.urls:
                return cluster.connect(), plain
        raise IndexGone(f"{name}: the stage has no cluster {url} (index.other_cluster).")

    def resolve(self, alias: str) -> str:
        index, plain = self._find(alias)
        url, _ = cluster_and_name(alias)
        return on_cluster(url, index.resolve(plain))

    def uuid(self, index: str) -> str:
        found, plain = self._find(index)
        return found.uuid(plain)

    def denied_operations(self, index: str) -> list[str]:
        found, plain = self._find(index)
        return found.denied_operations(plain)

    def mapping_gaps(self, index: str) -> list[str]:
        found, plain = self._find(index)
        return found.mapping_gaps(plain)

    def mapping(self, index: str) -> Mapping[str, Any]:
        found, plain = self._find(index)
        return found.mapping(plain)

    def misfits(self, index: str) -> dict[str, str]:
        found, plain = self._find(index)
        return found.misfits(plain)

    def health(self, index: str) -> str:
        found, plain = self._find(index)
        return found.health(plain)

    def read(self, index: str, ids: Sequence[str], fields: Sequence[str]) -> dict[str, Indexed]:
        found, plain = self._find(index)
        return found.read(plain, ids, fields)

    def sample(
        self, index: str, size: int, seed: int, query: Mapping[str, Any] | None = None
    ) -> list[str]:
        found, plain = self._find(index)
        return found.sample(plain, size, seed, query)

    def count(self, index: str, query: Mapping[str, Any]) -> int:
        found, plain = self._find(index)
        return found.count(plain, query)

    def finds(self, alias: str, image_id: str) -> bool:
        found, plain = self._find(alias)
        return found.finds(plain, image_id)

    def refresh(self, index: str) -> None:
        found, plain = self._find(index)
        found.refresh(plain)

    def search_ids(self, index: str, query: Mapping[str, Any], size: int) -> list[str]:
        found, plain = self._find(index)
        return found.search_ids(plain, query, size)

    def scan(self, index: str, fields: Sequence[str]) -> Iterator[tuple[str, Mapping[str, Any]]]:
        found, plain = self._find(index)
        return found.scan(plain, fields)

    def write(
        self, index: str, writes: Sequence[IndexWrite], uuid: str | None = None
    ) -> list[WriteResult]:
        found, plain = self._find(index)
        return found.write(plain, writes, uuid)

    def delete(self, index: str, image_id: str, guard: Guard) -> Verdict:
        found, plain = self._find(index)
        return found.delete(plain, image_id, guard)

    def position(self, index: str) -> Position:
        found, plain = self._find(index)
        return found.position(plain)

    def changed(
        self, index: str, shard: str, after: int, until: int | None, size: int
    ) -> ChangedPage:
        found, plain = self._find(index)
        return found.changed(plain, shard, after, until, size)

    def count_changed(self, index: str, since: Position) -> int:
        found, plain = self._find(index)
        return found.count_changed(plain, since)

    def written_since(self, index: str, ids: Sequence[str], since: Position) -> set[str]:
        found, plain = self._find(index)
        return found.written_since(plain, ids, since)

    def follow_problems(self, index: str) -> list[str]:
        found, plain = self._find(index)
        return found.follow_problems(plain)

    def indices_behind(self, alias: str) -> list[str]:
        found, plain = self._find(alias)
        url, _ = cluster_and_name(alias)
        return [on_cluster(url, name) for name in found.indices_behind(plain)]

    def free_name(self, alias: str) -> str:
        found, plain = self._find(alias)
        url, _ = cluster_and_name(alias)
        return on_cluster(url, found.free_name(plain))

    def shards(self, index: str) -> int:
        found, plain = self._find(index)
        return found.shards(plain)

    def build(self, name: str, shards: int) -> PinnedIndex:
        found, plain = self._find(name)
        return replace(found.build(plain, shards), name=name)

    def live_settings(self, like: str) -> Mapping[str, str]:
        found, plain = self._find(like)
        return found.live_settings(plain)

    def apply(self, index: str, settings: Mapping[str, str]) -> None:
        found, plain = self._find(index)
        found.apply(plain, settings)

    def health_of(self, index: str) -> str:
        found, plain = self._find(index)
        return found.health_of(plain)

    def aliases_of(self, index: str) -> Mapping[str, Mapping[str, Any]]:
        found, plain = self._find(index)
        return found.aliases_of(plain)

    def move_aliases(self, names: Sequence[str], source: str, target: str) -> None:
        found, plain_source = self._find(source)
        other, plain_target = self._find(target)
        assert found is other, "aliases do not move to another cluster"
        found.move_aliases(names, plain_source, plain_target)

    def add_aliases(self, index: str, aliases: Mapping[str, Mapping[str, Any]]) -> None:
        found, plain = self._find(index)
        found.add_aliases(plain, aliases)

    def drop(self, index: PinnedIndex) -> None:
        found, plain = self._find(index.name)
        found.drop(replace(index, name=plain))
