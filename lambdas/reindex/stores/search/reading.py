"""Reads of the search index."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from reindex.domain.failures import IndexGone, IndexMisconfigured, SourceUnusable, StoreUnavailable
from reindex.domain.provenance import Guard, Indexed
from reindex.image.misfits import misfits
from reindex.stores.search.bulk import failure
from reindex.stores.search.cluster import Forbidden, Refusal, SearchCluster, path

#: Documents of one page: whole documents may have 100 KB each.
_PAGE_DOCUMENTS = 500

#: Time for which the cluster keeps a point in time after each page.
_KEEP_ALIVE = "5m"


@dataclass(frozen=True, slots=True)
class Page:
    """Some documents as they were at a point in time.

    Attributes:
        hits: As the cluster returns them.
        point_in_time: Its id for the next page.
        after: Position of the next page; None at the end.
    """

    hits: Sequence[Mapping[str, Any]]
    point_in_time: str
    after: Sequence[Any] | None


class IndexReader:
    """The read operations of the search index.

    Args:
        cluster: From :func:`reindex.stores.search.connecting.connect`.
    """

    def __init__(self, cluster: SearchCluster) -> None:
        self._cluster = cluster

    @property
    def credentials_rejected(self) -> bool:
        """True if the cluster has rejected our credentials."""
        return self._cluster.credentials_rejected

    def uuid(self, index: str) -> str:
        """Return the index's UUID; another index of the same name would have another one.

        Raises:
            IndexGone: There is no such index.
            IndexMisconfigured: The cluster denies access.
            StoreUnavailable: The cluster does not answer.
        """
        return self._setting(index, "index.uuid")

    def resolve(self, alias: str) -> str:
        """Return the one concrete index behind an alias.

        Raises:
            IndexMisconfigured: There is none, or more than one.
            StoreUnavailable: The cluster does not answer.
        """
        match self._behind(alias):
            case [index]:
                return index
            case []:
                raise IndexMisconfigured(f"There is no index behind the alias {alias}.")
            case indices:
                raise IndexMisconfigured(
                    f"There is more than one index behind the alias {alias}: {', '.join(indices)}."
                )

    def mapping(self, index: str) -> Mapping[str, Any]:
        """Return the index's mapping: ``dynamic``, ``properties``.

        Raises:
            IndexMisconfigured: There is no such index.
            StoreUnavailable: The cluster does not answer.
        """
        answer = self._cluster.read("GET", path(index, "_mapping"))
        found: Mapping[str, Any] = answer[index]["mappings"]
        return found

    def misfits(self, index: str) -> dict[str, str]:
        """Return the fields whose mapping may reject a value of our documents, with the reason.

        See :func:`reindex.image.misfits.misfits`.

        Raises:
            IndexMisconfigured: There is no such index.
            StoreUnavailable: The cluster does not answer.
        """
        return misfits(self.mapping(index))

    def health(self, index: str) -> str:  # noqa: ARG002 - all indices are on one cluster here
        """Return the cluster's health: ``green``, ``yellow`` or ``red``.

        Raises:
            StoreUnavailable: The cluster does not answer, or has no master.
        """
        return str(self._cluster.read("GET", "/_cluster/health", {"timeout": "5s"})["status"])

    def read(self, index: str, ids: Sequence[str], fields: Sequence[str]) -> dict[str, Indexed]:
        """Return fields of documents by realtime multi-get; absent documents are left out.

        Args:
            index: The concrete index.
            ids: Of the images; some hundreds, because the answer is held in memory.
            fields: Dotted names, ``*`` for all; an object includes the fields below it.

        Raises:
            IndexMisconfigured: There is no such index.
            StoreUnavailable: The cluster, or the shard of a document, does not answer.
        """
        if not ids:
            return {}
        source = {"_source_includes": ",".join(fields)} if fields else {"_source": "false"}
        answer = self._cluster.read(
            "POST", path(index, "_mget"), {"realtime": "true", **source}, {"ids": list(ids)}
        )
        found = {}
        for document in answer["docs"]:
            # If a shard fails, the request succeeds, and each of its documents has an error.
            if "error" in document:
                raise failure(document["error"])
            if document["found"]:
                guard = Guard(document["_seq_no"], document["_primary_term"])
                found[document["_id"]] = Indexed.of(guard, document.get("_source", {}))
        return found

    def scan(self, index: str, fields: Sequence[str]) -> Iterator[tuple[str, Mapping[str, Any]]]:
        """Yield all documents of a point in time, in no order.

        All earlier writes are among them if we are allowed to refresh the index; if not, those
        before its last refresh.

        Args:
            index: The concrete index.
            fields: Dotted names; ``*`` for all.

        Raises:
            IndexMisconfigured: There is no such index.
            StoreUnavailable: The cluster does not answer, or dropped the point in time.
        """
        remaining = self.open_points_in_time(index, _KEEP_ALIVE)
        after: Sequence[Any] | None = None
        try:
            while remaining:
                page = self.page(
                    remaining[0],
                    after,
                    size=_PAGE_DOCUMENTS,
                    keep_alive=_KEEP_ALIVE,
                    _source=list(fields) or False,
                )
                for hit in page.hits:
                    yield hit["_id"], hit.get("_source", {})
                remaining[0], after = page.point_in_time, page.after
                if after is None:
                    self._close_point_in_time(remaining.pop(0))
        finally:
            for unread in remaining:
                self._close_point_in_time(unread)

    def open_points_in_time(self, index: str, keep_alive: str) -> list[str]:
        """Open points in time of the index, to page through it.

        Args:
            index: The concrete index.
            keep_alive: Time for which the cluster keeps them after each page.

        Returns:
            Their ids: one for the whole index, or one for each shard.

        Raises:
            IndexMisconfigured: There is no such index.
            StoreUnavailable: The cluster does not answer.
        """
        self.refresh(index)
        api = self._cluster.point_in_time
        asked: list[dict[str, str]] = [{}]
        if api.by_shard:
            shards = int(self._setting(index, "index.number_of_shards"))
            asked = [{"preference": f"_shards:{shard}"} for shard in range(shards)]
        answers = [
            self._cluster.read(
                "POST",
                f"{path(index)}/{api.open_path}",
                {"keep_alive": keep_alive, **api.open_params, **shard},
            )
            for shard in asked
        ]
        return [answer[api.id_field] for answer in answers]

    def page(
        self,
        point_in_time: str,
        after: Sequence[Any] | None,
        *,
        size: int,
        keep_alive: str,
        **search: Any,
    ) -> Page:
        """Return the next documents of a point in time, in no order.

        Args:
            point_in_time: From the previous page, or from :meth:`open_points_in_time`.
            after: From the previous page; None for the first page.
            size: Documents of a page.
            keep_alive: As for :meth:`open_points_in_time`.
            search: Further parts of the request: ``query``, ``slice``, ``_source``.

        Raises:
            StoreUnavailable: The cluster does not answer, or dropped the point in time.
        """
        answer = self._search(
            "/_search",
            {
                "pit": {"id": point_in_time, "keep_alive": keep_alive},
                "size": size,
                "sort": [{self._cluster.point_in_time.sort: "asc"}],
                **({"search_after": list(after)} if after else {}),
                **search,
            },
        )
        hits = answer["hits"]["hits"]
        more = len(hits) == size
        following = hits[-1]["sort"] if more else None
        return Page(hits, answer.get("pit_id", point_in_time), following)

    def _close_point_in_time(self, point_in_time: str) -> None:
        api = self._cluster.point_in_time
        # If this fails, the cluster drops it when its time is over.
        with suppress(Refusal, StoreUnavailable, IndexMisconfigured):
            self._cluster.send("DELETE", api.close_path, body=api.closing(point_in_time))

    def _search(
        self, path: str, body: Mapping[str, Any], params: Mapping[str, str] | None = None
    ) -> Any:
        """Return the answer to a search; raise unless every shard answered.

        Raises:
            Refusal: The cluster rejects the query.
            IndexMisconfigured: There is no such index.
            StoreUnavailable: The cluster, or one of its shards, does not answer.
        """
        answer = self._cluster.read("POST", path, params, {"track_total_hits": False, **body})
        if answer["_shards"]["failed"] or answer["timed_out"]:
            raise StoreUnavailable("The cluster: not every shard answered.")
        return answer

    def count(self, index: str, query: Mapping[str, Any]) -> int:
        """Return the number of documents that match a query.

        Raises:
            SourceUnusable: The cluster rejects the query.
            IndexMisconfigured: There is no such index.
            StoreUnavailable: The cluster does not answer.
        """
        try:
            answer = self._cluster.read("POST", path(index, "_count"), body={"query": query})
        except Refusal as error:
            raise SourceUnusable(f"The cluster does not take the query: {error}") from error
        return int(answer["count"])

    def finds(self, alias: str, image_id: str) -> bool:
        """Return True if a search through the alias finds a document.

        False for one that the alias's filter hides, and for one written since the last refresh.

        Raises:
            IndexMisconfigured: There is no such alias.
            StoreUnavailable: The cluster does not answer.
        """
        return self.count(alias, {"ids": {"values": [image_id]}}) > 0

    def sample(
        self, index: str, size: int, seed: int, query: Mapping[str, Any] | None = None
    ) -> list[str]:
        """Return the ids of a random sample: the same for a seed, while nothing is written.

        Args:
            index: The concrete index.
            size: Most ids; 10,000 at most, the server's limit on a page
                (``index.max_result_window``).
            seed: Of the random numbers.
            query: Only documents that match it.

        Raises:
            SourceUnusable: The cluster rejects the query.
            IndexMisconfigured: There is no such index.
            StoreUnavailable: The cluster does not answer.
        """
        drawn = {
            "query": query or {"match_all": {}},
            "random_score": {"seed": seed, "field": "_seq_no"},
            "boost_mode": "replace",
        }
        return self._ids(index, {"function_score": drawn}, size)

    def search_ids(self, index: str, query: Mapping[str, Any], size: int) -> list[str]:
        """Return the ids of the documents that match a query best, best first.

        Args:
            index: The concrete index.
            query: In the cluster's query language.
            size: Most ids; 10,000 at most (``index.max_result_window``).

        Raises:
            SourceUnusable: The cluster rejects the query.
            IndexMisconfigured: There is no such index.
            StoreUnavailable: The cluster does not answer.
        """
        return self._ids(index, query, size)

    def refresh(self, index: str) -> None:
        """Make earlier writes searchable, if we are allowed to refresh the index.

        Raises:
            IndexMisconfigured: There is no such index.
            StoreUnavailable: The cluster does not answer.
        """
        with suppress(Forbidden):
            self._cluster.read("POST", path(index, "_refresh"))

    def _ids(self, index: str, query: Mapping[str, Any], size: int) -> list[str]:
        """Return the ids that a search finds, best first."""
        body = {"size": size, "query": query, "_source": False}
        try:
            answer = self._search(path(index, "_search"), body)
        except Refusal as error:
            raise SourceUnusable(f"The cluster does not take the query: {error}") from error
        return [hit["_id"] for hit in answer["hits"]["hits"]]

    def searches(self, index: str, path: str) -> bool:
        """Return True if documents can be searched by the existence of a field: it is indexed.

        Raises:
            IndexMisconfigured: There is no such index.
            StoreUnavailable: The cluster does not answer.
        """
        found: Any = self.mapping(index)
        for name in path.split("."):
            inner = {**found.get("properties", {}), **found.get("fields", {})}
            if name not in inner:
                return False
            found = inner[name]
            if found.get("enabled") in (False, "false"):
                return False
        return found.get("index") not in (False, "false")

    def search(self, alias: str, text: str, size: int = 10) -> list[Mapping[str, Any]]:
        """Return the documents whose metadata match a text best, best first."""
        query = {"multi_match": {"query": text, "fields": ["metadata.*"], "lenient": True}}
        answer = self._search(path(alias, "_search"), {"size": size, "query": query})
        return [hit["_source"] for hit in answer["hits"]["hits"]]

    def _setting(self, index: str, name: str) -> str:
        """Return one of the index's settings.

        Raises:
            IndexGone: There is no index of that name (an alias does not count).
        """
        return self._settings(index, name)[name]

    def _settings(self, index: str, names: str = "*") -> Mapping[str, str]:
        """Return the index's settings, by flat name.

        Raises:
            IndexGone: There is no index of that name (an alias does not count).
        """
        asked = path(index, "_settings", names)
        answer = self._cluster.read("GET", asked, {"flat_settings": "true"})
        if index not in answer:
            raise IndexGone(f"{index} is no index of its own name.")
        found: Mapping[str, str] = answer[index]["settings"]
        return found

    def _is_taken(self, name: str) -> bool:
        """Return True if there is an index or an alias of a name."""
        try:
            self._cluster.read("GET", path(name, "_settings", "index.uuid"))
        except IndexGone:
            return False
        return True

    def _behind(self, alias: str) -> list[str]:
        try:
            return sorted(self._cluster.read("GET", path("_alias", alias)))
        except Refusal as error:
            if error.status != HTTPStatus.NOT_FOUND:
                raise
        if self._is_taken(alias):
            raise IndexMisconfigured(
                f"{alias} is an index of that name: a reindex needs an alias, so that the index "
                "it writes to can be pinned."
            )
        return []
