"""Thumbnails for pages."""

from __future__ import annotations

import base64
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

from reindex.domain.failures import ReindexFailure
from reindex.image.sniff import HEAD, sniff
from reindex.stores.interfaces.library import Library

#: Thumbnails of a page that holds them itself.
_MOST: Final = 100

#: Bytes of a thumbnail, at most.
_MAX_BYTES: Final = 100_000

#: Media types that every browser shows, none of which can hold a script.
_SHOWN_TYPES: Final = frozenset({"image/jpeg", "image/png", "image/webp"})


@dataclass(frozen=True, slots=True)
class Thumbnail:
    """A small picture of an image.

    Attributes:
        media_type: Of the picture, found in its bytes.
        data: Its bytes.
    """

    media_type: str
    data: bytes

    @property
    def url(self) -> str:
        """The picture as a ``data:`` URL."""
        return f"data:{self.media_type};base64,{base64.b64encode(self.data).decode()}"


def thumbnail(library: Library, image_id: str) -> Thumbnail | None:
    """Return an image's thumbnail; None if it is missing, cannot be read, or is not a picture."""
    try:
        found = library.thumbnail(image_id)
        if found is None or found.file.size > _MAX_BYTES:
            return None
        with found.file:
            data = found.file.pread(0, found.file.size)
    except ReindexFailure:
        return None
    _, media_type = sniff(data[:HEAD]) or (None, None)
    return Thumbnail(media_type, data) if media_type in _SHOWN_TYPES else None


def thumbnails(library: Library, ids: Iterable[str]) -> dict[str, str]:
    """Return the thumbnails of the first hundred images that have one: ``data:`` URLs by id."""
    first = list(dict.fromkeys(ids))[:_MOST]
    with ThreadPoolExecutor(8) as pool:
        pictures = zip(first, pool.map(lambda id_: thumbnail(library, id_), first), strict=True)
        return {image_id: found.url for image_id, found in pictures if found}
