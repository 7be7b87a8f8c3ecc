"""The permissions of each function: actions and resources, one list per function.

Written out, not granted through constructs, so that a reviewer reads least privilege here and
the stack tests compare it with what was synthesized.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from urllib.parse import urlsplit

from aws_cdk import ArnFormat
from aws_cdk import aws_iam as iam

from cdk.ingest import IngestLane
from cdk.names import PHASES, Names
from cdk.run_bucket import (
    AUDIT_WORK,
    AUDITS,
    CHUNKS,
    CLAIMS,
    ORDER,
    REPORTS,
    SAMPLES,
    TALLIES,
)
from cdk.stage_resources import StageResources
from cdk.stage_settings import FollowSettings
from cdk.stage_values import tuned
from reindex.domain.source_kinds import UPLOADS
from reindex.settings import user_tables

#: The HTTP methods of each function's requests to the search cluster; a function that is not named
#: sends none.
_INDEX_METHODS = {
    "gather": ("Get", "Post"),
    "batch_index": ("Get", "Post"),
    "batch_check": ("Delete", "Get", "Post"),
    "indexer": ("Get", "Post"),
    "live_indexer": ("Get", "Post"),
    "preflight": ("Delete", "Get", "Post"),
    "tally": ("Get", "Post"),
    "audit": ("Get", "Post"),
}


def _allow(actions: str | tuple[str, ...], *resources: str) -> iam.PolicyStatement:
    return iam.PolicyStatement(
        actions=[actions] if isinstance(actions, str) else [*actions], resources=[*resources]
    )


def _deny_scans(*resources: str) -> iam.PolicyStatement:
    """Refuse a select that names no key, which would read the whole table."""
    return iam.PolicyStatement(
        effect=iam.Effect.DENY,
        actions=["dynamodb:PartiQLSelect"],
        resources=[*resources],
        conditions={"Bool": {"dynamodb:FullTableScan": "true"}},
    )


class Grants(StageResources):
    """The permissions on the resources of a stage."""

    def by_function(self) -> Mapping[str, list[iam.PolicyStatement]]:
        """Each function's statements."""
        own = {
            "gather": [*self._gather()],
            "batch_index": [*self._phase("index"), *self._batch_index()],
            "batch_check": [*self._phase("check"), *self._originals()],
            "image_projection": [*self._projection()],
            "indexer": [*self._indexer()],
            "preflight": [*self._preflight()],
            "tally": [*self._tally()],
            "audit": [*self._audit()],
            "notices": [*self._notices()],
        }
        if self.lane:
            own["ingest"] = [*self._ingest(self.lane)]
            own["live_indexer"] = [*self._live_indexer(self.lane)]
        if self.lane and self.settings.ingest and self.settings.ingest.follow:
            own["follow"] = [*self._follow(self.lane, self.settings.ingest.follow)]
        return {
            name: [*statements, *self._keys(), *self._index(name)]
            for name, statements in own.items()
        }

    def _phase(self, phase: str) -> Iterator[iam.PolicyStatement]:
        progress, runs = self.tables.progress.table_arn, self.tables.runs.table_arn
        yield _allow(("dynamodb:BatchGetItem", "dynamodb:PartiQLUpdate"), progress)
        yield _allow(
            (
                "dynamodb:DeleteItem",
                "dynamodb:GetItem",
                "dynamodb:PutItem",
                "dynamodb:Query",
                "dynamodb:UpdateItem",
            ),
            self.tables.work.table_arn,
        )
        # Without it a missing file answers 403, which says nothing.
        yield _allow("s3:ListBucket", self.bucket.bucket.bucket_arn)
        yield _allow(("s3:GetObject", "s3:PutObject"), self._files(CHUNKS))
        yield _allow(("dynamodb:GetItem", "dynamodb:UpdateItem"), runs)
        yield _allow("sqs:GetQueueAttributes", self.queue.queue.queue_arn, *self._live_queue())
        yield _allow("events:DisableRule", self._rule(phase))
        yield _allow("s3:PutObject", self._files(SAMPLES))
        # AWS checks an answer on a token against the state machine that waits for it.
        yield _allow(
            ("states:SendTaskFailure", "states:SendTaskHeartbeat", "states:SendTaskSuccess"),
            self._arn("states", "stateMachine", self._names.state_machine),
        )
        yield self._see_executions()

    def _gather(self) -> Iterator[iam.PolicyStatement]:
        yield _allow(
            ("dynamodb:BatchGetItem", "dynamodb:PartiQLInsert", "dynamodb:PartiQLUpdate"),
            self.tables.progress.table_arn,
        )
        yield _allow(
            ("dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem"),
            self.tables.runs.table_arn,
        )
        yield _allow(
            "s3:ListBucket",
            self.bucket.bucket.bucket_arn,
            self._bucket(self.library.originals_bucket),
        )
        yield _allow("s3:GetObject", self._files(UPLOADS))
        yield from self._list_work()
        yield self._see_executions()
        # A migration's rounds.
        yield _allow(
            "states:StartExecution", self._arn("states", "stateMachine", self._names.state_machine)
        )
        yield _allow("events:DisableRule", self._rule_arn(self._names.catch_up))

    def _list_work(self) -> Iterator[iam.PolicyStatement]:
        """Yield the permissions to put chunks on the work list."""
        yield _allow("dynamodb:PutItem", self.tables.work.table_arn)
        yield _allow("s3:PutObject", self._files(CHUNKS))

    def _batch_index(self) -> Iterator[iam.PolicyStatement]:
        yield _allow("sqs:SendMessage", self.queue.queue.queue_arn)
        yield _allow("lambda:InvokeFunction", self._projector())
        yield _allow("s3:PutObject", self._files(CLAIMS))

    def _projection(self) -> Iterator[iam.PolicyStatement]:
        yield _allow("s3:PutObject", self._files(CLAIMS))
        loader = self.settings.projection.loader
        if loader and loader.secret:
            yield _allow("secretsmanager:GetSecretValue", loader.secret)
        if (loader and loader.whole) or self.settings.projection.function:
            # Nothing of the library is read.
            return
        # A loader reads the originals itself: image-projection reads only the user data.
        names = [self.library.crops_bucket] if loader else self._library_bucket_names()
        yield from self._read_library([self._bucket(name) for name in names if name])

    def _read_library(self, buckets: list[str]) -> Iterator[iam.PolicyStatement]:
        """Yield the permissions to read images' objects in some buckets, and their rows."""
        if buckets:
            yield _allow("s3:ListBucket", *buckets)
            yield _allow("s3:GetObject", *(f"{bucket}/*" for bucket in buckets))
        tables = user_tables(self.library)
        by_key = [self._table(table.name) for table in tables if not table.index]
        if by_key:
            yield _allow("dynamodb:BatchGetItem", *by_key)
        indexes = [
            f"{self._table(table.name)}/index/{table.index}" for table in tables if table.index
        ]
        if indexes:
            yield _allow("dynamodb:PartiQLSelect", *indexes)
            yield _deny_scans(*indexes)

    def _originals(self) -> Iterator[iam.PolicyStatement]:
        originals = self._bucket(self.library.originals_bucket)
        # Without it a missing object answers 403, which says nothing.
        yield _allow("s3:ListBucket", originals)
        yield _allow("s3:GetObject", f"{originals}/*")

    def pace_indexer(self, mapping: str) -> iam.PolicyStatement:
        """Return the permission to change the number of concurrent indexers."""
        return _allow("lambda:UpdateEventSourceMapping", mapping)

    def _indexer(self) -> Iterator[iam.PolicyStatement]:
        # To consume the queue is granted with the event source.
        yield _allow("sqs:SendMessage", self.queue.dead_letters.queue_arn)
        yield _allow(
            ("dynamodb:BatchGetItem", "dynamodb:PartiQLUpdate"), self.tables.progress.table_arn
        )
        yield _allow(("dynamodb:GetItem", "dynamodb:UpdateItem"), self.tables.runs.table_arn)
        yield _allow("s3:ListBucket", self.bucket.bucket.bucket_arn)
        yield _allow("s3:GetObject", self._files(CLAIMS))
        yield from self._list_work()

    def _ingest(self, lane: IngestLane) -> Iterator[iam.PolicyStatement]:
        # To consume the queue is granted with the event source.
        yield _allow(("dynamodb:GetItem", "dynamodb:PutItem"), lane.submissions.table_arn)
        yield _allow("sqs:SendMessage", lane.high_priority.queue_arn, lane.dead_letters.queue_arn)
        submitted = lane.ingest.arn_for_objects("*")
        yield _allow(("s3:GetObjectVersion", "s3:DeleteObjectVersion"), submitted)
        # Without it a missing object answers 403, which says nothing.
        yield _allow("s3:ListBucket", lane.ingest.bucket_arn, lane.failed.bucket_arn)
        yield _allow("s3:ListBucketVersions", lane.ingest.bucket_arn)
        kept = ("s3:GetObject", "s3:PutObject", "s3:DeleteObject")
        yield _allow(kept, lane.failed.arn_for_objects("*"))
        yield from self._originals()
        published = [self.library.originals_bucket, self.library.thumbnails_bucket]
        yield _allow("s3:PutObject", *(f"{self._bucket(name)}/*" for name in published if name))
        yield _allow("s3:PutObject", lane.public.arn_for_objects("*"))
        if self.settings.library_keys:
            yield _allow("kms:GenerateDataKey", *self.settings.library_keys)

    def _follow(self, lane: IngestLane, follow: FollowSettings) -> Iterator[iam.PolicyStatement]:
        yield _allow("sqs:SendMessage", lane.high_priority.queue_arn)
        if follow.streams:
            yield _allow(
                (
                    "dynamodb:DescribeStream",
                    "dynamodb:GetRecords",
                    "dynamodb:GetShardIterator",
                    "dynamodb:ListStreams",
                ),
                *follow.streams,
            )

    def _notices(self) -> Iterator[iam.PolicyStatement]:
        # To publish is granted with the topic, which may have a key of its own.
        yield _allow("dynamodb:GetItem", self.tables.runs.table_arn)
        # Without it a missing report answers 403, which says nothing.
        yield _allow("s3:ListBucket", self.bucket.bucket.bucket_arn)
        yield _allow("s3:GetObject", self._files(REPORTS))
        if self.settings.notice_webhook:
            yield _allow("secretsmanager:GetSecretValue", self.settings.notice_webhook)

    def _live_indexer(self, lane: IngestLane) -> Iterator[iam.PolicyStatement]:
        yield _allow(
            ("dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem"),
            lane.submissions.table_arn,
        )
        yield _allow("sqs:SendMessage", lane.dead_letters.queue_arn)
        yield _allow("lambda:InvokeFunction", self._projector())
        yield _allow("s3:ListBucket", self.bucket.bucket.bucket_arn)
        claims: tuple[str, ...] = ("s3:GetObject",)
        if self.settings.projection.function:
            # The caller of the library's own function stores its documents there.
            claims = (*claims, "s3:PutObject")
        yield _allow(claims, self._files(CLAIMS))

    def _preflight(self) -> Iterator[iam.PolicyStatement]:
        progress, runs = self.tables.progress.table_arn, self.tables.runs.table_arn
        tables = [self._table(table.name) for table in user_tables(self.library)]
        if tables:
            yield _allow("dynamodb:DescribeTable", *tables)
        yield _allow("dynamodb:BatchGetItem", progress)
        yield _allow("dynamodb:Query", self.tables.work.table_arn)
        yield _allow(("dynamodb:GetItem", "dynamodb:UpdateItem"), runs)
        yield _allow("s3:ListBucket", self.bucket.bucket.bucket_arn, *self._library_buckets())
        yield _allow(
            "sqs:GetQueueAttributes",
            self.queue.queue.queue_arn,
            self.queue.dead_letters.queue_arn,
            *self._live_queue(),
        )
        yield _allow("lambda:GetFunctionConfiguration", self._projector())
        if self.settings.projection.loader or self.settings.projection.function:
            # It asks for some images.
            yield _allow("lambda:InvokeFunction", self._projector())
        yield _allow("events:DescribeRule", *(self._rule(phase) for phase in PHASES))
        yield self._see_executions()

    def _tally(self) -> Iterator[iam.PolicyStatement]:
        yield _allow("dynamodb:Scan", self.tables.progress.table_arn)
        yield _allow(
            (
                # It deletes uploads that it has folded in the ledger.
                "dynamodb:DeleteItem",
                "dynamodb:GetItem",
                "dynamodb:PutItem",
                "dynamodb:Scan",
                "dynamodb:UpdateItem",
            ),
            self.tables.runs.table_arn,
        )
        yield _allow("s3:ListBucket", self.bucket.bucket.bucket_arn)
        yield from self._list_work()
        # To put the list in order, and to see whether it is empty.
        yield _allow(("dynamodb:BatchWriteItem", "dynamodb:Query"), self.tables.work.table_arn)
        yield _allow("s3:GetObject", self._files(CHUNKS))
        yield _allow(
            ("s3:GetObject", "s3:PutObject"),
            *(self._files(prefix) for prefix in (TALLIES, REPORTS, ORDER)),
        )
        yield _allow("s3:GetObject", self._files(SAMPLES))
        yield _allow("sqs:GetQueueAttributes", self.queue.dead_letters.queue_arn)

    def _audit(self) -> Iterator[iam.PolicyStatement]:
        progress = self.tables.progress.table_arn
        tables = [self._table(table.name) for table in user_tables(self.library)]
        yield _allow(("dynamodb:DescribeTable", "dynamodb:Scan"), progress, *tables)
        # To look again at some images.
        yield _allow("dynamodb:BatchGetItem", progress)
        yield from self._read_library(self._library_buckets())
        yield _allow("lambda:InvokeFunction", self._projector())
        yield _allow("dynamodb:GetItem", self.tables.runs.table_arn)
        yield _allow("s3:ListBucket", self.bucket.bucket.bucket_arn)
        kept = (self._files(AUDITS), self._files(AUDIT_WORK))
        yield _allow(("s3:GetObject", "s3:PutObject"), *kept)
        if self.settings.projection.function:
            # The caller of the library's own function stores its documents there.
            yield _allow(("s3:GetObject", "s3:PutObject"), self._files(CLAIMS))

    def _index(self, function: str) -> Iterator[iam.PolicyStatement]:
        """Yield the permissions to send requests to the search cluster."""
        methods = _INDEX_METHODS.get(function)
        if not methods:
            return
        other = self.settings.index.other_cluster
        # Live writers write to where the alias leads, on the stage's own cluster.
        if function == "live_indexer":
            other = None
        for secret in (self.settings.elasticsearch_secret, other and other.secret):
            if secret:
                yield _allow("secretsmanager:GetSecretValue", secret)
        for domain in (self.settings.index.domain, other and other.domain):
            if domain:
                yield _allow(tuple(f"es:ESHttp{method}" for method in methods), f"{domain}/*")

    def _keys(self) -> Iterator[iam.PolicyStatement]:
        if self.settings.library_keys:
            yield _allow("kms:Decrypt", *self.settings.library_keys)

    def _see_executions(self) -> iam.PolicyStatement:
        executions = self._arn("states", "execution", f"{self._names.state_machine}:*")
        return _allow("states:DescribeExecution", executions)

    @property
    def _names(self) -> Names:
        return Names(self.settings.stage)

    def _arn(self, service: str, resource: str, name: str) -> str:
        return self.stack.format_arn(
            service=service,
            resource=resource,
            resource_name=name,
            arn_format=ArnFormat.COLON_RESOURCE_NAME,
        )

    def _function(self, name: str) -> str:
        return self._arn("lambda", "function", self._names.function(name))

    def _projector(self) -> str:
        """Return the function that projects: ours, or the library's own."""
        return self.settings.projection.function or self._function("image_projection")

    def _rule(self, phase: str) -> str:
        return self._rule_arn(self._names.rule(phase))

    def _rule_arn(self, name: str) -> str:
        return self.stack.format_arn(service="events", resource="rule", resource_name=name)

    def _files(self, prefix: str) -> str:
        return self.bucket.bucket.arn_for_objects(f"{prefix}*")

    def _bucket(self, name: str) -> str:
        return self.stack.format_arn(service="s3", region="", account="", resource=name)

    def _library_bucket_names(self) -> list[str | None]:
        return [
            self.library.originals_bucket,
            self.library.thumbnails_bucket,
            self.library.crops_bucket,
        ]

    def _library_buckets(self) -> list[str]:
        return [self._bucket(name) for name in self._library_bucket_names() if name]

    def _table(self, name: str) -> str:
        return self.stack.format_arn(service="dynamodb", resource="table", resource_name=name)

    def _live_queue(self) -> list[str]:
        url = tuned(self.settings)["live_queue_url"]
        if not url:
            return [self.lane.high_priority.queue_arn] if self.lane else []
        account, name = urlsplit(url).path.strip("/").split("/")
        return [self.stack.format_arn(service="sqs", account=account, resource=name)]
