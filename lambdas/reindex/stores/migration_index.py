"""The search index as a migration sees it, in Elasticsearch: changes, settings, aliases.

Changes are found by sequence number. Each write to a shard has one, and the **global checkpoint**
is the number up to which every copy of the shard has all of them. It is read first and the index
is refreshed then, so that a search of any copy shows every write up to it. Writes beyond it are
found by the next round. A primary that fails may take writes beyond the checkpoint with it, and
their numbers are given again; none up to it is ever given again, so a position stays true.
https://www.elastic.co/docs/reference/elasticsearch/rest-apis/optimistic-concurrency-control
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from elasticsearch import BadRequestError, NotFoundError

from reindex.domain.failures import IndexGone, IndexMisconfigured, StoreUnavailable
from reindex.domain.migration import PinnedIndex, Position
from reindex.stores.elasticsearch_index import ElasticsearchIndex
from reindex.stores.interfaces import ChangedPage

#: What makes an index quick to fill: no copies to write to, no searches to serve, and its log
#: written to disk every five seconds rather than after each bulk.
_BUILDING: Final = {
    "index.number_of_replicas": "0",
    "index.refresh_interval": "-1",
    "index.translog.durability": "async",
}

#: The same settings of an index that says nothing of them: the server's defaults.
#: https://www.elastic.co/docs/reference/elasticsearch/index-settings/index-modules
_DEFAULTS: Final = {
    "index.number_of_replicas": "1",
    "index.refresh_interval": "",
    "index.translog.durability": "request",
}

_SHARDS: Final = "index.number_of_shards"

#: Digits of the number in the name of an index.
_NUMBER_DIGITS: Final = 6


class ElasticsearchMigrationIndex(ElasticsearchIndex):
    """The index, with what only migrations do to it."""

    def position(self, index: str) -> Position:
        """Read the global checkpoint of each shard, and refresh the index.

        Raises:
            IndexMisconfigured: There is no such index, or we may not see its statistics
                (privilege ``monitor``) or refresh it (privilege ``maintenance``).
            StoreUnavailable: The cluster does not answer, or a primary is not there.
        """
        with self._answering():
            answer = self._reader.indices.stats(
                index=index,
                level="shards",
                metric="docs",
                filter_path=(
                    "_shards.failed",
                    "indices.*.shards.*.seq_no.global_checkpoint",
                    "indices.*.shards.*.routing.primary",
                ),
            )
        if index not in answer.get("indices", {}):
            raise IndexGone(f"{index} is no index of its own name.")
        copies = answer["indices"][index]["shards"]
        primaries = {
            shard: copy["seq_no"]["global_checkpoint"]
            for shard, found in copies.items()
            for copy in found
            if copy["routing"]["primary"] and "seq_no" in copy
        }
        if len(primaries) < int(self._settings(index)[_SHARDS]):
            raise StoreUnavailable(f"Elasticsearch: {index} has a shard without a primary.")
        with self._answering():
            # Not forgiven: what is not searchable would never be found.
            refreshed = self._reader.indices.refresh(index=index)
        if refreshed["_shards"]["failed"]:
            raise StoreUnavailable(f"Elasticsearch: not every shard of {index} was refreshed.")
        return primaries

    def changed(
        self, index: str, shard: str, after: int, until: int | None, size: int
    ) -> ChangedPage:
        """Page through the documents of a shard by the sequence number of their last write.

        No moment is held: a document that is written between two pages moves beyond ``until``,
        and is found by who reads on from there.

        Raises:
            IndexMisconfigured: There is no such index, or it cannot be searched by shard.
            StoreUnavailable: The cluster, or the shard, does not answer.
        """
        bounds = {"gt": after} | ({} if until is None else {"lte": until})
        with self._answering():
            answer = self._reader.search(
                index=index,
                preference=f"_shards:{shard}",
                query={"range": {"_seq_no": bounds}},
                sort=[{"_seq_no": "asc"}],
                size=size,
                source=False,
                track_total_hits=False,
            )
        _require_one_shard(answer.body, index)
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
        with self._answering():
            answer = self._reader.count(
                index=index,
                preference=f"_shards:{shard}",
                query={"range": {"_seq_no": {"gt": after}}},
            )
        _require_one_shard(answer.body, index)
        return int(answer["count"])

    def followable(self, index: str) -> list[str]:
        """What keeps changes of the index from being found; empty when nothing does.

        Raises:
            StoreUnavailable: The cluster does not answer.
        """
        try:
            position = self.position(index)
            found = self.count_changed(index, dict.fromkeys(position, -1))
        except (IndexMisconfigured, BadRequestError) as error:
            return [f"the changes of {index} cannot be found: {error}"]
        if found < self.count(index, {"match_all": {}}):
            problem = f"this server does not find the documents of {index} by _seq_no"
            return [f"{problem}: a migration needs Elasticsearch"]
        return []

    def free_name(self, alias: str) -> str:
        """The first name ``ALIAS-00000N`` that no index has.

        Raises:
            StoreUnavailable: The cluster does not answer.
        """
        number = 1
        while True:
            name = f"{alias}-{number:0{_NUMBER_DIGITS}}"
            with self._answering():
                if not self._reader.indices.exists(index=name):
                    return name
            number += 1

    def build(self, name: str, like: str) -> PinnedIndex:
        """Create an index, set up to be filled quickly; one that exists already is adopted.

        Raises:
            IndexMisconfigured: The cluster does not take its settings or mapping, or does not let
                us create it; or the index that exists is searched by an alias.
            StoreUnavailable: The cluster does not answer; it may exist all the same.
        """
        shards = {_SHARDS: self._settings(like)[_SHARDS]}
        variants = [_flat(self._schema.settings), _flat(self._schema.older_settings)]
        problem: Exception | None = None
        for settings in variants:
            try:
                with self._answering():
                    self._client.indices.create(
                        index=name,
                        settings={**shards, **settings, **_BUILDING},
                        mappings=self._schema.mapping,
                    )
            except BadRequestError as error:
                if "resource_already_exists_exception" in str(error):
                    break
                problem = error
                if "ignore_dynamic_beyond_limit" not in str(error):
                    raise IndexMisconfigured(f"{name} cannot be created: {error}") from error
            else:
                break
        else:
            raise IndexMisconfigured(f"{name} cannot be created: {problem}")
        if taken := self.aliases_of(name):
            raise IndexMisconfigured(f"{name} exists, and is searched as {', '.join(taken)}")
        return PinnedIndex(name, self.uuid(name))

    def live_settings(self, like: str) -> Mapping[str, str]:
        """The settings that an index has while people search it.

        Those that the schema says, else those of an index like it, else the server's defaults: an
        empty text is what the server takes by itself.

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
        """Change settings of an index, and write to disk what it holds in memory.

        Args:
            index: The concrete index.
            settings: By flat name; an empty text for what the server takes by itself.

        Raises:
            IndexMisconfigured: The cluster does not take them.
            StoreUnavailable: The cluster does not answer.
        """
        values = {name: value or None for name, value in settings.items()}
        try:
            with self._answering():
                self._client.indices.put_settings(index=index, settings=values)
                self._client.indices.flush(index=index, wait_if_ongoing=True)
        except BadRequestError as error:
            raise IndexMisconfigured(f"{index} does not take its settings: {error}") from error

    def health_of(self, index: str) -> str:
        """The health of one index: ``green``, ``yellow`` or ``red``.

        Raises:
            StoreUnavailable: The cluster does not answer.
        """
        with self._answering():
            return str(self._reader.cluster.health(index=index, timeout="5s")["status"])

    def aliases_of(self, index: str) -> list[str]:
        """The names of the aliases of an index.

        Raises:
            IndexGone: There is no such index.
            StoreUnavailable: The cluster does not answer.
        """
        return sorted(self._aliases(index))

    def move_aliases(self, names: Sequence[str], source: str, target: str) -> None:
        """Move aliases from one index to another in one request, each with all that it says.

        Raises:
            IndexMisconfigured: One of them is on neither index, or the cluster refuses.
            StoreUnavailable: The cluster does not answer; they may have moved all the same.
        """
        before, after = self._aliases(source), self._aliases(target)
        lost = [name for name in names if name not in before and name not in after]
        if lost:
            raise IndexMisconfigured(f"{', '.join(lost)} leads neither to {source} nor to {target}")
        actions: list[dict[str, Any]] = []
        for name in names:
            if name in before:
                remove = {"index": source, "alias": name, "must_exist": True}
                add = {"index": target, "alias": name, **before[name]}
                actions += [{"remove": remove}, {"add": add}]
        if not actions:
            return
        try:
            with self._answering():
                self._client.indices.update_aliases(actions=actions)
        except (BadRequestError, NotFoundError) as error:
            raise IndexMisconfigured(f"the aliases were not moved: {error}") from error

    def drop(self, index: PinnedIndex) -> None:
        """Delete an index; harmless when it, or the one that was meant, is gone.

        Raises:
            IndexMisconfigured: An alias still leads to it.
            StoreUnavailable: The cluster does not answer; it may be gone all the same.
        """
        try:
            if self.uuid(index.name) != index.uuid:
                return
            if taken := self.aliases_of(index.name):
                raise IndexMisconfigured(f"{index.name} is still searched as {', '.join(taken)}")
            with self._answering():
                self._client.indices.delete(index=index.name)
        except IndexGone:
            return

    def _aliases(self, index: str) -> Mapping[str, Mapping[str, Any]]:
        with self._answering():
            answer = self._reader.indices.get_alias(index=index)
        found: Mapping[str, Mapping[str, Any]] = answer[index]["aliases"]
        return found

    def _settings(self, index: str) -> Mapping[str, str]:
        with self._answering():
            answer = self._reader.indices.get_settings(index=index, flat_settings=True)
        if index not in answer:
            raise IndexGone(f"{index} is no index of its own name.")
        found: Mapping[str, str] = answer[index]["settings"]
        return found


def _require_one_shard(answer: Mapping[str, Any], index: str) -> None:
    shards = answer["_shards"]
    if shards["failed"] or answer.get("timed_out"):
        raise StoreUnavailable(f"Elasticsearch: a shard of {index} did not answer.")
    if shards["total"] != 1:
        raise IndexMisconfigured(f"this server does not search {index} by shard")


def _flat(settings: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Settings by flat name, each beginning with ``index.``."""
    flat: dict[str, Any] = {}
    for name, value in settings.items():
        if isinstance(value, Mapping):
            flat |= _flat(value, f"{prefix}{name}.")
        else:
            flat[f"{prefix}{name}"] = value
    if prefix:
        return flat
    return {k if k.startswith("index.") else f"index.{k}": v for k, v in flat.items()}
