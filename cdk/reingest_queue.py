"""The low-priority queue that carries projected images to the indexer."""

from __future__ import annotations

from aws_cdk import Duration
from aws_cdk import aws_kms as kms
from aws_cdk import aws_sqs as sqs
from constructs import Construct

#: A message comes back after each refusal by a busy cluster: with the indexer's growing
#: visibility that is over six hours. A shorter brown-out must not fill the dead-letter queue, and
#: one message must not keep the queue from being quiet until a phase is given up (twelve hours).
#: What a message is really refused for, the indexer settles itself.
MAX_RECEIVES = 40

#: AWS's advice for a queue that feeds a function: six times its time-out.
VISIBILITY_FACTOR = 6


class ReingestQueue(Construct):
    """The queue and its dead-letter queue."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        consumer_timeout: Duration,
        key: kms.IKey | None,
    ) -> None:
        super().__init__(scope, construct_id)
        self.dead_letters = self._queue("DeadLetters", key)
        self.queue = self._queue(
            "Queue",
            key,
            visibility_timeout=Duration.seconds(
                VISIBILITY_FACTOR * int(consumer_timeout.to_seconds())
            ),
            dead_letter_queue=sqs.DeadLetterQueue(
                queue=self.dead_letters, max_receive_count=MAX_RECEIVES
            ),
        )

    def _queue(
        self,
        construct_id: str,
        key: kms.IKey | None,
        *,
        visibility_timeout: Duration | None = None,
        dead_letter_queue: sqs.DeadLetterQueue | None = None,
    ) -> sqs.Queue:
        return sqs.Queue(
            self,
            construct_id,
            encryption=sqs.QueueEncryption.KMS if key else sqs.QueueEncryption.SQS_MANAGED,
            encryption_master_key=key,
            enforce_ssl=True,
            retention_period=Duration.days(14),
            visibility_timeout=visibility_timeout,
            dead_letter_queue=dead_letter_queue,
        )
