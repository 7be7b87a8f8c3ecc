from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reindex.image.dates import first_plausible, format_date, is_time, is_zone, parse_iso, readings

LATE = datetime(2030, 1, 1, tzinfo=UTC)


def _read(text: str, uploaded: datetime = LATE) -> str | None:
    when = first_plausible([text], uploaded)
    return None if when is None else format_date(when)


@pytest.mark.parametrize(
    ("form", "text", "expected"),
    [
        ("EXIF", "2014:12:16 01:23:45", "2014-12-16T01:23:45.000Z"),
        (
            "EXIF with fraction and offset",
            "2014:12:16 01:23:45.12+01:00",
            "2014-12-16T00:23:45.120Z",
        ),
        ("EXIF with dashes", "2014-12-16 01:23:45", "2014-12-16T01:23:45.000Z"),
        ("EXIF with slashes", "2014/12/16 01:23:45", "2014-12-16T01:23:45.000Z"),
        ("EXIF without seconds", "2014:12:16 01:23", "2014-12-16T01:23:00.000Z"),
        ("EXIF with one-digit hour", "2014:12:16  1:23:45", "2014-12-16T01:23:45.000Z"),
        ("EXIF padded with NULs", "2014:12:16 01:23:45\0\0", "2014-12-16T01:23:45.000Z"),
        ("EXIF unknown, by blanks", "    :  :     :  :  ", None),
        ("EXIF unknown, by zeros", "0000:00:00 00:00:00", None),
        ("ISO, no zone means UTC", "2014-12-16T01:23:45", "2014-12-16T01:23:45.000Z"),
        ("ISO, Z", "2014-12-16T01:23:45Z", "2014-12-16T01:23:45.000Z"),
        ("ISO, offset", "2014-12-16T02:23:45+01:00", "2014-12-16T01:23:45.000Z"),
        ("ISO, offset west", "2014-12-16T02:23:45-05:30", "2014-12-16T07:53:45.000Z"),
        ("ISO, offset without colon", "2014-12-16T02:23:45+0100", "2014-12-16T01:23:45.000Z"),
        ("ISO, offset of hours", "2014-12-16T02:23:45+01", "2014-12-16T01:23:45.000Z"),
        ("ISO, offset apart", "2014-12-16T02:23:45 +01:00", "2014-12-16T01:23:45.000Z"),
        ("ISO, no seconds", "2014-12-16T02:23+01:00", "2014-12-16T01:23:00.000Z"),
        ("ISO, milliseconds and no seconds", "2014-12-16T02:23.500Z", "2014-12-16T02:23:00.500Z"),
        ("ISO, comma", "2014-12-16T01:23:45,678Z", "2014-12-16T01:23:45.678Z"),
        ("ISO, more than milliseconds", "2014-12-16T01:23:45.6789Z", "2014-12-16T01:23:45.678Z"),
        ("ISO, basic", "20141216T012345Z", "2014-12-16T01:23:45.000Z"),
        ("digits alone", "20141216012345", "2014-12-16T01:23:45.000Z"),
        ("IIM date", "20141216", "2014-12-16T00:00:00.000Z"),
        ("IIM date and time", "20141216T012345+0100", "2014-12-16T00:23:45.000Z"),
        ("IIM date, day unknown", "20141200", "2014-12-01T00:00:00.000Z"),
        ("IIM date, month and day unknown", "20140000", "2014-01-01T00:00:00.000Z"),
        ("IIM date, nothing known", "00000000", None),
        ("day", "2014-12-16", "2014-12-16T00:00:00.000Z"),
        ("zeros", "0000-00-00", None),
        ("zeros with time", "0000-00-00T00:00:00", None),
        ("month", "2014-12", "2014-12-01T00:00:00.000Z"),
        ("bare year", "2014", "2014-01-01T00:00:00.000Z"),
        ("year 0", "0000", None),
        ("month and day swapped", "2014-16-12", "2014-12-16T00:00:00.000Z"),
        ("EXIF swapped", "2014:16:12 01:23:45", "2014-12-16T01:23:45.000Z"),
        ("IIM swapped", "20141612", "2014-12-16T00:00:00.000Z"),
        ("day first", "16/12/2014", "2014-12-16T00:00:00.000Z"),
        ("day first, both could be", "05/12/2014", "2014-12-05T00:00:00.000Z"),
        ("month first, by need", "12/16/2014 01:23", "2014-12-16T01:23:00.000Z"),
        ("day first with dots", "16.12.2014 01:23:45", "2014-12-16T01:23:45.000Z"),
        ("afternoon", "12/16/2014 01:23:45 PM", "2014-12-16T13:23:45.000Z"),
        ("midnight by twelve", "12/16/2014 12:00:01 AM", "2014-12-16T00:00:01.000Z"),
        ("Java", "Tue Dec 16 01:23:45 GMT 2014", "2014-12-16T01:23:45.000Z"),
        ("Java, British Summer Time", "Mon Jun 16 01:23:45 BST 2014", "2014-06-16T00:23:45.000Z"),
        ("ctime", "Tue Dec  6 01:23:45 2014", "2014-12-06T01:23:45.000Z"),
        ("RFC 2822", "Tue, 16 Dec 2014 01:23:45 -0500", "2014-12-16T06:23:45.000Z"),
        ("month by name", "16 December 2014", "2014-12-16T00:00:00.000Z"),
        ("month by name, American", "December 16, 2014", "2014-12-16T00:00:00.000Z"),
        ("month by name, ordinal", "Dec 16th, 2014 01:23", "2014-12-16T01:23:00.000Z"),
        ("EXIF, blanks for zeros", "2014: 2: 6  1: 3: 5", "2014-02-06T01:03:05.000Z"),
        ("EXIF, seconds unknown, by blanks", "2014:12:16 01:23:  ", "2014-12-16T01:23:00.000Z"),
        ("EXIF, time unknown, by blanks", "2014:12:16   :  :  ", "2014-12-16T00:00:00.000Z"),
        ("EXIF, numbers without zeros", "2014:2:6 1:3:5", "2014-02-06T01:03:05.000Z"),
        ("EXIF, no fraction behind its point", "2014:12:16 01:23:45.", "2014-12-16T01:23:45.000Z"),
        ("EXIF, month 13", "2014:13:01 01:23:45", "2014-01-13T01:23:45.000Z"),
        ("EXIF, no such day", "2014:02:31 01:23:45", None),
        ("ISO, small letters", "2014-12-16t01:23:45z", "2014-12-16T01:23:45.000Z"),
        ("ISO, half hours", "2014-12-16T01:23:45.123+0230", "2014-12-15T22:53:45.123Z"),
        ("ISO, hours of one digit", "20141216T012345+100", "2014-12-16T00:23:45.000Z"),
        ("Java, named zone", "2014-12-16T01:23:45+01:00[Europe/Paris]", "2014-12-16T00:23:45.000Z"),
        ("small letters and points", "2014:12:16 01:23:45 p.m.", "2014-12-16T13:23:45.000Z"),
        ("blanks behind points", "16. 12. 2014", "2014-12-16T00:00:00.000Z"),
        ("second 60", "2014:12:16 23:59:60", "2014-12-17T00:00:00.000Z"),
        ("24 o'clock", "2014-12-16T24:00:00", "2014-12-16T00:00:00.000Z"),
        ("leap second", "2016-12-31T23:59:60Z", "2017-01-01T00:00:00.000Z"),
        ("no such time: the day stays", "2014:12:16 99:99:99", "2014-12-16T00:00:00.000Z"),
        ("nobody's zone: UTC", "2014-12-16T01:23:45+99:00", "2014-12-16T01:23:45.000Z"),
        ("nobody's zone by name: UTC", "2014-12-16T01:23:45 XYZ", "2014-12-16T01:23:45.000Z"),
        ("no such day", "2014-02-30", None),
        ("before year 1, by its zone", "0001-01-01T00:00:00+05:00", None),
        ("after year 9999, by its zone", "9999-12-31T23:59:59-05:00", None),
        ("before year 1", "-0044-03-15", None),
        ("two-digit year", "16/12/14", None),
        ("no date", "yesterday", None),
        ("empty", "", None),
        ("as long as a novel", "2014-12-16 " * 10_000, None),
        ("other digits than ASCII", "\uff12\uff10\uff11\uff14-12-16", None),
    ],
)
def test_date_formats_of_real_files_are_parsed(form: str, text: str, expected: str | None) -> None:
    assert _read(text) == expected, form


