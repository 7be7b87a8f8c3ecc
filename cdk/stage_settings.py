"""The settings of a stage in ``cdk.json``, read with one clear line for each problem."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, dataclass, field, fields
from pathlib import Path
from typing import Any

from aws_cdk import aws_logs as logs

from cdk.bundling import LIBRARY_MAPPING, ROOT
from reindex.domain.key_templates import KeyTemplate, TemplateError
from reindex.domain.options import RunOptions
from reindex.domain.source_kinds import BUCKET
from reindex.processors.loading import LIBRARY_FOLDER, ProcessorsError, files_of
from reindex.processors.loading import load as load_processors
from reindex.reports.footprint import INDEXER_BATCH, INDEXER_CONCURRENCY
from reindex.settings import (
    COMMAND,
    FOLLOW_FUNCTIONS,
    FUNCTIONS,
    INGEST_FUNCTIONS,
    Cluster,
    Engine,
    LibrarySettings,
    MetadataRules,
    Naming,
    OtherCluster,
    PhaseRules,
    Projection,
    Settings,
    SettingsError,
    variable,
)
from reindex.strict_json import Read, merged, read
from reindex.tag_names import TagNames

#: The name of the library that the sample-library stack makes.
SAMPLE = "sample"

#: An EventBridge rule has at most five targets.
WORKERS = (1, 2, 3, 4, 5)

#: It becomes part of the names of resources; S3's allow the fewest characters.
_STAGE_NAME = re.compile("[A-Za-z][A-Za-z0-9-]{0,9}")

_QUEUE_URL = re.compile(r"https?://[^/]+/\d{12}/[\w-]+(\.fifo)?")

_SCHEDULE = re.compile(r"cron\(\S+( \S+){5}\)")

#: Seconds that a tick's last projection (40) and its end (15) may take.
_LAST_WORK_SECONDS = 55

#: The only kind of loader there is.
SERVICE = "service"

_FUNCTION = re.compile(
    r"arn:aws[\w-]*:lambda:[a-z0-9-]+:\d{12}:function:[\w-]{1,64}(:(\$LATEST|[\w-]{1,128}))?"
)
_DOMAIN = re.compile(r"arn:aws[\w-]*:es:[a-z0-9-]+:\d{12}:domain/[a-z][a-z0-9-]{2,27}")
#: Without a name or password: it becomes part of the names of indices.
_CLUSTER_URL = re.compile(r"https?://[^/@?#\s]+(/[^?#\s]*)?")
_LOADER_URL = re.compile(r"https?://[^/@?#{}\s]+/[^#{}\s]*\{id\}[^#{}\s]*")
_HEADER = re.compile(r"[\w!#$%&'*+.^`|~-]+", re.ASCII)

#: Requests of one projection call to a loader, at most.
_REQUESTS_PER_CALL = 16

#: Enough to tell an address from a name or a URL.
_ADDRESS = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")

#: The ranges that Lambda accepts for event source mappings and functions, and those of shares.
_RANGES = {
    "alarm_failure_percent": (1, 100),
    "indexer_batch_size": (1, 10_000),
    "indexer_window_seconds": (0, 300),
    "indexer_concurrency": (2, 1_000),
}
_BATCH_WITHOUT_WINDOW = 10

_STREAM = re.compile(r"arn:aws[\w-]*:dynamodb:[a-z0-9-]+:\d{12}:table/[\w.-]+/stream/[\w.:-]+")
_LONGEST_DELAY = 900

#: The ranges of the live lane's settings; and the most that one request can put into S3, in MB.
_INGEST_RANGES = {
    "max_megabytes": (1, 5_000),
    "concurrency": (2, 1_000),
    "searchable_minutes": (1, 1_440),
    "indexer_concurrency": (2, 1_000),
}
_LONGEST_FUNCTION = 900

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


#: Settings of the functions with a default, which ``tuning`` may therefore override; those of
#: the cluster and the library have keys of their own.
TUNABLE = {
    f.name: f
    for group in COMMAND
    for f in fields(group)
    if f.default is not MISSING
    and group not in (LibrarySettings, MetadataRules, Naming, OtherCluster, Projection)
    and f.name not in {g.name for g in fields(StageSettings)}
    and f.name not in {f"index_{g.name}" for g in fields(IndexSettings)}
}


def load(
    stages: Mapping[str, Any] | None, stage: str | None, overrides: str | None = None
) -> StageSettings:
    """Read one stage's settings.

    Args:
        stages: The entry ``stages`` of the context.
        stage: The stage to deploy.
        overrides: JSON text, laid over the stage's entry (``-c overrides=…``).

    Raises:
        SettingsError: The stage is unknown, or its entry wrong; the message says where.
    """
    known = stages or {}
    names = ", ".join(sorted(known)) or "none"
    if not stage:
        raise SettingsError(f"say which stage: -c stage=NAME; cdk.json knows {names}")
    if not isinstance(known.get(stage), dict):
        raise SettingsError(f"unknown stage {stage!r}: cdk.json knows {names}")
    raw = merged(known[stage], _object(overrides))
    if raw.get("library") == SAMPLE:
        raw["library"] = None
    elif raw.get("library") is None:
        raw.pop("library", None)
    where = f"stage {stage}"
    settings = read(StageSettings, {**raw, "stage": stage}, where)
    if problems := list(_problems(settings)):
        raise SettingsError(f"{where}: {'; '.join(problems)}")
    return settings


def tuned(settings: StageSettings) -> dict[str, Any]:
    """Every tunable setting's value in this stage."""
    return {name: settings.tuning.get(name, f.default) for name, f in TUNABLE.items()}


