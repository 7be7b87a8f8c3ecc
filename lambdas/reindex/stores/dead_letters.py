"""The dead-letter queue: messages that nobody can work."""

from __future__ import annotations

from reindex.stores.aws import unavailable
from reindex.stores.sqs import SERVICE, SqsQueue

#: Characters of a reason: enough to understand it by, and far from the message's own limit,
#: which counts attributes too.
_MAX_REASON = 500


class SqsDeadLetters(SqsQueue):
    """The dead-letter queue of the low-priority queue."""

    def put(self, body: str, reason: str) -> None:
        """Set a message aside, with the reason as its attribute ``reason``.

        Args:
            body: The message, as it came.
            reason: For people; must not be empty.

        Raises:
            StoreUnavailable: SQS does not take it.
        """
        with unavailable(SERVICE):
            self._client.send_message(
                QueueUrl=self._url,
                MessageBody=body,
                MessageAttributes={
                    "reason": {"DataType": "String", "StringValue": reason[:_MAX_REASON]}
                },
            )
