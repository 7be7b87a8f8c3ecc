"""What the steps may ask of the outside world.

Each interface has a real store and, in the tests, a twin that the same contract tests hold
to the same behaviour. All raise :class:`reindex.domain.failures.StoreUnavailable` when the service
behind them does not answer in the end; what they return is then unknown, never half.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum, auto
from pathlib import Path
from typing import IO, Any, Protocol

from reindex.domain.audit import Entry
from reindex.domain.chunks import Chunk, ListedChunk, TakenChunk
from reindex.domain.failures import Failure
from reindex.domain.migration import Migration, PinnedIndex, Position
from reindex.domain.progress import ProgressRow
from reindex.domain.records import (
    Forgetting,
    Guard,
    Indexed,
    Ledger,
    OutgoingMessage,
    ProjectionAnswer,
    RunRecord,
    UploadRecord,
)
from reindex.domain.states import Phase
from reindex.domain.submissions import IndexImage, SubmissionRef, SubmissionRow
from reindex.image.ranged import RangedFile
from reindex.image.truth import StoredObject, UserData

#: Seconds by which the clocks of two workers may differ.
LONGEST_SKEW = 60

Cursor = Mapping[str, Any]
"""Where a paged read goes on; opaque, but JSON."""

Part = Mapping[str, Any]
"""A part of a source of ids; opaque, but small and JSON."""


@dataclass(frozen=True, slots=True)
class Change:
    """A row as it was read, and as it shall be."""

    before: ProgressRow
    after: ProgressRow


@dataclass(frozen=True, slots=True)
class IdPage:
    """A page of ids.

    Attributes:
        ids: Of images.
        next: Where the next page begins; None at the end.
        archived: How many of them are known to be in an archive, where a listing shows it.
    """

    ids: Sequence[str]
    next: Cursor | None
    archived: int = 0


@dataclass(frozen=True, slots=True)
class FoundRows:
    """Rows that were asked for by id; an id without a row is in neither.

    Attributes:
        rows: By id.
        unreadable: Of items that are no rows (others wrote them): what is wrong, by id.
    """

    rows: Mapping[str, ProgressRow] = field(default_factory=dict)
    unreadable: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RowPage:
    """A page of rows.

    Attributes:
        rows: In no order.
        next: Where the next page begins; None at the end.
        unreadable: Of items that are no rows (others wrote them): what is wrong, by id.
    """

    rows: Sequence[ProgressRow]
    next: Cursor | None
    unreadable: Mapping[str, str] = field(default_factory=dict)


class ProgressTable(Protocol):
    """One row per image to reindex."""

    def insert(self, rows: Sequence[ProgressRow]) -> set[str]:
        """Write each row unless its id has one; return the ids that were new."""
        ...

    def read(self, ids: Sequence[str]) -> FoundRows:
        """Read rows consistently."""
        ...

    def write(self, changes: Sequence[Change]) -> set[str]:
        """Write each row on condition that ``state`` and ``rev`` are as read.

        Returns:
            The ids written. Any other row has moved meanwhile: somebody else was here.
        """
        ...

    def scan(self, segment: int, segments: int, after: Cursor | None) -> RowPage:
        """Page through one of ``segments`` disjoint parts of the table, consistently."""
        ...


class Forgetter(Protocol):
    """Takes images out of the progress table, and enters that in the ledger."""

    def forget(self, rows: Sequence[ProgressRow], operation: Forgetting) -> set[str]:
        """Delete finished rows, each if its ``state`` and ``rev`` are as read.

        A row leaves together with its entries in the ledger: of its upload, and of the operation.

        Returns:
            The ids that have left. Any other row has moved meanwhile, or no upload brought it.

        Raises:
            ValueError: A row has work left.
        """
        ...


class WorkLister(Protocol):
    """The work list, for those who only add to it."""

    def add(self, chunks: Sequence[Chunk]) -> None:
        """Add chunks; one that is there under the same name and time is replaced."""
        ...


class WorkList(WorkLister, Protocol):
    """What is left to do, in chunks: see :mod:`reindex.domain.chunks`."""

    def take(self, phase: Phase, holder: str, now: float, until: float) -> TakenChunk | None:
        """Take a chunk that is due and that nobody holds; None when none is to be had now."""
        ...

    def rows(self, taken: TakenChunk) -> Sequence[ProgressRow]:
        """Read the rows of a chunk, as they were when it was made.

        Raises:
            UnreadableChunk: Its file is gone, or not of our form.
        """
        ...

    def mark(self, taken: TakenChunk, start: int, end: int) -> bool:
        """Record which rows are in progress; False when another has taken the chunk over."""
        ...

    def settle(self, taken: TakenChunk, following: Sequence[Chunk]) -> bool:
        """Remove a chunk, and add what follows from it: both, or neither.

        Returns:
            False, with the chunk as it was, when another has taken it over.
        """
        ...

    def release(self, taken: TakenChunk) -> None:
        """Give a chunk back as it was, if it is still ours."""
        ...

    def earliest(self, phase: Phase) -> int | None:
        """When the first chunk is due, be it held or not (epoch seconds); None if there is none."""
        ...

    def free(self, phase: Phase, now: float) -> Iterator[ListedChunk]:
        """List the chunks that are due at a time and that nobody ever held, in no order."""
        ...

    def remove(self, phase: Phase, chunks: Sequence[ListedChunk]) -> None:
        """Take chunks off the list; one that is not there any more is passed over."""
        ...

    def count(self, phase: Phase) -> int:
        """How many rows the chunks of a phase had when they were made."""
        ...


class Runs(Protocol):
    """The run record and the upload ledger."""

    def current(self) -> RunRecord | None:
        """Read the latest run's record consistently; None before the first run."""
        ...

    def open(self, record: RunRecord, instead_of: RunRecord | None) -> bool:
        """Take the run record for a new run.

        Args:
            record: The new run.
            instead_of: The record found before: replaced only if it still stands.

        Returns:
            False when somebody else was here.
        """
        ...

    def update(self, run_id: str, changes: Mapping[str, Any]) -> bool:
        """Change fields of the open run's record; None removes one.

        Returns:
            False, with nothing changed, when that run is no longer open.
        """
        ...

    def moved(
        self,
        run_id: str,
        counts: Mapping[str, int],
        now: float | None,
        changes: Mapping[str, Any] | None = None,
    ) -> bool:
        """Add to the open run's counters, and change fields of its record.

        Args:
            run_id: Of the run.
            counts: What to add, by kind.
            now: Epoch seconds for ``progressed_at``; None to leave that.
            changes: Of fields, as for :meth:`update`; none may be removed.

        Returns:
            False, with nothing changed, when that run is no longer open.
        """
        ...

    def gathered(self, run_id: str, counts: Mapping[str, int]) -> bool:
        """Add to what the open run's source brought, by what became of the ids.

        Returns:
            False, with nothing changed, when that run is no longer open.
        """
        ...

    def bulks_sent(self, run_id: str, counts: Mapping[str, int]) -> bool:
        """Add to what the open run's indexers sent.

        Returns:
            False, with nothing changed, when that run is no longer open.
        """
        ...

    def paced(self, run_id: str, pace: Mapping[str, Any], before: float | None) -> bool:
        """Replace the open run's ``indexer_pace``.

        Args:
            run_id: Of the run.
            pace: The new one.
            before: The ``at`` of the one that is replaced; None when there was none.

        Returns:
            False, with nothing changed, when another was quicker, or the run is no longer open.
        """
        ...

    def reported(self, run: RunRecord, changes: Mapping[str, Any]) -> bool:
        """Change fields of a run's record, be it open or not.

        Args:
            run: As it was read.
            changes: As for :meth:`update`.

        Returns:
            False, with nothing changed, when its status changed since, or another run began.
        """
        ...

    def record_upload(self, upload: str, brought: Ledger, *, done: bool) -> None:
        """Set what one upload has brought so far: all of it, not what is new since last time.

        So it can be said twice. What is said late, after more was said, changes nothing.
        """
        ...

    def uploads(self) -> dict[str, UploadRecord]:
        """What each upload brought, by its name; under ``FOLDED`` the sum of those folded."""
        ...

    def fold(self, uploads: Mapping[str, UploadRecord]) -> None:
        """Replace uploads by their sum, each if it still is as it is given here."""
        ...

    def forgettings(self) -> list[Forgetting]:
        """The operations that took images out of the progress table, in order of time."""
        ...