UPLOADED = datetime(2024, 5, 12, 10, tzinfo=UTC)


@pytest.mark.parametrize(
    ("rule", "texts", "expected"),
    [
        (
            "14 hours after the upload is a clock elsewhere",
            ["2024-05-13T00:00:00"],
            "2024-05-13T00:00:00.000Z",
        ),
        ("later is not that date", ["2024-05-13T00:00:01"], None),
        ("the next form: month and day swapped", ["2024-11-05"], "2024-05-11T00:00:00.000Z"),
        ("the next form of day first", ["04/11/2024"], "2024-04-11T00:00:00.000Z"),
        ("then the next source", ["2025-01-01", "2024-01-01"], "2024-01-01T00:00:00.000Z"),
        ("a source that is no date", ["soon", "2024-01-01"], "2024-01-01T00:00:00.000Z"),
        ("no source", [], None),
    ],
)
def test_implausible_dates_are_skipped(rule: str, texts: list[str], expected: str | None) -> None:
    when = first_plausible(texts, UPLOADED)
    assert (when and format_date(when)) == expected, rule


def test_an_upload_in_year_9999_does_not_overflow() -> None:
    assert first_plausible(["9999-12-31"], datetime.max.replace(tzinfo=UTC)) is not None


@given(st.text(max_size=80))
def test_no_text_raises_an_exception(text: str) -> None:
    for when in readings(text):
        assert parse_iso(format_date(when)) == when.replace(
            microsecond=when.microsecond // 1000 * 1000
        )
    parse_iso(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2024-06-12T10:00:00.000Z", "2024-06-12T10:00:00.000Z"),
        ("2024-06-12T10:00:00+01:00", "2024-06-12T09:00:00.000Z"),
        ("2024-06-12T10:00:00.123456789Z", "2024-06-12T10:00:00.123Z"),
        ("2024-06-12T10:00:00", "2024-06-12T10:00:00.000Z"),
        (" 2024-06-12 ", "2024-06-12T00:00:00.000Z"),
        ("2024-13-12", None),
        ("12/06/2024", None),
        ("0001-01-01T00:00:00+05:00", None),
        ("", None),
    ],
)
def test_dates_in_tables_are_parsed_as_iso_8601_only(text: str, expected: str | None) -> None:
    when = parse_iso(text)
    assert (when and format_date(when)) == expected


def test_a_date_is_formatted_in_utc_with_milliseconds() -> None:
    zone = timezone(timedelta(hours=2))
    assert (
        format_date(datetime(1, 2, 3, 4, 5, 6, 789999, tzinfo=zone)) == "0001-02-03T02:05:06.789Z"
    )


def test_a_date_without_a_zone_is_rejected() -> None:
    with pytest.raises(ValueError, match="zone"):
        format_date(datetime(2024, 1, 1))  # noqa: DTZ001


@pytest.mark.parametrize("text", ["012345", "01:23:45", "012345+0100", "01:23", "0123"])
def test_a_time_of_day_is_recognised(text: str) -> None:
    assert is_time(text)


@pytest.mark.parametrize("text", ["", "noon", "995959", "01:23:45+", "13:00 PM"])
def test_other_text_is_not_a_time_of_day(text: str) -> None:
    assert not is_time(text)


def test_a_utc_offset_is_recognised() -> None:
    assert all(map(is_zone, ["Z", "+01:00", "-0530", "+1"]))
    assert not any(map(is_zone, ["", "   :  ", "UTC+1", "01:00"]))
