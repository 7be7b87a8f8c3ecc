"""Every environment variable, in one place.

A setting is declared once, as a field of its group. The name of its variable is the field's in
upper case (``progress_table`` is ``PROGRESS_TABLE``). :data:`FUNCTIONS` lists the groups that each
lambda reads. The stack passes exactly those, and the ``reindex`` command reads the same groups from
the stack's outputs.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import MISSING, Field, dataclass, fields
from enum import StrEnum
from types import UnionType
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

from reindex.tag_names import TagNames

Group = TypeVar("Group")


class SettingsError(Exception):
    """Settings are missing or unreadable; the message names each of them."""


@dataclass(frozen=True, slots=True)
class Stage:
    """The name of the deployment."""

    stage: str


@dataclass(frozen=True, slots=True)
class Tables:
    """The product's own tables."""

    progress_table: str
    work_table: str
    runs_table: str


@dataclass(frozen=True, slots=True)
class Bucket:
    """The product's own bucket: claim checks, uploads, chunks, tallies, reports."""

    run_bucket: str


@dataclass(frozen=True, slots=True)
class Queue:
    """The low-priority queue and its dead-letter queue."""

    reingest_queue_url: str
    dead_letter_queue_url: str


class Engine(StrEnum):
    """The servers that a search cluster may run."""

    ELASTICSEARCH = "elasticsearch"
    OPENSEARCH = "opensearch"


@dataclass(frozen=True, slots=True)
class Cluster:
    """A search cluster, and how it is reached.

    Attributes:
        url: Of the cluster; several, comma-separated, for its nodes.
        secret: ARN of a Secrets Manager secret with its credentials; None for no credentials.
        engine: The server that it runs; None to ask it.
        domain: ARN of the domain of Amazon OpenSearch Service that it is; None for any other.
    """

    url: str
    secret: str | None = None
    engine: Engine | None = None
    domain: str | None = None

    @property
    def urls(self) -> list[str]:
        """The URL of each node, without a slash at its end."""
        return [url.strip().rstrip("/") for url in self.url.split(",") if url.strip()]


@dataclass(frozen=True, slots=True)
class Elasticsearch:
    """The search index.

    Attributes:
        elasticsearch_url: Of the cluster, or the comma-separated URLs of its nodes.
        index_alias: The alias that people search through.
        elasticsearch_secret: ARN of a Secrets Manager secret, JSON with ``username`` and
            ``password``, or ``api_key``; and optionally ``ca`` (PEM of a private CA). Without
            it, requests carry no credentials, unless there is an ``index_domain``.
        index_engine: The server that the cluster runs; None to detect it.
        index_domain: ARN of the cluster's domain in Amazon OpenSearch Service, if it is one.
            Without a secret, requests are signed with the credentials of the process.
        preserve: Dotted names of the preserved fields.
    """

    elasticsearch_url: str
    index_alias: str
    elasticsearch_secret: str | None = None
    index_engine: Engine | None = None
    index_domain: str | None = None
    preserve: tuple[str, ...] = (
        "embedding",
        "usagesLastModified",
        "suggestMetadataCredit",
        "esInfo.migration",
    )

    @property
    def cluster(self) -> Cluster:
        """The cluster that the index is in."""
        return Cluster(
            self.elasticsearch_url,
            self.elasticsearch_secret,
            self.index_engine,
            self.index_domain,
        )


@dataclass(frozen=True, slots=True)
class OtherCluster:
    """Another cluster, which a migration leads to or comes from.

    Attributes:
        other_url: As in :class:`Cluster`; None for a stage that declares no other cluster.
        other_secret: As in :class:`Cluster`.
        other_engine: As in :class:`Cluster`.
        other_domain: As in :class:`Cluster`.
    """

    other_url: str | None = None
    other_secret: str | None = None
    other_engine: Engine | None = None
    other_domain: str | None = None

    @property
    def cluster(self) -> Cluster | None:
        """The cluster; None for a stage that declares no other."""
        if self.other_url is None:
            return None
        return Cluster(self.other_url, self.other_secret, self.other_engine, self.other_domain)