class Phases(Protocol):
    """The switches of a run: its phases' rules, and its execution."""

    def turn_off(self, phase: Phase) -> None:
        """Turn a phase's schedule off; harmless when it is off."""
        ...

    def is_on(self, phase: Phase) -> bool:
        """Whether a phase's schedule is on."""
        ...

    def is_running(self, execution: str) -> bool:
        """Whether an execution of the state machine still runs."""
        ...

    def heartbeat(self, token: str) -> bool:
        """Say that the phase lives; False when nobody waits on that token any more."""
        ...

    def succeed(self, token: str, *, again: bool) -> bool:
        """End the phase; False when nobody waits on that token any more.

        Args:
            token: The phase's.
            again: Work is left for the phase before.
        """
        ...

    def fail(self, token: str, error: str, cause: str) -> bool:
        """Fail the phase; False when nobody waits on that token any more."""
        ...


@dataclass(frozen=True, slots=True)
class Depth:
    """A queue's approximate counts; they lag by up to a minute on AWS."""

    visible: int
    in_flight: int
    delayed: int

    @property
    def total(self) -> int:
        """Every message the queue still holds."""
        return self.visible + self.in_flight + self.delayed


class Queue(Protocol):
    """Any queue whose depth is looked at."""

    def depth(self) -> Depth:
        """How much it holds."""
        ...


