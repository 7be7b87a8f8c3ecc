"""Dates: parses the many formats found in files, and writes the one format of documents.

A file's date may have been written by any program. :func:`readings` yields every date that a
text can mean, the most probable first, and :func:`first_plausible` returns the first plausible
one. No function here raises an exception for a malformed text.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Final

#: A camera's clock may be set to any time zone; the most easterly is 14 hours ahead of UTC. A
#: date later than the upload by more than that is wrong.
CLOCK_TOLERANCE: Final = timedelta(hours=14)

#: Hours from UTC by zone name: the names of RFC 2822 (section 4.3) and of European feeds.
#: BST is read as British Summer Time.
_ZONE_NAMES: Final = {
    "Z": 0,
    "UT": 0,
    "UTC": 0,
    "GMT": 0,
    "WET": 0,
    "BST": 1,
    "WEST": 1,
    "CET": 1,
    "CEST": 2,
    "EET": 2,
    "EEST": 3,
    "EDT": -4,
    "EST": -5,
    "CDT": -5,
    "CST": -6,
    "MDT": -6,
    "MST": -7,
    "PDT": -7,
    "PST": -8,
}

_MONTH_NAMES: Final = {
    name: number
    for number, name in enumerate(
        ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"), 1
    )
}

_HALF_DAY: Final = 12

#: Hour 24 means hour 0 of the date beside it. It is written by cameras whose software counts hours
#: from 1 to 24 (``kk`` in Java's date formats); file names and photographers' own accounts confirm
#: the date. ISO 8601 once allowed 24:00 for the end of a day, but no photo standard does: EXIF, IIM
#: 2:60 and XMP (as a profile of ISO 8601) count hours from 0 to 23. So one rule applies to all
#: formats.
_DAY: Final = 24
#: The largest UTC offset in history (tz database: Manila and Juneau before the date line moved).
_FURTHEST_ZONE: Final = timedelta(hours=16)

#: Longest text, in characters, that is parsed as a date.
_LONGEST: Final = 64

_CLOCK: Final = re.compile(
    r"(?:(?P<hour>\d{1,2}):(?P<minute>\d{1,2})(?::(?P<second>\d{1,2}))?:?"
    r"|(?P<basic_hour>\d{2})(?P<basic_minute>\d{2})(?P<basic_second>\d{2})?)"
    r"(?:[.,](?P<fraction>\d*))?"
    r"(?:\s*(?P<half>[AP])\.?M\b\.?)?"
    r"(?:\s*(?P<zone>[A-Z]{1,5}|[+-]\d{1,2}(?::?\d{2}){0,2}))?",
    re.ASCII | re.IGNORECASE,
)

_OFFSET: Final = re.compile(r"[+-](\d{1,2})(?::?(\d{2}))?(?::?(\d{2}))?", re.ASCII)
_ZONE: Final = re.compile(r"Z|[+-]\d{1,2}(?::?\d{2})?", re.ASCII)

#: A blank in place of a number's leading zero.
_PADDED: Final = re.compile(r"(?<=\d)([:./]) (?=\d)", re.ASCII)
#: A zone name after the offset, as Java prints it: ``+01:00[Europe/Paris]``.
_REGION: Final = re.compile(r"\[[\w/+-]+\]$", re.ASCII)

#: Year first, as in EXIF (``2014:12:16``), ISO 8601, XMP and IIM (``20141216``).
_YEAR_FIRST: Final = re.compile(
    r"(?P<year>\d{4})(?:(?P<gap>[-:/. ])(?P<month>\d{1,2})(?:[-:/. ](?P<day>\d{1,2}))?)?"
    r"(?![\d:])(?:[Tt\s]\s*(?P<clock>.+))?",
    re.ASCII,
)
_YEAR_FIRST_BASIC: Final = re.compile(
    r"(?P<year>\d{4})(?P<month>\d{2})(?P<day>\d{2})?(?!\d)(?:[Tt\s]?\s*(?P<clock>.+))?",
    re.ASCII,
)
_COMPACT: Final = re.compile(
    r"(?P<year>\d{4})(?P<month>\d{2})(?P<day>\d{2})(?P<clock>\d{6}(?:[.,]\d+)?.*)",
    re.ASCII,
)
#: Day or month first, with a four-digit year: ``16/12/2014``, ``16.12.2014``.
_YEAR_LAST: Final = re.compile(
    r"(?P<first>\d{1,2})(?P<gap>[-:/. ])(?P<second>\d{1,2})(?P=gap)(?P<year>\d{4})"
    r"(?:[T,\s]\s*(?P<clock>.+))?",
    re.ASCII,
)
#: ``Tue Dec 16 01:23:45 GMT 2014``, as C's ctime and Java's Date print it.
_CTIME: Final = re.compile(
    r"(?:[A-Za-z]{3,9},?\s+)?(?P<name>[A-Za-z]{3,9})\.?\s+(?P<day>\d{1,2})\s+"
    r"(?P<clock>\d{1,2}:\d{2}.*?)\s+(?P<year>\d{4})",
    re.ASCII,
)
#: ``Tue, 16 Dec 2014 01:23:45 +0000`` (RFC 2822), and ``16-Dec-2014``.
_DAY_NAME_YEAR: Final = re.compile(
    r"(?:[A-Za-z]{3,9},?\s+)?(?P<day>\d{1,2})[-\s.]+(?P<name>[A-Za-z]{3,9})[-\s.,]+(?P<year>\d{4})"
    r"(?:[T,\s]\s*(?P<clock>.+))?",
    re.ASCII,
)
#: ``December 16, 2014``.
_NAME_DAY_YEAR: Final = re.compile(
    r"(?:[A-Za-z]{3,9},?\s+)?(?P<name>[A-Za-z]{3,9})\.?\s+(?P<day>\d{1,2})(?:st|nd|rd|th)?,?\s+"
    r"(?P<year>\d{4})(?:[T,\s]\s*(?P<clock>.+))?",
    re.ASCII,
)


def format_date(when: datetime) -> str:
    """Return ``when`` in the date format of documents: ``2014-12-16T01:23:45.678Z``.

    Args:
        when: A timezone-aware date.

    Raises:
        ValueError: If ``when`` has no time zone.
    """
    if when.tzinfo is None:
        raise ValueError("a date without a zone names no moment")
    return when.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"


def parse_iso(text: str) -> datetime | None:
    """Parse an ISO 8601 date of a table row or of object metadata.

    The default zone is UTC, and the default time midnight.

    Returns:
        A timezone-aware date, or None when ``text`` is not an ISO 8601 date.
    """
    try:
        when = datetime.fromisoformat(text.strip())
        return when.replace(tzinfo=UTC) if when.tzinfo is None else when.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def is_time(text: str) -> bool:
    """Return True if ``text`` is a time of day, with or without a zone."""
    return _since_midnight(text) is not None


def is_zone(text: str) -> bool:
    """Return True if ``text`` is an offset from UTC, such as ``+01:00`` or ``Z``."""
    return _ZONE.fullmatch(text) is not None


def readings(text: str) -> Iterator[datetime]:
    """Yield every date that a text of a file may mean, the most probable first.

    The default zone is UTC, the default time midnight, the default month and day the first. An
    invalid time is dropped and the day kept. Where two numbers may be month or day, the format's
    own order comes first, then the swapped order.
    """
    if len(text) > 4 * _LONGEST:
        return
    text = _PADDED.sub(r"\1", " ".join(text.replace("\0", " ").split()))
    text = _REGION.sub("", text)
    if len(text) > _LONGEST:
        return
    yield from _ymd(text)
    yield from _dmy(text)
    yield from _named(text)


def first_plausible(texts: Iterable[str], uploaded: datetime) -> datetime | None:
    """Return the first reading of ``texts`` that is plausible as the date of a photo.

    Args:
        texts: Dates as written in the file, the best source first.
        uploaded: Upload time of the image, timezone-aware.

    Returns:
        The date in UTC, or None when no reading of any text is plausible.
    """
    try:
        latest = uploaded + CLOCK_TOLERANCE
    except OverflowError:
        latest = datetime.max.replace(tzinfo=UTC)
    for text in texts:
        for when in readings(text):
            if when <= latest:
                return when
    return None


def _ymd(text: str) -> Iterator[datetime]:
    for form in (_YEAR_FIRST, _YEAR_FIRST_BASIC, _COMPACT):
        match = form.fullmatch(text)
        if match is None:
            continue
        # IIM allows zeros for a month or day that is not known (2:55, Date Created).
        year, month, day = (int(match[part] or 0) for part in ("year", "month", "day"))
        yield from _moments(year, month or 1, day or 1, match["clock"])
        if month and day and month != day:
            yield from _moments(year, day, month, match["clock"])


def _dmy(text: str) -> Iterator[datetime]:
    match = _YEAR_LAST.fullmatch(text)
    if match is None:
        return
    year, first, second = (int(match[part]) for part in ("year", "first", "second"))
    yield from _moments(year, second, first, match["clock"])
    if first != second:
        yield from _moments(year, first, second, match["clock"])


def _named(text: str) -> Iterator[datetime]:
    for form in (_CTIME, _DAY_NAME_YEAR, _NAME_DAY_YEAR):
        match = form.fullmatch(text)
        month = match and _MONTH_NAMES.get(match["name"][:3].lower())
        if match and month:
            yield from _moments(int(match["year"]), month, int(match["day"]), match["clock"])


def _moments(year: int, month: int, day: int, clock: str | None) -> Iterator[datetime]:
    """Yield the date with its time of day, or with midnight if the time is invalid."""
    try:
        midnight = datetime(year, month, day, tzinfo=UTC)
        since_midnight = timedelta(0) if clock is None else _since_midnight(clock)
        yield midnight + (since_midnight or timedelta(0))
    except (ValueError, OverflowError):
        # No such day; or, by its zone, a moment before year 1 or after year 9999.
        return


def _since_midnight(clock: str) -> timedelta | None:
    """Return the time since midnight UTC of the same date, or None if ``clock`` is invalid."""
    match = _CLOCK.fullmatch(clock.strip())
    if match is None:
        return None
    hour, minute, second = (
        int(match[name] or match[f"basic_{name}"] or 0) for name in ("hour", "minute", "second")
    )
    hour = 0 if hour == _DAY else hour
    if match["half"]:
        if hour > _HALF_DAY:
            return None
        hour = hour % _HALF_DAY + (_HALF_DAY if match["half"].lower() == "p" else 0)
    # A leap second is valid (ISO 8601:2004, 4.2.1).
    if hour > _DAY or minute > 59 or second > 60:  # noqa: PLR2004
        return None
    millis = int((match["fraction"] or "")[:3].ljust(3, "0"))
    local = timedelta(hours=hour, minutes=minute, seconds=second, milliseconds=millis)
    return local - _offset(match["zone"])


def _offset(zone: str | None) -> timedelta:
    """Return a zone's offset from UTC; zero for an unknown zone."""
    if zone is None:
        return timedelta(0)
    if zone[0] not in "+-":
        return timedelta(hours=_ZONE_NAMES.get(zone.upper(), 0))
    match = _OFFSET.fullmatch(zone)
    hours, minutes, seconds = (int(part or 0) for part in match.groups()) if match else (0, 0, 0)
    offset = timedelta(hours=hours, minutes=minutes, seconds=seconds)
    if offset > _FURTHEST_ZONE:
        return timedelta(0)
    return -offset if zone[0] == "-" else offset
