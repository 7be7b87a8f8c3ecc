from decimal import Decimal
from typing import Any

import pytest

from reindex.domain.failures import InvalidUserData
from reindex.domain.fields import METADATA_TEXTS, USAGE_RIGHTS_TEXTS
from reindex.image.edits import edits

ORIGINAL = {"title": "From the file", "byline": "Jo", "keywords": ["file"]}


def test_user_metadata_holds_the_row() -> None:
    row = {
        "id": "x",
        "archived": False,
        "labels": {"b", "a"},
        "metadata": {"title": "Edited", "keywords": {"k2", "k1"}},
        "usageRights": {"category": "handout"},
        "photoshoot": {"title": "Shoot", "suggest": {"input": ["Shoot"]}},
        "lastModified": "2024-06-15T11:00:00.000Z",
        "unknown": "x",
    }
    assert edits(row).user_metadata == {
        "archived": False,
        "labels": ["a", "b"],
        "metadata": {"title": "Edited", "keywords": ["k1", "k2"]},
        "usageRights": {"category": "handout"},
        "photoshoot": {"title": "Shoot"},
        "lastModified": "2024-06-15T11:00:00.000Z",
    }


@pytest.mark.parametrize(
    ("rule", "metadata", "expected"),
    [
        ("no edit", None, ORIGINAL),
        ("an edited field overrides", {"title": "Edited"}, {**ORIGINAL, "title": "Edited"}),
        ("an edit may add", {"city": "London"}, {**ORIGINAL, "city": "London"}),
        ("NULL is no edit", {"title": None}, ORIGINAL),
        ("an emptied field is gone", {"title": ""}, {"byline": "Jo", "keywords": ["file"]}),
        ("an emptied set is gone", {"keywords": []}, {"title": "From the file", "byline": "Jo"}),
        ("a set overrides as a whole", {"keywords": ["k"]}, {**ORIGINAL, "keywords": ["k"]}),
        ("attributes we do not know", {"colour": "red"}, ORIGINAL),
        (
            "a date as a camera writes it",
            {"dateTaken": "2024:06:10 18:22:05"},
            {**ORIGINAL, "dateTaken": "2024-06-10T18:22:05.000Z"},
        ),
        (
            "domain metadata of any shape",
            {
                "domainMetadata": {
                    "d": {"n": Decimal(1), "f": Decimal("1.5"), "e": "", "x.y": {"b"}}
                }
            },
            {**ORIGINAL, "domainMetadata": {"d": {"n": 1, "f": 1.5, "x_y": ["b"]}}},
        ),
    ],
)
def test_edits_override_the_original_metadata(
    rule: str, metadata: dict[str, Any] | None, expected: dict[str, Any]
) -> None:
    row = {"id": "x"} if metadata is None else {"id": "x", "metadata": metadata}
    assert edits(row).applied_to(ORIGINAL) == expected, rule


def test_all_known_fields_are_kept() -> None:
    metadata = {name: f"a {name}" for name in METADATA_TEXTS}
    rights = {name: f"a {name}" for name in USAGE_RIGHTS_TEXTS}
    edited = edits({"id": "x", "metadata": metadata, "usageRights": rights})
    assert edited.user_metadata == {"metadata": metadata, "usageRights": rights}
    assert edited.usage_rights == rights


@pytest.mark.parametrize(
    ("rule", "row", "rights"),
    [
        ("nobody said anything", {}, None),
        ("there are none", {"usageRights": {}}, {}),
        (
            "attributes we do not know",
            {"usageRights": {"category": "agency", "fee": 3}},
            {"category": "agency"},
        ),
    ],
)
def test_usage_rights_are_read_from_the_row(
    rule: str, row: dict[str, Any], rights: dict[str, Any] | None
) -> None:
    assert edits(row).usage_rights == rights, rule
    assert edits(row).user_metadata.get("usageRights") == rights, rule


@pytest.mark.parametrize("row", [None, {}, {"id": "x", "labels": set(), "metadata": {}}])
def test_an_image_without_edits_has_no_user_metadata(row: dict[str, Any] | None) -> None:
    assert edits(row).user_metadata == {}
    assert edits(row).last_modified is None


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"archived": "true"}, "edits: archived is a string, not a boolean"),
        ({"labels": "a"}, "edits: labels is a string, not a list of strings"),
        ({"labels": {Decimal(1)}}, "edits: labels[] is a number, not a string"),
        ({"metadata": []}, "edits: metadata is a list, not a map"),
        ({"metadata": {"title": ["a"]}}, "edits: metadata.title is a list, not a string"),
        ({"metadata": {"dateTaken": "once"}}, "edits: metadata.dateTaken is no date"),
        (
            {"metadata": {"domainMetadata": "x"}},
            "edits: metadata.domainMetadata is a string, not a map",
        ),
        ({"usageRights": "free"}, "edits: usageRights is a string, not a map"),
        ({"photoshoot": "Shoot"}, "edits: photoshoot is a string, not a map"),
        ({"lastModified": "x"}, "edits: lastModified is no ISO 8601 date"),
    ],
)
def test_malformed_rows_are_typed_failures(row: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidUserData) as caught:
        edits(row)
    assert caught.value.message == message


def test_a_failure_names_the_table_the_attribute_and_its_type() -> None:
    with pytest.raises(InvalidUserData) as caught:
        edits({"id": "x", "archived": "\ud800"})
    failure = caught.value.as_failure()
    assert (failure.code, failure.retryable) == ("invalid_user_data", False)
    assert failure.detail
    failure.detail.encode()