class Backlog(Queue, Protocol):
    """The low-priority queue, as batch-index fills it."""

    def send(self, messages: Sequence[OutgoingMessage]) -> set[str]:
        """Send messages, packed into as few batches as fit; return the ids accepted."""
        ...


class Deliveries(Protocol):
    """The low-priority queue, as the indexer that drains it sees it."""

    def postpone(self, seconds: Mapping[str, int]) -> None:
        """Hide deliveries for longer before they come again: seconds by receipt handle."""
        ...


class DeadLetters(Queue, Protocol):
    """The dead-letter queue."""

    def put(self, body: str, reason: str) -> None:
        """Set a message aside, with the reason."""
        ...


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A message that was set aside.

    Attributes:
        message_id: The same each time it is received.
        receipt: Handle of this time.
        body: As it was sent.
        reason: Why; empty when it was merely delivered too often.
    """

    message_id: str
    receipt: str
    body: str
    reason: str


class DeadLetterReview(Queue, Protocol):
    """The dead-letter queue, as an operator goes through it."""

    def receive(self, seconds: int) -> Sequence[DeadLetter]:
        """Take up to ten messages, hidden for so long from who else looks; none at the end."""
        ...

    def release(self, receipts: Sequence[str]) -> None:
        """Put messages back at once, by their receipts."""
        ...

    def remove(self, letters: Sequence[DeadLetter]) -> None:
        """Delete messages."""
        ...


class Verdict(Enum):
    """What became of one write.

    ``UNAVAILABLE``: the request was not answered; the document may have been written.
    ``NOT_TAKEN``: the request was answered, and for this document with 429 or 5xx.
    """

    WRITTEN = auto()
    CONFLICT = auto()
    REFUSED = auto()
    UNAVAILABLE = auto()
    NOT_TAKEN = auto()


@dataclass(frozen=True, slots=True)
class IndexWrite:
    """A document to write under a guard; to create when there is none.

    Attributes:
        document: As values, or as JSON text that fits a line of a bulk.
    """

    id: str
    guard: Guard | None
    document: Mapping[str, Any] | str


@dataclass(frozen=True, slots=True)
class WriteResult:
    """The verdict on one write, and the index's reason when it was refused."""

    verdict: Verdict
    reason: str = ""


