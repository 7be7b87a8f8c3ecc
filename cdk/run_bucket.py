"""The product's private bucket: claim checks, uploads, chunks, tallies, samples and reports."""

from __future__ import annotations

from aws_cdk import Duration, RemovalPolicy
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from constructs import Construct

from cdk.nag import accept
from reindex.domain.source_kinds import UPLOADS

#: Documents too large to travel in a message or an answer. A message lives for 14 days.
CLAIMS = "claims/"

#: The rows of chunks. One that was never worked on in all this time is found anew by the Tally.
CHUNKS = "work/"

#: Rows on their way into order.
ORDER = "order/"

#: Prefix of the results of the Tally's segments.
TALLIES = "tallies/"

#: Prefix of the samples of ticks, from which a run's report makes its plot.
SAMPLES = "samples/"

#: Prefix of the runs' reports, which are kept.
REPORTS = "reports/"

#: Summaries and pages of audits, which are kept; and the audits' listings and ids.
AUDITS = "audits/"
AUDIT_WORK = "audit-work/"

_EXPIRY_DAYS = {
    CLAIMS: 14,
    UPLOADS: 90,
    CHUNKS: 90,
    ORDER: 7,
    TALLIES: 90,
    SAMPLES: 90,
    AUDIT_WORK: 30,
}


class RunBucket(Construct):
    """The bucket, with a life span for all but the reports of runs and audits."""

    def __init__(
        self, scope: Construct, construct_id: str, *, disposable: bool, key: kms.IKey | None
    ) -> None:
        super().__init__(scope, construct_id)
        self.bucket = s3.Bucket(
            self,
            "Bucket",
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            encryption=s3.BucketEncryption.KMS if key else s3.BucketEncryption.S3_MANAGED,
            encryption_key=key,
            bucket_key_enabled=True if key else None,
            enforce_ssl=True,
            minimum_tls_version=1.2,
            object_ownership=s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
            lifecycle_rules=[
                s3.LifecycleRule(
                    prefix=prefix,
                    expiration=Duration.days(days),
                    abort_incomplete_multipart_upload_after=Duration.days(1),
                )
                for prefix, days in _EXPIRY_DAYS.items()
            ],
            removal_policy=RemovalPolicy.DESTROY if disposable else RemovalPolicy.RETAIN,
        )
        accept(
            self.bucket,
            "AwsSolutions-S1",
            "Only the functions and the operators read it; who wants to know who did turns on "
            "CloudTrail's data events, which need no second bucket",
        )