def texts(values: Mapping[str, Any]) -> dict[str, str]:
    """Return settings as environment variables; those that are None are left out."""
    return {name.upper(): _text(value) for name, value in values.items() if value is not None}


def phase_rules(settings: StageSettings) -> PhaseRules:
    """Return the schedules' settings, with this stage's tuning."""
    return _group(PhaseRules, settings)


def _group(group: type[Read], settings: StageSettings) -> Read:
    """Return a group of settings as a function will read it, to judge it before it is deployed."""
    # Names that the stack will generate may be any text here.
    required = {variable(f): "-" for f in fields(group) if f.default is MISSING}
    return Settings((group,), required | texts(tuned(settings)))[group]


def _text(value: Any) -> str:
    match value:
        case bool():
            return str(value).lower()
        case list() | tuple():
            return ",".join(map(str, value))
        case _:
            return str(value)


def _object(text: str | None) -> dict[str, Any]:
    try:
        found = json.loads(text or "{}")
    except ValueError as error:
        raise SettingsError(f"overrides are not JSON: {error}") from error
    if not isinstance(found, dict):
        raise SettingsError("overrides are not a JSON object")
    return found


def _problems(settings: StageSettings) -> Iterator[str]:
    """Yield the contradictions among settings that each have the right type."""
    if not _STAGE_NAME.fullmatch(settings.stage):
        yield f"its name must match {_STAGE_NAME.pattern}"
    for name in sorted(settings.reserved_concurrency.keys() - {*functions(settings)}):
        yield f"unknown function reserved_concurrency.{name}"
    if settings.log_retention_days not in RETENTION:
        yield f"log_retention_days must be one of {', '.join(map(str, RETENTION))}"
    for address in settings.alarm_subscribers:
        if not _ADDRESS.fullmatch(address):
            yield f"alarm_subscribers: {address!r} is no e-mail address"
    yield from _range_problems(settings)
    if settings.library:
        yield from _library_problems(settings.library, settings.schedule)
    yield from _network_problems(settings.network)
    if settings.schedule:
        yield from _schedule_problems(settings.schedule)
    yield from _index_problems(settings)
    yield from _projection_problems(settings.projection)
    if settings.ingest:
        yield from _ingest_problems(settings.ingest)
    yield from _tuning_problems(settings)


def functions(settings: StageSettings) -> dict[str, tuple[type, ...]]:
    """Return the settings that each function of a stage reads, by its handler's module."""
    ingest = settings.ingest
    return {
        **FUNCTIONS,
        **(INGEST_FUNCTIONS if ingest else {}),
        **(FOLLOW_FUNCTIONS if ingest and ingest.follow else {}),
    }


def _ingest_problems(ingest: IngestSettings) -> Iterator[str]:
    for name, (least, most) in _INGEST_RANGES.items():
        if not least <= getattr(ingest, name) <= most:
            yield f"ingest.{name} must be from {least} to {most}"
    if ingest.follow:
        yield from _follow_problems(ingest.follow)


def _follow_problems(follow: FollowSettings) -> Iterator[str]:
    if not follow.streams and not follow.crops:
        yield "ingest.follow: give streams, crops, or both"
    for arn in follow.streams:
        if not _STREAM.fullmatch(arn):
            yield f"ingest.follow.streams: {arn} is no ARN of a DynamoDB stream"
    # The longest delay of a message that SQS takes.
    if not 0 <= follow.window_seconds <= _LONGEST_DELAY:
        yield f"ingest.follow.window_seconds must be from 0 to {_LONGEST_DELAY}"


