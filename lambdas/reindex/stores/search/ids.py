"""The ids of the documents that match a query."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from reindex.domain.failures import SourceUnusable
from reindex.stores.interfaces import Cursor, IdPage, Part
from reindex.stores.search.index import ElasticsearchIndex

#: The same where ids go into a table between the pages, and a part may be tried again.
_IDS_KEEP_ALIVE = "30m"

#: Ids of one page.
_PAGE_IDS = 5_000

#: Documents that are worth a slice, and the most slices: each repeats the name of the moment,
#: which takes some bytes for each shard, and all of them are held in the state of a run.
_SLICE_DOCUMENTS = 100_000
_SLICES = 16

#: Bytes that the moment of all slices may take in the state of a run, which holds 256 KB.
_MOMENTS_BYTES = 120_000


def matching(query: Mapping[str, Any] | None, lacking: str | None) -> dict[str, Any]:
    """The query that a source of ids means.

    Args:
        query: In Elasticsearch's own language; None for all documents.
        lacking: A field that they do not have; None for whatever they have.
    """
    without = [{"exists": {"field": lacking}}] if lacking else []
    return {"bool": {"filter": [query or {"match_all": {}}], "must_not": without}}


class IndexIds:
    """The ids of the documents that match a query, as they were at one moment.

    Args:
        index: Where they are.
        alias: That people search through.
        query: In Elasticsearch's own language; None for all documents.
        lacking: A field that they do not have; None for whatever they have.
    """

    def __init__(
        self,
        index: ElasticsearchIndex,
        alias: str,
        query: Mapping[str, Any] | None = None,
        lacking: str | None = None,
    ) -> None:
        self._index = index
        self._alias = alias
        self._lacking = lacking
        self._query = matching(query, lacking)

    def parts(self, at_most: int) -> Sequence[Part]:
        """Cut what matches into slices of one moment; none when nothing does.

        Raises:
            SourceUnusable: The cluster does not take the query, or cannot know what lacks
                the field.
            IndexMisconfigured: There is not one index behind the alias.
            StoreUnavailable: The cluster does not answer.
        """
        name = self._index.resolve(self._alias)
        if self._lacking and not self._index.searches(name, self._lacking):
            # It would seem to be lacking everywhere.
            raise SourceUnusable(f"{self._lacking} is no indexed field of {name}")
        # First, for it makes what was written just now searchable.
        moment = self._index.hold(name, _IDS_KEEP_ALIVE)
        count = self._index.count(name, self._query)
        fitting = max(1, _MOMENTS_BYTES // len(moment))
        slices = min(-(-count // _SLICE_DOCUMENTS), _SLICES, at_most, fitting)
        return [{"moment": moment, "slice": k, "slices": slices} for k in range(slices)]

    def page(self, part: Part, after: Cursor | None) -> IdPage:
        """The next ids of a slice.

        Raises:
            StoreUnavailable: The cluster does not answer, or forgot the moment meanwhile.
        """
        # A slice of one is refused.
        whole = part["slices"] == 1
        page = self._index.page(
            after["moment"] if after else part["moment"],
            after["after"] if after else None,
            size=_PAGE_IDS,
            keep_alive=_IDS_KEEP_ALIVE,
            query=self._query,
            source=False,
            **({} if whole else {"slice": {"id": part["slice"], "max": part["slices"]}}),
        )
        following = {"moment": page.moment, "after": page.after} if page.after else None
        return IdPage([hit["_id"] for hit in page.hits], following)