class Index(Protocol):
    """The search index. Every call names the concrete index.

    Every call raises :class:`reindex.domain.failures.IndexMisconfigured` when that index cannot be
    used, and its subclass ``IndexGone`` when it does not exist.
    """

    def resolve(self, alias: str) -> str:
        """The one concrete index behind an alias.

        Raises:
            IndexMisconfigured: There is none, or more than one.
        """
        ...

    def uuid(self, index: str) -> str:
        """What the index is known by for life: one made later under the same name has another."""
        ...

    def denied(self, index: str) -> list[str]:
        """What a run must be able to do with the index and is not let do; nothing is changed."""
        ...

    def accepts(self, index: str) -> list[str]:
        """What the index's mapping lacks for our documents; empty when it will take them."""
        ...

    def mapping(self, index: str) -> Mapping[str, Any]:
        """The index's mapping: ``dynamic``, ``properties``."""
        ...

    def misfits(self, index: str) -> dict[str, str]:
        """The fields whose mapping may refuse ours, see :func:`reindex.image.misfits.misfits`."""
        ...

    def health(self) -> str:
        """The cluster's health: ``green``, ``yellow`` or ``red``."""
        ...

    def read(self, index: str, ids: Sequence[str], fields: Sequence[str]) -> dict[str, Indexed]:
        """Read fields of documents by realtime multi-get; an absent one is not in the answer.

        Args:
            index: The concrete index.
            ids: Of the images.
            fields: Dotted names; ``*`` for all there are.
        """
        ...

    def sample(
        self, index: str, size: int, seed: int, query: Mapping[str, Any] | None = None
    ) -> list[str]:
        """Ids of documents drawn at random: the same ones for a seed, while nothing is written.

        Args:
            index: The concrete index.
            size: Most ids; 10,000 at most.
            seed: Of the draw.
            query: Only documents that match it.

        Raises:
            SourceUnusable: The index does not take the query.
        """
        ...

    def count(self, index: str, query: Mapping[str, Any]) -> int:
        """How many documents match a query.

        Raises:
            SourceUnusable: The index does not take the query.
        """
        ...

    def finds(self, alias: str, image_id: str) -> bool:
        """Return True if a search through the alias finds a document.

        False for one that the alias's filter hides, and for one written since the last refresh.
        """
        ...

    def refresh(self, index: str) -> None:
        """Let searches find what was written so far, where we may do that."""
        ...

    def search_ids(self, index: str, query: Mapping[str, Any], size: int) -> list[str]:
        """Return the ids of the documents that match a query best, best first.

        Args:
            index: The concrete index.
            query: In the index's own language.
            size: Most ids; 10,000 at most.

        Raises:
            SourceUnusable: The index does not take the query.
        """
        ...

    def scan(self, index: str, fields: Sequence[str]) -> Iterator[tuple[str, Mapping[str, Any]]]:
        """Page through all documents as they were at one moment, in no order.

        What was written in the last moments may not be among them: a hint, as any search is.

        Args:
            index: The concrete index.
            fields: Dotted names; ``*`` for all there are.
        """
        ...

    def write(
        self, index: str, writes: Sequence[IndexWrite], uuid: str | None = None
    ) -> list[WriteResult]:
        """Write documents in bulk; one result per write, in order.

        Args:
            index: The concrete index.
            writes: Each is judged alone.
            uuid: Of the index that is meant; None for whichever has the name.

        Raises:
            IndexGone: There is no such index, or another has its name.
        """
        ...

    def delete(self, index: str, image_id: str, guard: Guard) -> Verdict:
        """Delete one document if it is still that version."""
        ...


@dataclass(frozen=True, slots=True)
class ChangedPage:
    """A page of ids of documents that changed.

    Attributes:
        ids: In the order in which they changed.
        last: The last one's sequence number; None when no more follow.
    """

    ids: Sequence[str]
    last: int | None


