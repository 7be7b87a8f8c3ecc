"""Every environment variable, in one place.

A setting is declared once: as a field of the group it belongs to, with the variable's name
derived from the field's (``progress_table`` is ``PROGRESS_TABLE``). :data:`FUNCTIONS` says which
groups each lambda reads; the stack gives it exactly those, and the ``reindex`` command reads
the same groups from the stack's outputs.
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
    """Which deployment this is."""

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
class Elasticsearch:
    """The search index.

    Attributes:
        elasticsearch_url: Of the cluster; several, comma-separated, for its nodes.
        index_alias: The alias that people search through.
        elasticsearch_secret: ARN of a Secrets Manager secret, JSON with ``username`` and
            ``password``, or ``api_key``; and optionally ``ca`` (PEM of a private CA). Without
            it, requests carry no credentials, unless there is an ``index_domain``.
        index_engine: The server that the cluster runs; None to ask it.
        index_domain: ARN of the domain of Amazon OpenSearch Service that the cluster is.
            Without a secret, requests are signed with the credentials of the process.
        preserve: Fields (dotted) that the index holds and the truth does not.
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


@dataclass(frozen=True, slots=True)
class LibrarySettings:
    """The library's buckets and tables, given by name.

    Attributes:
        originals_bucket: Of the originals, and of the optimised PNGs.
        thumbnails_bucket: None when the library keeps none.
        crops_bucket: None when the library keeps none.
        usages_table: None, as for each of the tables, when the library keeps none.
        leases_table: Likewise.
        collections_table: Likewise.
        edits_table: Likewise.
        syndication_table: Likewise.
        status_table: Soft deletes; likewise.
        optimised_pngs: Whether the library makes optimised PNGs (a request per image).
        original_key: The form of the keys of originals: see
            :class:`reindex.domain.key_templates.KeyTemplate`.
        thumbnail_key: Likewise of thumbnails.
        optimised_png_key: Likewise of optimised PNGs, in the bucket of the originals.
        crops_folder: Likewise of what the keys of an image's crops begin with.
        usages_index: Name of the usages table's index by image id.
        usages_image: Its partition key.
        leases_index: Name of the leases table's index by image id.
        leases_image: Its partition key.
        collections_key: Partition key of the collections table: the image id.
        edits_key: Likewise.
        syndication_key: Likewise.
        status_key: Likewise.
        uploaded_by_name: The object metadata of originals that says who uploaded it.
        upload_time_name: That says when.
        file_name_name: That says what the file was called.
        identifier_prefix: What the names of foreign identifiers begin with.
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


@dataclass(frozen=True, slots=True)
class PhaseRules:
    """The schedules of the two phases.

    Attributes:
        index_rule: Name of the rule that ticks batch-index.
        check_rule: Name of the rule that ticks batch-check.
        workers: How many targets each rule has: 1 to 5.
        tick_seconds: How long one tick works.
        function_seconds: Time-out of a tick's function.
        max_hold_seconds: A phase in which nothing moved for so long fails.
    """

    index_rule: str
    check_rule: str
    workers: int = 1
    tick_seconds: int = 50
    function_seconds: int = 120
    max_hold_seconds: int = 12 * 3600


@dataclass(frozen=True, slots=True)
class IndexerFeed:
    """How the indexer is fed.

    Attributes:
        indexer_mapping: UUID of the event source mapping between the low-priority queue and it.
        indexer_concurrency: The most indexers that run side by side: enough for five workers. How
            many do is found out (:mod:`reindex.domain.indexer_pace`).
        indexer_batch_size: Messages that each is given at once: of usual documents a bulk of some
            megabytes, as Elastic advises. Smaller ones cost the cluster more for each document.
    """

    indexer_mapping: str
    indexer_concurrency: int = 16
    indexer_batch_size: int = 500


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast, and when not at all.

    Attributes:
        max_backlog: Messages on the low-priority queue that all workers together allow.
        projection_concurrency: Projection calls one worker waits on at once.
        live_queue_url: The library's own ingestion queue; None when there is none.
        live_queue_max: Messages on it above which a reindex holds back.
        settle_seconds: A document modified so recently waits, for reads by secondary index
            may not show yet what the live writer wrote.
        check_delay_seconds: From enqueueing to the first check.
        quiet_seconds: How long every reading of the queue must be zero before an absent
            document counts as missing (SQS's counts lag).
        max_failure_percent: Share of the last thousand images that may fail for one cause
            outside of them; beyond, a run is held. 100 for any share.
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
    """How often work goes round again.

    Attributes:
        max_attempts: Failures after which an image is set aside.
        backoff_seconds: Wait after an image's first failure; doubles with each further one.
        max_rounds: Times the Tally may send a run back to its phases.
        tally_segments: Parts of the table the Tally scans side by side.
    """

    max_attempts: int = 5
    backoff_seconds: int = 30
    max_rounds: int = 5
    tally_segments: int = 16


#: Who builds the documents: our own projection, the library's image loader (asked by
#: image-projection), or a function of the library's own in place of image-projection.
OWN = "own"
LOADER = "loader"
FUNCTION = "function"


@dataclass(frozen=True, slots=True)
class Projection:
    """The function that projects, for those who call it.

    Attributes:
        projection_function: Its name, or its ARN.
        projection_by: Who builds the documents: ``own``, ``loader`` or ``function``.
        own_documents: Whether documents have the shape of ``docs/document.md``.
        document_mapping: File in the asset with the library's own mapping; None when the stage
            names none.
    """

    projection_function: str
    projection_by: str = OWN
    own_documents: bool = True
    document_mapping: str | None = None


@dataclass(frozen=True, slots=True)
class ImageLoader:
    """The library's own image loader, an HTTP service that image-projection asks for documents.

    Attributes:
        loader_url: With ``{id}`` where an image's id goes; None when our own projection builds
            the documents.
        loader_header: Name of the header that carries the key; None when no key is sent.
        loader_secret: ARN of a Secrets Manager secret, JSON with ``key``, and optionally ``ca``
            (PEM of a private CA).
        loader_requests: Requests that one call has in flight at once.
        loader_timeout_seconds: How long one request may take.
        loader_whole: Whether its answer is the whole document; if not, user data are merged in.
    """

    loader_url: str | None = None
    loader_header: str | None = None
    loader_secret: str | None = None
    loader_requests: int = 8
    loader_timeout_seconds: int = 25
    loader_whole: bool = False


@dataclass(frozen=True, slots=True)
class Naming:
    """By whose names documents show what files say.

    Attributes:
        tag_names: Of the tags in ``fileMetadata``.
    """

    tag_names: TagNames = TagNames.STANDARD


@dataclass(frozen=True, slots=True)
class MetadataRules:
    """What the library makes of files' metadata.

    Attributes:
        processors: In order: of built-in ones, ``FILE:FUNCTION``, or ``rights``.
        rights: The file of rules for rights and keywords; None when there is none.
    """

    processors: tuple[str, ...] = ()
    rights: str | None = None


@dataclass(frozen=True, slots=True)
class StateMachine:
    """ARN of the state machine, for those who start it or look at it."""

    state_machine_arn: str


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
    """What feeds the functions of the live lane.

    Attributes:
        ingest_queue_url: S3's events about submitted files.
        ingest_dead_letter_queue_url: Messages of both queues that no function can read.
    """

    ingest_queue_url: str
    ingest_dead_letter_queue_url: str


@dataclass(frozen=True, slots=True)
class Following:
    """How the index follows the truth.

    Attributes:
        follow_window_seconds: From a change to the projection of its image; further changes of the
            same image in that time are one with it.
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


