"""Everything that is known of one image at one moment. Pure: others gather it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from reindex.domain.failures import Failure
from reindex.domain.progress import ProgressRow
from reindex.domain.provenance import Indexed
from reindex.domain.run_records import RunRecord
from reindex.domain.submissions import SubmissionRow
from reindex.image.truth import UserData
from reindex.reports.samples import Sample
from reindex.stores.interfaces.function_logs import FoundLines
from reindex.stores.interfaces.library import ObjectHistory
from reindex.stores.interfaces.queues import Depth


@dataclass(frozen=True, slots=True)
class Unknown:
    """A fact that could not be read.

    Attributes:
        reason: Why, for people.
    """

    reason: str


class IndexProblem(StrEnum):
    """Why the index could not be asked."""

    REJECTED = "it rejects the credentials of the stage's secret"
    UNUSABLE = "it cannot be used"
    SILENT = "it does not answer"


@dataclass(frozen=True, slots=True)
class NoIndex:
    """The index could not be asked.

    Attributes:
        problem: What kind of obstacle.
        reason: What it or its client said.
    """

    problem: IndexProblem
    reason: str


@dataclass(frozen=True, slots=True)
class IndexFacts:
    """The image's document in the index.

    Attributes:
        name: Of the concrete index behind the alias.
        health: Of the cluster.
        document: As it is stored; None when there is none.
        found: True if a search through the alias finds it.
    """

    name: str
    health: str | Unknown
    document: Indexed | Unknown | None
    found: bool | Unknown


@dataclass(frozen=True, slots=True)
class DeadLetters:
    """The image's messages on the dead-letter queue.

    Attributes:
        reasons: Why each of its messages was set aside.
        looked_at: Messages that were read.
        total: Messages that the queue holds, approximately.
    """

    reasons: Sequence[str] = ()
    looked_at: int = 0
    total: int = 0


@dataclass(frozen=True, slots=True)
class Comparison:
    """The document that would be projected now, compared with the one in the index.

    Attributes:
        same: True if both have the same digest.
        fields: The dotted names of the fields that differ.
    """

    same: bool
    fields: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class LatestRun:
    """The latest run.

    Attributes:
        record: Its record.
        is_running: True if its execution runs.
        ticks: True if its phase's schedule is on; True between phases.
        dollars: What it will have cost at its end, by its estimate.
    """

    record: RunRecord
    is_running: bool
    ticks: bool
    dollars: float

    @property
    def is_open(self) -> bool:
        """True if it works, or will go on when what holds it is gone."""
        return self.record.is_open and self.is_running


@dataclass(frozen=True, slots=True)
class Place:
    """Names of the stage's parts, as the commands of a verdict need them.

    Attributes:
        cluster_url: Of a node of the cluster.
        alias: The alias that people search through.
        secret: ARN of the secret with the cluster's credentials; None when it asks for none.
        indexer_mapping: UUID of the event source mapping that feeds the indexer.
        status_table: The library's table of soft deletes; None when it has none.
        progress_table: Of the product.
        max_backlog: Messages that the low-priority queue may hold.
    """

    cluster_url: str
    alias: str
    secret: str | None
    indexer_mapping: str
    status_table: str | None
    progress_table: str
    max_backlog: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """Everything that is known of one image.

    Attributes:
        image_id: Of the image.
        at: When it was gathered, epoch seconds.
        place: Names of the stage's parts.
        original: What S3 says of it; the failure of one that S3 does not let us see.
        thumbnail: True if there is one; None when the library keeps none.
        user_data: Its rows in the library's tables, and its crops.
        submissions: Those of the image, of the live lane.
        row: Of the progress table; None when there is none, Unknown also when it is not a row.
        run: The latest run; None before the first.
        queue: Depth of the low-priority queue.
        indexer_enabled: True if the queue's messages are given to the indexer.
        letters: Its messages in the dead-letter queue.
        index: Its document in the index.
        comparison: The document compared with the truth; the failure of an image that cannot be
            projected; None when there is no document, yet it could be projected.
        gates: Ticks of its run around the row's last change that were held by a gate.
        logs: Lines of the functions' logs with its id.
    """

    image_id: str
    at: float
    place: Place
    original: ObjectHistory | Failure
    thumbnail: bool | Unknown | None = None
    user_data: UserData | Failure = field(default_factory=UserData)
    submissions: Sequence[SubmissionRow] | Unknown = ()
    row: ProgressRow | Unknown | None = None
    run: LatestRun | Unknown | None = None
    queue: Depth | Unknown = field(default_factory=lambda: Depth(0, 0, 0))
    indexer_enabled: bool | Unknown = True
    letters: DeadLetters | Unknown = field(default_factory=DeadLetters)
    index: IndexFacts | NoIndex
    comparison: Comparison | Failure | Unknown | None = None
    gates: Sequence[Sample] | Unknown = ()
    logs: FoundLines = field(default_factory=FoundLines)

    @property
    def document(self) -> Indexed | Unknown | None:
        """The document in the index."""
        if isinstance(self.index, NoIndex):
            return Unknown(self.index.reason)
        return self.index.document

    @property
    def has_document(self) -> bool:
        """True if a document of the image is known to be in the index."""
        return isinstance(self.document, Indexed)

    @property
    def open_run(self) -> LatestRun | None:
        """The run that is open; None when there is none, or it is not known."""
        is_open = isinstance(self.run, LatestRun) and self.run.is_open
        return self.run if is_open and isinstance(self.run, LatestRun) else None

    @property
    def soft_deletion(self) -> Mapping[str, Any] | None:
        """The row that says that people deleted the image; None when there is none."""
        status = self.user_data.status if isinstance(self.user_data, UserData) else None
        return status if status and status.get("isDeleted") else None
