"""The ids of the documents that match a query."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from reindex.domain.failures import SourceUnusable
from reindex.stores.interfaces.id_sources import IdPage, Part
from reindex.stores.interfaces.paging import Cursor
from reindex.stores.search.reading import IndexReader

#: Time for which the cluster keeps a point in time after each page: ids are inserted into a table
#: between the pages, and a part may be retried.
_IDS_KEEP_ALIVE = "30m"

#: Ids of one page.
_PAGE_IDS = 5_000

#: Documents of a slice, and most slices. Each slice repeats the ids of the points in time, which
#: take some bytes for each shard, and all slices are stored in the state of the execution.
_SLICE_DOCUMENTS = 100_000
SLICES = 16

#: Most bytes of those ids of all slices: the state of an execution holds 256 KB.
_POINTS_BYTES = 120_000


def matching(query: Mapping[str, Any] | None, lacking: str | None) -> dict[str, Any]:
    """Return the query for the documents of a source of ids.

    Args:
        query: In the cluster's query language; None for all documents.
        lacking: A field that the documents do not have; None for no such condition.
    """
    without = [{"exists": {"field": lacking}}] if lacking else []
    return {"bool": {"filter": [query or {"match_all": {}}], "must_not": without}}


class IndexSlices:
    """The documents that match a query, as they were at one moment, in slices.

    Args:
        index: The search index.
        alias: The alias of the index.
        query: In the cluster's query language; None for all documents.
        lacking: A field that the documents do not have; None for no such condition.
    """

    def __init__(
        self,
        index: IndexReader,
        alias: str,
        query: Mapping[str, Any] | None = None,
        lacking: str | None = None,
    ) -> None:
        self._index = index
        self._alias = alias
        self._lacking = lacking
        self._query = matching(query, lacking)

    def parts(self, at_most: int) -> Sequence[Part]:
        """Cut the matching documents into slices of one point in time; none if none match.

        Raises:
            SourceUnusable: The cluster rejects the query, or cannot search by the field.
            IndexMisconfigured: The alias does not have exactly one index.
            StoreUnavailable: The cluster does not answer.
        """
        name = self._index.resolve(self._alias)
        if self._lacking and not self._index.searches(name, self._lacking):
            # All documents would match.
            raise SourceUnusable(f"{self._lacking} is no indexed field of {name}")
        # Opened before the count, because opening refreshes the index.
        opened = self._index.open_points_in_time(name, _IDS_KEEP_ALIVE)
        count = self._index.count(name, self._query)
        fitting = max(1, _POINTS_BYTES // sum(map(len, opened)))
        slices = min(-(-count // _SLICE_DOCUMENTS), SLICES, at_most, fitting)
        return [{"points": opened, "slice": k, "slices": slices} for k in range(slices)]

    def hits(
        self, part: Part, after: Cursor | None, size: int, fields: Sequence[str] = ()
    ) -> tuple[Sequence[Mapping[str, Any]], Cursor | None]:
        """Return the next documents of a slice, and where the next page begins.

        Args:
            part: The slice.
            after: Where the page before ended; None for the first.
            size: Documents of a page.
            fields: Dotted names; ``*`` for all there are.

        Raises:
            StoreUnavailable: The cluster does not answer, or no longer keeps a point in time.
        """
        # The server rejects a single slice.
        whole = part["slices"] == 1
        point, *others = after["points"] if after else part["points"]
        page = self._index.page(
            point,
            after["after"] if after else None,
            size=size,
            keep_alive=_IDS_KEEP_ALIVE,
            query=self._query,
            _source=list(fields) or False,
            **({} if whole else {"slice": {"id": part["slice"], "max": part["slices"]}}),
        )
        remaining = [page.point_in_time, *others] if page.after else others
        return page.hits, {"points": remaining, "after": page.after} if remaining else None


class IndexIds(IndexSlices):
    """The ids of the documents that match a query, as they were at one moment."""

    def page(self, part: Part, after: Cursor | None) -> IdPage:
        """Return the next ids of a slice.

        Raises:
            StoreUnavailable: The cluster does not answer, or no longer keeps a point in time.
        """
        hits, following = self.hits(part, after, _PAGE_IDS)
        return IdPage([hit["_id"] for hit in hits], following)
