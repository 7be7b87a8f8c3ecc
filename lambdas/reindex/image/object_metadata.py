"""Reads upload details from an original's object metadata.

Names of user metadata are in lower case (S3 converts them); old uploads use ``_`` where newer
ones use ``-``. Values are URL-encoded, because headers are ASCII only.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final
from urllib.parse import unquote, unquote_plus

from reindex.image.dates import parse_iso
from reindex.image.names import storable_names
from reindex.image.text import clean
from reindex.image.truth import StoredObject

#: The uploader of an original whose metadata does not name one.
DEFAULT_UPLOADER: Final = "re-ingester"

_IDENTIFIER: Final = "identifier!"


@dataclass(frozen=True, slots=True)
class Upload:
    """Details of an original's upload.

    Attributes:
        by: The uploader.
        at: Upload time in UTC.
        filename: The file's name at upload, if known.
        identifiers: Identifiers in other systems, by name.
    """

    by: str
    at: datetime
    filename: str | None
    identifiers: Mapping[str, str]


def upload_of(original: StoredObject) -> Upload:
    """Return the upload details of ``original``, with defaults for missing values."""
    values = by_name(original)
    # The time zone's plus sign may be unencoded; unquote_plus would make it a blank.
    time = parse_iso(unquote(values.get("upload-time", "")))
    texts = {name: text for name in values if (text := clean(unquote_plus(values[name])))}
    return Upload(
        by=texts.get("uploaded-by", DEFAULT_UPLOADER),
        at=time or original.last_modified.astimezone(UTC),
        filename=texts.get("file-name"),
        identifiers=storable_names(
            {
                name.removeprefix(_IDENTIFIER): text
                for name, text in texts.items()
                if name.startswith(_IDENTIFIER)
            }
        ),
    )


def by_name(stored: StoredObject) -> dict[str, str]:
    """Return an object's non-blank user metadata, not decoded, under names with ``-``.

    If an object has both spellings of a name, the one with ``-`` wins, because it is newer.
    """
    newer_last = sorted(stored.user_metadata.items(), key=lambda item: ("_" not in item[0], item))
    return {name.replace("_", "-"): value for name, value in newer_last if value.strip()}
