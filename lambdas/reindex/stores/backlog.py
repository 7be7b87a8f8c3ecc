"""The low-priority queue: filled in full batches, drained by the indexer."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from reindex.batches import in_batches
from reindex.domain.failures import StoreUnavailable
from reindex.domain.messages import OutgoingMessage
from reindex.stores.aws import persist, unavailable
from reindex.stores.sqs import BATCH_ENTRIES, MAX_MESSAGE_BYTES, SERVICE, SqsQueue

if TYPE_CHECKING:
    from mypy_boto3_sqs.type_defs import SendMessageBatchRequestEntryTypeDef

#: Longest time a delivery can be hidden, in seconds.
MAX_VISIBILITY_SECONDS = 12 * 3600

#: Characters that JSON text may hold and SQS rejects: it accepts those of XML 1.0.
_UNSENDABLE = re.compile("[\ud800-\udfff\ufffe\uffff]")

#: Seconds for which the failed entries of a batch are retried.
_PATIENCE_SECONDS = 5.0


class _Packed(NamedTuple):
    """A message that is ready to be sent."""

    id: str
    body: str
    size: int


class SqsBacklog(SqsQueue):
    """The low-priority queue, as batch-index sends to it."""

    def send(self, messages: Sequence[OutgoingMessage]) -> set[str]:
        """Send messages, packed in order into as few batches as fit.

        Returns:
            The ids of the messages that SQS accepted. If SQS does not answer for a batch, its
            messages are not among them, although they may have been accepted, and no further
            batch is sent.

        Raises:
            ValueError: A message is larger than :data:`MAX_MESSAGE_BYTES`; it needs a claim check.
            StoreUnavailable: SQS does not answer, and accepted no message before.
        """
        accepted: set[str] = set()
        for batch in list(_batches(map(_packed, messages))):
            try:
                self._send(batch, accepted)
            except StoreUnavailable:
                if not accepted:
                    raise
                break
        return accepted

    def _send(self, batch: Sequence[_Packed], accepted: set[str]) -> None:
        """Send one batch; retry entries that fail for SQS's fault, and drop those for ours."""
        waiting = dict(enumerate(batch))

        def attempt(_: int) -> str | None:
            entries: list[SendMessageBatchRequestEntryTypeDef] = [
                {"Id": str(number), "MessageBody": packed.body}
                for number, packed in waiting.items()
            ]
            answer = self._client.send_message_batch(QueueUrl=self._url, Entries=entries)
            accepted.update(waiting.pop(int(sent["Id"])).id for sent in answer["Successful"])
            problem = None
            for failed in answer.get("Failed", []):
                if failed["SenderFault"]:
                    del waiting[int(failed["Id"])]
                else:
                    problem = failed["Code"]
            return problem

        with unavailable(SERVICE):
            persist(attempt, seconds=_PATIENCE_SECONDS, service=SERVICE)


class SqsDeliveries(SqsQueue):
    """A queue, as the function that consumes its messages sees it."""

    def postpone(self, seconds: Mapping[str, int]) -> None:
        """Extend the visibility timeout of deliveries.

        A delivery whose timeout has expired, or that was deleted, is not changed.

        Args:
            seconds: From now on, by receipt handle; at most :data:`MAX_VISIBILITY_SECONDS`.

        Raises:
            StoreUnavailable: SQS does not answer.
        """
        for batch in in_batches(list(seconds.items()), BATCH_ENTRIES):
            with unavailable(SERVICE):
                self._client.change_message_visibility_batch(
                    QueueUrl=self._url,
                    Entries=[
                        {
                            "Id": str(number),
                            "ReceiptHandle": receipt,
                            "VisibilityTimeout": min(wait, MAX_VISIBILITY_SECONDS),
                        }
                        for number, (receipt, wait) in enumerate(batch)
                    ],
                )


def _packed(message: OutgoingMessage) -> _Packed:
    # Such characters occur only inside JSON's strings, where they can be escaped.
    body = _UNSENDABLE.sub(lambda found: f"\\u{ord(found[0]):04x}", message.body())
    size = len(body.encode())
    if size > MAX_MESSAGE_BYTES:
        raise ValueError(f"the message of {message.id} has {size} bytes, more than a queue takes")
    return _Packed(message.id, body, size)


def _batches(messages: Iterator[_Packed]) -> Iterator[list[_Packed]]:
    """Cut into batches of at most ten messages and :data:`MAX_MESSAGE_BYTES` bytes."""
    batch: list[_Packed] = []
    size = 0
    for message in messages:
        if batch and (len(batch) == BATCH_ENTRIES or size + message.size > MAX_MESSAGE_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(message)
        size += message.size
    if batch:
        yield batch