class MigrationIndex(Index, Protocol):
    """The search index, as a migration sees it: what changed, and where people are led."""

    def position(self, index: str) -> Position:
        """Read up to where all writes are known, and make them searchable.

        What is written later has a higher sequence number in its shard, whatever fails meanwhile.
        """
        ...

    def changed(
        self, index: str, shard: str, after: int, until: int | None, size: int
    ) -> ChangedPage:
        """Page through the documents of a shard by the sequence number of their last write.

        Args:
            index: The concrete index.
            shard: Of :meth:`position`.
            after: Only documents beyond this number; -1 for all.
            until: Only documents up to this number; None for all.
            size: Most ids of a page.
        """
        ...

    def count_changed(self, index: str, since: Position) -> int:
        """Count the documents that were written since a position, as far as searches show them."""
        ...

    def written_since(self, index: str, ids: Sequence[str], since: Position) -> set[str]:
        """Return those ids whose document was written after a position: all until now."""
        ...

    def followable(self, index: str) -> list[str]:
        """What keeps changes of the index from being found; empty when nothing does."""
        ...

    def free_name(self, alias: str) -> str:
        """The first name ``ALIAS-00000N`` that no index has."""
        ...

    def build(self, name: str, like: str) -> PinnedIndex:
        """Create an index, set up to be filled quickly; one that exists already is adopted.

        Args:
            name: Of the new index.
            like: The index whose number of shards it has, unless its schema says another.
        """
        ...

    def live_settings(self, like: str) -> Mapping[str, str]:
        """The settings that an index has while people search it, as an index like it has them."""
        ...

    def apply(self, index: str, settings: Mapping[str, str]) -> None:
        """Change settings of an index, and write to disk what it holds in memory."""
        ...

    def health_of(self, index: str) -> str:
        """The health of one index: ``green``, ``yellow`` or ``red``."""
        ...

    def aliases_of(self, index: str) -> list[str]:
        """The names of the aliases of an index."""
        ...

    def move_aliases(self, names: Sequence[str], source: str, target: str) -> None:
        """Move aliases from one index to another, all at once, each with all that it says.

        Harmless when they have moved already.

        Raises:
            IndexMisconfigured: One of them is on neither.
        """
        ...

    def drop(self, index: PinnedIndex) -> None:
        """Delete an index; harmless when it is gone.

        Raises:
            IndexMisconfigured: An alias still leads to it.
        """
        ...


class Migrations(Protocol):
    """The record of the latest migration."""

    def current(self) -> Migration | None:
        """Read it consistently; None before the first migration."""
        ...

    def save(self, migration: Migration, instead_of: Migration | None) -> bool:
        """Write a record in place of the one that was read; False when another was quicker."""
        ...


class CatchUpSchedule(Protocol):
    """The schedule that starts a migration's rounds."""

    def turn_on(self) -> None:
        """Turn it on; harmless when it is on."""
        ...

    def turn_off(self) -> None:
        """Turn it off; harmless when it is off."""
        ...


@dataclass(frozen=True, slots=True)
class Execution:
    """How an execution stands.

    Attributes:
        status: ``RUNNING``, ``SUCCEEDED``, ``FAILED``, ``TIMED_OUT``, ``ABORTED``.
        error: Name of what failed it.
        cause: What a failed lambda or the state machine said of it.
    """

    status: str
    error: str = ""
    cause: str = ""

    @property
    def is_running(self) -> bool:
        """Whether it has not ended."""
        return self.status == "RUNNING"

    @property
    def message(self) -> str:
        """Why it failed, for people: a lambda's own message, without its stack trace."""
        try:
            said = json.loads(self.cause)["errorMessage"]
        except (ValueError, TypeError, KeyError):
            said = self.cause
        return str(said or self.error or f"the execution ended: {self.status}")


@dataclass(frozen=True, slots=True)
class PastExecution:
    """An execution, as a list shows it.

    Attributes:
        arn: Its ARN.
        status: As in :class:`Execution`.
        started_at: With zone.
        ended_at: Likewise; None while it runs.
    """

    arn: str
    status: str
    started_at: datetime
    ended_at: datetime | None


