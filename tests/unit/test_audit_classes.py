"""The classes of an audit, compared with set algebra over whole listings."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reindex.domain.audit import (
    LIVE_LANE,
    OTHERS,
    RUN,
    Counted,
    DocumentFacts,
    Entry,
    ImageFacts,
    Shrunk,
    classes,
    collect,
    is_stale,
    shrunk,
    uri_hash,
)
from reindex.domain.audit_classes import ImageClass, Listing
from reindex.domain.digest import digest

IDS = st.sampled_from(["a", "b", "c", "ü", "d/e"])
CROPS = st.frozensets(st.sampled_from([1, 2, 3]))
LISTED = frozenset(Listing)


def document(**changes: Any) -> DocumentFacts:
    facts = DocumentFacts(RUN, "digest", "digest", 100.0, 50.0, False, False, ())
    return facts._replace(**changes)


DOCUMENTS = st.builds(
    document,
    written_by=st.sampled_from([RUN, LIVE_LANE, OTHERS]),
    has_optimised_png=st.booleans(),
    crops=CROPS.map(sorted),
)


@given(
    originals=st.frozensets(IDS),
    thumbnails=st.frozensets(IDS),
    pngs=st.frozensets(IDS),
    edited=st.frozensets(IDS),
    uploaded=st.frozensets(IDS),
    crops=st.dictionaries(IDS, CROPS),
    documents=st.dictionaries(IDS, DOCUMENTS),
    data=st.data(),
)
def test_the_classes_are_those_of_set_algebra_in_whatever_order_entries_come(
    *,
    originals: frozenset[str],
    thumbnails: frozenset[str],
    pngs: frozenset[str],
    edited: frozenset[str],
    uploaded: frozenset[str],
    crops: Mapping[str, frozenset[int]],
    documents: Mapping[str, DocumentFacts],
    data: st.DataObject,
) -> None:
    entries: list[Entry] = [
        *((i, Listing.ORIGINALS, 10) for i in originals),
        *((i, Listing.THUMBNAILS, 10) for i in thumbnails),
        *((i, Listing.OPTIMISED_PNGS, 10) for i in pngs),
        *((i, Listing.EDITS, 10.0) for i in edited),
        *((i, Listing.PROGRESS, ("verified", "digest")) for i in uploaded),
        *((i, Listing.CROPS, crop) for i, each in crops.items() for crop in each),
        *((i, Listing.DOCUMENTS, facts) for i, facts in documents.items()),
    ]
    repeated = data.draw(st.lists(st.sampled_from(entries), max_size=5)) if entries else []
    shuffled = data.draw(st.permutations([*entries, *repeated]))
    # As they are stored between listing and comparing.
    stored = json.loads(json.dumps(shuffled))

    found: dict[str, set[str]] = {name: set() for name in ImageClass}
    for image_id, facts in collect(stored).items():
        for name in classes(facts, LISTED):
            found[name].add(image_id)

    there = {i for i in documents if i in originals}
    live = {i for i, d in documents.items() if d.written_by == LIVE_LANE}
    stored_crops = {(i, crop) for i, each in crops.items() for crop in each if i in there}
    named_crops = {(i, crop) for i in there for crop in documents[i].crops}
    assert found == {
        ImageClass.ORIGINAL_WITHOUT_DOCUMENT: originals - documents.keys(),
        ImageClass.DOCUMENT_WITHOUT_ORIGINAL: documents.keys() - originals,
        ImageClass.ROWS_WITHOUT_ORIGINAL: edited - originals,
        ImageClass.UPLOADED_WITHOUT_ORIGINAL: uploaded - originals,
        ImageClass.STALE_DOCUMENT: set(),
        ImageClass.THUMBNAIL_MISSING: originals - thumbnails,
        ImageClass.OPTIMISED_PNG_MISSING: {i for i in there if documents[i].has_optimised_png}
        - pngs,
        ImageClass.CROP_NOT_IN_DOCUMENT: {i for i, _ in stored_crops - named_crops},
        ImageClass.CROP_MISSING: {i for i, _ in named_crops - stored_crops},
        ImageClass.NEVER_UPLOADED: originals - uploaded - live,
        ImageClass.DOCUMENT_OF_NO_RUN: {i for i, d in documents.items() if d.written_by == OTHERS},
    }


def test_what_the_library_does_not_keep_is_not_missing() -> None:
    facts = ImageFacts(original=True, document=document(has_optimised_png=True, crops=[1]))
    missing = {
        ImageClass.THUMBNAIL_MISSING,
        ImageClass.OPTIMISED_PNG_MISSING,
        ImageClass.CROP_MISSING,
    }
    assert missing <= set(classes(facts, LISTED))
    assert not missing & set(classes(facts, [Listing.ORIGINALS, Listing.DOCUMENTS]))


@pytest.mark.parametrize(
    ("facts", "stale"),
    [
        ({}, False),
        ({"stored_at": 101.0}, True),
        ({"rows_at": 101.0}, True),
        # A live writer has brought the change into the document, and said so.
        ({"rows_at": 101.0, "document": document(modified_at=101.0, digest="other")}, False),
        ({"document": document(digest="other")}, True),
        ({"progress": ("verified", "other")}, True),
        ({"progress": ("enqueued", "other")}, False),
        ({"progress": ("verified", "other"), "document": document(written_by=LIVE_LANE)}, False),
        # It is not known when it was made, nor from what.
        ({"stored_at": 101.0, "document": document(written_by=OTHERS)}, False),
    ],
)
def test_which_documents_are_likely_to_be_stale(facts: dict[str, Any], *, stale: bool) -> None:
    assert is_stale(ImageFacts(original=True, **{"document": document(), **facts})) is stale


def test_a_document_is_read_whatever_others_wrote_into_it() -> None:
    crop = {"file": "http://crops.s3.amazonaws.com/a%20b/1_2.jpg"}
    source = {
        "exports": [{"master": crop, "assets": [crop, 7]}, "odd", {"assets": None}],
        "lastModified": "2026-03-01T00:00:00.000Z",
        "esInfo": {
            "reindex": {
                "digest": "d",
                "runId": "run-1",
                "projectedAt": "2026-02-01T00:00:00.000Z",
            }
        },
    }
    facts = DocumentFacts.of(source, ())
    assert facts.written_by == RUN
    assert facts.crops == [uri_hash("https://elsewhere/a b/1_2.jpg")]
    assert facts.projected_as == "d"
    assert facts.digest == digest(source)
    assert facts.projected_at < facts.modified_at
    assert DocumentFacts.of({"exports": "odd", "esInfo": 3}, ()).written_by == OTHERS


def test_a_listing_or_a_part_of_it_that_has_shrunk_is_noticed() -> None:
    before = Counted({"originals": 1_000, "crops": 500, "leases": 99}, {"aa": 100, "bb": 900})
    now = Counted({"originals": 901, "leases": 0}, {"aa": 49, "bb": 852})
    assert shrunk(before, now) == [
        Shrunk("crops", "", 500, 0),
        Shrunk("originals", "aa", 100, 49),
    ]
    assert shrunk(before, before) == []
    assert shrunk(Counted(), now) == []
