"""Compares two indices over all their documents, while others write to them.

Every document of the old index is read by one scan, a page at a time, and its counterpart by
realtime multi-get; then the ids of the new index are scanned for those that the old one does not
hold. Two scans that are merged would have to be sorted by id: the cluster sorts by ``_id`` only
with field data that holds all ids in its memory, and each page of a sorted scan would go through
the whole index again.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Final, Protocol, TypeVar

from reindex.batches import in_batches, pages_of
from reindex.domain.failures import SourceUnusable
from reindex.domain.messages import document_text
from reindex.domain.provenance import Indexed
from reindex.image.document import without_provenance
from reindex.reports.comparison import Compared, Searchable
from reindex.reports.contents import Contents, contents
from reindex.reports.rehearsal import Tolerance
from reindex.reports.saved_searches import TOP, Hits, SavedSearch, SearchResult
from reindex.reports.searchable_fields import SearchableField, searchable_fields
from reindex.steps.ambient import Clock
from reindex.stores.interfaces.index import Index

#: Documents that are read together: with those of the other index, and those that are read ahead,
#: they are what memory holds.
PAGE: Final = 250

#: Ids that are looked up together.
ID_PAGE: Final = 1_000

#: Pages that are read ahead.
READS: Final = 3

#: Times that documents which differ are read again at the end, and seconds between: what a live
#: writer, or a migration's catch-up, changed meanwhile has reached both indices by then.
LOOKS: Final = 3
PAUSE: Final = 10.0

#: Documents that are kept to be read again, in all, and for each field that they lost. Where more
#: differ, no live writer is the reason.
MOST_DEFERRED: Final = 20_000
MOST_DEFERRED_OF_A_FIELD: Final = 1_000

Page = TypeVar("Page")
Found = TypeVar("Found")


class IdLists(Protocol):
    """The files to which all ids that only one index has are written."""

    def note_missing(self, image_id: str) -> None:
        """Note a document that the new index does not hold."""
        ...

    def note_extra(self, image_id: str) -> None:
        """Note a document that the old index does not hold."""
        ...


@dataclass(frozen=True, slots=True)
class Extent:
    """The additional parts of a comparison.

    Attributes:
        sample: Documents that are drawn at random, to be shown in full.
        seed: Of the draw.
        searches: To be run on both indices.
    """

    sample: int = 0
    seed: int = 1
    searches: Sequence[SavedSearch] = ()


@dataclass(frozen=True, slots=True)
class _Pair:
    """The documents of an image in both indices; None where there is none."""

    id: str
    old: Contents | None
    new: Contents | None

    @classmethod
    def of(
        cls, image_id: str, old: Mapping[str, Any] | None, new: Mapping[str, Any] | None
    ) -> _Pair:
        return cls(
            image_id,
            None if old is None else contents(old),
            None if new is None else contents(new),
        )

    @property
    def one_sided(self) -> bool:
        return (self.old is None) != (self.new is None)

    def lost(self, tolerance: Tolerance) -> list[str]:
        """Return the fields that only the old document holds, and that are not accepted."""
        if self.old is None or self.new is None:
            return []
        return [path for path in self.old.keys() - self.new.keys() if not tolerance.accepts(path)]


@dataclass(slots=True)
class _Deferred:
    """Documents that differ, to be read again at the end."""

    ids: dict[str, None] = field(default_factory=dict)
    _by_field: Counter[str] = field(default_factory=Counter)

    def take(self, pair: _Pair, tolerance: Tolerance) -> bool:
        """Keep a document that differs; False if it does not, or too many of its kind do."""
        if len(self.ids) >= MOST_DEFERRED:
            return False
        few = [
            path for path in pair.lost(tolerance) if self._by_field[path] < MOST_DEFERRED_OF_A_FIELD
        ]
        if not few and not pair.one_sided:
            return False
        self._by_field.update(few)
        self.ids[pair.id] = None
        return True


@dataclass(frozen=True, slots=True)
class _Fields:
    """The fields that the mappings of both indices index, by path."""

    old: Mapping[str, SearchableField]
    new: Mapping[str, SearchableField]

    @classmethod
    def of(cls, old: Mapping[str, Any], new: Mapping[str, Any]) -> _Fields:
        return cls(*({f.path: f for f in searchable_fields(each)} for each in (old, new)))

    @property
    def paths(self) -> list[str]:
        return sorted(self.old.keys() | self.new.keys())

    @property
    def keywords(self) -> set[str]:
        return {f.path for f in (*self.old.values(), *self.new.values()) if f.is_keyword}


@dataclass(frozen=True, slots=True)
class Comparing:
    """Compares two indices; nothing is written to either.

    Attributes:
        old: The concrete index that is in use.
        new: The concrete index that shall replace it.
        tolerance: Documents that lose only fields that it accepts are not read again.
        lists: Where ids of one index alone are written; None for nowhere.
        progress: Called with the documents and ids read so far, of both indices.
    """

    index: Index
    old: str
    new: str
    clock: Clock
    tolerance: Tolerance = field(default_factory=Tolerance)
    lists: IdLists | None = None
    progress: Callable[[int], None] = lambda _: None

    def compare(self, extent: Extent) -> Compared:
        """Compare them.

        Raises:
            IndexMisconfigured: An index does not exist, or may not be read.
            StoreUnavailable: The cluster does not answer.
        """
        fields = _Fields.of(self.index.mapping(self.old), self.index.mapping(self.new))
        found = Compared(self.old, self.new, fields.keywords)
        # Run first, so that an invalid search fails before hours of work.
        self._refresh()
        found.searches += map(self._search, extent.searches)
        deferred = _Deferred()
        with ThreadPoolExecutor(READS) as pool:
            self._count_old(found, deferred, pool)
            self._count_extra(found, deferred, pool)
            self._count_searchable(found, fields, fields.paths, pool)
            self._sample(found, extent)
            self._look_again(found, list(deferred.ids))
            self._count_searchable_again(found, fields, pool)
        self._search_again(found, extent.searches)
        return found

    def _count_old(self, found: Compared, deferred: _Deferred, pool: ThreadPoolExecutor) -> None:
        """Count each document of the old index with that of the new one."""

        def counterparts(page: Sequence[tuple[str, object]]) -> Mapping[str, Indexed]:
            return self.index.read(self.new, [image_id for image_id, _ in page], ["*"])

        read = 0
        documents = self.index.scan(self.old, ["*"])
        for page, others in _ahead(pool, counterparts, pages_of(documents, PAGE)):
            for image_id, source in page:
                other = others.get(image_id)
                pair = _Pair.of(image_id, source, other.source if other else None)
                if not deferred.take(pair, self.tolerance):
                    self._count(found, pair)
            read += len(page)
            self.progress(read)

    def _count_extra(self, found: Compared, deferred: _Deferred, pool: ThreadPoolExecutor) -> None:
        """Count the documents of the new index that the old one does not hold."""

        def unknown(page: Sequence[tuple[str, object]]) -> list[str]:
            ids = [image_id for image_id, _ in page]
            known = self.index.read(self.old, ids, [])
            return [image_id for image_id in ids if image_id not in known]

        read = found.both + found.missing.count + len(deferred.ids)
        ids = self.index.scan(self.new, [])
        for page, extra in _ahead(pool, unknown, pages_of(ids, ID_PAGE)):
            for some in in_batches(extra, PAGE):
                for image_id, document in self.index.read(self.new, some, ["*"]).items():
                    pair = _Pair.of(image_id, None, document.source)
                    if image_id not in deferred.ids and not deferred.take(pair, self.tolerance):
                        self._count(found, pair)
            read += len(page)
            self.progress(read)

    def _count(self, found: Compared, pair: _Pair) -> None:
        found.add(pair.id, pair.old, pair.new)
        if self.lists is None or not pair.one_sided:
            return
        if pair.new is None:
            self.lists.note_missing(pair.id)
        else:
            self.lists.note_extra(pair.id)

    def _look_again(self, found: Compared, differing: Sequence[str]) -> None:
        """Read documents that differed again, in both indices, and count them as they are now."""
        for look in range(1, LOOKS + 1):
            still = []
            for pair in self._pairs(differing):
                differs = pair.one_sided or bool(pair.lost(self.tolerance))
                if differs and look < LOOKS:
                    still.append(pair.id)
                    continue
                found.settled += not differs
                self._count(found, pair)
            if not still:
                return
            differing = still
            self.clock.sleep(PAUSE)

    def _pairs(self, ids: Sequence[str]) -> Iterator[_Pair]:
        for some in in_batches(ids, PAGE):
            old, new = (self.index.read(index, some, ["*"]) for index in (self.old, self.new))
            for image_id in some:
                before, after = old.get(image_id), new.get(image_id)
                yield _Pair.of(
                    image_id, before.source if before else None, after.source if after else None
                )

    def _count_searchable(
        self, found: Compared, fields: _Fields, paths: Sequence[str], pool: ThreadPoolExecutor
    ) -> None:
        """Count the documents that a search by each field finds."""
        self._refresh()
        totals = [self.index.count(index, {"match_all": {}}) for index in (self.old, self.new)]

        def count(path: str) -> Searchable:
            before = self._found_by(self.old, fields.old.get(path))
            return Searchable(before, self._found_by(self.new, fields.new.get(path)), *totals)

        found.searchable.update(zip(paths, pool.map(count, paths), strict=True))

    def _count_searchable_again(
        self, found: Compared, fields: _Fields, pool: ThreadPoolExecutor
    ) -> None:
        """Repeat the counts that fell too far: a live writer may have worked between them."""
        for look in range(LOOKS):
            falling = [
                path
                for path, fill in found.fields.items()
                if found.searchable_fall(fill) > self.tolerance.percent
                and not self.tolerance.accepts(path)
            ]
            if not falling:
                return
            if look:
                self.clock.sleep(PAUSE)
            self._count_searchable(found, fields, falling, pool)

    def _found_by(self, index: str, of: SearchableField | None) -> int | None:
        """Return how many documents a search by a field finds; None if none can be made."""
        if of is None:
            return None
        try:
            return self.index.count(index, of.exists())
        except SourceUnusable:
            # A few types of fields, such as percolator, are not searched by "exists".
            return None

    def _refresh(self) -> None:
        for index in (self.old, self.new):
            self.index.refresh(index)

    def _sample(self, found: Compared, extent: Extent) -> None:
        """Draw documents of the old index, and keep those that the new one holds, too."""
        if not extent.sample:
            return
        ids = self.index.sample(self.old, extent.sample, extent.seed)
        for some in in_batches(ids, PAGE):
            old, new = (self.index.read(index, some, ["*"]) for index in (self.old, self.new))
            for image_id in some:
                if image_id in old and image_id in new:
                    before, after = (
                        without_provenance(side[image_id].source) for side in (old, new)
                    )
                    found.add_to_sample(image_id, before, after)

    def _search(self, search: SavedSearch) -> SearchResult:
        """Run a search on both indices."""
        before, after = (self._hits(index, search.query) for index in (self.old, self.new))
        matching: set[str] = set()
        if after.count is not None:
            for ids in in_batches([*dict.fromkeys((*before.top, *search.must_find))], ID_PAGE):
                # Any rank will do: documents of equal scores have no order of their own.
                match = {"bool": {"filter": [search.query, {"ids": {"values": list(ids)}}]}}
                matching.update(self.index.search_ids(self.new, match, len(ids)))
        return SearchResult(
            search.name or document_text(search.query),
            before,
            after,
            still_found=sum(image_id in matching for image_id in before.top),
            not_found=[image_id for image_id in search.must_find if image_id not in matching],
        )

    def _search_again(self, found: Compared, searches: Sequence[SavedSearch]) -> None:
        """Repeat the searches that did not find what they must."""
        for look in range(LOOKS):
            missed = [n for n, result in enumerate(found.searches) if result.not_found]
            if missed and look:
                self.clock.sleep(PAUSE)
            if missed:
                self._refresh()
            for number in missed:
                found.searches[number] = self._search(searches[number])

    def _hits(self, index: str, query: Mapping[str, Any]) -> Hits:
        try:
            return Hits(self.index.count(index, query), self.index.search_ids(index, query, TOP))
        except SourceUnusable as error:
            return Hits(refused=f"{index}: {error}")


def _ahead(
    pool: ThreadPoolExecutor, work: Callable[[Page], Found], pages: Iterable[Page]
) -> Iterator[tuple[Page, Found]]:
    """Yield each page with what the work made of it, while the next pages are worked on."""
    waiting: deque[tuple[Page, Future[Found]]] = deque()
    for page in pages:
        waiting.append((page, pool.submit(work, page)))
        if len(waiting) > READS:
            ready, future = waiting.popleft()
            yield ready, future.result()
    for ready, future in waiting:
        yield ready, future.result()
