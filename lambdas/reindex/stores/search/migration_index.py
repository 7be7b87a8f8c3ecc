"""The search index as a migration sees it: changes, settings, aliases.

Changes are found by sequence number. Each write to a shard has one. The **global checkpoint** is
the number up to which every copy of the shard has all writes. It is read first, and then the index
is refreshed, so that a search of any copy finds every write up to it. The next round finds later
writes. If a primary fails, writes after the checkpoint may be lost and their numbers reused.
Numbers up to the checkpoint are never reused, so a position remains valid.
https://www.elastic.co/docs/reference/elasticsearch/rest-apis/optimistic-concurrency-control
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from reindex.domain.failures import IndexGone, IndexMisconfigured, StoreUnavailable
from reindex.domain.rounds import PinnedIndex, Position
from reindex.stores.interfaces.migrations import ChangedPage
from reindex.stores.search.cluster import Refusal, path
from reindex.stores.search.index import SearchIndex

#: Settings for a fast build: no replicas, no refreshes, and a transaction log that is written to
#: disk every five seconds and not after each bulk.
_BUILDING: Final = {
    "index.number_of_replicas": "0",
    "index.refresh_interval": "-1",
    "index.translog.durability": "async",
}

#: The server's defaults of the same settings.
#: https://www.elastic.co/docs/reference/elasticsearch/index-settings/index-modules
_DEFAULTS: Final = {
    "index.number_of_replicas": "1",
    "index.refresh_interval": "",
    "index.translog.durability": "request",
}

_SHARDS: Final = "index.number_of_shards"

#: Digits of the number in the name of an index.
_NUMBER_DIGITS: Final = 6


#: Restricts the statistics to each shard copy's global checkpoint, and whether it is the primary.
_CHECKPOINTS: Final = {
    "level": "shards",
    "filter_path": (
        "_shards.failed,"
        "indices.*.shards.*.seq_no.global_checkpoint,"
        "indices.*.shards.*.routing.primary"
    ),
}


class MigratingIndex(SearchIndex):
    """The index, with the operations that only migrations need."""

    def position(self, index: str) -> Position:
        """Read the global checkpoint of each shard, and refresh the index.

        Raises:
            IndexMisconfigured: There is no such index, or a privilege is missing: ``monitor`` for
                the statistics, ``maintenance`` for the refresh.
            StoreUnavailable: The cluster does not answer, or a shard has no primary.
        """
        answer = self._cluster.read("GET", path(index, "_stats", "docs"), _CHECKPOINTS)
        if index not in answer.get("indices", {}):
            raise IndexGone(f"{index} is no index of its own name.")
        copies = answer["indices"][index]["shards"]
        primaries = {
            shard: copy["seq_no"]["global_checkpoint"]
            for shard, found in copies.items()
            for copy in found
            if copy["routing"]["primary"] and "seq_no" in copy
        }
        if len(primaries) < self.shards(index):
            raise StoreUnavailable(f"The cluster: {index} has a shard without a primary.")
        # A failed refresh must raise: writes that are not searchable would never be found.
        refreshed = self._cluster.read("POST", path(index, "_refresh"))
        if refreshed["_shards"]["failed"]:
            raise StoreUnavailable(f"The cluster: not every shard of {index} was refreshed.")
        return primaries

    def changed(
        self, index: str, shard: str, after: int, until: int | None, size: int
    ) -> ChangedPage:
        """Page through the documents of a shard by the sequence number of their last write.

        There is no snapshot: a document that is written between two pages gets a number after
        ``until``, and the next round finds it.

        Raises:
            IndexMisconfigured: There is no such index, or it cannot be searched by shard.
            StoreUnavailable: The cluster, or the shard, does not answer.
        """
        bounds = {"gt": after} | ({} if until is None else {"lte": until})
        body = {
            "query": {"range": {"_seq_no": bounds}},
            "sort": [{"_seq_no": "asc"}],
            "size": size,
            "_source": False,
        }
        answer = self._search(path(index, "_search"), body, _of(shard))
        _require_one_shard(answer, index)
        hits = answer["hits"]["hits"]
        last = hits[-1]["sort"][0] if len(hits) == size else None
        return ChangedPage([hit["_id"] for hit in hits], last)

    def count_changed(self, index: str, since: Position) -> int:
        """Count the documents that were written since a position, as far as searches show them.

        Raises:
            IndexMisconfigured: There is no such index.
            StoreUnavailable: The cluster, or a shard, does not answer.
        """
        return sum(self._count(index, shard, after) for shard, after in since.items())

    def _count(self, index: str, shard: str, after: int) -> int:
        body = {"query": {"range": {"_seq_no": {"gt": after}}}}
        answer = self._cluster.read("POST", path(index, "_count"), _of(shard), body)
        _require_one_shard(answer, index)
        return int(answer["count"])

    def written_since(self, index: str, ids: Sequence[str], since: Position) -> set[str]:
        """Return those ids whose document was written after a position, up to now.

        Args:
            index: The concrete index; it is refreshed.
            ids: Some hundreds: the request for each shard contains them all.
            since: The position.

        Raises:
            IndexMisconfigured: There is no such index.
            StoreUnavailable: The cluster, or a shard, does not answer.
        """
        self.position(index)
        found: set[str] = set()
        for shard, after in since.items():
            filters = [{"ids": {"values": list(ids)}}, {"range": {"_seq_no": {"gt": after}}}]
            body = {
                "query": {"bool": {"filter": filters}},
                "size": len(ids),
                "_source": False,
            }
            answer = self._search(path(index, "_search"), body, _of(shard))
            _require_one_shard(answer, index)
            found |= {hit["_id"] for hit in answer["hits"]["hits"]}
        return found

    def follow_problems(self, index: str) -> list[str]:
        """Return the reasons why changes of the index cannot be found; empty if they can.

        Raises:
            StoreUnavailable: The cluster does not answer.
        """
        try:
            position = self.position(index)
            found = self.count_changed(index, dict.fromkeys(position, -1))
        except (IndexMisconfigured, Refusal) as error:
            return [f"the changes of {index} cannot be found: {error}"]
        if found < self.count(index, {"match_all": {}}):
            problem = f"this server does not find the documents of {index} by _seq_no"
            return [f"{problem}: a migration needs Elasticsearch or OpenSearch"]
        return []

    def indices_behind(self, alias: str) -> list[str]:
        """Return the concrete indices behind an alias; none when there is no such alias.

        Raises:
            IndexMisconfigured: It is the name of an index.
            StoreUnavailable: The cluster does not answer.
        """
        return self._behind(alias)

    def free_name(self, alias: str) -> str:
        """Return the first name ``ALIAS-00000N`` that no index has.

        Raises:
            StoreUnavailable: The cluster does not answer.
        """
        number = 1
        while self._is_taken(name := f"{alias}-{number:0{_NUMBER_DIGITS}}"):
            number += 1
        return name

    def shards(self, index: str) -> int:
        """Return the number of an index's primary shards.

        Raises:
            IndexGone: There is no such index.
            StoreUnavailable: The cluster does not answer.
        """
        return int(self._settings(index)[_SHARDS])

    def build(self, name: str, shards: int) -> PinnedIndex:
        """Create an index with settings for a fast build; one that exists is used as it is.

        Raises:
            IndexMisconfigured: The cluster rejects its settings or mapping, or does not allow
                creating it; or the index exists and has an alias.
            StoreUnavailable: The cluster does not answer; the index may have been created.
        """
        made_of = {_SHARDS: str(shards)}
        self._make(name, aliases={}, adapt=lambda wanted: {**made_of, **_flat(wanted), **_BUILDING})
        if taken := self.aliases_of(name):
            raise IndexMisconfigured(f"{name} exists, and is searched as {', '.join(taken)}")
        return PinnedIndex(name, self.uuid(name))

    def live_settings(self, like: str) -> Mapping[str, str]:
        """Return the settings for the time when an index is searched.

        They are those of the schema, else those of the given index, else the server's defaults. An
        empty text means the server's default.

        Raises:
            StoreUnavailable: The cluster does not answer.
        """
        found = self._settings(like)
        schema = _flat(self._schema.settings)
        return {
            name: str(schema.get(name, found.get(name, default)))
            for name, default in _DEFAULTS.items()
        }

    def apply(self, index: str, settings: Mapping[str, str]) -> None:
        """Change settings of an index, and flush it to disk.

        Args:
            index: The concrete index.
            settings: By flat name; an empty text for the server's default.

        Raises:
            IndexMisconfigured: The cluster does not accept them.
            StoreUnavailable: The cluster does not answer.
        """
        values = {name: value or None for name, value in settings.items()}
        try:
            self._cluster.send("PUT", path(index, "_settings"), body=values)
            self._cluster.send("POST", path(index, "_flush"), {"wait_if_ongoing": "true"})
        except Refusal as error:
            raise IndexMisconfigured(f"{index} does not take its settings: {error}") from error

    def health_of(self, index: str) -> str:
        """Return the health of one index: ``green``, ``yellow`` or ``red``.

        Raises:
            StoreUnavailable: The cluster does not answer.
        """
        asked = path("_cluster", "health", index)
        return str(self._cluster.read("GET", asked, {"timeout": "5s"})["status"])

    def aliases_of(self, index: str) -> Mapping[str, Mapping[str, Any]]:
        """Return the aliases of an index by name: the filter, routing and write flag of each.

        Raises:
            IndexGone: There is no such index.
            StoreUnavailable: The cluster does not answer.
        """
        answer = self._cluster.read("GET", path(index, "_alias"))
        found: Mapping[str, Mapping[str, Any]] = answer[index]["aliases"]
        return dict(sorted(found.items()))

    def move_aliases(self, names: Sequence[str], source: str, target: str) -> None:
        """Move aliases from one index to another in one request, with their filters and routing.

        Raises:
            IndexMisconfigured: Neither index has one of the aliases, or the cluster refuses.
            StoreUnavailable: The cluster does not answer; they may have been moved.
        """
        before, after = self.aliases_of(source), self.aliases_of(target)
        lost = [name for name in names if name not in before and name not in after]
        if lost:
            raise IndexMisconfigured(f"{', '.join(lost)} leads neither to {source} nor to {target}")
        actions: list[dict[str, Any]] = []
        for name in names:
            if name in before:
                remove = {"index": source, "alias": name, "must_exist": True}
                add = {"index": target, "alias": name, **before[name]}
                actions += [{"remove": remove}, {"add": add}]
        self._change_aliases(actions)

    def add_aliases(self, index: str, aliases: Mapping[str, Mapping[str, Any]]) -> None:
        """Add aliases to an index in one request, with their filters and routing.

        Raises:
            IndexMisconfigured: One of them leads to another index, or the cluster refuses.
            StoreUnavailable: The cluster does not answer; they may have been added all the same.
        """
        for name in aliases:
            if others := sorted(set(self._behind(name)) - {index}):
                raise IndexMisconfigured(f"{name} leads to {', '.join(others)} already")
        self._change_aliases(
            [{"add": {"index": index, "alias": name, **said}} for name, said in aliases.items()]
        )

    def _change_aliases(self, actions: Sequence[Mapping[str, Any]]) -> None:
        if not actions:
            return
        try:
            self._cluster.send("POST", "/_aliases", body={"actions": actions})
        except Refusal as error:
            raise IndexMisconfigured(f"the aliases were not changed: {error}") from error

    def drop(self, index: PinnedIndex) -> None:
        """Delete an index; no effect if there is none of that name and UUID.

        Raises:
            IndexMisconfigured: It still has an alias.
            StoreUnavailable: The cluster does not answer; it may have been deleted.
        """
        try:
            if self.uuid(index.name) != index.uuid:
                return
            if taken := self.aliases_of(index.name):
                raise IndexMisconfigured(f"{index.name} is still searched as {', '.join(taken)}")
            self._cluster.send("DELETE", path(index.name))
        except IndexGone:
            return


def _of(shard: str) -> dict[str, str]:
    """Return the query parameter that restricts a request to one shard."""
    return {"preference": f"_shards:{shard}"}


def _require_one_shard(answer: Mapping[str, Any], index: str) -> None:
    shards = answer["_shards"]
    if shards["failed"] or answer.get("timed_out"):
        raise StoreUnavailable(f"The cluster: a shard of {index} did not answer.")
    if shards["total"] != 1:
        raise IndexMisconfigured(f"this server does not search {index} by shard")


def _flat(settings: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return settings by flat name, each beginning with ``index.``."""
    flat: dict[str, Any] = {}
    for name, value in settings.items():
        if isinstance(value, Mapping):
            flat |= _flat(value, f"{prefix}{name}.")
        else:
            flat[f"{prefix}{name}"] = value
    if prefix:
        return flat
    return {k if k.startswith("index.") else f"index.{k}": v for k, v in flat.items()}
