"""Edits: metadata that users changed, which overrides the file's own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from reindex.domain.fields import METADATA_SETS, METADATA_TEXTS, USAGE_RIGHTS_TEXTS
from reindex.image.dates import format_date, readings
from reindex.image.rows import Fields, present
from reindex.image.truth import Row


@dataclass(frozen=True, slots=True)
class Edits:
    """The changes that users made to an image.

    Attributes:
        user_metadata: The document's ``userMetadata``; empty when nothing was changed.
        overrides: Edited fields of ``metadata``; None for a field that was emptied.
        usage_rights: The usage rights that users set, or None when they set none; empty when
            they declared that there are no rights.
        last_modified: Time of the latest change, or None when it is unknown.
    """

    user_metadata: dict[str, Any]
    overrides: dict[str, Any]
    usage_rights: dict[str, Any] | None
    last_modified: datetime | None

    def applied_to(self, original: Mapping[str, Any]) -> dict[str, Any]:
        """Return the document's ``metadata``: the file's own with the edited fields replaced."""
        merged = {**original, **self.overrides}
        return present(**merged)


def edits(row: Row | None) -> Edits:
    """Return the changes that users made to an image.

    Unknown attributes are ignored, because a strict mapping would reject the whole document.

    Args:
        row: The image's row of the edits table, if it has one.

    Raises:
        InvalidUserData: If the row is malformed.
    """
    fields = Fields("edits", row or {})
    last_modified = fields.moment("lastModified")
    metadata = fields.fields("metadata")
    overrides = {} if metadata is None else _overrides(metadata)
    rights = fields.fields("usageRights")
    usage_rights = None if rights is None else _texts(rights, USAGE_RIGHTS_TEXTS)
    photoshoot = fields.fields("photoshoot")
    title = photoshoot and photoshoot.text("title")
    user_metadata = present(
        archived=fields.flag("archived"),
        labels=sorted(set(fields.texts("labels") or ())),
        metadata=present(**overrides) or None,
        # Empty rights have a meaning: a user declared that there are none.
        usageRights=usage_rights,
        photoshoot={"title": title} if title else None,
        lastModified=last_modified and format_date(last_modified),
    )
    return Edits(user_metadata, overrides, usage_rights, last_modified)


def _overrides(metadata: Fields) -> dict[str, Any]:
    overrides: dict[str, Any] = {
        name: metadata.text(name) for name in METADATA_TEXTS if name in metadata
    }
    for name in METADATA_SETS:
        if name in metadata:
            overrides[name] = sorted(set(metadata.texts(name) or ())) or None
    if "dateTaken" in metadata:
        overrides["dateTaken"] = _date_taken(metadata)
    if "domainMetadata" in metadata:
        overrides["domainMetadata"] = metadata.plain_map("domainMetadata")
    return overrides


def _date_taken(metadata: Fields) -> str | None:
    text = metadata.text("dateTaken")
    if text is None:
        return None
    # Users enter dates in many formats, so the parser for files is used.
    for when in readings(text):
        return format_date(when)
    raise metadata.refuse("dateTaken", "is no date")


def _texts(fields: Fields, names: tuple[str, ...]) -> dict[str, Any]:
    return present(**{name: fields.text(name) for name in names})
