"""Messages and answers: what is written is what is read."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from reindex.domain.claim_checks import claim_check, claimed_key, key_claimed_by
from reindex.domain.failures import Failure
from reindex.domain.ledger import Ledger
from reindex.domain.messages import Message, OutgoingMessage, UnreadableMessage
from reindex.domain.projections import Projected, ProjectionAnswer, UnreadableAnswer
from reindex.domain.provenance import Guard, Provenance

OUTGOING = OutgoingMessage(
    id="a",
    rev=3,
    run_id="run-1",
    digest="d",
    index="images-1",
    index_uuid="uuid-1",
    guard=Guard(7, 1),
    preserved='{"embedding": [1]}',
    projected_at="2026-03-01T18:00:00.000Z",
    image='{"id": "a", "note": "ünï\\u0000"}',
)


@pytest.mark.parametrize("guard", [Guard(0, 1), None])
def test_a_message_says_what_was_put_into_it(guard: Guard | None) -> None:
    message = Message.parse(replace(OUTGOING, guard=guard).body())

    assert (message.id, message.rev, message.index, message.guard) == ("a", 3, "images-1", guard)
    assert json.loads(message.image) == {"id": "a", "note": "ünï\x00"}
    assert message.preserved == {"embedding": [1]}


@pytest.mark.parametrize(
    "body",
    [
        "",
        "[]",
        "null",
        '"text"',
        json.dumps({"subject": "image"}),
        OUTGOING.body().replace('"rev": 3', '"rev": "3"'),
        OUTGOING.body().replace('"id": "a"', '"id": 7', 1),
        OUTGOING.body()[:-1],
        replace(OUTGOING, image="{}").body()[:-1] + "]",
        replace(OUTGOING, image="[]").body(),
    ],
)
def test_a_message_that_is_not_ours_or_not_whole_is_unreadable(body: str) -> None:
    with pytest.raises(UnreadableMessage):
        Message.parse(body)


@pytest.mark.parametrize(
    "image",
    [
        '{"id": "a", "note": "ünï 𝄞"}',
        '{"note": "\\", \\"image\\": {"}',
        '{"a": {"b": 1, "image": {"c": 2}}, "image": {}}',
    ],
)
@pytest.mark.parametrize("preserved", ["{}", '{"a": {"b": 1, "image": {"c": 2}}, "d": [{}]}'])
def test_a_messages_document_is_separated_from_its_envelope(image: str, preserved: str) -> None:
    message = Message.parse(replace(OUTGOING, image=image, preserved=preserved).body())

    assert json.loads(message.image) == json.loads(image)
    assert message.preserved == json.loads(preserved)


def test_a_document_that_fits_a_line_of_a_bulk_is_passed_on_as_it_is() -> None:
    image = '{"id": "a", "note": "ünï"}'

    assert Message.parse(replace(OUTGOING, image=image).body()).image == image


@pytest.mark.parametrize(
    ("image", "line"),
    [
        ('{"half a pair": "\\ud834"}', '{"half a pair":"\ufffd"}'),
        ('{"two":\n"lines"}', '{"two":"lines"}'),
    ],
)
def test_a_document_that_fits_no_line_of_a_bulk_is_made_to(image: str, line: str) -> None:
    assert Message.parse(replace(OUTGOING, image=image).body()).image == line


def test_the_fields_of_a_message_may_come_in_another_order() -> None:
    fields = json.loads(OUTGOING.body())

    message = Message.parse(json.dumps({"image": fields.pop("image"), **fields}))

    assert json.loads(message.image) == {"id": "a", "note": "ünï\x00"}


def test_a_claim_check_is_recognised_by_its_text() -> None:
    assert key_claimed_by(claim_check("claims/x.json")) == "claims/x.json"
    assert key_claimed_by('{"claimCheck": "an image may say so", "id": "a"}') is None


def test_a_claim_check_is_recognised() -> None:
    assert claimed_key(json.loads(claim_check("claims/x.json"))) == "claims/x.json"
    assert claimed_key({"id": "a"}) is None
    assert claimed_key({"claimCheck": "x", "id": "a"}) is None


def test_a_projections_answer_survives_the_wire() -> None:
    answer = ProjectionAnswer(
        images=[Projected("a", "d", '{"id": "a"}')],
        failures={"b": Failure("truncated", "it ends early", "at 12", retryable=False)},
        bytes_read=12,
        requests=2,
    )

    assert (
        ProjectionAnswer.from_event(json.loads(json.dumps(answer.to_event())), ["b", "a"]) == answer
    )


def test_provenance_is_read_from_a_document_and_absent_from_others() -> None:
    ours = {"esInfo": {"reindex": {"digest": "d", "runId": "r"}}}

    assert Provenance.of(ours) == Provenance("d", "r")
    assert Provenance.of({"esInfo": {"migration": {}}}) is None
    assert Provenance.of({}) is None


def test_ledgers_add_up_modulo_2_to_the_64() -> None:
    assert Ledger(1, 2**64 - 1) + Ledger(2, 2) == Ledger(3, 1)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"images": []}, "exactly the ids"),
        (
            {"failures": [{"id": "z", "code": "c", "message": "", "detail": "", "retryable": 0}]},
            "exactly",
        ),
        ({"images": [{"id": "a", "digest": "d", "image": "{}"}] * 2}, "exactly the ids"),
        ({"images": [{"id": "a", "digest": None, "image": "{}"}]}, "no text"),
        ({"images": [{"id": "a", "digest": "d", "image": {}}]}, "no text"),
        ({"images": None}, "TypeError"),
        ({"bytesRead": "12"}, "no number"),
    ],
    ids=str,
)
def test_an_answer_that_is_none_to_what_was_asked_is_refused(
    change: dict[str, Any], why: str
) -> None:
    answer = {
        "images": [{"id": "a", "digest": "d", "image": "{}"}],
        "failures": [],
        "bytesRead": 1,
        "requests": 1,
    }
    assert ProjectionAnswer.from_event(answer, ["a"]).images
    with pytest.raises(UnreadableAnswer, match=why):
        ProjectionAnswer.from_event(answer | change, ["a"])


@pytest.mark.parametrize(
    "change",
    [
        {"rev": True},
        {"id": ""},
        {"id": "x" * 513},
        {"index_uuid": 7},
        {"run_id": None},
        {"guard": {"seq_no": -1, "primary_term": 1}},
        {"guard": {"seq_no": "1", "primary_term": 1}},
        {"guard": ["seq_no"]},
        {"preserved": []},
        {"image": "text"},
    ],
    ids=str,
)
def test_a_message_with_a_field_of_another_kind_is_unreadable(change: dict[str, Any]) -> None:
    whole = json.loads(OUTGOING.body())
    with pytest.raises(UnreadableMessage):
        Message.parse(json.dumps(whole | change))


def test_a_message_that_is_nested_too_deep_is_unreadable() -> None:
    with pytest.raises(UnreadableMessage):
        Message.parse('{"subject": ' + "[" * 100_000 + "]" * 100_000 + "}")


def test_a_message_of_an_older_release_names_no_uuid() -> None:
    whole = json.loads(OUTGOING.body())
    del whole["index_uuid"]
    assert Message.parse(json.dumps(whole)).index_uuid is None
