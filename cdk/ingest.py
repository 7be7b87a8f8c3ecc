"""The live lane: its buckets, its table and its queues, in a stage that has one."""

from __future__ import annotations

from collections.abc import Callable

from aws_cdk import ArnFormat, Aws, Duration, RemovalPolicy, Stack
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sqs as sqs
from constructs import Construct, IDependable

from cdk.nag import accept
from cdk.names import Names
from cdk.progress_table import own_table, string_attribute
from cdk.reingest_queue import VISIBILITY_FACTOR
from cdk.stage_settings import StageSettings
from reindex.domain.submissions import SubmissionIndex

#: The most that SQS allows. A message comes back later each time, at the latest after 15 minutes:
#: that is ten days of an outage. Files that end the function are given up after three attempts,
#: which the submission's row counts.
MAX_RECEIVES = 1_000


class IngestLane(Construct):
    """Everything of the live lane but its functions.

    Args:
        scope: The stack.
        construct_id: Its name there.
        settings: Of the stage.
        crops_bucket: Of the library.
        timeout: Returns that of a function.
        key: Of the product's own data.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        settings: StageSettings,
        crops_bucket: str | None,
        timeout: Callable[[str], Duration],
        key: kms.IKey | None,
    ) -> None:
        super().__init__(scope, construct_id)
        names = Names(settings.stage)
        follow = settings.ingest.follow if settings.ingest else None
        self._disposable = settings.disposable
        self._key = key
        self.submissions = self._submissions_table()
        self.dead_letters = self._queue("DeadLetters")
        self.ingest_queue = self._queue("IngestQueue", timeout("ingest"))
        self.high_priority = self._queue("HighPriorityQueue", timeout("live_indexer"))
        #: For S3's events about the bucket of crops; None if the index does not follow it.
        self.crops_queue: sqs.Queue | None = None
        if follow and follow.crops and crops_bucket:
            self.crops_queue = self._queue("CropsQueue", timeout("follow"))
            self._let_send(self.crops_queue, crops_bucket)
        self.failed = self._bucket("Failed", names.bucket("failed"))
        self.public = self._bucket("Public", names.bucket("public"))
        self.ingest = self._bucket("Ingest", names.bucket("ingest"), versioned=True)
        self._notify(names.bucket("ingest"))

    def _submissions_table(self) -> dynamodb.Table:
        table = own_table(
            self,
            "Submissions",
            disposable=self._disposable,
            key=self._key,
            keys=("key", "version"),
        )
        for index in SubmissionIndex:
            is_whole = index is SubmissionIndex.FAILURE
            table.add_global_secondary_index(
                index_name=index.value,
                partition_key=string_attribute(index.value),
                projection_type=dynamodb.ProjectionType.ALL
                if is_whole
                else dynamodb.ProjectionType.KEYS_ONLY,
            )
        return table

    def _let_send(self, queue: sqs.Queue, bucket: str) -> IDependable:
        """Let S3 send the events of a bucket to a queue; return what must be there first."""
        arn = Stack.of(self).format_arn(
            service="s3",
            region="",
            account="",
            resource=bucket,
            arn_format=ArnFormat.NO_RESOURCE_NAME,
        )
        policy = queue.add_to_resource_policy(
            iam.PolicyStatement(
                principals=[iam.ServicePrincipal("s3.amazonaws.com")],
                actions=["sqs:SendMessage"],
                resources=[queue.queue_arn],
                conditions={
                    "StringEquals": {"aws:SourceAccount": Aws.ACCOUNT_ID},
                    "ArnEquals": {"aws:SourceArn": arn},
                },
            )
        )
        assert policy.policy_dependable is not None
        return policy.policy_dependable

    def _notify(self, bucket: str) -> None:
        """Have S3 send an event to the ingest queue for each file that is submitted."""
        policy = self._let_send(self.ingest_queue, bucket)
        resource = self.ingest.node.default_child
        assert isinstance(resource, s3.CfnBucket)
        # The construct's own way deploys a function that sets this from outside.
        resource.notification_configuration = s3.CfnBucket.NotificationConfigurationProperty(
            queue_configurations=[
                s3.CfnBucket.QueueConfigurationProperty(
                    event="s3:ObjectCreated:*", queue=self.ingest_queue.queue_arn
                )
            ]
        )
        # S3 tries whether it may send before it accepts the configuration.
        self.ingest.node.add_dependency(policy)

    def _queue(self, construct_id: str, consumer_timeout: Duration | None = None) -> sqs.Queue:
        # S3 cannot send to a queue that is encrypted with a KMS key, unless that key's policy lets
        # it; these messages hold nothing but names.
        seconds = VISIBILITY_FACTOR * int(consumer_timeout.to_seconds()) if consumer_timeout else 30
        return sqs.Queue(
            self,
            construct_id,
            encryption=sqs.QueueEncryption.SQS_MANAGED,
            enforce_ssl=True,
            retention_period=Duration.days(14),
            visibility_timeout=Duration.seconds(seconds),
            dead_letter_queue=sqs.DeadLetterQueue(
                queue=self.dead_letters, max_receive_count=MAX_RECEIVES
            )
            if consumer_timeout
            else None,
        )

    def _bucket(self, construct_id: str, name: str, *, versioned: bool = False) -> s3.Bucket:
        bucket = s3.Bucket(
            self,
            construct_id,
            bucket_name=name,
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            encryption=s3.BucketEncryption.KMS if self._key else s3.BucketEncryption.S3_MANAGED,
            encryption_key=self._key,
            bucket_key_enabled=True if self._key else None,
            enforce_ssl=True,
            minimum_tls_version=1.2,
            object_ownership=s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
            versioned=versioned,
            lifecycle_rules=[
                s3.LifecycleRule(
                    abort_incomplete_multipart_upload_after=Duration.days(7),
                    expired_object_delete_marker=True if versioned else None,
                )
            ],
            removal_policy=RemovalPolicy.DESTROY if self._disposable else RemovalPolicy.RETAIN,
        )
        accept(
            bucket,
            "AwsSolutions-S1",
            "Who submitted what is in the submissions table; CloudTrail's data events need no "
            "second bucket",
        )
        return bucket