@dataclass(frozen=True, slots=True)
class LibrarySettings:
    """The names of the library's buckets and tables, and how objects and rows are found in them.

    A bucket or table that the library does not have is None.

    Attributes:
        originals_bucket: Bucket of the originals, and of the optimised PNGs.
        thumbnails_bucket: Bucket of the thumbnails.
        crops_bucket: Bucket of the crops.
        usages_table: Table of the usages.
        leases_table: Table of the leases.
        collections_table: Table of the collections.
        edits_table: Table of the edits.
        syndication_table: Table of the syndication rights.
        status_table: Table of the soft deletes.
        optimised_pngs: True if the library makes optimised PNGs (a request per image).
        original_key: Template of the keys of originals: see
            :class:`reindex.domain.key_templates.KeyTemplate`.
        thumbnail_key: Template of the keys of thumbnails.
        optimised_png_key: Template of the keys of optimised PNGs, in the bucket of the originals.
        crops_folder: Template of the prefix of the keys of an image's crops.
        usages_index: Name of the usages table's index by image id.
        usages_image: Partition key of that index.
        leases_index: Name of the leases table's index by image id.
        leases_image: Partition key of that index.
        collections_key: Partition key of the collections table: the image id.
        edits_key: Partition key of the edits table: the image id.
        syndication_key: Partition key of the syndication table: the image id.
        status_key: Partition key of the status table: the image id.
        uploaded_by_name: Name of the object metadata of originals with the uploader.
        upload_time_name: Name of the object metadata with the time of the upload.
        file_name_name: Name of the object metadata with the name of the uploaded file.
        identifier_prefix: Prefix of the names of the object metadata with foreign identifiers.
    """

    originals_bucket: str
    thumbnails_bucket: str | None = None
    crops_bucket: str | None = None
    usages_table: str | None = None
    leases_table: str | None = None
    collections_table: str | None = None
    edits_table: str | None = None
    syndication_table: str | None = None
    status_table: str | None = None
    optimised_pngs: bool = False
    original_key: str = "{id[:6]/}{id}"
    thumbnail_key: str = "{id[:6]/}{id}"
    optimised_png_key: str = "optimised/{id[:6]/}{id}"
    crops_folder: str = "{id}/"
    usages_index: str = "media_id"
    usages_image: str = "media_id"
    leases_index: str = "mediaId"
    leases_image: str = "mediaId"
    collections_key: str = "id"
    edits_key: str = "id"
    syndication_key: str = "id"
    status_key: str = "id"
    uploaded_by_name: str = "uploaded-by"
    upload_time_name: str = "upload-time"
    file_name_name: str = "file-name"
    identifier_prefix: str = "identifier!"


#: The parts of the user data (fields of :class:`reindex.image.truth.UserData`) of which an image
#: may have several rows. The settings of part ``x`` are ``x_table``, ``x_index`` and ``x_image``.
PARTS_BY_INDEX = ("usages", "leases")

#: The parts of the user data of which an image has one row. The settings of part ``x`` are
#: ``x_table`` and ``x_key``.
PARTS_BY_KEY = ("collections", "edits", "syndication", "status")


@dataclass(frozen=True, slots=True)
class UserTable:
    """A table of user data.

    Attributes:
        part: The part of the user data that it holds.
        name: Of the table.
        attribute: The attribute with the image id.
        index: The secondary index whose partition key is that attribute; None if it is the table's.
    """

    part: str
    name: str
    attribute: str
    index: str | None = None


def user_tables(library: LibrarySettings) -> list[UserTable]:
    """Return the tables of user data that a library has."""
    tables = [
        UserTable(
            part,
            getattr(library, f"{part}_table"),
            getattr(library, f"{part}_image"),
            getattr(library, f"{part}_index"),
        )
        for part in PARTS_BY_INDEX
    ]
    tables += [
        UserTable(part, getattr(library, f"{part}_table"), getattr(library, f"{part}_key"))
        for part in PARTS_BY_KEY
    ]
    return [table for table in tables if table.name]


