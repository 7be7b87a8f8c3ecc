"""Preflight asks who builds the documents for some images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest

from reindex.domain.failures import Failure, ProjectorDied, StoreUnavailable
from reindex.domain.projections import Projected, ProjectionAnswer
from reindex.steps.projector_probe import NO_IMAGE, probe_projector
from tests.twins.id_sources import MemoryIds

IDS = [f"image-{number}" for number in range(20)]
NOT_FOUND = Failure("not_found", "no such image")


class Scripted:
    """A projector that gives each image what a test says, and not_found to others."""

    def __init__(self, said: Mapping[str, Failure | str] | Exception) -> None:
        self.said = said
        self.asked: list[str] = []

    def project(
        self, ids: Sequence[str], run_id: str, misfits: Mapping[str, str] | None = None
    ) -> ProjectionAnswer:
        self.asked += ids
        if isinstance(self.said, Exception):
            raise self.said
        found = {image_id: self.said.get(image_id, NOT_FOUND) for image_id in ids}
        return ProjectionAnswer(
            [Projected(id_, "digest", said) for id_, said in found.items() if said == "{}"],
            {id_: said for id_, said in found.items() if isinstance(said, Failure)},
            [id_ for id_, said in found.items() if said == "later"],
        )


def finding(projector: Scripted, ids: Sequence[str] = IDS) -> str:
    with pytest.raises(StoreUnavailable) as caught:
        probe_projector(projector, MemoryIds(ids, page_size=10))
    return str(caught.value)


def test_one_document_of_a_few_images_is_enough() -> None:
    projector = Scripted({IDS[0]: Failure("truncated", "it is broken"), IDS[3]: "{}"})
    probe_projector(projector, MemoryIds(IDS, page_size=10))
    assert projector.asked == IDS[:5]


@pytest.mark.parametrize(
    ("said", "message"),
    [
        (
            {IDS[1]: Failure("loader_refused", "the image loader refused it: status 401", "key")},
            "loader_refused: the image loader refused it: status 401 key",
        ),
        ({}, "it knows none of 5 images whose originals exist: is its address right?"),
        (dict.fromkeys(IDS, "later"), "it had no time to answer"),
        (ProjectorDied("Runtime.OutOfMemory: "), "it died: Runtime.OutOfMemory: "),
    ],
)
def test_whoever_gives_none_is_a_finding_that_says_why(
    said: Mapping[str, Failure | str] | Exception, message: str
) -> None:
    assert finding(Scripted(said)) == message


def test_without_originals_it_is_asked_for_an_image_that_does_not_exist() -> None:
    projector = Scripted({})
    probe_projector(projector, MemoryIds([]))
    assert projector.asked == [NO_IMAGE]
    assert finding(Scripted({NO_IMAGE: Failure("loader_answer", "it is HTML")}), []) == (
        "loader_answer: it is HTML"
    )
