"""Documents that a library builds itself, by an image loader or by a function of its own."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from reindex.domain.provenance import Provenance
from reindex.domain.states import State
from tests.e2e.runs import run, upload
from tests.local.image_loader import KEY, Reply
from tests.local.ministack import cloud
from tests.local.projectors import (
    FUNCTION_ARN,
    SampleLoader,
    as_loader_ends_it,
    create_function,
    sample_loader,
    write_mapping,
)
from tests.local.sample_library import Ending, SampleLibrary
from tests.local.stack import LocalStack, local_stack

pytestmark = pytest.mark.e2e


@pytest.fixture
def served() -> Iterator[tuple[LocalStack, SampleLoader]]:
    """A deployment whose library has an image loader."""
    with (
        cloud() as endpoint_url,
        sample_loader(endpoint_url) as (sample, projection),
        local_stack(endpoint_url=endpoint_url, projection=projection) as stack,
    ):
        assert stack.reindex("prepare-index").returncode == 0
        yield stack, sample


def test_an_image_loader_that_has_every_fault_ends_each_image_as_it_should(
    served: tuple[LocalStack, SampleLoader],
) -> None:
    stack, sample = served
    library = as_loader_ends_it(SampleLibrary.generate(40))
    stack.fill(library)
    sample.know(library)
    sound = [image.id for image in library.images if image.ending.state is State.VERIFIED]
    html, other, busy, down, slow = sound[5:10]
    service = sample.service
    service.always[html] = Reply(200, "<html>Please sign in</html>")
    service.always[other] = Reply(200, json.dumps({"id": html, "source": {}}))
    service.faults[busy] = [Reply(429, "", {"Retry-After": "1"})]
    service.faults[down] = [Reply(503), Reply(503), Reply(503)]
    service.faults[slow] = [Reply(503, seconds=2)]
    upload(stack, library.ids)

    service.key = "another"
    refused = stack.reindex("start")
    assert refused.returncode == 1
    assert "image loader: loader_refused: the image loader refused the image: status 401" in (
        refused.stderr
    )

    service.key = KEY
    run_id = run(stack)

    bad = Ending(State.KNOWN_ERROR, "loader_answer")
    outcomes = stack.outcomes()
    assert [outcomes[image_id] for image_id in (html, other)] == [(bad.state, bad.code)] * 2
    rest = SampleLibrary([i for i in library.images if i.id not in (html, other)])
    assert rest.deviations(outcomes) == []
    documents = stack.search({"match_all": {}})
    assert documents.keys() == {*sound} - {html, other}
    showpiece = documents[library.images[0].id]
    assert showpiece["source"]["file"] == f"https://loader.example/{showpiece['id']}"
    assert showpiece["metadata"]["title"] == library.images[0].title
    assert len(showpiece["usages"]) == 7
    provenance = Provenance.of(showpiece)
    assert provenance is not None
    assert provenance.run_id == run_id
    assert service.most_at_once <= 8
    assert stack.reindex("certify", "--deep").returncode == 0


def test_a_function_of_the_librarys_own_need_only_return_documents(tmp_path: Path) -> None:
    mapping = tmp_path / "mapping.json"
    write_mapping(mapping)
    projection = {"function": FUNCTION_ARN, "mapping": str(mapping)}
    with local_stack(projection=projection) as stack:
        library = SampleLibrary.generate(30)
        stack.fill(library)
        upload(stack, library.ids)
        assert stack.reindex("prepare-index").returncode == 2
        prepared = stack.reindex("prepare-index", "--mapping", str(mapping))
        assert prepared.returncode == 0, prepared.stderr
        absent = stack.reindex("start")
        assert absent.returncode == 1
        assert "library's function: " in absent.stderr

        create_function(stack)
        checked = stack.reindex("check-projector")
        assert checked.returncode == 0, checked.stdout
        run(stack)

        assert library.deviations(stack.outcomes()) == []
        assert stack.reindex("certify", "--deep").returncode == 0

        index = f"{stack.alias}-000001"
        stack.cluster.send("DELETE", f"/{index}")
        narrow = {"properties": {"esInfo": {"properties": {"reindex": {"enabled": False}}}}}
        strict = {"mappings": {"dynamic": "strict", **narrow}, "aliases": {stack.alias: {}}}
        stack.cluster.send("PUT", f"/{index}", body=strict)
        refused = stack.reindex("start")
        assert refused.returncode == 1
        assert f"index {index}: metadata is missing, and its parent is strict" in refused.stderr