def _network_problems(network: Network | None) -> Iterator[str]:
    if network and network.endpoints and not network.vpc:
        yield "network.endpoints needs network.vpc"


def _index_problems(settings: StageSettings) -> Iterator[str]:
    index, other = settings.index, settings.index.other_cluster
    secret = settings.elasticsearch_secret
    yield from _cluster_problems("index", index, ("elasticsearch_secret", secret))
    if other is None:
        return
    where = "index.other_cluster"
    yield from _cluster_problems(where, other, (f"{where}.secret", other.secret))
    urls = Cluster(other.url).urls
    for url in urls:
        if not _CLUSTER_URL.fullmatch(url):
            yield f"{where}.url: {url} is no URL of a cluster"
    if set(urls) & set(Cluster(settings.elasticsearch_url).urls):
        yield f"{where}.url is that of the stage's own cluster"


def _cluster_problems(
    where: str, found: IndexSettings | OtherClusterSettings, secret: tuple[str, str | None]
) -> Iterator[str]:
    """Yield what is wrong with the settings of a cluster.

    Args:
        where: The setting that it is the value of.
        found: The value.
        secret: The setting of its secret, and the ARN.
    """
    if found.engine and found.engine not in set(Engine):
        yield f"{where}.engine must be one of {', '.join(Engine)}"
    if not found.domain:
        return
    if not _DOMAIN.fullmatch(found.domain):
        yield f"{where}.domain is no ARN of a domain of Amazon OpenSearch Service"
    if found.engine == Engine.ELASTICSEARCH:
        yield f"{where}.domain is for OpenSearch: {where}.engine says elasticsearch"
    setting, arn = secret
    if arn:
        yield (
            f"either {where}.domain, for requests signed with the functions' roles, or "
            f"{setting}, not both"
        )


def _projection_problems(projection: ProjectionSettings) -> Iterator[str]:
    if projection.tag_names not in set(TagNames):
        yield f"projection.tag_names must be one of {', '.join(TagNames)}"
    if projection.loader and projection.function:
        yield "projection: either loader or function, not both"
    if projection.function and not _FUNCTION.fullmatch(projection.function):
        yield "projection.function is no ARN of a function"
    if projection.mapping and not stage_file(projection.mapping).is_file():
        yield f"projection.mapping: there is no file {projection.mapping}"
    if projection.processors or projection.rights:
        if projection.loader or projection.function:
            yield "projection: processors and rights are for our own reading of originals"
        try:
            # As the function will, so that what cannot be loaded is never deployed.
            load_processors(projection.processors, projection.rights, ROOT)
        except ProcessorsError as error:
            yield f"projection.processors: {error}"
    if projection.loader:
        yield from _loader_problems(projection.loader)


def _loader_problems(loader: LoaderSettings) -> Iterator[str]:
    where = "projection.loader"
    if loader.kind != SERVICE:
        yield f"{where}.kind must be {SERVICE}"
    if not _LOADER_URL.fullmatch(loader.url):
        yield f"{where}.url must be an http(s) URL with one {{id}} in its path, and no credentials"
    if loader.secret and not loader.header:
        yield f"{where}.secret needs {where}.header"
    if loader.header and not _HEADER.fullmatch(loader.header):
        yield f"{where}.header is no name of a header"
    if loader.secret and not loader.secret.startswith("arn:"):
        yield f"{where}.secret is no ARN"
    for name, most in (("concurrency", 1_000), ("timeout_seconds", 25)):
        if not 1 <= getattr(loader, name) <= most:
            yield f"{where}.{name} must be from 1 to {most}"


def secrets(settings: StageSettings) -> list[str]:
    """Return the ARNs of all secrets that functions read."""
    loader, other = settings.projection.loader, settings.index.other_cluster
    found = (
        settings.elasticsearch_secret,
        other.secret if other else None,
        loader.secret if loader else None,
    )
    return [arn for arn in found if arn]


def stage_file(path: str) -> Path:
    """Return a file that a stage names, relative to ``cdk.json``."""
    return ROOT / path


def asset_files(projection: ProjectionSettings) -> dict[str, Path]:
    """Return the library's own files that go into the asset, by their name there."""
    files = {LIBRARY_MAPPING: stage_file(projection.mapping)} if projection.mapping else {}
    for file in files_of(projection.processors, projection.rights):
        files[f"{LIBRARY_FOLDER}/{file}"] = stage_file(file)
    return files


