"""Usages: where an image was published, syndicated or downloaded."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from urllib.parse import quote

from reindex.image.dates import format_date
from reindex.image.rows import Fields, present
from reindex.image.truth import Row


@dataclass(frozen=True, slots=True)
class Usages:
    """An image's usages.

    Attributes:
        document: The document's ``usages``, the newest first; empty when there are none.
        last_modified: Time of the latest change to any of them, or None when there are none.
    """

    document: list[dict[str, Any]]
    last_modified: datetime | None


@dataclass(frozen=True, slots=True)
class _Usage:
    fields: Fields
    grouping: str
    id: str
    status: str
    added: datetime | None
    removed: datetime | None
    last_modified: datetime

    @property
    def is_removed(self) -> bool:
        """Return True if it was removed after it was last added."""
        return self.added is not None and self.removed is not None and self.removed >= self.added


def usages(rows: Iterable[Row]) -> Usages:
    """Return an image's usages, one for each grouping.

    Args:
        rows: The rows of the usages table, in any order.

    Raises:
        InvalidUserData: If a row is malformed.
    """
    shown = _shown([_read(Fields("usages", row)) for row in rows])
    return Usages([_document(usage) for usage in shown], shown[0].last_modified if shown else None)


def _read(fields: Fields) -> _Usage:
    grouping = fields.required_text("grouping")
    return _Usage(
        fields=fields,
        grouping=grouping,
        id=f"{grouping}_{fields.required_text('usage_id')}",
        status=fields.required_text("usage_status"),
        added=fields.epoch_millis("date_added"),
        removed=fields.epoch_millis("date_removed"),
        last_modified=fields.required_epoch_millis("last_modified"),
    )


def _shown(usages: list[_Usage]) -> list[_Usage]:
    """Return one usage of each grouping, newest first.

    Pending usages that were removed are ignored. A grouping is represented by its newest
    published usage, or by its newest usage if none is published.
    """
    usages = [usage for usage in usages if not (usage.status == "pending" and usage.is_removed)]
    usages.sort(key=lambda usage: usage.id)
    # The sort is stable: usages with equal times stay ordered by id.
    usages.sort(key=lambda usage: usage.last_modified, reverse=True)
    chosen: dict[str, _Usage] = {}
    for usage in usages:
        known = chosen.setdefault(usage.grouping, usage)
        if usage.status == "published" and known.status != "published":
            chosen[usage.grouping] = usage
    return [usage for usage in usages if chosen[usage.grouping] is usage]


def _document(usage: _Usage) -> dict[str, Any]:
    fields = usage.fields
    details: dict[str, Any] = {}
    references: list[dict[str, str]] = []
    for kind in _KINDS:
        metadata = fields.fields(kind.attribute)
        if metadata is not None:
            read = kind.read(metadata)
            details[kind.field] = read or None
            references += [found for found in kind.references(read) if len(found) > 1]
    return present(
        id=usage.id,
        references=references,
        platform=fields.required_text("usage_type"),
        media=fields.required_text("media_type"),
        status="removed" if usage.is_removed else usage.status,
        dateAdded=usage.added and format_date(usage.added),
        dateRemoved=usage.removed and format_date(usage.removed),
        lastModified=format_date(usage.last_modified),
        **details,
    )


def _texts(*names: str) -> Callable[[Fields], dict[str, Any]]:
    def read(fields: Fields) -> dict[str, Any]:
        return present(**{name: fields.text(name) for name in names})

    return read


def _print(fields: Fields) -> dict[str, Any]:
    issued, size = fields.moment("issueDate"), fields.fields("size")
    return present(
        sectionName=fields.text("sectionName"),
        issueDate=issued and format_date(issued),
        pageNumber=fields.integer("pageNumber"),
        storyName=fields.text("storyName"),
        publicationCode=fields.text("publicationCode"),
        publicationName=fields.text("publicationName"),
        layoutId=fields.integer("layoutId"),
        edition=fields.integer("edition"),
        size=(size and present(x=size.integer("x"), y=size.integer("y"))) or None,
        orderedBy=fields.text("orderedBy"),
        sectionCode=fields.text("sectionCode"),
        notes=fields.text("notes"),
        source=fields.text("source"),
    )


def _reference(kind: str, *, uri: str | None = None, name: str | None = None) -> dict[str, str]:
    return present(type=kind, uri=uri, name=name)


def _digital_references(metadata: Mapping[str, Any]) -> list[dict[str, str]]:
    return [
        _reference("frontend", uri=metadata.get("webUrl"), name=metadata.get("webTitle")),
        _reference("composer", uri=metadata.get("composerUrl")),
    ]


def _front_references(metadata: Mapping[str, Any]) -> list[dict[str, str]]:
    return [_reference("front", name=metadata.get("front"))]


def _print_references(metadata: Mapping[str, Any]) -> list[dict[str, str]]:
    page = metadata.get("pageNumber")
    parts = (
        metadata.get("issueDate", "")[:10],
        metadata.get("publicationName"),
        metadata.get("sectionName"),
        None if page is None else f"Page {page}",
    )
    return [_reference("indesign", name=", ".join(part for part in parts if part) or None)]


def _syndication_references(metadata: Mapping[str, Any]) -> list[dict[str, str]]:
    parts = (metadata.get("partnerName"), metadata.get("syndicatedBy"))
    return [_reference("syndication", name=", ".join(part for part in parts if part) or None)]


def _download_references(metadata: Mapping[str, Any]) -> list[dict[str, str]]:
    return [_reference("download", name=metadata.get("downloadedBy"))]


def _child_references(metadata: Mapping[str, Any]) -> list[dict[str, str]]:
    child = metadata.get("childMediaId")
    # The id is quoted, so that any id is a relative link and cannot be a path or a scheme.
    return [_reference("grid", uri=child and quote(child, safe=""), name=child)]


@dataclass(frozen=True, slots=True)
class _Kind:
    """The rules for reading one kind of usage.

    Attributes:
        attribute: Name of the row's map.
        field: Name of the document's map.
        read: Reads the known attributes of the map.
        references: Returns links to the usage; those without link and name are dropped.
    """

    attribute: str
    field: str
    read: Callable[[Fields], dict[str, Any]]
    references: Callable[[Mapping[str, Any]], list[dict[str, str]]]


_KINDS: Final = (
    _Kind(
        "digital_metadata",
        "digitalUsageMetadata",
        _texts("webUrl", "webTitle", "sectionId", "composerUrl"),
        _digital_references,
    ),
    _Kind("front_metadata", "frontUsageMetadata", _texts("addedBy", "front"), _front_references),
    _Kind("print_metadata", "printUsageMetadata", _print, _print_references),
    _Kind(
        "syndication_metadata",
        "syndicationUsageMetadata",
        _texts("partnerName", "syndicatedBy"),
        _syndication_references,
    ),
    _Kind(
        "download_metadata", "downloadUsageMetadata", _texts("downloadedBy"), _download_references
    ),
    _Kind(
        "child_metadata",
        "childUsageMetadata",
        _texts("addedBy", "childMediaId"),
        _child_references,
    ),
)