@dataclass(frozen=True, slots=True)
class PhaseRules:
    """The schedules of the two phases.

    Attributes:
        index_rule: Name of the rule that ticks batch-index.
        check_rule: Name of the rule that ticks batch-check.
        workers: Number of targets of each rule: 1 to 5.
        tick_seconds: Duration of a tick's work.
        function_seconds: Time-out of a tick's function.
        max_hold_seconds: Time without progress after which a phase fails.
    """

    index_rule: str
    check_rule: str
    workers: int = 1
    tick_seconds: int = 50
    function_seconds: int = 120
    max_hold_seconds: int = 12 * 3600


@dataclass(frozen=True, slots=True)
class IndexerFeed:
    """The event source mapping that gives the low-priority queue's messages to the indexer.

    Attributes:
        indexer_mapping: UUID of the mapping.
        indexer_concurrency: Most indexers that run concurrently: enough for five workers. The
            present number is adapted to the cluster (:mod:`reindex.domain.indexer_pace`).
        indexer_batch_size: Messages of one invocation: with usual documents a bulk of some
            megabytes, as Elastic advises. Smaller bulks cost the cluster more for each document.
    """

    indexer_mapping: str
    indexer_concurrency: int = 16
    indexer_batch_size: int = 500


@dataclass(frozen=True, slots=True)
class Pace:
    """The speed of a run, and the limits at which it is throttled.

    Attributes:
        max_backlog: Most messages on the low-priority queue, for all workers together.
        projection_concurrency: Concurrent projection calls of one worker.
        live_queue_url: The library's own ingestion queue; None if there is none.
        live_queue_max: Messages on that queue above which a run is throttled.
        settle_seconds: An image modified more recently waits: reads by secondary index may not show
            the live writer's rows yet.
        check_delay_seconds: Time from enqueueing to the first check.
        quiet_seconds: Time for which every reading of the queue must be zero before a document
            that is not found counts as missing: SQS's counts lag.
        max_failure_percent: Share of the last thousand images that may fail for one external
            cause. Above it, a run is throttled. 100 for no limit.
    """

    max_backlog: int = 20_000
    projection_concurrency: int = 32
    live_queue_url: str | None = None
    live_queue_max: int = 1_000
    settle_seconds: int = 300
    check_delay_seconds: int = 60
    quiet_seconds: int = 120
    max_failure_percent: int = 50


@dataclass(frozen=True, slots=True)
class Rounds:
    """The limits of retries.

    Attributes:
        max_attempts: Failures after which an image is set aside.
        backoff_seconds: Wait after an image's first failure; doubles with each further one.
        max_rounds: Times the Tally may send a run back to its phases.
        tally_segments: Segments of the table that the Tally scans in parallel.
    """

    max_attempts: int = 5
    backoff_seconds: int = 30
    max_rounds: int = 5
    tally_segments: int = 16


#: The program that builds the documents: our own projection, the library's image loader (called by
#: image-projection), or a function of the library in place of image-projection.
OWN = "own"
LOADER = "loader"
FUNCTION = "function"


@dataclass(frozen=True, slots=True)
class Projection:
    """The function that projects, for its callers.

    Attributes:
        projection_function: Its name, or its ARN.
        projection_by: The program that builds the documents: ``own``, ``loader`` or ``function``.
        own_documents: True if documents have the shape of ``docs/document.md``.
        document_mapping: File in the asset with the library's own mapping; None if there is none.
    """

    projection_function: str
    projection_by: str = OWN
    own_documents: bool = True
    document_mapping: str | None = None


@dataclass(frozen=True, slots=True)
class ImageLoader:
    """The library's own image loader: an HTTP service that returns documents to image-projection.

    Attributes:
        loader_url: Its URL, in which ``{id}`` is replaced by an image's id; None if our own
            projection builds the documents.
        loader_header: Name of the header with the key; None if no key is sent.
        loader_secret: ARN of a Secrets Manager secret, JSON with ``key``, and optionally ``ca``
            (PEM of a private CA).
        loader_requests: Concurrent requests of one projection call.
        loader_timeout_seconds: Time-out of one request.
        loader_whole: True if it returns whole documents; if not, user data are merged in.
    """

    loader_url: str | None = None
    loader_header: str | None = None
    loader_secret: str | None = None
    loader_requests: int = 8
    loader_timeout_seconds: int = 25
    loader_whole: bool = False


