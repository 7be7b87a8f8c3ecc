from datetime import UTC, datetime, timedelta, timezone

import pytest

from reindex.image.object_metadata import DEFAULT_UPLOADER, upload_of
from reindex.image.truth import StoredObject

STORED_AT = datetime(2024, 6, 11, 11, 30, tzinfo=timezone(timedelta(hours=2)))


def _of(**metadata: str) -> StoredObject:
    return StoredObject("https://images.example.com/x", 1, STORED_AT, metadata)


def test_missing_values_have_defaults() -> None:
    upload = upload_of(_of())
    assert upload.by == DEFAULT_UPLOADER == "re-ingester"
    assert upload.at == STORED_AT
    assert upload.at.tzinfo is UTC
    assert upload.filename is None
    assert upload.identifiers == {}


@pytest.mark.parametrize(
    ("rule", "metadata", "by"),
    [
        ("URL-encoded", {"uploaded-by": "jo%2Bpix%40example.com"}, "jo+pix@example.com"),
        ("a plus is a blank", {"uploaded-by": "Jo+Bloggs"}, "Jo Bloggs"),
        ("not encoded", {"uploaded-by": "jo@example.com"}, "jo@example.com"),
        ("a per cent sign of its own", {"uploaded-by": "100%"}, "100%"),
        ("not UTF-8", {"uploaded-by": "J%F6rg"}, "J\ufffdrg"),
        ("UTF-8", {"uploaded-by": "J%C3%B6rg"}, "Jörg"),
        ("old spelling", {"uploaded_by": "jo"}, "jo"),
        ("both spellings: the newer", {"uploaded_by": "old", "uploaded-by": "new"}, "new"),
        ("blank", {"uploaded-by": " "}, DEFAULT_UPLOADER),
        ("blank once decoded", {"uploaded-by": "%20+"}, DEFAULT_UPLOADER),
        ("the newer is blank", {"uploaded_by": "old", "uploaded-by": ""}, "old"),
    ],
)
def test_the_uploader_is_read(rule: str, metadata: dict[str, str], by: str) -> None:
    assert upload_of(_of(**metadata)).by == by, rule


@pytest.mark.parametrize(
    ("rule", "metadata", "at"),
    [
        (
            "ISO",
            {"upload-time": "2024-06-01T10:00:00.123Z"},
            datetime(2024, 6, 1, 10, 0, 0, 123000, UTC),
        ),
        (
            "encoded",
            {"upload-time": "2024-06-01T10%3A00%3A00%2B01%3A00"},
            datetime(2024, 6, 1, 9, tzinfo=UTC),
        ),
        (
            "plus as it is",
            {"upload-time": "2024-06-01T10:00:00+01:00"},
            datetime(2024, 6, 1, 9, tzinfo=UTC),
        ),
        (
            "old spelling",
            {"upload_time": "2024-06-01T10:00:00Z"},
            datetime(2024, 6, 1, 10, tzinfo=UTC),
        ),
        ("no date", {"upload-time": "yesterday"}, STORED_AT),
    ],
)
def test_the_upload_time_is_read(rule: str, metadata: dict[str, str], at: datetime) -> None:
    assert upload_of(_of(**metadata)).at == at, rule


def test_the_file_name_is_read() -> None:
    assert upload_of(_of(file_name="C%2B%2B%20notes+%28a%29.jpg")).filename == "C++ notes (a).jpg"


def test_identifiers_are_read() -> None:
    metadata = {
        "identifier!agency": "AB%2F1",
        "identifier!old_name": "7",
        "identifier!with.dot": "8",
        "identifier!empty": "",
        "identifier!": "nameless",
        "other": "x",
    }
    identifiers = upload_of(_of(**metadata)).identifiers
    assert identifiers == {"agency": "AB/1", "old-name": "7", "with_dot": "8"}
