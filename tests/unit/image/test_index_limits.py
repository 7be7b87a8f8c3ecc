"""A document is within the limits of the index for any rows and any file."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from reindex.domain.digest import digest
from reindex.image.document import build
from reindex.image.limits import MAX_DEPTH, MAX_NESTED, Trimmed
from reindex.image.mapping import mapping
from reindex.image.terms import MAX_TERM, fitted
from tests.unit.image.strictness import refusals
from tests.unit.image.truths import (
    NOW,
    collection,
    crop,
    image_file,
    in_collections,
    lease,
    truth,
    usage,
)

ASCII = "a" * 33_000
DELETED = {"isDeleted": True, "deleteTime": "2024-06-20T00:00:00.000Z"}
THREE_BYTES = "\u6f22" * 11_000


def texts(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for inner in value.values():
            yield from texts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from texts(inner)
    elif isinstance(value, str):
        yield value


def edited(**metadata: Any) -> dict[str, Any]:
    return {"edits": {"id": "x", "metadata": metadata}}


@pytest.mark.parametrize("text", [ASCII, THREE_BYTES, "\U0001f600" * 8_300])
@pytest.mark.parametrize(
    ("user_data", "names"),
    [
        (lambda text: edited(credit=text), ["metadata.credit", "userMetadata.metadata.credit"]),
        (lambda text: edited(source=text), ["metadata.source", "userMetadata.metadata.source"]),
        (
            lambda text: edited(keywords=["a", text]),
            ["metadata.keywords", "userMetadata.metadata.keywords"],
        ),
        (
            lambda text: edited(domainMetadata={"desk": {"note": [text]}}),
            [
                "metadata.domainMetadata.desk.note",
                "userMetadata.metadata.domainMetadata.desk.note",
            ],
        ),
        (lambda text: {"edits": {"labels": {"a", text}}}, ["userMetadata.labels"]),
        (
            lambda text: {"edits": {"photoshoot": {"title": text}}},
            ["userMetadata.photoshoot.title"],
        ),
        (
            lambda text: {"edits": {"usageRights": {"creator": text}}},
            ["usageRights.creator", "userMetadata.usageRights.creator"],
        ),
        (
            lambda text: {"usages": [usage(digital_metadata={"webUrl": text})]},
            ["usages.digitalUsageMetadata.webUrl", "usages.references.uri"],
        ),
        (lambda text: {"leases": [lease(leasedBy=text)]}, ["leases.leases.leasedBy"]),
        (
            lambda text: {"collections": in_collections(collection("A", description=text))},
            ["collections.description"],
        ),
        (lambda text: {"crops": [crop(author=text)]}, ["exports.author"]),
        (
            lambda text: {"status": {**DELETED, "deletedBy": text}},
            ["softDeletedMetadata.deletedBy"],
        ),
    ],
)
def test_a_text_too_long_for_a_term_is_cut_named_and_counted(
    text: str, user_data: Any, names: list[str]
) -> None:
    document = build(truth(**user_data(text)), NOW)
    assert document["fileMetadata"] == {"trimmed": names, "trimmedCount": len(names)}
    longest = max(len(each.encode()) for each in texts(document))
    assert MAX_TERM - 3 <= longest <= MAX_TERM
    assert list(refusals(document, mapping())) == []
    assert digest(document)


def test_analysed_text_is_not_cut() -> None:
    document = build(truth(**edited(description=ASCII, title=ASCII)), NOW)
    assert document["metadata"] == {"description": ASCII, "title": ASCII}
    assert "fileMetadata" not in document


@pytest.mark.parametrize(("count", "left_out"), [(MAX_NESTED, 0), (MAX_NESTED + 1, 1)])
def test_the_newest_usages_within_the_limit_are_kept(count: int, left_out: int) -> None:
    rows = [usage(grouping=f"g{number}", last_modified=number) for number in range(count)]
    document = build(truth(usages=rows), NOW)
    assert len(document["usages"]) == MAX_NESTED == 10_000
    assert document["usages"][0]["id"] == f"g{count - 1}_u1"
    told = {"trimmed": ["usages"], "trimmedCount": left_out} if left_out else None
    assert document.get("fileMetadata") == told


def nested(depth: int) -> Any:
    return {"level": nested(depth - 1)} if depth else "deep"


def depth_of(value: Any) -> int:
    """How deep a mapping must be for it, as Elasticsearch counts."""
    if isinstance(value, list):
        return max(map(depth_of, value), default=0)
    return 1 + max(map(depth_of, value.values()), default=0) if isinstance(value, dict) else 0


@pytest.mark.parametrize(("levels", "left_out"), [(15, 0), (16, 0), (17, 1), (31, 2)])
def test_objects_deeper_than_the_mapping_allows_are_left_out(levels: int, left_out: int) -> None:
    document = build(truth(**edited(domainMetadata={"desk": nested(levels)})), NOW)
    assert depth_of(document) <= MAX_DEPTH
    assert document.get("fileMetadata", {}).get("trimmedCount", 0) == left_out
    assert list(refusals(document, mapping())) == []


def test_maps_cut_at_extraction_are_also_named_in_trimmed() -> None:
    file = image_file(exif={"Make": "Canon"}, trimmed=("exif_sub", "xmp"))
    document = build(replace(truth(**edited(credit=ASCII)), file=file), NOW)
    assert document["fileMetadata"]["trimmed"] == [
        "exifSub",
        "metadata.credit",
        "userMetadata.metadata.credit",
        "xmp",
    ]
    assert document["fileMetadata"]["exif"] == {"Make": "Canon"}


def test_a_limited_number_of_fields_is_named_and_all_are_counted() -> None:
    domain = {f"n{number}": ASCII for number in range(150)}
    document = build(truth(**edited(domainMetadata=domain)), NOW)
    assert len(document["fileMetadata"]["trimmed"]) == 100
    assert document["fileMetadata"]["trimmedCount"] == 300


def test_an_identifier_too_long_for_a_term_is_cut() -> None:
    trimmed = Trimmed()
    assert fitted({"identifiers": {"ref": ASCII}}, trimmed) == {
        "identifiers": {"ref": "a" * MAX_TERM}
    }
    assert trimmed == Trimmed({"identifiers.ref"}, 1)