_RUN = (Stage, Tables, Bucket, Queue, Elasticsearch, PhaseRules, Pace, Rounds)
_PHASE = (*_RUN, IndexerFeed)

#: What each function reads. The names are those of the handlers' modules.
FUNCTIONS: Mapping[str, tuple[type, ...]] = {
    "gather": (
        *(Stage, Tables, Bucket, Elasticsearch, LibrarySettings, PhaseRules),
        *(StateMachine, CatchUpRule),
    ),
    "batch_index": (*_PHASE, Projection),
    "batch_check": (*_PHASE, LibrarySettings),
    "image_projection": (Stage, Bucket, LibrarySettings, ImageLoader, Naming, MetadataRules),
    "indexer": (Stage, Tables, Bucket, Queue, Elasticsearch, Rounds),
    "preflight": (*_RUN, LibrarySettings, Projection),
    "tally": _RUN,
}

#: What each function of the live lane reads, in a stage that has one.
INGEST_FUNCTIONS: Mapping[str, tuple[type, ...]] = {
    "ingest": (Stage, LibrarySettings, Ingest, IngestQueues),
    "live_indexer": (Stage, Bucket, Elasticsearch, Pace, Projection, Ingest, IngestQueues),
}

#: Likewise, in a stage whose index follows the truth.
FOLLOW_FUNCTIONS: Mapping[str, tuple[type, ...]] = {
    "follow": (Stage, LibrarySettings, Ingest, Following),
}

#: What the ``reindex`` command reads beside the rest, of a stage with a live lane.
INGEST_COMMAND: tuple[type, ...] = (Ingest, IngestQueues)

#: What the ``reindex`` command reads from the stack's outputs.
COMMAND: tuple[type, ...] = (
    *_PHASE,
    LibrarySettings,
    Naming,
    MetadataRules,
    Projection,
    StateMachine,
    CatchUpRule,
    Desk,
)


def function_name(stage: str, name: str) -> str:
    """The name of a stage's deployed function.

    Args:
        stage: The deployment.
        name: The function's key in :data:`FUNCTIONS`.
    """
    return f"image-reindex-{stage.lower()}-{name.replace('_', '-')}"


def variable(field: Field[Any]) -> str:
    """The environment variable of a setting."""
    return field.name.upper()


def variables(groups: Iterable[type]) -> dict[str, bool]:
    """The environment variables of some groups, and whether each must be set."""
    return {variable(f): f.default is MISSING for group in groups for f in fields(group)}


class Settings:
    """The groups of settings that one function or command asked for."""

    def __init__(self, groups: Iterable[type], environ: Mapping[str, str]) -> None:
        """Read every group at once, so that one error names all that is wrong.

        Raises:
            SettingsError: Names every variable that is missing or unreadable.
        """
        problems: list[str] = []
        self._groups = {group: _read(group, environ, problems) for group in groups}
        if problems:
            raise SettingsError("; ".join(problems))

    def __contains__(self, group: type) -> bool:
        """Whether a group was asked for."""
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
