"""The high-priority queue: images whose document must be brought up to date."""

from __future__ import annotations

from collections.abc import Sequence

from reindex.batches import in_batches
from reindex.domain.submissions import IndexImage
from reindex.stores.aws import persist, unavailable
from reindex.stores.sqs import BATCH_ENTRIES, SERVICE, SqsQueue

#: Seconds for which the failed entries of a batch are retried.
_PATIENCE_SECONDS = 5.0


class SqsHighPriority(SqsQueue):
    """The high-priority queue, as its senders see it."""

    def send(self, messages: Sequence[IndexImage], delay_seconds: int = 0) -> None:
        """Send messages.

        Args:
            messages: To send.
            delay_seconds: Time before they can be received; at most 900.

        Raises:
            StoreUnavailable: Not all of them were accepted; some may have been.
        """
        for batch in in_batches(messages, BATCH_ENTRIES):
            self._send(
                {str(number): message for number, message in enumerate(batch)}, delay_seconds
            )

    def _send(self, left: dict[str, IndexImage], delay_seconds: int) -> None:
        def attempt(_: int) -> str | None:
            answer = self._client.send_message_batch(
                QueueUrl=self._url,
                Entries=[
                    {"Id": n, "MessageBody": m.to_json(), "DelaySeconds": delay_seconds}
                    for n, m in left.items()
                ],
            )
            for sent in answer["Successful"]:
                del left[sent["Id"]]
            return next((failed["Code"] for failed in answer.get("Failed", [])), None)

        with unavailable(SERVICE):
            persist(attempt, seconds=_PATIENCE_SECONDS, service=SERVICE)