class RunStarter(Protocol):
    """Starts executions of the state machine."""

    def start(self, name: str, told: Mapping[str, Any]) -> str:
        """Start an execution, and return its ARN; asked twice for one name, it starts one."""
        ...

    def find(self, name: str) -> Execution | None:
        """Look at the execution of a name; None when there is none."""
        ...


class IndexerConcurrency(Protocol):
    """How many indexers the low-priority queue may be given to at once."""

    def allow(self, concurrency: int) -> None:
        """Let so many indexers run side by side from now on; it takes some seconds to follow."""
        ...

    def is_enabled(self) -> bool:
        """Whether the queue's messages are given to the indexer at all."""
        ...


class Projector(Protocol):
    """The image-projection lambda, as batch-index sees it."""

    def project(
        self, ids: Sequence[str], run_id: str, misfits: Mapping[str, str] | None = None
    ) -> ProjectionAnswer:
        """Have documents built, without what an index's ``misfits`` would refuse.

        Raises:
            ProjectorDied: The lambda died on this batch.
        """
        ...


class Loader(Protocol):
    """The library's own image loader: it answers with an image's document."""

    @property
    def requests(self) -> int:
        """How many images may be asked for at once."""
        ...

    def load(self, image_id: str) -> dict[str, Any]:
        """Ask for an image's document; that it is a JSON object is all that is checked of it.

        Raises:
            OriginalNotFound: The loader knows no such image.
            LoaderRefused: It refuses this one.
            LoaderAnswer: What it answered is no JSON object, or too large.
            SourceUnavailable: It did not answer, or failed.
            NoTimeLeft: Too little time is left to wait for its answer.
        """
        ...


class RunFiles(Protocol):
    """The run's private bucket: claim checks, tallies, samples, reports."""

    def create(self, key: str, body: bytes) -> bool:
        """Store a file unless there is one of that key; return False when there is."""
        ...

    def put(self, key: str, body: bytes, content_type: str = "application/json") -> None:
        """Store a file."""
        ...

    def upload(self, key: str, body: IO[bytes]) -> None:
        """Store a file of any size, as it is read."""
        ...

    def get(self, key: str) -> bytes:
        """Read a file.

        Raises:
            KeyError: There is none.
        """
        ...

    def keys(self, prefix: str) -> list[str]:
        """The keys that begin so, in order."""
        ...


class IdSource(Protocol):
    """Where the ids of images to reindex can be found."""

    def parts(self, at_most: int) -> Sequence[Part]:
        """Cut it into disjoint parts that hold every id together.

        Args:
            at_most: Parts; of 1, the only one is the whole.

        Raises:
            SourceUnusable: It is not what it should be.
        """
        ...

    def page(self, part: Part, after: Cursor | None) -> IdPage:
        """Page through the ids of a part; asked again, it may show what has changed since.

        Raises:
            SourceUnusable: It is not what it should be.
        """
        ...


@dataclass(frozen=True, slots=True)
class EntryPage:
    """A page of what an audit lists.

    Attributes:
        entries: See :mod:`reindex.domain.audit`.
        next: Where the next page begins; None at the end.
    """

    entries: Sequence[Entry]
    next: Cursor | None


class EntryListing(Protocol):
    """A store, as an audit lists it."""

    def size(self) -> int:
        """Return about how many entries it has; 0 when the store cannot tell."""
        ...

    def parts(self, at_most: int) -> Sequence[Part]:
        """Cut it into disjoint parts that hold every entry together.

        Args:
            at_most: Parts; of 1, the only one is the whole.
        """
        ...

    def page(self, part: Part, after: Cursor | None) -> EntryPage:
        """Page through a part; asked again, it may show what has changed since."""
        ...


@dataclass(frozen=True, slots=True)
class OpenObject:
    """A stored object, and its bytes, fetched as they are read."""

    stored: StoredObject
    file: RangedFile


