"""Messages and answers: what is written is what is read."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from reindex.failures import Failure
from reindex.records import (
    Guard,
    Ledger,
    Message,
    OutgoingMessage,
    Projected,
    ProjectionAnswer,
    Provenance,
    UnreadableMessage,
    claim_check,
    claimed_key,
)

OUTGOING = OutgoingMessage(
    id="a",
    rev=3,
    run_id="run-1",
    digest="d",
    index="images-1",
    guard=Guard(7, 1),
    preserved='{"embedding": [1]}',
    projected_at="2026-03-01T18:00:00.000Z",
    image='{"id": "a", "note": "ünï\\u0000"}',
)


@pytest.mark.parametrize("guard", [Guard(0, 1), None])
def test_a_message_says_what_was_put_into_it(guard: Guard | None) -> None:
    message = Message.parse(replace(OUTGOING, guard=guard).body())

    assert (message.id, message.rev, message.index, message.guard) == ("a", 3, "images-1", guard)
    assert message.image == {"id": "a", "note": "ünï\x00"}
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
def test_a_messages_text_is_that_of_its_document(image: str, preserved: str) -> None:
    message = Message.parse(replace(OUTGOING, image=image, preserved=preserved).body())

    assert message.image == json.loads(image)
    assert message.preserved == json.loads(preserved)
    assert message.text is None or json.loads(message.text) == message.image


def test_a_document_that_fits_a_line_of_a_bulk_is_passed_on_as_it_is() -> None:
    image = '{"id": "a", "note": "ünï"}'

    assert Message.parse(replace(OUTGOING, image=image).body()).text == image


@pytest.mark.parametrize("image", ['{"half a pair": "\\ud834"}', '{"two":\n"lines"}'])
def test_a_document_that_fits_no_line_of_a_bulk_is_not(image: str) -> None:
    message = Message.parse(replace(OUTGOING, image=image).body())

    assert message.text is None
    assert message.image == json.loads(image)


def test_a_message_whose_fields_come_in_another_order_has_no_text() -> None:
    fields = json.loads(OUTGOING.body())

    message = Message.parse(json.dumps({"image": fields.pop("image"), **fields}))

    assert message.text is None
    assert message.image == {"id": "a", "note": "ünï\x00"}


def test_a_document_that_was_fetched_has_not_the_text_of_its_claim_check() -> None:
    message = Message.parse(replace(OUTGOING, image=claim_check("claims/x.json")).body())

    assert message.text == claim_check("claims/x.json")
    assert message.with_values({"id": "a"}, {}).text is None


def test_a_claim_check_is_told_from_a_document() -> None:
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

    assert ProjectionAnswer.from_event(json.loads(json.dumps(answer.to_event()))) == answer


def test_provenance_is_read_from_a_document_and_absent_from_others() -> None:
    ours = {"esInfo": {"reindex": {"digest": "d", "runId": "r"}}}

    assert Provenance.of(ours) == Provenance("d", "r")
    assert Provenance.of({"esInfo": {"migration": {}}}) is None
    assert Provenance.of({}) is None


def test_ledgers_add_up_modulo_2_to_the_64() -> None:
    assert Ledger(1, 2**64 - 1) + Ledger(2, 2) == Ledger(3, 1)