@dataclass(frozen=True, slots=True)
class Naming:
    """The naming of the metadata in documents.

    Attributes:
        tag_names: Names of the tags in ``fileMetadata``.
    """

    tag_names: TagNames = TagNames.STANDARD


@dataclass(frozen=True, slots=True)
class MetadataRules:
    """The library's rules for files' metadata.

    Attributes:
        processors: In order of execution: names of built-in ones, ``FILE:FUNCTION``, or ``rights``.
        rights: The file of rules for rights and keywords; None if there is none.
    """

    processors: tuple[str, ...] = ()
    rights: str | None = None


@dataclass(frozen=True, slots=True)
class StateMachine:
    """ARN of the state machine, for the callers that start it or describe its executions."""

    state_machine_arn: str


@dataclass(frozen=True, slots=True)
class AuditMachine:
    """ARN of the state machine of audits."""

    audit_machine_arn: str


@dataclass(frozen=True, slots=True)
class Ingest:
    """The live lane, from a submitted file to a searchable image.

    Attributes:
        ingest_bucket: Files are submitted here, as ``NAME/…/filename``. It keeps versions.
        failed_bucket: Files that cannot be processed, each with its reason beside it.
        public_bucket: Renditions, and thumbnails of a library without a bucket for them.
        submissions_table: One row per submission.
        high_priority_queue_url: Images whose document must be brought up to date.
        max_megabytes: Of a submitted file.
    """

    ingest_bucket: str
    failed_bucket: str
    public_bucket: str
    submissions_table: str
    high_priority_queue_url: str
    max_megabytes: int = 1_000


@dataclass(frozen=True, slots=True)
class IngestQueues:
    """The queues of the live lane's functions.

    Attributes:
        ingest_queue_url: S3's events about submitted files.
        ingest_dead_letter_queue_url: Messages of both queues that no function can read.
    """

    ingest_queue_url: str
    ingest_dead_letter_queue_url: str


@dataclass(frozen=True, slots=True)
class Following:
    """The timing with which the index follows the truth.

    Attributes:
        follow_window_seconds: Time from a change to the projection of its image. Further changes of
            the same image in that time cause no further projection.
    """

    follow_window_seconds: int = 5


@dataclass(frozen=True, slots=True)
class CatchUpRule:
    """The schedule that starts a migration's rounds.

    Attributes:
        catch_up_rule: Name of the rule.
    """

    catch_up_rule: str


@dataclass(frozen=True, slots=True)
class Desk:
    """The operator's desk.

    Attributes:
        production: True on a stage whose desk changes nothing unless it is started so.
    """

    production: bool = False


@dataclass(frozen=True, slots=True)
class Notices:
    """The destinations of notices: texts for people about a run.

    Attributes:
        notice_topic: ARN of the topic.
        notice_webhook: ARN of a Secrets Manager secret whose text is the URL of a chat's incoming
            webhook; None when there is none.
    """

    notice_topic: str
    notice_webhook: str | None = None


_INDICES = (Elasticsearch, OtherCluster)
_RUN = (Stage, Tables, Bucket, Queue, *_INDICES, PhaseRules, Pace, Rounds)
_PHASE = (*_RUN, IndexerFeed)

#: The groups that each function reads, by the name of its handler's module.
FUNCTIONS: Mapping[str, tuple[type, ...]] = {
    "gather": (
        *(Stage, Tables, Bucket, *_INDICES, LibrarySettings, PhaseRules),
        *(StateMachine, CatchUpRule),
    ),
    "batch_index": (*_PHASE, Projection),
    "batch_check": (*_PHASE, LibrarySettings),
    "image_projection": (Stage, Bucket, LibrarySettings, ImageLoader, Naming, MetadataRules),
    "indexer": (Stage, Tables, Bucket, Queue, *_INDICES, Rounds),
    "preflight": (*_RUN, LibrarySettings, Projection),
    "tally": _RUN,
    "audit": (Stage, Tables, Bucket, Elasticsearch, LibrarySettings, Pace, Projection),
    "notices": (Stage, Tables, Bucket, Notices),
}

