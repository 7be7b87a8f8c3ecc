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
    """Where originals are kept for good, and what is made of them is published."""

    def archive(self, image_id: str, file: NewFile) -> None:
        """Store an original, and read checksum and length of the copy back from the store.

        One that is there already with the same bytes keeps its metadata, and is given the
        identifiers that it lacks.

        Raises:
            ArchiveConflict: One of that id has other bytes. It is as it was.
        """
        ...

    def publish(self, image_id: str, kind: str, content: bytes, content_type: str) -> None:
        """Store what was made of an original; what was there before is replaced.

        Args:
            image_id: Of the image.
            kind: Of :mod:`reindex.image.renditions`.
            content: Its bytes.
            content_type: MIME type.
        """
        ...
