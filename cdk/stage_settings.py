"""The settings that a stage may have in ``cdk.json``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from aws_cdk import aws_logs as logs

from reindex.domain.options import RunOptions
from reindex.reports.footprint import INDEXER_BATCH, INDEXER_CONCURRENCY
from reindex.settings import LibrarySettings
from reindex.tag_names import TagNames

#: An EventBridge rule has at most five targets.
WORKERS = (1, 2, 3, 4, 5)

#: The retention times that CloudWatch Logs accepts, in days.
RETENTION = {
    1: logs.RetentionDays.ONE_DAY,
    3: logs.RetentionDays.THREE_DAYS,
    7: logs.RetentionDays.ONE_WEEK,
    14: logs.RetentionDays.TWO_WEEKS,
    30: logs.RetentionDays.ONE_MONTH,
    60: logs.RetentionDays.TWO_MONTHS,
    90: logs.RetentionDays.THREE_MONTHS,
    180: logs.RetentionDays.SIX_MONTHS,
    365: logs.RetentionDays.ONE_YEAR,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    """The VPC in which the functions run, if the index can be reached only from there.

    Attributes:
        subnets: Ids, all of one VPC, each in a zone of its own; they need a way to the AWS
            services: NAT, or endpoints.
        security_groups: Ids; they must let HTTPS out.
        vpc: Id of the VPC; only ``endpoints`` needs it.
        endpoints: True if the stack makes the interface endpoints of the services that the
            functions call; those of S3 and DynamoDB, which cost nothing, it does not.
    """

    subnets: tuple[str, ...]
    security_groups: tuple[str, ...]
    vpc: str | None = None
    endpoints: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule(RunOptions):
    """The schedule of runs, and their options.

    Attributes:
        expression: As EventBridge takes it, in UTC: ``cron(0 18 1 * ? *)``.
    """

    expression: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LoaderSettings:
    """The library's own image loader, which gives documents in place of our projection.

    Attributes:
        kind: ``service``: it is asked by HTTP.
        url: Of one image's document, with ``{id}`` where the id goes, percent-encoded.
        header: Name of the header that carries the key.
        secret: ARN of a Secrets Manager secret: JSON with ``key``, and optionally ``ca``, the PEM
            of a private CA.
        concurrency: Requests in flight at once, of all workers together.
        timeout_seconds: How long one request may take.
        whole: True if its answer is the whole document; if not, user data are merged in.
    """

    kind: str
    url: str
    header: str | None = None
    secret: str | None = None
    concurrency: int = 8
    timeout_seconds: int = 25
    whole: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectionSettings:
    """The settings of the projection.

    Attributes:
        tag_names: By whose names ``fileMetadata`` shows tags: ``standard`` or
            ``metadata-extractor``.
        loader: The library's own image loader, which then reads the originals in place of our code.
        function: ARN of the library's own function, in place of image-projection.
        processors: What is made of files' metadata, in order: see docs/processors.md.
        rights: File of rules for rights and keywords, relative to ``cdk.json``.
        mapping: File with the library's own mapping, relative to ``cdk.json``: the index is
            compared with it before each run.
    """

    tag_names: str = TagNames.STANDARD.value
    loader: LoaderSettings | None = None
    function: str | None = None
    mapping: str | None = None
    processors: tuple[str, ...] = ()
    rights: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FollowSettings:
    """The settings with which the index follows the truth.

    Attributes:
        streams: ARNs of the DynamoDB streams of the library's tables. Those of usages and leases
            need a view with images, for their keys do not name the image.
        crops: True if there is a queue for S3's events about the bucket of crops; the owner of that
            bucket sends them there.
        window_seconds: See :class:`reindex.settings.Following`.
    """

    streams: tuple[str, ...] = ()
    crops: bool = False
    window_seconds: int = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class OtherClusterSettings:
    """Another cluster, which a migration leads to or comes from.

    Attributes:
        url: Of the cluster.
        secret: ARN of the secret with its credentials.
        engine: As in :class:`IndexSettings`.
        domain: As in :class:`IndexSettings`.
    """

    url: str
    secret: str | None = None
    engine: str | None = None
    domain: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexSettings:
    """The server of the search index.

    Attributes:
        engine: ``elasticsearch`` or ``opensearch``; without it, the cluster is asked.
        domain: ARN of the domain of Amazon OpenSearch Service that the cluster is: functions sign
            their requests with their roles, and may send it those that they need.
        other_cluster: Another cluster, which a migration leads to or comes from.
    """

    engine: str | None = None
    domain: str | None = None
    other_cluster: OtherClusterSettings | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class IngestSettings:
    """The live lane: from a submitted file to a searchable image.

    Attributes:
        max_megabytes: Of a submitted file.
        concurrency: Most submitted files that are processed concurrently.
        indexer_concurrency: Most concurrent live indexers.
        searchable_minutes: An alarm rings when a submitted file waits for longer.
        follow: How the index follows the truth by itself; None if it does not.
    """

    max_megabytes: int = 1_000
    concurrency: int = 20
    indexer_concurrency: int = 4
    searchable_minutes: int = 10
    follow: FollowSettings | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StageSettings:
    """One deployment.

    Attributes:
        stage: Its name: the key of its entry.
        elasticsearch_url: Of the cluster.
        index_alias: The alias that people search through.
        elasticsearch_secret: ARN of the secret with the cluster's credentials.
        index: Which server the cluster runs, and whether requests to it are signed.
        library: The library's buckets and tables by name; None for the sample library.
        library_keys: ARNs of the KMS keys that the library's data, or the secret, is
            encrypted with.
        encryption_key: ARN of a KMS key for the product's own tables, queues and bucket;
            without it, keys that AWS manages.
        account: AWS account to deploy to; without it, the one of the credentials at hand.
        region: AWS region to deploy to; without it, the one of the credentials at hand.
        network: VPC, subnets and security groups of the functions.
        production: True if the desk of this stage changes nothing unless it is started so.
        disposable: True if destroying the stack deletes its data.
        log_retention_days: Of all log groups.
        tracing: True if X-Ray traces functions and runs.
        alarms: True if there are any; a local cloud knows none that reckon, and rings none.
        alarm_subscribers: E-mail addresses that alarms and notices go to; each must confirm.
        notice_webhook: ARN of a Secrets Manager secret whose text is the URL of a chat's incoming
            webhook: notices go there, too.
        alarm_failure_percent: Share of an hour's images whose failing alarms.
        runbook: Where the people who are woken find the runbook: a path or a URL.
        schedule: When runs start by themselves; never, without.
        projection: How documents are built.
        ingest: The live lane; None for a stage without one.
        reserved_concurrency: Of functions, by name.
        indexer_batch_size: Messages the indexer is given at once.
        indexer_window_seconds: How long a batch may wait to fill.
        indexer_concurrency: Most concurrent indexers.
        tuning: Overrides of the defaults in :mod:`reindex.settings`, by setting.
    """

    stage: str
    elasticsearch_url: str
    index_alias: str
    elasticsearch_secret: str | None = None
    index: IndexSettings = field(default_factory=IndexSettings)
    library: LibrarySettings | None
    library_keys: tuple[str, ...] = ()
    encryption_key: str | None = None
    account: str | None = None
    region: str | None = None
    network: Network | None = None
    production: bool = False
    disposable: bool = False
    log_retention_days: int = 30
    tracing: bool = False
    alarms: bool = True
    alarm_subscribers: tuple[str, ...] = ()
    notice_webhook: str | None = None
    alarm_failure_percent: int = 5
    runbook: str = "docs/runbook.md"
    schedule: Schedule | None = None
    projection: ProjectionSettings = field(default_factory=ProjectionSettings)
    ingest: IngestSettings | None = None
    reserved_concurrency: Mapping[str, int] = field(default_factory=dict)
    indexer_batch_size: int = INDEXER_BATCH
    indexer_window_seconds: int = 5
    indexer_concurrency: int = INDEXER_CONCURRENCY
    tuning: Mapping[str, Any] = field(default_factory=dict)
