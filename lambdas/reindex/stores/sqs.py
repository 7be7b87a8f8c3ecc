"""The base of all stores on SQS queues."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reindex.stores.aws import unavailable
from reindex.stores.interfaces.queues import Depth

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

#: Entries of one batch call.
#: https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html
BATCH_ENTRIES = 10

#: Bytes of one message, and of all messages of one batch together; see the same page.
MAX_MESSAGE_BYTES = 1_048_576

SERVICE = "SQS"


class SqsQueue:
    """A queue whose depth can be read.

    Args:
        client: Of SQS.
        url: The queue's.
    """

    def __init__(self, client: SQSClient, url: str) -> None:
        self._client = client
        self._url = url

    def depth(self) -> Depth:
        """Return the approximate numbers of its messages, which lag by up to a minute.

        Raises:
            StoreUnavailable: SQS does not answer.
        """
        with unavailable(SERVICE):
            attributes = self._client.get_queue_attributes(
                QueueUrl=self._url,
                AttributeNames=[
                    "ApproximateNumberOfMessages",
                    "ApproximateNumberOfMessagesNotVisible",
                    "ApproximateNumberOfMessagesDelayed",
                ],
            )["Attributes"]
        return Depth(
            visible=int(attributes["ApproximateNumberOfMessages"]),
            in_flight=int(attributes["ApproximateNumberOfMessagesNotVisible"]),
            delayed=int(attributes["ApproximateNumberOfMessagesDelayed"]),
        )
