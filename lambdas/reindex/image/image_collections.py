"""Collections: the groups that users have put an image into."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from reindex.image.dates import format_date
from reindex.image.rows import Fields, present
from reindex.image.truth import Row

_BEFORE_ALL: Final = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Collections:
    """The collections an image is in.

    Attributes:
        document: The document's ``collections``; empty when there are none.
        last_modified: When the image was last added to a collection, or None if unknown.
    """

    document: list[dict[str, Any]]
    last_modified: datetime | None


def collections(row: Row | None) -> Collections:
    """Return the collections of an image, sorted by path.

    An image is in a collection once: if several entries have one path, the latest is used.

    Args:
        row: The image's row of the collections table, if it has one.

    Raises:
        InvalidUserData: If the row is malformed.
    """
    latest: dict[str, tuple[datetime, dict[str, Any]]] = {}
    entries = Fields("collections", row or {}).list_of_fields("collections")
    for entry in map(_collection, entries):
        known = latest.get(entry[1]["pathId"])
        if known is None or (entry[0], str(entry[1])) > (known[0], str(known[1])):
            latest[entry[1]["pathId"]] = entry
    chosen = [latest[path_id] for path_id in sorted(latest)]
    dates = [when for when, _ in chosen if when is not _BEFORE_ALL]
    return Collections([document for _, document in chosen], max(dates, default=None))


def _collection(fields: Fields) -> tuple[datetime, dict[str, Any]]:
    path = fields.texts("path")
    if not path:
        raise fields.refuse("path", "is missing")
    action = fields.fields("actionData")
    author = action and action.text("author")
    date = action and action.moment("date")
    document = present(
        path=path,
        pathId="/".join(path).lower(),
        description=fields.text("description"),
        actionData=present(author=author, date=date and format_date(date)) or None,
    )
    return date or _BEFORE_ALL, document
