"""The truth: the originals and the user data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from reindex.domain.failures import Failure
from reindex.image.ranged import RangedFile
from reindex.image.truth import StoredObject, UserData


@dataclass(frozen=True, slots=True)
class OpenObject:
    """A stored object, and its bytes, fetched as they are read."""

    stored: StoredObject
    file: RangedFile


@dataclass(frozen=True, slots=True)
class ObjectVersion:
    """One version of an object.

    Attributes:
        version_id: As the store names it.
        at: When it was stored, or deleted.
        size: Bytes; None of a deletion.
    """

    version_id: str
    at: datetime
    size: int | None


@dataclass(frozen=True, slots=True)
class ObjectHistory:
    """The present and past versions of an object.

    Attributes:
        bucket: Its bucket, whether it exists or not.
        key: In that bucket.
        size: Bytes; None if it does not exist now.
        last_modified: Time when it was stored; None if it does not exist now.
        storage_class: As the store names it.
        archived: True if it must be restored before it can be read.
        versions: The newest first; None without permission to list them.
    """

    bucket: str
    key: str
    size: int | None = None
    last_modified: datetime | None = None
    storage_class: str = "STANDARD"
    archived: bool = False
    versions: Sequence[ObjectVersion] | None = None

    @property
    def exists(self) -> bool:
        """True if the object exists now."""
        return self.size is not None


class Originals(Protocol):
    """The library's objects: originals and renditions.

    Every call about one image raises that image's own failure: ``SourceForbidden`` when S3
    denies access, ``SourceUnavailable`` when it does not answer after all retries.
    """

    def open(self, image_id: str) -> OpenObject:
        """Open an original.

        Raises:
            OriginalNotFound: There is none.
        """
        ...

    def thumbnail(self, image_id: str) -> OpenObject | None:
        """Open the thumbnail; None when there is none."""
        ...

    def optimised_png(self, image_id: str) -> OpenObject | None:
        """Open the optimised PNG; None when there is none."""
        ...

    def exists(self, image_id: str) -> bool:
        """Return True if the original exists now."""
        ...

    def history(self, image_id: str) -> ObjectHistory:
        """Return the present and past versions of the original, without reading it."""
        ...


class UserDataSource(Protocol):
    """The user data of images."""

    def user_data(self, ids: Sequence[str]) -> Mapping[str, UserData | Failure]:
        """Read the user data of images.

        Returns:
            One entry per id: its user data, or the failure to read them.
        """
        ...


class Library(Originals, UserDataSource, Protocol):
    """The truth."""