def loader_pace(settings: StageSettings) -> tuple[int, int]:
    """Divide a loader's concurrency among projection calls.

    Few calls with many requests each cost less than the opposite: a call is billed while it waits.

    Returns:
        Projection calls that one worker has in flight, and requests of one such call.
    """
    loader = settings.projection.loader
    assert loader is not None
    mine = max(1, loader.concurrency // phase_rules(settings).workers)
    calls = min(-(-mine // _REQUESTS_PER_CALL), tuned(settings)["projection_concurrency"])
    return calls, max(1, mine // calls)


def projection_calls(settings: StageSettings) -> int:
    """Return the projection calls that one worker has in flight."""
    if settings.projection.loader:
        return loader_pace(settings)[0]
    return int(tuned(settings)["projection_concurrency"])


def _range_problems(settings: StageSettings) -> Iterator[str]:
    for name, (least, most) in _RANGES.items():
        if not least <= getattr(settings, name) <= most:
            yield f"{name} must be from {least} to {most}"
    if settings.indexer_batch_size > _BATCH_WITHOUT_WINDOW and not settings.indexer_window_seconds:
        yield f"indexer_batch_size over {_BATCH_WITHOUT_WINDOW} needs indexer_window_seconds"


def _library_problems(library: LibrarySettings, schedule: Schedule | None) -> Iterator[str]:
    """Yield the problems of the library's layout."""
    templates = {}
    for name in ("original_key", "thumbnail_key", "optimised_png_key", "crops_folder"):
        try:
            templates[name] = KeyTemplate(getattr(library, name))
            templates[name].key("")
        except TemplateError as error:
            yield f"library.{name}: {error}"
            return
    original, crops = templates["original_key"], templates["crops_folder"]
    if not crops.suffix:
        yield (
            "library.crops_folder must end with a character that is in no id, such as a slash: "
            "else one image's crops might be another's"
        )
    # All in one bucket is fine, as long as no two kinds of objects have one key.
    beside = ["optimised_png_key"] if library.optimised_pngs else []
    if library.thumbnails_bucket == library.originals_bucket:
        beside.append("thumbnail_key")
    for name in beside:
        if templates[name].prefix in ("", original.prefix) and _may_meet(templates[name], original):
            yield f"library.{name}: its keys might be those of originals, in the same bucket"
    if schedule and schedule.source.kind == BUCKET and not original.is_reversible:
        yield (
            "schedule.source: the bucket cannot be listed for ids, for library.original_key does "
            "not say the whole id"
        )


def _may_meet(one: KeyTemplate, other: KeyTemplate) -> bool:
    """Return True if two templates may give one key."""
    return one.suffix.endswith(other.suffix) or other.suffix.endswith(one.suffix)


def _schedule_problems(schedule: Schedule) -> Iterator[str]:
    if schedule.expression.startswith("rate("):
        # A rate counts from the deployment, which is seldom the time at which a run should start.
        yield (
            "schedule.expression: a rate counts from each deployment, and may fire with it: "
            "use cron(…)"
        )
    elif not _SCHEDULE.fullmatch(schedule.expression):
        yield "schedule.expression is no cron(…) as EventBridge takes it"
    yield from (f"schedule: {problem}" for problem in schedule.problems())


def _tuning_problems(settings: StageSettings) -> Iterator[str]:
    unknown = sorted(settings.tuning.keys() - TUNABLE.keys())
    unreadable = []
    for group in COMMAND:
        try:
            _group(group, settings)
        except SettingsError as error:
            unreadable.append(f"tuning: {error}")
    yield from (f"unknown setting tuning.{name}" for name in unknown)
    yield from unreadable
    if unknown or unreadable:
        return
    rules = phase_rules(settings)
    if rules.workers not in WORKERS:
        yield f"tuning.workers must be one of {', '.join(map(str, WORKERS))}"
    least = rules.tick_seconds + _LAST_WORK_SECONDS
    if not least <= rules.function_seconds <= _LONGEST_FUNCTION:
        yield (
            f"tuning.function_seconds must be from tuning.tick_seconds + {_LAST_WORK_SECONDS} "
            f"to {_LONGEST_FUNCTION}"
        )
    if not 0 <= tuned(settings)["max_failure_percent"] <= 100:  # noqa: PLR2004 - a percentage
        yield "tuning.max_failure_percent must be from 0 to 100"
    live_queue = tuned(settings)["live_queue_url"]
    if live_queue and not _QUEUE_URL.fullmatch(live_queue):
        yield "tuning.live_queue_url is no URL of an SQS queue"
