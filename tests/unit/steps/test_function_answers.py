"""Answers of a library's own projection function, and what is made of them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reindex.domain.claim_checks import claimed_key
from reindex.domain.digest import digest
from reindex.domain.projections import UnreadableAnswer
from reindex.steps.function_answers import FunctionAnswers
from tests.twins.run_files import MemoryRunFiles
from tests.unit.steps.world import ManualClock


@pytest.fixture
def files() -> MemoryRunFiles:
    return MemoryRunFiles()


@pytest.fixture
def answers(files: MemoryRunFiles) -> FunctionAnswers:
    return FunctionAnswers(files, "TEST", "library-projector:live", ManualClock())


def test_a_document_alone_is_enough(answers: FunctionAnswers) -> None:
    document = {"title": "Swans", "any": {"shape": [1, 2.5, None, "é"]}}
    found = answers.read(
        {"images": [{"id": "a", "image": document}, {"id": "b", "image": json.dumps(document)}]},
        ["a", "b"],
        "run-1",
    )

    assert found.failures == {}
    for image in found.images:
        whole = json.loads(image.image)
        assert whole.pop("esInfo") == {
            "reindex": {
                "digest": image.digest,
                "runId": "run-1",
                "stage": "TEST",
                "projectedAt": "2026-03-01T18:00:00.000Z",
                "projector": "library-projector:live",
            }
        }
        assert whole == document
        assert image.digest == digest(document)


def test_a_digest_and_a_provenance_that_the_function_sends_are_not_trusted(
    answers: FunctionAnswers,
) -> None:
    document = {"esInfo": {"reindex": {"digest": "wrong", "runId": "another"}, "own": 1}, "a": 1}
    [image] = answers.read(
        {"images": [{"id": "a", "digest": "wrong", "image": document}]}, ["a"], "run-1"
    ).images

    whole = json.loads(image.image)
    assert whole["esInfo"]["reindex"]["digest"] == image.digest == digest({"a": 1})
    assert (whole["esInfo"]["reindex"]["runId"], whole["esInfo"]["own"]) == ("run-1", 1)


def test_a_large_document_waits_in_the_bucket(
    answers: FunctionAnswers, files: MemoryRunFiles
) -> None:
    [image] = answers.read(
        {"images": [{"id": "a", "image": {"text": "x" * 300_000}}]}, ["a"], "run-1"
    ).images

    key = claimed_key(json.loads(image.image))
    assert key is not None
    assert len(json.loads(files.get(key))["text"]) == 300_000


def test_failures_and_images_for_later_come_as_they_are_given(answers: FunctionAnswers) -> None:
    found = answers.read(
        {
            "failures": [
                {"id": "a", "code": "not_found"},
                {
                    "id": "b",
                    "code": "no_rights",
                    "message": "no rights",
                    "detail": "x",
                    "retryable": True,
                },
            ],
            "later": ["c"],
        },
        ["a", "b", "c"],
        "run-1",
    )

    assert found.later == ["c"]
    assert found.failures["a"].code == "not_found"
    assert (found.failures["b"].message, found.failures["b"].retryable) == ("no rights", True)


@pytest.mark.parametrize(
    ("event", "message"),
    [
        ({"images": [{"id": "a", "image": "<html>"}]}, "the answer is not JSON"),
        ({"images": [{"id": "a", "image": []}]}, "the document is not a JSON object"),
        ({"images": [{"id": "a", "image": {"id": "b"}}]}, "the document is of another image"),
        (
            {"images": [{"id": "a", "image": {"x": 1e999}}]},
            "the document holds a number",
        ),
        ({"images": [{"id": "a"}]}, "neither a document nor a failure with a code"),
        ({"failures": [{"id": "a", "code": "No Code"}]}, "neither a document nor a failure"),
        ({"failures": [{"id": "a", "code": "x", "detail": 1}]}, "the failure's message or detail"),
        ({"failures": [{"id": "a", "code": "x", "retryable": 1}]}, "the failure's retryable"),
        ({"images": [{"id": "a", "image": {}}], "later": ["a"]}, "the function answers for the im"),
        ({"later": [["a"]]}, "the function does not answer for the image"),
        ({}, "the function does not answer for the image"),
    ],
)
def test_a_fault_of_one_image_does_not_affect_others(
    answers: FunctionAnswers, event: dict[str, Any], message: str
) -> None:
    images = [*event.get("images", ()), {"id": "b", "image": {"fine": True}}]
    images.append({"id": "never asked for", "image": {}})
    found = answers.read({**event, "images": images}, ["a", "b"], "run-1")

    assert [image.id for image in found.images] == ["b"]
    assert found.failures["a"].code == "loader_answer"
    assert found.failures["a"].message.startswith(message)


@pytest.mark.parametrize(
    "event",
    [None, [], "text", {"images": {}}, {"images": ["a"]}, {"failures": [{}]}, {"later": "a"}],
)
def test_an_answer_of_another_form_is_the_whole_batchs(
    answers: FunctionAnswers, event: Any
) -> None:
    with pytest.raises(UnreadableAnswer):
        answers.read(event, ["a"], "run-1")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(["id", "image", "code", "detail", "esInfo"]), inner)
    ),
    max_leaves=20,
)
IDS = st.sampled_from(["a", "b"]) | JSON


@given(
    event=st.fixed_dictionaries(
        {},
        optional={
            "images": st.lists(st.fixed_dictionaries({"id": IDS, "image": JSON}) | JSON),
            "failures": st.lists(st.fixed_dictionaries({"id": IDS, "code": JSON}) | JSON),
            "later": st.lists(IDS) | JSON,
        },
    )
)
def test_whatever_a_function_answers_every_image_is_in_what_is_made_of_it(event: Any) -> None:
    try:
        found = FunctionAnswers(MemoryRunFiles(), "TEST", "own", ManualClock()).read(
            event, ["a", "b"], "run-1"
        )
    except UnreadableAnswer:
        return
    assert sorted([*(i.id for i in found.images), *found.failures, *found.later]) == ["a", "b"]
    for image in found.images:
        assert digest(json.loads(image.image)) == image.digest