@dataclass(frozen=True, slots=True)
class ObjectVersion:
    """One version of an object.

    Attributes:
        version_id: As the store names it.
        at: When it was stored, or deleted.
        size: Bytes; None of a deletion.
    """

    version_id: str
    at: datetime
    size: int | None


@dataclass(frozen=True, slots=True)
class ObjectHistory:
    """What a store says of one object, now and before.

    Attributes:
        bucket: Where it is, or would be.
        key: Likewise.
        size: Bytes; None when it does not exist now.
        last_modified: When it was stored; None when it does not exist now.
        storage_class: As the store names it.
        archived: Whether it must be restored before it can be read.
        versions: The newest first; None when the store does not let us list them.
    """

    bucket: str
    key: str
    size: int | None = None
    last_modified: datetime | None = None
    storage_class: str = "STANDARD"
    archived: bool = False
    versions: Sequence[ObjectVersion] | None = None

    @property
    def exists(self) -> bool:
        """Whether the object exists now."""
        return self.size is not None


class Originals(Protocol):
    """The library's objects: originals, and what was made from them.

    Every call about one image raises that image's own failure: ``SourceForbidden`` when S3
    refuses us, ``SourceUnavailable`` when it does not answer in the end.
    """

    def open(self, image_id: str) -> OpenObject:
        """Open an original.

        Raises:
            OriginalNotFound: There is none.
        """
        ...

    def thumbnail(self, image_id: str) -> OpenObject | None:
        """Open the thumbnail; None when there is none."""
        ...

    def optimised_png(self, image_id: str) -> OpenObject | None:
        """Open the optimised PNG; None when there is none."""
        ...

    def exists(self, image_id: str) -> bool:
        """Whether the original exists now."""
        ...

    def history(self, image_id: str) -> ObjectHistory:
        """Return what is known of the original without reading it."""
        ...


class UserDataSource(Protocol):
    """What people said of images, and the crops that they made."""

    def user_data(self, ids: Sequence[str]) -> Mapping[str, UserData | Failure]:
        """Read the user data of images.

        Returns:
            One entry per id; a failure to read one image's stands in its place.
        """
        ...


class Library(Originals, UserDataSource, Protocol):
    """The truth."""


class Submissions(Protocol):
    """The submissions table."""

    def read(self, ref: SubmissionRef) -> SubmissionRow | None:
        """Read a row consistently; None when there is none."""
        ...

    def write(self, row: SubmissionRow, before: SubmissionRow | None) -> bool:
        """Write a row, provided that the stored one has the state and attempts of ``before``.

        Args:
            row: To write.
            before: As it was read; None for a row that must not exist yet.

        Returns:
            False, with nothing changed, when another wrote it since.
        """
        ...

    def mark_searchable(self, ref: SubmissionRef, at: str) -> SubmissionRow | None:
        """Record that the index has the document: the row is processed, and has no failure.

        Args:
            ref: Which submission.
            at: When, ISO 8601; the first time counts.

        Returns:
            The row after that; None when there is none.
        """
        ...

    def remove(self, ref: SubmissionRef) -> None:
        """Remove a row."""
        ...

    def scan(self) -> Iterator[SubmissionRow]:
        """Page through all rows, in no order."""
        ...


class SubmittedFiles(Protocol):
    """The ingest bucket and the failed bucket: files on their way in, and those that failed."""

    def metadata(self, ref: SubmissionRef) -> Mapping[str, str]:
        """Return a submitted file's user metadata.

        Raises:
            SubmissionGone: It is not there any more.
        """
        ...

    def download(self, ref: SubmissionRef, to: Path) -> None:
        """Fetch a submitted file.

        Raises:
            SubmissionGone: It is not there any more.
        """
        ...

    def remove(self, ref: SubmissionRef) -> None:
        """Remove a submitted file; harmless when it is gone."""
        ...

    def keep_failed(self, ref: SubmissionRef, reason: bytes) -> str | None:
        """Copy a submitted file to the failed bucket, verify the copy, put the reason beside it.

        Returns:
            The copy's key; None when the submitted file is gone.
        """
        ...


