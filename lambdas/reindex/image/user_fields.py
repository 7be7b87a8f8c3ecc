"""The document fields that come from user data: edits, usages, leases, crops, and so on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from reindex.image.crops import Crops, crops
from reindex.image.dates import format_date
from reindex.image.edits import Edits, edits
from reindex.image.image_collections import Collections, collections
from reindex.image.leases import Leases, leases
from reindex.image.limits import Trimmed, newest
from reindex.image.rows import present
from reindex.image.syndication import soft_deleted, syndication_rights
from reindex.image.truth import UserData
from reindex.image.usages import Usages, usages

USER_FIELDS: Final = frozenset(
    {
        "metadata",
        "usageRights",
        "userMetadata",
        "userMetadataLastModified",
        "usages",
        "leases",
        "collections",
        "exports",
        "syndicationRights",
        "softDeletedMetadata",
        "lastModified",
    }
)
"""The fields of a document that hold user data, or are overridden by them."""


@dataclass(frozen=True, slots=True)
class UserFields:
    """One image's parsed user data."""

    usages: Usages
    leases: Leases
    collections: Collections
    crops: Crops
    edits: Edits
    syndication_rights: dict[str, Any] | None
    soft_deleted: dict[str, Any] | None

    @property
    def last_modified(self) -> datetime | None:
        """Time of the latest change to the user data; None when it is unknown."""
        stamped = (self.leases, self.crops, self.collections, self.usages, self.edits)
        moments = [part.last_modified for part in stamped]
        return max((moment for moment in moments if moment is not None), default=None)

    def fields(
        self, metadata: Mapping[str, Any], rights: dict[str, Any], trimmed: Trimmed
    ) -> dict[str, Any]:
        """Return the fields of :data:`USER_FIELDS` that have a value.

        Args:
            metadata: The document's ``originalMetadata``, which edits override.
            rights: The document's ``originalUsageRights``, which edits override.
            trimmed: Records the usages beyond the number that a document can hold.
        """
        last_modified = self.last_modified
        edited_at = self.edits.last_modified or last_modified
        edited_rights = self.edits.usage_rights
        return present(
            metadata=self.edits.applied_to(metadata) or None,
            usageRights=rights if edited_rights is None else edited_rights,
            userMetadata=self.edits.user_metadata or None,
            userMetadataLastModified=edited_at and format_date(edited_at),
            usages=newest(self.usages.document, trimmed),
            leases=self.leases.document,
            collections=self.collections.document,
            exports=self.crops.document,
            syndicationRights=self.syndication_rights,
            softDeletedMetadata=self.soft_deleted,
            lastModified=last_modified and format_date(last_modified),
        )


def read_user_fields(rows: UserData, now: datetime) -> UserFields:
    """Read one image's user data.

    Args:
        rows: The image's table rows and crops.
        now: Current time, timezone-aware; decides which leases are active.

    Raises:
        InvalidUserData: A row or a crop is malformed.
    """
    return UserFields(
        usages=usages(rows.usages),
        leases=leases(rows.leases, now),
        collections=collections(rows.collections),
        crops=crops(rows.crops),
        edits=edits(rows.edits),
        syndication_rights=syndication_rights(rows.syndication),
        soft_deleted=soft_deleted(rows.status),
    )
