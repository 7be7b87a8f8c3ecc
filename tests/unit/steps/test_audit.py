"""An audit of a library in memory: what it reports, and what it must not."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

import pytest

from reindex.domain.audit_classes import ImageClass, Listing
from reindex.domain.failures import StoreUnavailable
from reindex.image.truth import UserData
from reindex.reports.audit_page import page
from reindex.steps import audit as audit_step
from reindex.steps import audit_files
from reindex.steps.audit_files import AuditFiles, Look, page_key
from tests.twins.listings import MemoryListing
from tests.unit.steps.audits import Audits, examples, found
from tests.unit.steps.world import World

IDS = [f"{number:02x}-image" for number in range(12)]


@pytest.fixture
def world() -> World:
    """A library of which all is true."""
    world = World()
    world.add(*IDS, metadata={"title": "true"})
    world.library.thumbnails = dict.fromkeys(IDS, b"bytes")
    world.upload(IDS)
    world.reindex()
    return world


@pytest.fixture
def audits(world: World) -> Audits:
    return Audits(world)


def edit(world: World, image_id: str) -> None:
    """Change an image's truth, without any stamp that would tell."""
    world.projector.truth[image_id] = {"metadata": {"title": "edited"}}


def test_a_library_of_which_all_is_true_is_clean(audits: Audits) -> None:
    summary = audits.audit()

    assert found(summary) == {}
    assert summary["clean"]
    assert summary["listed"]["originals"] == len(IDS)
    assert "found nothing" in page(summary)


def test_each_fault_is_in_its_class_and_nothing_is_changed(world: World, audits: Audits) -> None:
    del world.library.originals[IDS[0]]
    world.index.live_delete(IDS[1])
    del world.library.thumbnails[IDS[2]]
    world.add("new", metadata={})
    world.library.thumbnails["new"] = b"bytes"
    world.index.live_write("theirs", {"id": "theirs"})
    world.add("theirs")
    world.library.thumbnails["theirs"] = b"bytes"
    world.library.rows["nobody"] = UserData(edits={"id": "nobody"})
    before = copy.deepcopy((world.index.documents, world.table.rows, world.library.originals))

    summary = audits.audit()

    assert found(summary) == {
        ImageClass.ORIGINAL_WITHOUT_DOCUMENT: 2,
        ImageClass.DOCUMENT_WITHOUT_ORIGINAL: 1,
        ImageClass.ROWS_WITHOUT_ORIGINAL: 1,
        ImageClass.UPLOADED_WITHOUT_ORIGINAL: 1,
        ImageClass.THUMBNAIL_MISSING: 1,
        ImageClass.NEVER_UPLOADED: 2,
        ImageClass.DOCUMENT_OF_NO_RUN: 1,
    }
    assert examples(summary, ImageClass.ORIGINAL_WITHOUT_DOCUMENT) == [IDS[1], "new"]
    assert not summary["clean"]
    assert (world.index.documents, world.table.rows, world.library.originals) == before
    shown = world.files.files[page_key("audit-1")].decode()
    assert "reindex start --source file --file audit/never_uploaded.txt --watch" in shown


def test_an_empty_index_is_a_listing_of_nothing(world: World, audits: Audits) -> None:
    for image_id in IDS:
        world.index.live_delete(image_id)

    summary = audits.audit()

    assert summary["listed"]["documents"] == 0
    assert found(summary) == {ImageClass.ORIGINAL_WITHOUT_DOCUMENT: len(IDS)}


def test_a_document_that_another_program_changed_is_projected_and_reported(
    world: World, audits: Audits
) -> None:
    changed = {**world.index.documents[IDS[3]], "metadata": {"title": "changed by hand"}}
    world.index.live_write(IDS[3], changed)

    assert examples(audits.audit(), ImageClass.STALE_DOCUMENT) == [IDS[3]]


def test_a_document_whose_change_its_truth_agrees_with_is_no_finding(
    world: World, audits: Audits
) -> None:
    edit(world, IDS[3])
    changed = {**world.index.documents[IDS[3]], **world.projector.truth[IDS[3]]}
    world.index.live_write(IDS[3], changed)

    assert found(audits.audit()) == {}


def test_only_a_deep_audit_sees_a_change_that_left_no_stamp(world: World, audits: Audits) -> None:
    edit(world, IDS[4])

    assert found(audits.audit("audit-1")) == {}
    assert examples(audits.audit("audit-2", deep=True), ImageClass.STALE_DOCUMENT) == [IDS[4]]


def test_what_was_just_changing_during_the_listing_is_not_reported(
    world: World, audits: Audits
) -> None:
    document = world.index.documents[IDS[0]]
    world.index.live_delete(IDS[0])
    original = world.library.originals.pop(IDS[1])
    audits.list_and_compare("audit-1")
    world.index.live_write(IDS[0], document)
    world.library.originals[IDS[1]] = original

    assert found(audits.audit("audit-1")) == {}


