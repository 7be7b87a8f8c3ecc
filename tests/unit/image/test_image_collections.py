from datetime import UTC, datetime
from typing import Any

import pytest

from reindex.domain.failures import InvalidUserData
from reindex.image.image_collections import collections
from tests.unit.image.truths import collection, in_collections


def _at(date: str | None, **more: Any) -> dict[str, Any]:
    return collection("A", actionData={"author": "jo", "date": date}, **more)


def test_a_collection_has_all_fields_of_its_row() -> None:
    entry = collection("News", "Élection 2024", unknown="x")
    assert collections(in_collections(entry)).document == [
        {
            "path": ["News", "Élection 2024"],
            "pathId": "news/élection 2024",
            "description": "Élection 2024",
            "actionData": {"author": "desk@example.com", "date": "2024-06-14T07:00:00.000Z"},
        }
    ]


def test_collections_are_sorted_by_path() -> None:
    found = collections(in_collections(collection("b"), collection("A", "z"), collection("a")))
    assert [each["pathId"] for each in found.document] == ["a", "a/z", "b"]


@pytest.mark.parametrize("turn", [1, -1])
def test_the_latest_entry_of_one_path_is_used(turn: int) -> None:
    entries = [
        _at("2024-06-01T00:00:00Z", description="old"),
        _at("2024-06-02T00:00:00Z", description="new"),
        _at(None, description="undated"),
    ]
    found = collections(in_collections(*entries[::turn]))
    assert [each["description"] for each in found.document] == ["new"]
    assert found.last_modified == datetime(2024, 6, 2, tzinfo=UTC)


def test_missing_values_are_absent() -> None:
    found = collections(in_collections({"path": ["A"]}))
    assert found.document == [{"path": ["A"], "pathId": "a"}]
    assert found.last_modified is None


@pytest.mark.parametrize("row", [None, {"id": "x"}, {"id": "x", "collections": []}])
def test_an_image_without_collections_has_none(row: dict[str, Any] | None) -> None:
    assert collections(row).document == []


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ({"a": 1}, "collections: collections is a map, not a list"),
        ("A/B", "collections: collections is a string, not a list"),
        (["A/B"], "collections: collections[] is a string, not a map"),
        ([{}], "collections: collections[].path is missing"),
        ([{"path": "A/B"}], "collections: collections[].path is a string, not a list of strings"),
        ([{"path": ["A", 1]}], "collections: collections[].path[] is a number, not a string"),
        (
            [{"path": ["A"], "actionData": {"date": "today"}}],
            "collections: collections[].actionData.date is no ISO 8601 date",
        ),
    ],
)
def test_malformed_rows_are_typed_failures(written: object, message: str) -> None:
    with pytest.raises(InvalidUserData) as caught:
        collections({"id": "x", "collections": written})
    assert caught.value.message == message
