"""The dead-letter queue: messages that cannot be processed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from reindex.batches import in_batches
from reindex.stores.aws import persist, unavailable
from reindex.stores.interfaces.queues import DeadLetter
from reindex.stores.sqs import BATCH_ENTRIES, MAX_MESSAGE_BYTES, SERVICE, SqsQueue
from reindex.text import printable

if TYPE_CHECKING:
    from mypy_boto3_sqs.type_defs import MessageAttributeValueTypeDef, MessageTypeDef

#: Most characters of a reason: attributes count towards the limit of a message's size.
_MAX_REASON = 500

_REASON = "reason"

#: Bytes of the attribute that holds a reason, its name and type included.
_MAX_ATTRIBUTE_BYTES = 4 * _MAX_REASON + 64

#: Seconds to wait for a message. With long polling SQS asks all of its servers, so an empty answer
#: means that the queue is empty.
_WAIT_SECONDS = 1

#: Seconds for which the failed entries of a batch are retried.
_PATIENCE_SECONDS = 5.0


class SqsDeadLetters(SqsQueue):
    """The dead-letter queue of the low-priority queue."""

    def put(self, body: str, reason: str) -> None:
        """Set a message aside, with the reason as its attribute ``reason``.

        Args:
            body: The message, as it came.
            reason: For people; must not be empty.

        Raises:
            StoreUnavailable: SQS does not accept it.
        """
        attributes: dict[str, MessageAttributeValueTypeDef] = {
            _REASON: {"DataType": "String", "StringValue": printable(reason)[:_MAX_REASON]}
        }
        if len(body.encode()) > MAX_MESSAGE_BYTES - _MAX_ATTRIBUTE_BYTES:
            # Attributes count towards the limit: a message of the largest size has no room for one.
            attributes = {}
        with unavailable(SERVICE):
            self._client.send_message(
                QueueUrl=self._url, MessageBody=body, MessageAttributes=attributes
            )

    def receive(self, seconds: int) -> Sequence[DeadLetter]:
        """Receive up to ten messages; none if the queue is empty.

        Args:
            seconds: Visibility timeout: for how long other consumers do not receive them.

        Raises:
            StoreUnavailable: SQS does not answer.
        """
        with unavailable(SERVICE):
            answer = self._client.receive_message(
                QueueUrl=self._url,
                MaxNumberOfMessages=BATCH_ENTRIES,
                MessageAttributeNames=[_REASON],
                VisibilityTimeout=seconds,
                WaitTimeSeconds=_WAIT_SECONDS,
            )
        return [_letter(found) for found in answer.get("Messages", [])]

    def release(self, receipts: Sequence[str]) -> None:
        """Make messages visible again at once; one that is visible or deleted is not changed.

        Args:
            receipts: Of the messages.

        Raises:
            StoreUnavailable: SQS does not answer.
        """
        for batch in in_batches(receipts, BATCH_ENTRIES):
            with unavailable(SERVICE):
                self._client.change_message_visibility_batch(
                    QueueUrl=self._url,
                    Entries=[
                        {"Id": str(n), "ReceiptHandle": receipt, "VisibilityTimeout": 0}
                        for n, receipt in enumerate(batch)
                    ],
                )

    def remove(self, letters: Sequence[DeadLetter]) -> None:
        """Delete messages.

        Raises:
            StoreUnavailable: SQS does not delete all of them.
        """
        for batch in in_batches(letters, BATCH_ENTRIES):
            self._remove({str(n): letter.receipt for n, letter in enumerate(batch)})

    def _remove(self, left: dict[str, str]) -> None:
        def attempt(_: int) -> str | None:
            answer = self._client.delete_message_batch(
                QueueUrl=self._url,
                Entries=[{"Id": n, "ReceiptHandle": receipt} for n, receipt in left.items()],
            )
            for done in answer["Successful"]:
                del left[done["Id"]]
            return next((failed["Code"] for failed in answer.get("Failed", [])), None)

        with unavailable(SERVICE):
            persist(attempt, seconds=_PATIENCE_SECONDS, service=SERVICE)


def _letter(found: MessageTypeDef) -> DeadLetter:
    reason = found.get("MessageAttributes", {}).get(_REASON)
    return DeadLetter(
        found["MessageId"],
        found["ReceiptHandle"],
        found["Body"],
        reason.get("StringValue", "") if reason else "",
    )
