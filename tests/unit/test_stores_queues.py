"""The queues in SQS."""

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from moto import mock_aws

from reindex.domain.failures import StoreUnavailable
from reindex.domain.messages import Message, OutgoingMessage
from reindex.domain.provenance import Guard
from reindex.stores.aws import client_config
from reindex.stores.backlog import MAX_VISIBILITY_SECONDS, SqsBacklog, SqsDeliveries
from reindex.stores.dead_letters import SqsDeadLetters
from reindex.stores.interfaces.queues import Backlog, DeadLetters, Deliveries, Depth
from reindex.stores.sqs import MAX_MESSAGE_BYTES
from tests.unit.aws import SESSION, Calls

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient


@pytest.fixture
def client() -> Iterator["SQSClient"]:
    with mock_aws():
        yield SESSION.client("sqs", config=client_config(attempts=1))


@pytest.fixture
def url(client: "SQSClient") -> str:
    return client.create_queue(QueueName="backlog")["QueueUrl"]


@pytest.fixture
def batches(client: "SQSClient") -> Calls:
    return Calls(client, "SendMessageBatch")


@pytest.fixture
def backlog(client: "SQSClient", url: str) -> Backlog:
    return SqsBacklog(client, url)


def _message(image_id: str, size: int = 0) -> OutgoingMessage:
    return OutgoingMessage(
        id=image_id,
        rev=1,
        run_id="run",
        digest="d",
        index="images-000001",
        index_uuid="uuid-1",
        guard=Guard(7, 1),
        preserved="{}",
        projected_at="2024-05-17T09:30:00.000Z",
        image=json.dumps({"id": image_id, "fill": "x" * size}),
    )


def _of_size(image_id: str, size: int) -> OutgoingMessage:
    return _message(image_id, size - len(_message(image_id).body()))


def _failed(number: int, *, ours: bool) -> dict[str, object]:
    return {"Id": str(number), "SenderFault": ours, "Code": "InternalError"}


