"""Projection: documents from the truth, each image's failure its own."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from PIL import Image

from reindex.domain.digest import digest
from reindex.domain.failures import SourceForbidden
from reindex.domain.records import claimed_key
from reindex.image.truth import UserData
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

    failure = projection.project(["good"], "run-1").failures["good"]

    assert (failure.code, failure.retryable) == ("source_unavailable", True)


def test_an_image_that_is_begun_outlives_two_reads_without_an_answer() -> None:
    config: Any = source_config(1)

    assert 2 * config.read_timeout <= IMAGE_SECONDS
