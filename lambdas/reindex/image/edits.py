"""Edits: what people changed, over what the file says."""

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
    """What people changed on an image.

    Attributes:
        user_metadata: The document's ``userMetadata``; empty when nothing was changed.
        overrides: Fields of ``metadata`` that were edited. An edit that empties a field stands
            here as None.
        usage_rights: The rights that people gave, or None when they gave none; empty when they
            said that there are none.
        last_modified: When the latest change was made, or None when the row does not say.
    """

    user_metadata: dict[str, Any]
    overrides: dict[str, Any]
    usage_rights: dict[str, Any] | None
    last_modified: datetime | None

    def applied_to(self, original: Mapping[str, Any]) -> dict[str, Any]:
        """Return the document's ``metadata``: the file's own, each edited field overridden."""
        merged = {**original, **self.overrides}
        return present(**merged)


def edits(row: Row | None) -> Edits:
    """Return what people changed on an image.

    Attributes we do not know are left alone: a strict mapping would refuse the whole document
    for them.

    Args:
        row: The image's row of the edits table, if it has one.

    Raises:
        InvalidUserData: If the row is not of the form its table promises.
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
        # Empty rights are a statement: somebody looked, and there are none.
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
    # People type dates as freely as cameras do.
    for when in readings(text):
        return format_date(when)
    raise metadata.refuse("dateTaken", "is no date")


def _texts(fields: Fields, names: tuple[str, ...]) -> dict[str, Any]:
    return present(**{name: fields.text(name) for name in names})