def test_a_class_with_too_many_images_is_not_looked_at_again_and_says_so(
    audits: Audits, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit_step, "LOOK_AGAIN", 2)
    world.library.thumbnails.clear()
    audits.list_and_compare("audit-1")
    world.library.thumbnails = dict.fromkeys(IDS, b"bytes")

    summary = audits.audit("audit-1")

    assert found(summary) == {ImageClass.THUMBNAIL_MISSING: len(IDS)}
    assert "thumbnail_missing" in summary["notes"][0]
    assert len(examples(summary, ImageClass.THUMBNAIL_MISSING)) == audit_step.EXAMPLES


def test_however_it_is_cut_it_finds_the_same(
    world: World, audits: Audits, monkeypatch: pytest.MonkeyPatch
) -> None:
    for image_id in IDS[::2]:
        world.index.live_delete(image_id)
    whole = audits.audit("audit-1")
    for name, value in (("PARTITION_IMAGES", 2), ("HELD_ENTRIES", 3), ("PART_ENTRIES", 5)):
        monkeypatch.setattr(audit_step, name, value)
    monkeypatch.setattr(audit_step, "PART_SECONDS", -1)
    monkeypatch.setattr(audit_files, "HELD_ENTRIES", 2)

    cut = audits.audit("audit-2")

    assert len(audits.auditing.plan("audit-2", deep=False)["parts"]) > len(audits.listings)
    assert found(cut) == found(whole) == {ImageClass.ORIGINAL_WITHOUT_DOCUMENT: 6}
    for name in ("listed", "originals_by_prefix"):
        assert cut[name] == whole[name]
    ids = AuditFiles(world.files, "audit-2").ids(Look.SECOND, ImageClass.ORIGINAL_WITHOUT_DOCUMENT)
    assert sorted(ids) == IDS[::2]


def test_what_is_done_is_not_done_again(world: World, audits: Audits) -> None:
    audits.list_and_compare("audit-1")
    for listing in audits.listings.values():
        assert isinstance(listing, MemoryListing)
        listing.fail_next(1)

    assert found(audits.audit("audit-1")) == {}


def test_a_listing_that_fails_fails_the_audit_and_can_be_tried_again(audits: Audits) -> None:
    thumbnails = audits.listings[Listing.THUMBNAILS]
    assert isinstance(thumbnails, MemoryListing)
    audits.auditing.plan("audit-1", deep=False)
    thumbnails.fail_next()
    with pytest.raises(StoreUnavailable):
        audits.list_and_compare("audit-1")

    assert found(audits.audit("audit-1")) == {}


@pytest.fixture
def lost(world: World, audits: Audits) -> dict[str, bytes]:
    """The originals that a library had in its first audit, and has no more."""
    many = [f"ff-{number:03}" for number in range(100)]
    world.add(*many)
    world.upload(many, name="second")
    audits.audit("audit-1")
    return {image_id: world.library.originals.pop(image_id) for image_id in many}


def in_doubt(summary: Mapping[str, Any]) -> dict[str, str | None]:
    return {each["name"]: each["command"] for each in summary["classes"] if each["doubtful"]}


@pytest.mark.usefixtures("lost")
def test_while_originals_have_shrunk_what_they_lack_has_no_command(audits: Audits) -> None:
    # Repeated: since the second audit the library has lost nothing more.
    for audit_id in ("audit-2", "audit-3", "audit-4"):
        summary = audits.audit(audit_id)

        assert [(each["listing"], each["prefix"]) for each in summary["shrunk"]] == [
            ("originals", ""),
            ("originals", "ff"),
        ]
        assert in_doubt(summary) == {ImageClass.UPLOADED_WITHOUT_ORIGINAL: None}
        assert not summary["clean"]
        assert summary["reference"] == "audit-1"
        shown = page(summary)
        assert "do nothing about these yet" in shown
        assert "Compared with audit audit-1" in shown
        assert "reindex audit --accept-shrunk" in shown


def test_once_what_was_lost_is_back_nothing_is_in_doubt(
    world: World, audits: Audits, lost: Mapping[str, bytes]
) -> None:
    audits.audit("audit-2")
    world.library.originals.update(lost)

    assert audits.audit("audit-3")["shrunk"] == []
    assert audits.audit("audit-4")["reference"] == "audit-3"


@pytest.mark.usefixtures("lost")
def test_listings_that_are_accepted_as_they_are_are_the_next_reference(audits: Audits) -> None:
    audits.audit("audit-2")

    accepted = audits.audit("audit-3", accept_shrunk=True)

    assert (accepted["shrunk"], in_doubt(accepted)) == ([], {})
    said = "The listing of originals has shrunk from 112 to 12: accepted."
    assert said in accepted["notes"]
    assert said in page(accepted)
    later = audits.audit("audit-4")
    assert (later["shrunk"], later["notes"], later["reference"]) == ([], [], "audit-3")


def test_an_open_run_is_named(world: World, audits: Audits) -> None:
    world.add("new")
    world.upload(["new"], name="second")
    world.preflight("run-2")

    summary = audits.audit()

    assert "run-2 is open" in summary["notes"][0]