#: The groups that each function of the live lane reads, in a stage that has one.
INGEST_FUNCTIONS: Mapping[str, tuple[type, ...]] = {
    "ingest": (Stage, LibrarySettings, Ingest, IngestQueues),
    "live_indexer": (Stage, Bucket, Elasticsearch, Pace, Projection, Ingest, IngestQueues),
}

#: The groups that the follow function reads, in a stage whose index follows the truth.
FOLLOW_FUNCTIONS: Mapping[str, tuple[type, ...]] = {
    "follow": (Stage, LibrarySettings, Ingest, Following),
}

#: Every function that a stage may have.
ALL_FUNCTIONS: Mapping[str, tuple[type, ...]] = {
    **FUNCTIONS,
    **INGEST_FUNCTIONS,
    **FOLLOW_FUNCTIONS,
}

#: The groups that the ``reindex`` command reads in addition, in a stage with a live lane.
INGEST_COMMAND: tuple[type, ...] = (Ingest, IngestQueues)

#: The groups that the ``reindex`` command reads from the stack's outputs.
COMMAND: tuple[type, ...] = (
    *_PHASE,
    LibrarySettings,
    Naming,
    MetadataRules,
    Projection,
    StateMachine,
    CatchUpRule,
    AuditMachine,
    Desk,
)


def function_name(stage: str, name: str) -> str:
    """Return the name of a stage's deployed function.

    Args:
        stage: The deployment.
        name: The function's key in :data:`FUNCTIONS`.
    """
    return f"image-reindex-{stage.lower()}-{name.replace('_', '-')}"


def variable(field: Field[Any]) -> str:
    """Return the environment variable of a setting."""
    return field.name.upper()


def variables(groups: Iterable[type]) -> dict[str, bool]:
    """Return the environment variables of some groups; for each, True if it must be set."""
    return {variable(f): f.default is MISSING for group in groups for f in fields(group)}


class Settings:
    """The groups of settings that one function, or the command, reads."""

    def __init__(self, groups: Iterable[type], environ: Mapping[str, str]) -> None:
        """Read every group at once, so that one error names every problem.

        Raises:
            SettingsError: Names every variable that is missing or unreadable.
        """
        problems: list[str] = []
        self._groups = {group: _read(group, environ, problems) for group in groups}
        if problems:
            raise SettingsError("; ".join(problems))

    @classmethod
    def of(cls, *groups: object) -> Settings:
        """Return settings of groups that exist already: nothing is read."""
        made = cls((), {})
        made._groups = {type(group): group for group in groups}
        return made

    def __contains__(self, group: type) -> bool:
        """Return True if the group was read."""
        return group in self._groups

    def __getitem__(self, group: type[Group]) -> Group:
        found: Group = self._groups[group]
        return found


def _read(group: type, environ: Mapping[str, str], problems: list[str]) -> Any:
    hints = get_type_hints(group)
    values: dict[str, Any] = {}
    for field in fields(group):
        name = variable(field)
        text = environ.get(name, "")
        if text:
            try:
                values[field.name] = _parse(hints[field.name], text)
            except (ValueError, KeyError):
                problems.append(f"{name} cannot be read: {text!r}")
        elif field.default is MISSING:
            problems.append(f"{name} is not set")
    return None if problems else group(**values)


def _parse(kind: Any, text: str) -> Any:
    if get_origin(kind) in {Union, UnionType}:
        kind = next(k for k in get_args(kind) if k is not type(None))
    if get_origin(kind) is tuple:
        return tuple(part.strip() for part in text.split(",") if part.strip())
    if kind is bool:
        return {"true": True, "false": False}[text.lower()]
    return kind(text)
