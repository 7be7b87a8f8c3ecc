from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from reindex.image.document import build, merge, with_provenance
from reindex.image.mapping import mapping
from reindex.image.truth import ImageTruth, UserData
from tests.unit.image.strictness import refusals
from tests.unit.image.truths import (
    FULL,
    ID,
    NOW,
    collection,
    crop,
    image_file,
    in_collections,
    lease,
    truth,
    usage,
)


def test_an_image_without_user_data_has_a_document() -> None:
    assert build(truth(), NOW) == {
        "id": ID,
        "uploadTime": "2024-06-11T09:30:00.000Z",
        "uploadedBy": "re-ingester",
        "source": {
            "file": f"https://images.example.com/5/a/1/f/0/f/{ID}",
            "size": 2_345_678,
            "mimeType": "image/jpeg",
            "dimensions": {"width": 4000, "height": 3000},
            "orientedDimensions": {"width": 4000, "height": 3000},
            "orientation": "landscape",
        },
        "originalUsageRights": {},
        "usageRights": {},
    }


def test_an_image_with_all_data_has_every_field_of_the_mapping() -> None:
    document = build(FULL, NOW)
    not_ours = {"esInfo", "suggestMetadataCredit", "usagesLastModified"}
    copies = {"usagesPlatform", "usagesStatus"}
    assert set(document) == set(mapping()["properties"]) - not_ours - copies


def test_a_document_has_no_null_empty_or_unmapped_value() -> None:
    assert list(refusals(build(FULL, NOW), mapping())) == []


def test_edits_override_the_original_metadata() -> None:
    document = build(FULL, NOW)
    assert document["originalMetadata"]["title"] == "Election day"
    assert document["metadata"] == {
        **document["originalMetadata"],
        **document["userMetadata"]["metadata"],
    }


@pytest.mark.parametrize(
    ("rule", "edits", "rights"),
    [
        ("none in the file, none by people", None, {}),
        ("by people", {"usageRights": {"category": "handout"}}, {"category": "handout"}),
        ("people say: none", {"usageRights": {}}, {}),
    ],
)
def test_usage_rights_come_from_edits(
    rule: str, edits: dict[str, Any] | None, rights: dict[str, Any]
) -> None:
    document = build(truth(edits=edits), NOW)
    assert document["originalUsageRights"] == {}, rule
    assert document["usageRights"] == rights, rule


EDITED = {"lastModified": "2024-06-20T00:00:00.000Z"}
LEASED = [lease(createdAt="2024-06-21T00:00:00.000Z")]
CROPPED = [crop(date="2024-06-22T00:00:00.000Z")]
COLLECTED = in_collections(collection("A", actionData={"date": "2024-06-23T00:00:00.000Z"}))
USED = [usage(last_modified=1719187200000)]


@pytest.mark.parametrize(
    ("rule", "user_data", "last_modified", "user_metadata_last_modified"),
    [
        ("nothing", {}, None, None),
        ("the edit", {"edits": EDITED}, "2024-06-20", "2024-06-20"),
        ("a lease", {"leases": LEASED}, "2024-06-21", "2024-06-21"),
        ("a crop", {"crops": CROPPED}, "2024-06-22", "2024-06-22"),
        ("a collection", {"collections": COLLECTED}, "2024-06-23", "2024-06-23"),
        ("a usage", {"usages": USED}, "2024-06-24", "2024-06-24"),
        (
            "the newest of all; the edit's own for the edit",
            {
                "edits": EDITED,
                "leases": LEASED,
                "crops": CROPPED,
                "collections": COLLECTED,
                "usages": USED,
            },
            "2024-06-24",
            "2024-06-20",
        ),
        ("an edit that does not say", {"edits": {"labels": {"a"}}}, None, None),
    ],
)
def test_last_modified_is_the_latest_change_of_any_part(
    rule: str,
    user_data: dict[str, Any],
    last_modified: str | None,
    user_metadata_last_modified: str | None,
) -> None:
    document = build(truth(**user_data), NOW)
    expected = last_modified and f"{last_modified}T00:00:00.000Z"
    assert document.get("lastModified") == expected, rule
    expected = user_metadata_last_modified and f"{user_metadata_last_modified}T00:00:00.000Z"
    assert document.get("userMetadataLastModified") == expected, rule


def test_a_photo_is_not_taken_after_its_upload() -> None:
    file = image_file(exif_sub={"DateTimeOriginal": "2024:06:12 09:30:00"})
    late = replace(truth(), file=file)
    assert "originalMetadata" not in build(late, NOW)
    later = replace(late.original, user_metadata={"upload-time": "2024-06-12T00:00:00Z"})
    document = build(replace(late, original=later), NOW)
    assert document["originalMetadata"] == {"dateTaken": "2024-06-12T09:30:00.000Z"}


def test_a_keyword_longer_than_a_term_is_cut() -> None:
    file = image_file(xmp={"photoshop:Credit": "\u6f22" * 20_000})
    document = build(replace(truth(), file=file), NOW)
    assert list(refusals(document, mapping())) == []


@pytest.mark.parametrize("image_id", ["a", "urn:x/1.jpg", "\u6f22", "x" * 512])
def test_an_id_is_any_string(image_id: str) -> None:
    assert build(ImageTruth(image_id, truth().original, image_file()), NOW)["id"] == image_id


def test_provenance_is_added_and_removed() -> None:
    document = build(FULL, NOW)
    written = with_provenance(
        document,
        digest="abc",
        run_id="run-1",
        stage="TEST",
        projected_at=datetime(2024, 7, 1, 12, 0, 0, 5000, UTC),
        projector="image-reindex 0.1.0",
    )
    assert "esInfo" not in document
    assert written == {
        **document,
        "esInfo": {
            "reindex": {
                "digest": "abc",
                "runId": "run-1",
                "stage": "TEST",
                "projectedAt": "2024-07-01T12:00:00.005Z",
                "projector": "image-reindex 0.1.0",
            }
        },
    }


def test_provenance_keeps_other_fields_of_es_info() -> None:
    written = with_provenance(
        {"esInfo": {"migration": {"migratedTo": "images_2"}, "reindex": {"digest": "old"}}},
        digest="new",
        run_id="r",
        stage="TEST",
        projected_at=NOW,
        projector="p",
    )
    assert written["esInfo"]["migration"] == {"migratedTo": "images_2"}
    assert written["esInfo"]["reindex"]["digest"] == "new"


def test_a_loaders_document_merged_with_user_data_equals_the_built_document() -> None:
    of_the_file = build(replace(FULL, user_data=UserData()), NOW)
    assert merge(of_the_file, FULL.user_data, NOW) == build(FULL, NOW)
    # What the loader says of user data is of another moment than what the tables say.
    stale = build(replace(FULL, user_data=replace(FULL.user_data, leases=(), edits=None)), NOW)
    assert merge(stale, FULL.user_data, NOW) == build(FULL, NOW)
    assert merge(build(FULL, NOW), UserData(), NOW) == of_the_file
