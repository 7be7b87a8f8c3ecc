"""Finds contradictions among the settings of a stage."""

from __future__ import annotations

import re
from collections.abc import Iterator

from cdk.bundling import ROOT
from cdk.stage_settings import (
    RETENTION,
    WORKERS,
    FollowSettings,
    IndexSettings,
    IngestSettings,
    LoaderSettings,
    Network,
    OtherClusterSettings,
    ProjectionSettings,
    Schedule,
    StageSettings,
)
from cdk.stage_values import SERVICE, TUNABLE, functions, group_of, phase_rules, stage_file, tuned
from reindex.domain.key_templates import KeyTemplate, TemplateError
from reindex.domain.source_kinds import BUCKET
from reindex.processors.loading import ProcessorsError
from reindex.processors.loading import load as load_processors
from reindex.settings import COMMAND, Cluster, Engine, LibrarySettings, SettingsError
from reindex.tag_names import TagNames

#: It becomes part of the names of resources; S3's allow the fewest characters.
_STAGE_NAME = re.compile("[A-Za-z][A-Za-z0-9-]{0,9}")

_QUEUE_URL = re.compile(r"https?://[^/]+/\d{12}/[\w-]+(\.fifo)?")

_SCHEDULE = re.compile(r"cron\(\S+( \S+){5}\)")

#: Seconds that a tick's last projection (40) and its end (15) may take.
_LAST_WORK_SECONDS = 55

_FUNCTION = re.compile(
    r"arn:aws[\w-]*:lambda:[a-z0-9-]+:\d{12}:function:[\w-]{1,64}(:(\$LATEST|[\w-]{1,128}))?"
)
_DOMAIN = re.compile(r"arn:aws[\w-]*:es:[a-z0-9-]+:\d{12}:domain/[a-z][a-z0-9-]{2,27}")
#: Without a name or password: it becomes part of the names of indices.
_CLUSTER_URL = re.compile(r"https?://[^/@?#\s]+(/[^?#\s]*)?")
_LOADER_URL = re.compile(r"https?://[^/@?#{}\s]+/[^#{}\s]*\{id\}[^#{}\s]*")
_HEADER = re.compile(r"[\w!#$%&'*+.^`|~-]+", re.ASCII)

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


def problems(settings: StageSettings) -> Iterator[str]:
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
            group_of(group, settings)
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
