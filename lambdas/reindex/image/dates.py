"""Dates: the one form that documents hold, and the many forms that files hold.

A file's date is text that many programs wrote. :func:`readings` gives every date that a text
can mean, the likeliest first, and :func:`first_plausible` takes the first that can be true.
Nothing here ever raises for what a text says.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Final

#: A camera's clock may be set to any of the world's zones, the furthest of which is 14 hours
#: ahead of UTC; what is later than the upload by more than that was not yet taken.
CLOCK_TOLERANCE: Final = timedelta(hours=14)

#: Zones by name, in hours from UTC: those of RFC 2822 (section 4.3) and of European feeds.
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

#: An hour of 24 is the first of the day that is written beside it. Such times are written by
#: cameras whose software counts hours from 1 to 24 (``kk`` in Java's date formats): their files'
#: names, and those who took the photos, agree on that day. ISO 8601 once allowed 24:00 for the end
#: of a day, but none of the standards of photos does: EXIF, IIM 2:60 and XMP (as a profile of
#: ISO 8601) count hours from 0 to 23. So one rule serves for all forms.
_DAY: Final = 24
#: No zone was ever further from UTC (tz database: Manila and Juneau before the date line moved).
_FURTHEST_ZONE: Final = timedelta(hours=16)

#: Texts longer than this are no dates.
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

#: A blank in place of a number's first zero.
_PADDED: Final = re.compile(r"(?<=\d)([:./]) (?=\d)", re.ASCII)
#: The name of a zone behind its offset, as Java prints it: ``+01:00[Europe/Paris]``.
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
#: Day or month first, the year with all its digits: ``16/12/2014``, ``16.12.2014``.
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
#: ``Tue, 16 Dec 2014 01:23:45 +0000``, as RFC 2822 has it, and ``16-Dec-2014``.
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
    """Return ``when`` as documents hold dates: ``2014-12-16T01:23:45.678Z``.

    Args:
        when: With zone.

    Raises:
        ValueError: If ``when`` has no zone.
    """
    if when.tzinfo is None:
        raise ValueError("a date without a zone names no moment")
    return when.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"


def parse_iso(text: str) -> datetime | None:
    """Return the moment that an ISO 8601 date of a table or an object's metadata names.

    No zone means UTC; a date alone is its midnight.

    Returns:
        The moment, with zone; or None when ``text`` is no such date.
    """
    try:
        when = datetime.fromisoformat(text.strip())
        return when.replace(tzinfo=UTC) if when.tzinfo is None else when.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def is_time(text: str) -> bool:
    """Whether ``text`` is a time of day as a file may hold it, with or without a zone."""
    return _since_midnight(text) is not None


def is_zone(text: str) -> bool:
    """Whether ``text`` is a zone's offset from UTC, such as ``+01:00`` or ``Z``."""
    return _ZONE.fullmatch(text) is not None


def readings(text: str) -> Iterator[datetime]:
    """Yield every moment that a file's date may mean, the likeliest first.

    No zone means UTC, no time means midnight, no day or month means the first. A time that is
    none is dropped and the day kept. Two numbers that may be month or day are read in the
    form's own order first, and swapped next.
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
    """Return the first moment among the readings of ``texts`` that can be a photo's date.

    Args:
        texts: Dates as files hold them, the best source first.
        uploaded: When the image came into the library, with zone.

    Returns:
        The moment in UTC, or None when no reading of any text is plausible.
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
    """Yield the moment of a day and a time of day, then the day's midnight if the time is none."""
    try:
        midnight = datetime(year, month, day, tzinfo=UTC)
        since_midnight = timedelta(0) if clock is None else _since_midnight(clock)
        yield midnight + (since_midnight or timedelta(0))
    except (ValueError, OverflowError):
        # No such day; or, by its zone, a moment before year 1 or after year 9999.
        return


def _since_midnight(clock: str) -> timedelta | None:
    """Return the time from the UTC midnight of the same date, or None if ``clock`` is no time."""
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
    # Leap seconds are times (ISO 8601:2004, 4.2.1).
    if hour > _DAY or minute > 59 or second > 60:  # noqa: PLR2004
        return None
    millis = int((match["fraction"] or "")[:3].ljust(3, "0"))
    local = timedelta(hours=hour, minutes=minute, seconds=second, milliseconds=millis)
    return local - _offset(match["zone"])


def _offset(zone: str | None) -> timedelta:
    """Return a zone's offset from UTC; a zone that nobody knows is as good as none."""
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
