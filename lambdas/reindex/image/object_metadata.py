"""What an original's object metadata says of its upload.

Names of user metadata come in lower case (S3 lowers them); objects of old uploads use ``_``
where newer ones use ``-``. Values are URL-encoded, for a header holds ASCII only.
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

#: Who uploaded an original that does not say.
DEFAULT_UPLOADER: Final = "re-ingester"

_IDENTIFIER: Final = "identifier!"


@dataclass(frozen=True, slots=True)
class Upload:
    """How an original came into the library.

    Attributes:
        by: Who uploaded it.
        at: When, in UTC.
        filename: What the file was called, if it says.
        identifiers: Foreign identifiers by name.
    """

    by: str
    at: datetime
    filename: str | None
    identifiers: Mapping[str, str]


def upload_of(original: StoredObject) -> Upload:
    """Return what ``original`` says of its upload, with defaults for what it does not say."""
    values = by_name(original)
    # A zone's plus sign may stand there unencoded, and must not become a blank.
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
    """Return an object's user metadata that is not blank, as stored, under names with ``-``.

    Where an object has both spellings of a name, that with ``-`` is the newer.
    """
    newer_last = sorted(stored.user_metadata.items(), key=lambda item: ("_" not in item[0], item))
    return {name.replace("_", "-"): value for name, value in newer_last if value.strip()}
