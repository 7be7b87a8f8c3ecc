"""Leases: periods in which an image may, or may not, be used."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from reindex.domain import stamps
from reindex.image.dates import format_date
from reindex.image.rows import Fields, present
from reindex.image.truth import Row

_ACCESS: Final = {
    "AllowUseLease": "allow-use",
    "DenyUseLease": "deny-use",
    "AllowSyndicationLease": "allow-syndication",
    "DenySyndicationLease": "deny-syndication",
    # Older names, from before there were syndication leases.
    "allow": "allow-use",
    "deny": "deny-use",
}
_BEFORE_ALL: Final = datetime.min.replace(tzinfo=UTC)
_NAMES: Final = frozenset(_ACCESS.values())


@dataclass(frozen=True, slots=True)
class Leases:
    """An image's leases.

    Attributes:
        document: The document's ``leases``, or None when there are none.
        last_modified: Creation time of the newest lease, or None if unknown.
    """

    document: dict[str, Any] | None
    last_modified: datetime | None


def leases(rows: Iterable[Row], now: datetime) -> Leases:
    """Return an image's leases, the newest first.

    Args:
        rows: The rows of the leases table, in any order.
        now: Current time, timezone-aware; decides which leases are active.

    Raises:
        InvalidUserData: If a row is malformed.
    """
    made = [Fields("leases", row) for row in rows]
    made.sort(key=lambda lease: lease.required_text("id"))
    # The sort is stable: leases with equal or no creation times stay ordered by id.
    made.sort(key=lambda lease: lease.moment("createdAt") or _BEFORE_ALL, reverse=True)
    if not made:
        return Leases(None, None)
    last_modified = made[0].moment("createdAt")
    document = present(
        leases=[_lease(lease, now) for lease in made],
        lastModified=last_modified and format_date(last_modified),
    )
    return Leases(document, last_modified)


def _lease(fields: Fields, now: datetime) -> dict[str, Any]:
    start, end = fields.moment("startDate"), fields.moment("endDate")
    created = fields.moment("createdAt")
    lease = present(
        id=fields.required_text("id"),
        leasedBy=fields.text("leasedBy"),
        startDate=start and format_date(start),
        endDate=end and format_date(end),
        access=_access(fields),
        notes=fields.text("notes"),
        mediaId=fields.text("mediaId"),
        createdAt=created and format_date(created),
    )
    lease["active"] = _is_active(start, end, now)
    return lease


def _is_active(start: datetime | None, end: datetime | None, now: datetime) -> bool:
    return (start is None or start <= now) and (end is None or now <= end)


def are_current(stored: object, now: float) -> bool:
    """Return True if the ``active`` flags of a stored document's leases are correct now.

    Args:
        stored: The document's ``leases``, by any writer; None when it has none.
        now: Current time in epoch seconds.
    """
    if stored is None:
        return True
    found = stored.get("leases") if isinstance(stored, Mapping) else None
    if not isinstance(found, list):
        return False
    moment = datetime.fromtimestamp(now, UTC)
    return all(
        isinstance(lease, Mapping)
        and lease.get("active")
        is _is_active(_moment(lease.get("startDate")), _moment(lease.get("endDate")), moment)
        for lease in found
    )


def _moment(value: object) -> datetime | None:
    seconds = stamps.parse(value)
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)


def _access(fields: Fields) -> str:
    written = fields.required_text("access")
    access = written if written in _NAMES else _ACCESS.get(written)
    if access is None:
        raise fields.refuse("access", "is no kind of access")
    return access
