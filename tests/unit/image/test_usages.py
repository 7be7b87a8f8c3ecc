from decimal import Decimal
from typing import Any

import pytest

from reindex.domain.failures import InvalidUserData
from reindex.image.usages import usages
from tests.unit.image.truths import usage

MINUTE = 60_000
NOON = Decimal(1718186400000)


def _only(**attributes: Any) -> dict[str, Any]:
    (document,) = usages([usage(**attributes)]).document
    return document


def test_a_usage_has_all_fields_of_its_row() -> None:
    row = usage(date_removed=NOON - MINUTE, unknown="x", digital_metadata=None)
    assert _only(**row) == {
        "id": "digital/abc_u1",
        "platform": "digital",
        "media": "image",
        "status": "published",
        "dateAdded": "2024-06-12T10:00:00.000Z",
        "dateRemoved": "2024-06-12T09:59:00.000Z",
        "lastModified": "2024-06-12T10:00:00.000Z",
    }


@pytest.mark.parametrize(
    ("rule", "added", "removed", "status"),
    [
        ("never removed", NOON, None, "published"),
        ("removed after it was added", NOON, NOON + 1, "removed"),
        ("removed the moment it was added", NOON, NOON, "removed"),
        ("added again since it was removed", NOON, NOON - 1, "published"),
        ("not known when it was added", None, NOON, "published"),
    ],
)
def test_a_usage_removed_after_it_was_added_is_removed(
    rule: str, added: Decimal | None, removed: Decimal | None, status: str
) -> None:
    assert _only(date_added=added, date_removed=removed)["status"] == status, rule


DIGITAL = {
    "webUrl": "https://example.com/a",
    "webTitle": "A",
    "sectionId": "news",
    "composerUrl": "https://composer.example.com/1",
}
PRINT = {
    "sectionName": "Home",
    "issueDate": "2024-06-13T00:00:00.000Z",
    "pageNumber": Decimal(3),
    "publicationName": "The Example",
}


@pytest.mark.parametrize(
    ("kind", "metadata", "field", "expected", "references"),
    [
        (
            "digital_metadata",
            {**DIGITAL, "unknown": "x"},
            "digitalUsageMetadata",
            DIGITAL,
            [
                {"type": "frontend", "uri": "https://example.com/a", "name": "A"},
                {"type": "composer", "uri": "https://composer.example.com/1"},
            ],
        ),
        (
            "digital_metadata",
            {"webUrl": "https://example.com/a", "webTitle": "A"},
            "digitalUsageMetadata",
            {"webUrl": "https://example.com/a", "webTitle": "A"},
            [{"type": "frontend", "uri": "https://example.com/a", "name": "A"}],
        ),
        (
            "front_metadata",
            {"addedBy": "ed", "front": "uk/sport"},
            "frontUsageMetadata",
            {"addedBy": "ed", "front": "uk/sport"},
            [{"type": "front", "name": "uk/sport"}],
        ),
        (
            "print_metadata",
            {**PRINT, "size": {"x": Decimal(4), "y": Decimal(5)}, "edition": "", "notes": None}
            | {"edition": Decimal(2)},
            "printUsageMetadata",
            {**PRINT, "pageNumber": 3, "size": {"x": 4, "y": 5}, "edition": 2},
            [{"type": "indesign", "name": "2024-06-13, The Example, Home, Page 3"}],
        ),
        (
            "print_metadata",
            {"publicationName": "The Example"},
            "printUsageMetadata",
            {"publicationName": "The Example"},
            [{"type": "indesign", "name": "The Example"}],
        ),
        (
            "syndication_metadata",
            {"partnerName": "Partner"},
            "syndicationUsageMetadata",
            {"partnerName": "Partner"},
            [{"type": "syndication", "name": "Partner"}],
        ),
        (
            "syndication_metadata",
            {"partnerName": "Partner", "syndicatedBy": "Jo"},
            "syndicationUsageMetadata",
            {"partnerName": "Partner", "syndicatedBy": "Jo"},
            [{"type": "syndication", "name": "Partner, Jo"}],
        ),
        (
            "download_metadata",
            {"downloadedBy": "Jo"},
            "downloadUsageMetadata",
            {"downloadedBy": "Jo"},
            [{"type": "download", "name": "Jo"}],
        ),
        (
            "child_metadata",
            {"addedBy": "ed", "childMediaId": "a1b2"},
            "childUsageMetadata",
            {"addedBy": "ed", "childMediaId": "a1b2"},
            [{"type": "grid", "uri": "a1b2", "name": "a1b2"}],
        ),
        (
            "child_metadata",
            {"childMediaId": "x:1/2 3"},
            "childUsageMetadata",
            {"childMediaId": "x:1/2 3"},
            [{"type": "grid", "uri": "x%3A1%2F2%203", "name": "x:1/2 3"}],
        ),
    ],
)
def test_each_kind_has_its_references(
    kind: str,
    metadata: dict[str, Any],
    field: str,
    expected: dict[str, Any],
    references: list[dict[str, str]],
) -> None:
    document = _only(**{kind: metadata})
    assert document[field] == expected
    assert document["references"] == references