class TestTheBacklog:
    def test_takes_messages_that_can_be_read_again(
        self, backlog: Backlog, client: "SQSClient", url: str
    ) -> None:
        assert backlog.send([_message("a")]) == {"a"}

        [received] = client.receive_message(QueueUrl=url)["Messages"]
        assert json.loads(Message.parse(received["Body"]).image)["id"] == "a"

    def test_packs_ten_messages_a_batch(self, backlog: Backlog, batches: Calls) -> None:
        ids = [str(number) for number in range(25)]

        assert backlog.send([_message(i) for i in ids]) == set(ids)

        assert [len(call["Entries"]) for call in batches.parameters] == [10, 10, 5]

    def test_packs_no_more_than_a_mebibyte_a_batch(self, backlog: Backlog, batches: Calls) -> None:
        half = MAX_MESSAGE_BYTES // 2
        sizes = [half, half, half, half + 1, 1_000]
        messages = [_of_size(str(number), size) for number, size in enumerate(sizes)]
        for number in (2, 1, 2):
            batches.answer({"Successful": [{"Id": str(i)} for i in range(number)]})

        assert len(backlog.send(messages)) == 5

        assert [len(call["Entries"]) for call in batches.parameters] == [2, 1, 2]

    def test_counts_bytes_and_not_characters(self, backlog: Backlog) -> None:
        message = _message("a", MAX_MESSAGE_BYTES // 2)
        wide = message.image.replace("x", "ß")

        with pytest.raises(ValueError, match="more than a queue takes"):
            backlog.send(
                [
                    OutgoingMessage(
                        **{f: getattr(message, f) for f in message.__slots__} | {"image": wide}
                    )
                ]
            )

    def test_takes_no_message_over_a_mebibyte(self, backlog: Backlog, batches: Calls) -> None:
        messages = [_message("a"), _of_size("b", MAX_MESSAGE_BYTES + 1)]

        with pytest.raises(ValueError, match="message of b"):
            backlog.send(messages)

        assert not batches.parameters

    def test_escapes_what_json_may_hold_and_sqs_refuses(
        self, backlog: Backlog, batches: Calls
    ) -> None:
        message = _message("a")
        odd = OutgoingMessage(
            **{f: getattr(message, f) for f in message.__slots__}
            | {"image": '{"title": "\ufffe\uffff\ud800 \U0001f98a"}'}
        )

        backlog.send([odd])

        body = batches.parameters[0]["Entries"][0]["MessageBody"]
        assert not {"\ufffe", "\uffff", "\ud800"}.intersection(body)
        assert json.loads(Message.parse(body).image)["title"] == "\ufffe\uffff\ufffd \U0001f98a"

    def test_offers_again_only_what_sqs_failed_to_take(
        self, backlog: Backlog, batches: Calls
    ) -> None:
        batches.answer(
            {
                "Successful": [{"Id": "0"}],
                "Failed": [_failed(1, ours=False), _failed(2, ours=True)],
            }
        )

        assert backlog.send([_message(i) for i in "abc"]) == {"a", "b"}

        assert [entry["Id"] for entry in batches.parameters[1]["Entries"]] == ["1"]

    def test_that_does_not_answer_is_unavailable(self, backlog: Backlog, batches: Calls) -> None:
        batches.refuse("AWS.SimpleQueueService.NonExistentQueue")

        with pytest.raises(StoreUnavailable, match="NonExistentQueue"):
            backlog.send([_message("a")])

    def test_that_stops_answering_has_accepted_what_it_took_before(
        self, backlog: Backlog, batches: Calls
    ) -> None:
        batches.answer({"Successful": [{"Id": str(number)} for number in range(10)]})
        batches.refuse("AccessDenied", 403, times=2)

        accepted = backlog.send([_message(str(number)) for number in range(30)])

        assert accepted == {str(number) for number in range(10)}
        assert len(batches.parameters) == 2

    def test_knows_its_depth(self, backlog: Backlog, client: "SQSClient", url: str) -> None:
        backlog.send([_message(i) for i in "abc"])
        client.receive_message(QueueUrl=url)
        client.send_message(QueueUrl=url, MessageBody="later", DelaySeconds=60)

        assert backlog.depth() == Depth(visible=2, in_flight=1, delayed=1)


class TestDeliveries:
    @pytest.fixture
    def calls(self, client: "SQSClient") -> Calls:
        return Calls(client, "ChangeMessageVisibilityBatch")

    @pytest.fixture
    def deliveries(self, client: "SQSClient", url: str) -> Deliveries:
        return SqsDeliveries(client, url)

    def test_are_hidden_ten_a_call_and_at_most_twelve_hours(
        self, deliveries: Deliveries, calls: Calls
    ) -> None:
        for _ in range(2):
            calls.answer({"Successful": [], "Failed": []})

        deliveries.postpone({f"receipt {n}": n * 10_000 for n in range(11)})

        entries = [entry for call in calls.parameters for entry in call["Entries"]]
        assert [len(call["Entries"]) for call in calls.parameters] == [10, 1]
        assert entries[1]["ReceiptHandle"] == "receipt 1"
        assert entries[1]["VisibilityTimeout"] == 10_000
        assert entries[9]["VisibilityTimeout"] == MAX_VISIBILITY_SECONDS

    def test_that_cannot_be_hidden_are_left_as_they_are(
        self, deliveries: Deliveries, calls: Calls
    ) -> None:
        calls.answer({"Successful": [], "Failed": [_failed(0, ours=True)]})

        deliveries.postpone({"expired": 30})


class TestDeadLetters:
    @pytest.fixture
    def dead_letters(self, client: "SQSClient", url: str) -> SqsDeadLetters:
        return SqsDeadLetters(client, url)

    def test_keep_the_message_and_the_reason(
        self, dead_letters: DeadLetters, client: "SQSClient", url: str
    ) -> None:
        dead_letters.put("not JSON", "JSONDecodeError: " + "x" * 1_000)

        [letter] = client.receive_message(QueueUrl=url, MessageAttributeNames=["All"])["Messages"]
        assert letter["Body"] == "not JSON"
        reason = letter["MessageAttributes"]["reason"]["StringValue"]
        assert reason.startswith("JSONDecodeError: x")
        assert len(reason) == 500

    def test_are_received_with_their_reason(
        self, dead_letters: SqsDeadLetters, client: "SQSClient", url: str
    ) -> None:
        dead_letters.put("a", "unreadable")
        client.send_message(QueueUrl=url, MessageBody="b")

        found = {letter.body: letter.reason for letter in dead_letters.receive(60)}

        assert found == {"a": "unreadable", "b": ""}

    def test_of_the_largest_size_are_kept_without_their_reason(
        self, dead_letters: SqsDeadLetters
    ) -> None:
        largest = "x" * MAX_MESSAGE_BYTES
        dead_letters.put(largest, "unreadable")

        [letter] = dead_letters.receive(60)

        assert (letter.body, letter.reason) == (largest, "")

    def test_are_hidden_until_they_are_released(self, dead_letters: SqsDeadLetters) -> None:
        for number in range(12):
            dead_letters.put(str(number), "reason")

        letters = [*dead_letters.receive(60), *dead_letters.receive(60)]

        assert len({letter.message_id for letter in letters}) == 12
        assert not dead_letters.receive(60)
        dead_letters.release([letter.receipt for letter in letters])
        assert len(dead_letters.receive(60)) == 10

    def test_are_removed(self, dead_letters: SqsDeadLetters) -> None:
        for number in range(12):
            dead_letters.put(str(number), "reason")

        dead_letters.remove([*dead_letters.receive(60), *dead_letters.receive(60)])

        assert dead_letters.depth().total == 0

    def test_that_are_not_removed_at_first_are_removed_again(
        self, dead_letters: SqsDeadLetters, client: "SQSClient"
    ) -> None:
        dead_letters.put("a", "reason")
        calls = Calls(client, "DeleteMessageBatch")
        calls.answer({"Successful": [], "Failed": [_failed(0, ours=False)]})

        dead_letters.remove(dead_letters.receive(60))

        assert dead_letters.depth().total == 0
        assert len(calls.parameters) == 2

    def test_know_their_depth(self, dead_letters: DeadLetters) -> None:
        dead_letters.put("a", "reason")

        assert dead_letters.depth().total == 1

    def test_that_cannot_be_put_are_not_lost_silently(
        self, dead_letters: DeadLetters, client: "SQSClient"
    ) -> None:
        Calls(client, "SendMessage").refuse("AccessDenied", 403)

        with pytest.raises(StoreUnavailable):
            dead_letters.put("a", "reason")
