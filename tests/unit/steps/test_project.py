"""Projection: documents from the truth, each image's failure its own."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from reindex.domain.claim_checks import claimed_key
from reindex.domain.digest import digest
from reindex.domain.failures import NoTimeLeft, OriginalNotFound, SourceForbidden
from reindex.domain.projections import ProjectionAnswer
from reindex.image.truth import UserData
from reindex.processors.draft import Draft
from reindex.processors.processing import BUILT_IN, NamedProcessor
from reindex.steps.project import ANSWER_BYTES, IMAGE_SECONDS, Projection
from reindex.stores.sources import source_config
from reindex.tag_names import TagNames
from reindex.time_limit import TimeLimit
from tests.twins.library import MemoryLibrary
from tests.twins.run_files import MemoryRunFiles
from tests.unit.image import files as image_files
from tests.unit.steps.world import CountingMeter, ManualClock


def jpeg(size: tuple[int, int] = (64, 48)) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", size, "red").save(file, "JPEG")
    return file.getvalue()


def rotated() -> bytes:
    """A JPEG file whose Exif says that it is shown turned."""
    return image_files.jpeg(
        image_files.exif_segment(image_files.tiff({0x0112: image_files.short(6)}))
    )


def labels(count: int) -> set[str]:
    """Labels of 25 KB each, near the most that a term of the index holds."""
    return {f"{n}{'x' * 25_000}" for n in range(count)}


@pytest.fixture
def library() -> MemoryLibrary:
    return MemoryLibrary({"good": jpeg(), "text": b"no image at all", "empty": b""})


@pytest.fixture
def files() -> MemoryRunFiles:
    return MemoryRunFiles()


@pytest.fixture
def projection(library: MemoryLibrary, files: MemoryRunFiles) -> Projection:
    return Projection(library, files, "image-reindex test", "TEST", ManualClock(), CountingMeter())


def test_each_image_is_in_the_answer_once_with_its_document_or_its_failure(
    projection: Projection,
) -> None:
    answer = projection.project(["good", "text", "empty", "absent"], "run-1")

    assert [image.id for image in answer.images] == ["good"]
    assert {id_: failure.code for id_, failure in answer.failures.items()} == {
        "text": "not_an_image",
        "empty": "not_an_image",
        "absent": "not_found",
    }


def test_tags_have_the_names_that_the_stage_wants(
    projection: Projection, library: MemoryLibrary
) -> None:
    library.originals["photo"] = rotated()
    renaming = replace(projection, tag_names=TagNames.METADATA_EXTRACTOR)
    names = [
        each.document("photo", "run-1")["fileMetadata"]["exif"] for each in (projection, renaming)
    ]
    assert names == [{"Orientation": "6"}, {"Orientation": "Right side, top (Rotate 90 CW)"}]


def with_description() -> bytes:
    texts = {0x010E: "A harbour", 0x013B: "J A Smith"}
    tags = {tag: image_files.ascii_tag(text) for tag, text in texts.items()}
    return image_files.jpeg(image_files.exif_segment(image_files.tiff(tags)))


def test_processors_make_metadata_and_rights_and_what_people_said_wins(
    projection: Projection, library: MemoryLibrary
) -> None:
    def ours(draft: Draft) -> Draft:
        changed = draft.with_metadata(description="ours", credit="ours")
        return changed.with_rights(category="agency", supplier=draft.uploaded_by)

    processors = [
        NamedProcessor("join_initials", BUILT_IN["join_initials"]),
        NamedProcessor("rules/ours.py:tidy", ours),
    ]
    library.originals["photo"] = with_description()
    library.rows["photo"] = UserData(edits={"id": "photo", "metadata": {"credit": "people's"}})

    document = replace(projection, processors=processors).document("photo", "run-1")

    assert document["originalMetadata"] == {
        "description": "ours",
        "credit": "ours",
        "byline": "JA Smith",
    }
    assert document["metadata"]["credit"] == "people's"
    assert (
        document["usageRights"]
        == document["originalUsageRights"]
        == {
            "category": "agency",
            "supplier": "re-ingester",
        }
    )
    told = replace(projection, processors=processors).explain("photo")
    assert [(each.by, each.field) for each in told] == [
        ("join_initials", "metadata.byline"),
        ("rules/ours.py:tidy", "metadata.credit"),
        ("rules/ours.py:tidy", "metadata.description"),
        ("rules/ours.py:tidy", "rights.category"),
        ("rules/ours.py:tidy", "rights.supplier"),
    ]


def test_a_processor_that_fails_on_one_image_does_not_affect_others(
    projection: Projection, library: MemoryLibrary
) -> None:
    def fragile(draft: Draft) -> Draft:
        return draft.with_metadata(credit=draft.metadata["description"].upper())

    library.originals["photo"] = with_description()
    processors = [NamedProcessor("rules/ours.py:tidy", fragile)]

    answer = replace(projection, processors=processors).project(["good", "photo"], "run-1")

    assert [image.id for image in answer.images] == ["photo"]
    failure = answer.failures["good"]
    assert failure.code == "processor_failed"
    assert failure.message == "the processor rules/ours.py:tidy failed"
    assert failure.detail == "KeyError: 'description'"


def test_a_document_carries_its_provenance_and_its_digest_is_reproducible(
    projection: Projection,
) -> None:
    [image] = projection.project(["good"], "run-1").images
    document: dict[str, Any] = json.loads(image.image)

    assert document["source"]["dimensions"] == {"width": 64, "height": 48}
    assert document["esInfo"]["reindex"] == {
        "digest": image.digest,
        "runId": "run-1",
        "stage": "TEST",
        "projectedAt": "2026-03-01T18:00:00.000Z",
        "projector": "image-reindex test",
    }
    assert digest(document) == image.digest


def test_user_data_and_renditions_are_merged_in(
    projection: Projection, library: MemoryLibrary
) -> None:
    library.thumbnails["good"] = jpeg((16, 12))
    library.rows["good"] = UserData(
        edits={"id": "good", "metadata": {"title": "Edited"}, "labels": {"b", "a"}},
    )
    [image] = projection.project(["good"], "run-1").images
    document = json.loads(image.image)

    assert document["thumbnail"]["dimensions"] == {"width": 16, "height": 12}
    assert document["metadata"]["title"] == "Edited"
    assert document["userMetadata"]["labels"] == ["a", "b"]


def test_a_source_that_forbids_is_that_images_failure_alone(
    projection: Projection, library: MemoryLibrary
) -> None:
    library.originals["closed"] = jpeg()
    library.broken["closed"] = SourceForbidden("S3 refused us")

    answer = projection.project(["good", "closed"], "run-1")

    assert [image.id for image in answer.images] == ["good"]
    assert answer.failures["closed"].code == "source_forbidden"


def test_what_we_did_not_foresee_is_that_images_failure_alone(
    projection: Projection, library: MemoryLibrary, monkeypatch: pytest.MonkeyPatch
) -> None:
    library.originals["odd"] = jpeg()
    opened = library.open

    def surprising(image_id: str) -> Any:
        if image_id == "odd":
            raise ZeroDivisionError("a surprise")
        return opened(image_id)

    monkeypatch.setattr(library, "open", surprising)
    answer = projection.project(["good", "odd"], "run-1")

    assert [image.id for image in answer.images] == ["good"]
    failure = answer.failures["odd"]
    assert (failure.code, failure.detail) == ("unexpected", "ZeroDivisionError: a surprise")


def test_a_large_document_waits_in_the_bucket(
    projection: Projection, library: MemoryLibrary, files: MemoryRunFiles
) -> None:
    library.rows["good"] = UserData(edits={"id": "good", "labels": labels(10)})

    [image] = projection.project(["good"], "run-1").images

    key = claimed_key(json.loads(image.image))
    assert key is not None
    document = json.loads(files.get(key))
    assert set(document["userMetadata"]["labels"]) == labels(10)
    assert datetime.fromisoformat(document["uploadTime"]).tzinfo is UTC


def test_an_answer_of_many_documents_stays_under_its_limit(
    projection: Projection, library: MemoryLibrary
) -> None:
    ids = [f"image-{n}" for n in range(10)]
    for image_id in ids:
        library.originals[image_id] = jpeg()
        # In the answer, each of these characters takes as many bytes as six letters.
        wide = {f"{n}{'é' * 12_000}" for n in range(6)}
        library.rows[image_id] = UserData(edits={"id": image_id, "labels": wide})

    answer = projection.project(ids, "run-1")

    assert len(json.dumps(answer.to_event())) <= ANSWER_BYTES + 10_000
    assert any(len(image.image) > 50_000 for image in answer.images)
    assert any(claimed_key(json.loads(image.image)) for image in answer.images)
    assert [image.id for image in answer.images] == ids


def test_no_image_is_begun_that_could_outlive_the_invocation(
    library: MemoryLibrary, files: MemoryRunFiles
) -> None:
    time_limit = TimeLimit()
    projection = Projection(
        library, files, "test", "TEST", ManualClock(), CountingMeter(), time_limit
    )
    time_limit.start(IMAGE_SECONDS - 1)

    answer = projection.project(["good"], "run-1")

    assert (answer.later, answer.failures) == (["good"], {})


def test_an_image_that_is_begun_outlives_two_reads_without_an_answer() -> None:
    config: Any = source_config(1)

    assert 2 * config.read_timeout <= IMAGE_SECONDS


class MemoryLoader:
    """An image loader in memory: its documents, or what asking for one raises."""

    requests = 2

    def __init__(self, **documents: Any) -> None:
        self.documents = documents

    def load(self, image_id: str) -> dict[str, Any]:
        found = self.documents.get(image_id, OriginalNotFound("the image loader knows none"))
        if isinstance(found, Exception):
            raise found
        loaded: dict[str, Any] = found
        return loaded


LOADED = {
    "id": "good",
    "source": {"mimeType": "image/jpeg"},
    "metadata": {"title": "Of the file", "credit": "AP"},
    "usageRights": {"category": "agency"},
    "usages": [{"id": "of yesterday"}],
    "softDeletedMetadata": {"deletedBy": "of yesterday"},
    "ours": {"any": ["thing"]},
}


#: Fields that merging looks into.
FIELDS = [
    *LOADED,
    "esInfo",
    "fileMetadata",
    "originalMetadata",
    "originalUsageRights",
    "reindex",
    "trimmed",
    "xmp",
]


def loaded_by(library: MemoryLibrary, *, whole: bool, **documents: Any) -> Projection:
    loader = MemoryLoader(**documents)
    return Projection(
        library,
        MemoryRunFiles(),
        "test",
        "TEST",
        ManualClock(),
        CountingMeter(),
        loader=loader,
        is_whole=whole,
    )


def test_what_people_said_is_merged_into_the_loaders_document(library: MemoryLibrary) -> None:
    library.rows["good"] = UserData(
        edits={
            "id": "good",
            "metadata": {"title": "Edited"},
            "usageRights": {"category": "handout"},
        },
    )
    [image] = loaded_by(library, whole=False, good=LOADED).project(["good"], "run-1").images
    document = json.loads(image.image)

    provenance = document.pop("esInfo")["reindex"]
    assert provenance["digest"] == image.digest == digest(document)
    assert document == {
        "id": "good",
        "source": {"mimeType": "image/jpeg"},
        "originalMetadata": {"title": "Of the file", "credit": "AP"},
        "metadata": {"title": "Edited", "credit": "AP"},
        "originalUsageRights": {"category": "agency"},
        "usageRights": {"category": "handout"},
        "userMetadata": {
            "metadata": {"title": "Edited"},
            "usageRights": {"category": "handout"},
        },
        "ours": {"any": ["thing"]},
    }


def test_a_whole_document_is_left_as_it_is_but_for_its_provenance(
    library: MemoryLibrary,
) -> None:
    library.broken["good"] = SourceForbidden("nothing of the library is read")
    loaded = {**LOADED, "esInfo": {"migration": {"migratedTo": "x"}, "reindex": {"digest": "old"}}}
    [image] = loaded_by(library, whole=True, good=loaded).project(["good"], "run-1").images
    document = json.loads(image.image)

    assert document["esInfo"].pop("reindex")["digest"] == image.digest == digest(LOADED)
    assert document == {**LOADED, "esInfo": {"migration": {"migratedTo": "x"}}}


@pytest.mark.parametrize(
    ("shapes", "answer", "message"),
    [
        ("any own", {**LOADED, "id": "other"}, "the document is of another image"),
        ("any own", {**LOADED, "id": "bad", "esInfo": "x"}, "the document's esInfo is not an"),
        (
            "any own",
            {**LOADED, "id": "bad", "big": 1e999},
            "the document holds a number",
        ),
        (
            "any own",
            {**LOADED, "id": "bad", "deep": json.loads("[" * 101 + "]" * 101)},
            "the document is nested more than 100 deep",
        ),
        (
            "own",
            {**LOADED, "id": "bad", "fileMetadata": {"trimmed": [1]}},
            "the document's fileMetadata.trimmed is not a list of texts",
        ),
        ("own", {"source": {}}, "the document has no id"),
        ("own", {"id": "bad"}, "the document has no source: it is not whole"),
        ("own", {**LOADED, "id": "bad", "metadata": []}, "the document's metadata is not an"),
    ],
)
def test_a_bad_document_is_that_images_failure_alone(
    library: MemoryLibrary, shapes: str, answer: Any, message: str
) -> None:
    for shape in shapes.split():
        projection = loaded_by(library, whole=shape == "any", bad=answer, good=LOADED)
        found = projection.project(["bad", "good", "absent"], "run-1")

        assert [image.id for image in found.images] == ["good"]
        assert found.failures["bad"].code == "loader_answer"
        assert found.failures["bad"].message.startswith(message)
        assert found.failures["absent"].code == "not_found"


def test_an_image_that_the_loader_had_no_time_for_has_not_failed(library: MemoryLibrary) -> None:
    projection = loaded_by(library, whole=True, good=LOADED, late=NoTimeLeft("no time"))
    found = projection.project(["good", "late"], "run-1")

    assert ([image.id for image in found.images], found.failures) == (["good"], {})
    assert found.later == ["late"]
    assert ProjectionAnswer.from_event(found.to_event(), ["good", "late"]).later == ("late",)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(FIELDS) | st.text(max_size=3), inner, max_size=4)
    ),
    max_leaves=12,
)


@pytest.mark.parametrize("shape", ["any", "own"])
@given(loaded=st.dictionaries(st.sampled_from(FIELDS), JSON, max_size=8))
def test_whatever_a_loader_answers_is_a_document_or_a_loaders_failure(
    shape: str, loaded: dict[str, Any]
) -> None:
    whole = shape == "any"
    projection = loaded_by(
        MemoryLibrary(), whole=whole, good={"source": {}, **loaded, "id": "good"}
    )
    answer = projection.project(["good"], "run-1", {"fileMetadata.xmp": "long"})

    for image in answer.images:
        assert digest(json.loads(image.image)) == image.digest
    assert {failure.code for failure in answer.failures.values()} <= {"loader_answer"}
