"""A library in memory: originals, renditions, crops and user data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from reindex.domain.failures import Failure, OriginalNotFound, ReindexFailure
from reindex.image.ranged import open_bytes
from reindex.image.truth import StoredObject, UserData
from reindex.stores.interfaces.library import Library, ObjectHistory, OpenObject

UPLOADED = datetime(2024, 5, 17, 9, 30, tzinfo=UTC)


class MemoryLibrary(Library):
    """The twin of ``AwsLibrary``.

    Attributes:
        originals: Bytes by image id.
        thumbnails: Bytes by image id.
        optimised_pngs: Bytes by image id.
        object_metadata: The originals' user metadata, by image id.
        crop_objects: Crops by image id.
        rows: User data by image id.
        histories: What ``history`` says of an image in place of what follows from ``originals``.
        broken: Failures that every read about an image raises, by its id.
    """

    def __init__(self, originals: Mapping[str, bytes] | None = None) -> None:
        self.originals = dict(originals or {})
        self.thumbnails: dict[str, bytes] = {}
        self.optimised_pngs: dict[str, bytes] = {}
        self.object_metadata: dict[str, dict[str, str]] = {}
        self.crop_objects: dict[str, list[StoredObject]] = {}
        self.rows: dict[str, UserData] = {}
        self.histories: dict[str, ObjectHistory] = {}
        self.broken: dict[str, ReindexFailure] = {}

    def open(self, image_id: str) -> OpenObject:
        found = self._open(self.originals, "originals", image_id)
        if found is None:
            raise OriginalNotFound("The original does not exist.")
        return found

    def thumbnail(self, image_id: str) -> OpenObject | None:
        return self._open(self.thumbnails, "thumbnails", image_id)

    def optimised_png(self, image_id: str) -> OpenObject | None:
        return self._open(self.optimised_pngs, "optimised", image_id)

    def exists(self, image_id: str) -> bool:
        self._check(image_id)
        return image_id in self.originals

    def history(self, image_id: str) -> ObjectHistory:
        self._check(image_id)
        if image_id in self.histories:
            return self.histories[image_id]
        data = self.originals.get(image_id)
        size, at = (None, None) if data is None else (len(data), UPLOADED)
        return ObjectHistory("originals", image_id, size, at)

    def user_data(self, ids: Sequence[str]) -> Mapping[str, UserData | Failure]:
        return {
            image_id: self.broken[image_id].as_failure()
            if image_id in self.broken
            else replace(
                self.rows.get(image_id, UserData()), crops=self.crop_objects.get(image_id, ())
            )
            for image_id in ids
        }

    def _check(self, image_id: str) -> None:
        if image_id in self.broken:
            raise self.broken[image_id]

    def _open(self, objects: Mapping[str, bytes], place: str, image_id: str) -> OpenObject | None:
        self._check(image_id)
        if image_id not in objects:
            return None
        data = objects[image_id]
        metadata = self.object_metadata.get(image_id, {}) if place == "originals" else {}
        stored = StoredObject(f"memory://{place}/{image_id}", len(data), UPLOADED, metadata)
        return OpenObject(stored, open_bytes(data))
