"""Builds the audit."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property

from reindex import settings as groups
from reindex.domain.audit_classes import Listing
from reindex.steps.audit import Auditing
from reindex.steps.second_look import SecondLook
from reindex.stores.aws import CLIENT_CONFIG
from reindex.stores.interfaces.listings import EntryListing
from reindex.stores.listings import DocumentListing, library_listings, progress_listing
from reindex.stores.sources import source_session
from reindex.wiring.run import RunSteps
from reindex.wiring.stores import Stores


class AuditSteps:
    """The steps of an audit.

    Args:
        stores: Of the stage.
        run: The steps of a run, of which a second look uses the projection.
    """

    def __init__(self, stores: Stores, run: RunSteps) -> None:
        self._stores = stores
        self._run = run

    @cached_property
    def auditing(self) -> Auditing:
        """Lists and compares all stores."""
        stores = self._stores
        place = stores.settings[groups.Elasticsearch]
        return Auditing(
            listings=self._listings,
            second_look=SecondLook(
                library=stores.library,
                table=stores.table,
                index=lambda: stores.own_index,
                alias=place.index_alias,
                preserve=place.preserve,
                project=self._run.rehearsal.project,
                calls=stores.settings[groups.Pace].projection_concurrency,
            ),
            runs=stores.runs,
            files=stores.files,
            settle_seconds=stores.settings[groups.Pace].settle_seconds,
            clock=stores.clock,
        )

    def _listings(self) -> Mapping[Listing, EntryListing]:
        """Return all that an audit lists, the longest first."""
        # The client's import takes longer than all others together.
        from reindex.stores.search.ids import IndexSlices  # noqa: PLC0415

        settings, index = self._stores.settings, self._stores.own_index
        dynamodb = self._stores.clients.dynamodb
        place = settings[groups.Elasticsearch]
        documents = DocumentListing(
            IndexSlices(index, place.index_alias),
            lambda: index.count(index.resolve(place.index_alias), {"match_all": {}}),
            place.preserve,
        )
        library = library_listings(
            # Without it, parsing times would take most of a listing's processor time.
            source_session().client("s3", config=CLIENT_CONFIG),
            dynamodb,
            settings[groups.LibrarySettings],
            own_documents=settings[groups.Projection].own_documents,
        )
        progress = progress_listing(dynamodb, settings[groups.Tables].progress_table)
        return {Listing.DOCUMENTS: documents, Listing.PROGRESS: progress, **library}
