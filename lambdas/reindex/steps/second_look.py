"""A second look at the images that an audit found something wrong with: by their ids, now."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import repeat
from typing import Final

from reindex.batches import in_batches
from reindex.domain import stamps
from reindex.domain.audit import ROW_STAMPS, DocumentFacts, ImageFacts, classes, crop_uris, uri_hash
from reindex.domain.audit_classes import ImageClass, Listing
from reindex.domain.digest import digest
from reindex.domain.failures import Failure, OriginalNotFound, ReindexFailure
from reindex.domain.projections import ProjectionAnswer
from reindex.domain.provenance import Indexed
from reindex.image.crops import crops
from reindex.image.truth import Row, UserData
from reindex.reports.footprint import PROJECTION_BATCH
from reindex.settings import PARTS_BY_KEY
from reindex.stores.interfaces.index import Index
from reindex.stores.interfaces.library import Library
from reindex.stores.interfaces.progress_table import ProgressTable

#: Images that are looked up concurrently.
_LOOKERS: Final = 16

Project = Callable[[Sequence[str], Mapping[str, str]], ProjectionAnswer]
"""Projects a batch of images, without what an index's misfits would refuse; writes nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SecondLook:
    """Looks images up, and classifies them by what is found.

    Attributes:
        index: Makes the index's client.
        alias: The alias that people search through.
        preserve: Dotted fields that the index holds and the truth does not.
        project: Projects images.
        calls: Most projection calls that are waited for at once.
    """

    library: Library
    table: ProgressTable
    index: Callable[[], Index]
    alias: str
    preserve: Sequence[str]
    project: Project
    calls: int

    def confirmed(
        self, suspects: Mapping[ImageClass, Sequence[str]], listed: Collection[Listing]
    ) -> dict[ImageClass, list[str]]:
        """Return the suspects that are still in their class.

        An image that cannot be looked up stays.

        Args:
            suspects: Ids by class; some thousands, for what is found of them is held in memory.
            listed: The listings that the library has.

        Raises:
            IndexMisconfigured: There is not one index behind the alias.
            StoreUnavailable: A service does not answer.
        """
        suspected = {image_id for ids in suspects.values() for image_id in ids}
        found = {
            image_id: set(classes(facts, listed))
            for image_id, facts in self._facts(sorted(suspected), listed).items()
        }
        stale = suspects.get(ImageClass.STALE_DOCUMENT, ())
        other = self.not_as_projected(stale, min(_LOOKERS, self.calls))
        confirmed: dict[ImageClass, list[str]] = {}
        for name, ids in suspects.items():
            if name is ImageClass.STALE_DOCUMENT:
                confirmed[name] = [image_id for image_id in ids if image_id in other]
            else:
                confirmed[name] = [i for i in ids if i not in found or name in found[i]]
        return confirmed

    def not_as_projected(self, ids: Sequence[str], calls: int = 1) -> set[str]:
        """Return the images whose document is not what would be projected now.

        One that cannot be projected is among them, unless its original or its document is gone.

        Args:
            ids: Of the images.
            calls: Most projection calls that are waited for at once.

        Raises:
            IndexMisconfigured: There is not one index behind the alias.
            StoreUnavailable: A service does not answer.
        """
        if not ids:
            return set()
        index = self.index()
        name = index.resolve(self.alias)
        misfits = index.misfits(name)

        def differing(batch: Sequence[str]) -> set[str]:
            documents = index.read(name, batch, ["*"])
            there = [image_id for image_id in batch if image_id in documents]
            answer = self.project(there, misfits) if there else ProjectionAnswer()
            other = {
                image_id
                for image_id, failure in answer.failures.items()
                if failure.code != OriginalNotFound.code
            }
            return other | {
                image.id
                for image in answer.images
                if digest(documents[image.id].source, self.preserve) != image.digest
            }

        with ThreadPoolExecutor(calls) as pool:
            return set().union(*pool.map(differing, in_batches(ids, PROJECTION_BATCH)))

    def _facts(self, ids: Sequence[str], listed: Collection[Listing]) -> dict[str, ImageFacts]:
        """Look images up; one that cannot be looked up is not in the answer."""
        index = self.index()
        name = index.resolve(self.alias)
        facts: dict[str, ImageFacts] = {}
        with ThreadPoolExecutor(_LOOKERS) as pool:
            for batch in in_batches(ids, PROJECTION_BATCH):
                documents = index.read(name, batch, ["*"])
                rows = self.table.read(batch)
                user_data = self.library.user_data(batch)
                found = pool.map(
                    self._looked_up, batch, [user_data[i] for i in batch], repeat(listed)
                )
                for image_id, looked_up in zip(batch, found, strict=True):
                    if looked_up is None or image_id in rows.unreadable:
                        continue
                    if row := rows.rows.get(image_id):
                        looked_up.add(Listing.PROGRESS, (row.state, row.digest))
                    if document := documents.get(image_id):
                        looked_up.add(Listing.DOCUMENTS, self._document(document))
                    facts[image_id] = looked_up
        return facts

    def _document(self, document: Indexed) -> DocumentFacts:
        return DocumentFacts.of(document.source, self.preserve)

    def _looked_up(
        self, image_id: str, user_data: UserData | Failure, listed: Collection[Listing]
    ) -> ImageFacts | None:
        if isinstance(user_data, Failure):
            return None
        facts = ImageFacts()
        try:
            if self.library.exists(image_id):
                facts.add(Listing.ORIGINALS, 0)
            if Listing.THUMBNAILS in listed and self.library.thumbnail(image_id):
                facts.add(Listing.THUMBNAILS, 0)
            if Listing.OPTIMISED_PNGS in listed and self.library.optimised_png(image_id):
                facts.add(Listing.OPTIMISED_PNGS, 0)
            # Of all objects in its folder these are its crops.
            for uri in crop_uris(crops(user_data.crops).document):
                facts.add(Listing.CROPS, uri_hash(uri))
        except ReindexFailure:
            return None
        for listing, rows in _rows_by_listing(user_data):
            for row in rows:
                facts.add(listing, stamps.latest(row, ROW_STAMPS[listing]))
        return facts


def _rows_by_listing(user_data: UserData) -> Iterator[tuple[Listing, Sequence[Row]]]:
    yield Listing.USAGES, user_data.usages
    yield Listing.LEASES, user_data.leases
    for part in PARTS_BY_KEY:
        row = getattr(user_data, part)
        if row is not None:
            yield Listing(part), [row]