@dataclass(frozen=True, slots=True)
class WaitingFile:
    """A submitted file that is still in the ingest bucket.

    Attributes:
        ref: Which submission.
        size: Bytes.
        since: ISO 8601.
    """

    ref: SubmissionRef
    size: int
    since: str


class SubmissionDesk(SubmittedFiles, Protocol):
    """The same buckets, as those see them who submit."""

    def submit(
        self, path: Path, key: str, metadata: Mapping[str, str], content_type: str
    ) -> SubmissionRef:
        """Upload a file, with checksums."""
        ...

    def is_waiting(self, key: str) -> bool:
        """Whether a submitted file of that key is in the ingest bucket."""
        ...

    def waiting(self) -> Iterator[WaitingFile]:
        """List the submitted files that are in the ingest bucket, in no order."""
        ...

    def restore(self, kept: str, ref: SubmissionRef) -> SubmissionRef:
        """Copy a failed file back to the ingest bucket; return the new submission.

        Args:
            kept: Its key in the failed bucket.
            ref: As it was submitted.

        Raises:
            SubmissionGone: It is not in the failed bucket any more.
        """
        ...

    def discard(self, kept: str) -> None:
        """Remove a file and its reason from the failed bucket; harmless when they are gone."""
        ...


@dataclass(frozen=True, slots=True)
class NewFile:
    """A file to be stored.

    Attributes:
        path: Of its bytes.
        size: Of them.
        content_type: MIME type.
        sha1: Hex digest of its bytes.
        metadata: User metadata, values URL-encoded.
    """

    path: Path
    size: int
    content_type: str
    sha1: str
    metadata: Mapping[str, str] = field(default_factory=dict)


class Archive(Protocol):
    """Where originals are kept for good, and what is made of them is published."""

    def archive(self, image_id: str, file: NewFile) -> None:
        """Store an original, and read checksum and length of the copy back from the store.

        One that is there already with the same bytes keeps its metadata, and is given the
        identifiers that it lacks.

        Raises:
            ArchiveConflict: One of that id has other bytes. It is as it was.
        """
        ...

    def publish(self, image_id: str, kind: str, content: bytes, content_type: str) -> None:
        """Store what was made of an original; what was there before is replaced.

        Args:
            image_id: Of the image.
            kind: Of :mod:`reindex.image.renditions`.
            content: Its bytes.
            content_type: MIME type.
        """
        ...


class HighPriority(Queue, Protocol):
    """The high-priority queue."""

    def send(self, messages: Sequence[IndexImage], delay_seconds: int = 0) -> None:
        """Send messages; all of them were accepted when it returns.

        Args:
            messages: To send.
            delay_seconds: Before they can be received.
        """
        ...


@dataclass(frozen=True, slots=True)
class LoggedLine:
    """A line of a function's log.

    Attributes:
        at: Epoch seconds.
        function: By its handler's module.
        values: What the line says.
    """

    at: float
    function: str
    values: Mapping[str, Any]


class FunctionLog(Protocol):
    """What the functions log."""

    def search(self, text: str, since: float) -> Iterator[LoggedLine]:
        """Yield the structured lines of all functions that hold a text, in no order.

        Args:
            text: A word, as an id or a key.
            since: Epoch seconds.
        """
        ...


@dataclass(frozen=True, slots=True)
class FoundLines:
    """Lines of the functions' logs.

    Attributes:
        lines: In order of time.
        unread: The functions whose log could not be read, or not to its end, and why.
    """

    lines: Sequence[LoggedLine] = ()
    unread: Mapping[str, str] = field(default_factory=dict)


class BoundedLogSearch(Protocol):
    """What the functions logged, as far as it can be read in a bounded time."""

    def search_within(self, text: str, since: float, until: float, seconds: float) -> FoundLines:
        """Return the structured lines of all functions that hold a text.

        Args:
            text: A word, as an id or a key.
            since: Epoch seconds; older lines are left out.
            until: Epoch seconds; later lines are left out.
            seconds: How long the search may take; a log that is not read by then is unread.
        """
        ...
