"""The buckets that originals and renditions are written to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True, slots=True)
class NewFile:
    """A file to be stored.

    Attributes:
        path: Of its bytes.
        size: Of them.
        content_type: MIME type.
        sha1: Hex digest of its bytes.
        metadata: User metadata, values URL-encoded.
    """

    path: Path
    size: int
    content_type: str
    sha1: str
    metadata: Mapping[str, str] = field(default_factory=dict)


class Archive(Protocol):
    """The buckets of originals and renditions."""

    def archive(self, image_id: str, file: NewFile) -> None:
        """Store an original, and verify the stored object's checksum and length.

        If the original exists with the same bytes, it keeps its metadata and gets the identifiers
        that it lacks.

        Raises:
            ArchiveConflict: The original exists with other bytes. It is not changed.
            UnexpectedError: The archive rejects its metadata.
        """
        ...

    def publish(self, image_id: str, kind: str, content: bytes, content_type: str) -> None:
        """Store a rendition; replace the one that exists.

        Args:
            image_id: Of the image.
            kind: One of :class:`reindex.image.renditions.Kind`.
            content: Its bytes.
            content_type: MIME type.
        """
        ...
