"""The listings of an audit."""

from __future__ import annotations

from collections.abc import Mapping

from reindex import settings as groups
from reindex.domain.audit_classes import Listing
from reindex.stores.aws import CLIENT_CONFIG
from reindex.stores.interfaces.listings import EntryListing
from reindex.stores.listings import DocumentListing, library_listings, progress_listing
from reindex.stores.sources import source_session
from reindex.wiring.stores import Stores


class AuditStores(Stores):
    """The stores of an audit."""

    def listings(self) -> Mapping[Listing, EntryListing]:
        """Return all that an audit lists, the longest first."""
        # The client's import takes longer than all others together.
        from reindex.stores.search.ids import IndexSlices  # noqa: PLC0415

        settings, index = self.settings, self.own_index
        dynamodb = self.clients.dynamodb
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
