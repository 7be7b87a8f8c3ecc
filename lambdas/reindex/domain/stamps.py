"""Finds when a stored document was last modified, from its time stamps.

Other programs write the index too, so a time stamp may have any format or be missing. An invalid
time stamp is ignored, so that it delays neither the image nor others.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

#: Dotted paths of the time stamps that live writers set; an update may set only one of them.
STAMPS = (
    "lastModified",
    "usagesLastModified",
    "userMetadataLastModified",
    "leases.lastModified",
    "collections.actionData.date",
    "exports.date",
    "usages.lastModified",
)

#: Numbers above this are milliseconds, not seconds: as seconds it is the year 5138, as milliseconds
#: 1973.
_MILLISECONDS = 1e11


def modified_at(source: Mapping[str, Any]) -> float | None:
    """Return the latest of a document's :data:`STAMPS` as epoch seconds; None without any."""
    return latest(source, STAMPS)


def latest(source: Mapping[str, Any], paths: Iterable[str]) -> float | None:
    """Return the latest time stamp at some dotted paths as epoch seconds; None without any."""
    stamps = (parse(value) for path in paths for value in _values(source, path.split(".")))
    return max((stamp for stamp in stamps if stamp is not None), default=None)


def parse(value: object) -> float | None:
    """Read a time in ISO 8601, or as epoch seconds or milliseconds; None if it is neither.

    A time without a zone is UTC.
    """
    try:
        match value:
            case bool():
                return None
            case int() | float() | Decimal():
                number = float(value)
                seconds = number / 1000 if abs(number) > _MILLISECONDS else number
                return seconds if math.isfinite(seconds) else None
            case str():
                moment = datetime.fromisoformat(value.strip())
                return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
            case _:
                return None
    except (ValueError, OverflowError):
        return None


def _values(value: Any, path: Sequence[str]) -> Iterator[object]:
    """Yield the values at a path, in an object or in each member of a list."""
    if isinstance(value, list):
        for member in value:
            yield from _values(member, path)
    elif not path:
        yield value
    elif isinstance(value, Mapping) and path[0] in value:
        yield from _values(value[path[0]], path[1:])