@pytest.mark.parametrize("kind", ["digital", "front", "print", "syndication", "download", "child"])
def test_an_empty_kind_is_absent(kind: str) -> None:
    document = _only(**{f"{kind}_metadata": {}})
    assert f"{kind}UsageMetadata" not in document
    assert "references" not in document


def _row(name: str, status: str, minute: int, grouping: str = "g", **more: Any) -> dict[str, Any]:
    return usage(
        usage_id=name,
        grouping=grouping,
        usage_status=status,
        last_modified=NOON + minute * MINUTE,
        **more,
    )


REMOVED: dict[str, Any] = {"date_added": NOON, "date_removed": NOON + 1}


@pytest.mark.parametrize(
    ("rule", "rows", "shown"),
    [
        (
            "newest first",
            [
                _row("a", "published", 1, "g1"),
                _row("b", "published", 3, "g2"),
                _row("c", "pending", 2, "g3"),
            ],
            ["g2_b", "g3_c", "g1_a"],
        ),
        (
            "of one moment: by id",
            [_row("a", "published", 1, "g2"), _row("b", "published", 1, "g1")],
            ["g1_b", "g2_a"],
        ),
        ("a pending usage that is removed is hidden", [_row("a", "pending", 1, **REMOVED)], []),
        (
            "a published usage that is removed is shown",
            [_row("a", "published", 1, **REMOVED)],
            ["g_a"],
        ),
        (
            "in a grouping where one is published, all others are hidden",
            [_row("a", "pending", 3), _row("b", "published", 1), _row("c", "failed", 2)],
            ["g_b"],
        ),
        (
            "where two are published, the newest",
            [_row("a", "published", 1), _row("b", "published", 2)],
            ["g_b"],
        ),
        (
            "where none is published, all but the newest are hidden",
            [_row("a", "pending", 1), _row("b", "failed", 3), _row("c", "pending", 2)],
            ["g_b"],
        ),
        (
            "a removed pending one does not stand for others",
            [_row("a", "pending", 1), _row("b", "pending", 2, **REMOVED)],
            ["g_a"],
        ),
        (
            "groupings do not hide each other",
            [_row("a", "published", 1, "g1"), _row("b", "pending", 2, "g2")],
            ["g2_b", "g1_a"],
        ),
        ("none", [], []),
    ],
)
def test_one_usage_of_each_grouping_is_shown(
    rule: str, rows: list[dict[str, Any]], shown: list[str]
) -> None:
    for order in (rows, rows[::-1]):
        assert [document["id"] for document in usages(order).document] == shown, rule


def test_last_modified_is_that_of_the_newest_shown() -> None:
    rows = [_row("a", "published", 1), _row("b", "pending", 2)]
    modified = usages(rows).last_modified
    assert modified is not None
    assert modified.isoformat() == "2024-06-12T10:01:00+00:00"


@pytest.mark.parametrize(
    ("attributes", "message"),
    [
        ({"usage_type": None}, "usages: usage_type is missing"),
        ({"usage_status": ""}, "usages: usage_status is missing"),
        ({"usage_id": None}, "usages: usage_id is missing"),
        ({"grouping": None}, "usages: grouping is missing"),
        ({"media_type": None}, "usages: media_type is missing"),
        ({"last_modified": None}, "usages: last_modified is missing"),
        ({"date_added": "2024-06-12"}, "usages: date_added is a string, not a number"),
        ({"date_added": Decimal(10) ** 17}, "usages: date_added is no date in milliseconds"),
        ({"date_removed": Decimal("1.5")}, "usages: date_removed is no whole number of 64 bits"),
        ({"usage_type": Decimal(1)}, "usages: usage_type is a number, not a string"),
        ({"digital_metadata": "x"}, "usages: digital_metadata is a string, not a map"),
        (
            {"print_metadata": {"pageNumber": "three"}},
            "usages: print_metadata.pageNumber is a string, not a number",
        ),
        (
            {"print_metadata": {"issueDate": "next week"}},
            "usages: print_metadata.issueDate is no ISO 8601 date",
        ),
        (
            {"print_metadata": {"size": {"x": True}}},
            "usages: print_metadata.size.x is a boolean, not a number",
        ),
    ],
)
def test_malformed_rows_are_typed_failures(attributes: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidUserData) as caught:
        usages([usage(**attributes)])
    assert caught.value.message == message
