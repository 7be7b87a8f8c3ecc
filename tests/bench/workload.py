"""Images like a library's own, and a reindex of them whose neighbours answer at once.

What is left when the neighbours take no time is our own work.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from reindex.batches import in_batches
from reindex.composition.run import RunSteps
from reindex.domain.digest import canonical_json, digest
from reindex.domain.messages import OutgoingMessage
from reindex.domain.progress import iso
from reindex.domain.projections import Projected, ProjectionAnswer
from reindex.domain.run_records import RunRecord
from reindex.image.document import build, with_provenance
from reindex.reports.footprint import INDEXER_BATCH, INDEXER_CONCURRENCY
from reindex.settings import (
    Elasticsearch,
    IndexerFeed,
    Pace,
    PhaseRules,
    Projection,
    Rounds,
    Settings,
    Stage,
)
from reindex.steps.ambient import SystemClock
from reindex.steps.deliveries import Delivery
from reindex.steps.index_messages import Indexer
from reindex.steps.phase_work import PhaseWork
from reindex.steps.tick import Outcome
from reindex.stores.interfaces.index import Index
from reindex.stores.interfaces.progress_table import ProgressTable
from reindex.stores.interfaces.projection import Projector
from reindex.stores.interfaces.queues import Backlog, Depth
from reindex.stores.interfaces.runs import Runs
from reindex.stores.interfaces.work_list import WorkList
from tests.twins.index import MemoryIndex
from tests.twins.phases import MemoryPhases
from tests.twins.ports import MemoryPorts
from tests.twins.runs import MemoryRuns
from tests.twins.work_list import MemoryWorkList
from tests.unit.image.truths import FULL, ID
from tests.unit.image.truths import NOW as BUILT_AT
from tests.unit.steps.world import ALIAS, INDEX, CountingMeter

RUN_ID = "run-1"

#: Epoch seconds, long past: what is due then is due.
NOW = BUILT_AT.timestamp()

#: A tick never ends for lack of time, and nothing waits.
SETTINGS = Settings.of(
    Stage("BENCH"),
    Elasticsearch("https://own.example:9200", ALIAS),
    PhaseRules("index-rule", "check-rule", tick_seconds=3_600, function_seconds=4_000),
    IndexerFeed("mapping", INDEXER_CONCURRENCY, INDEXER_BATCH),
    Pace(settle_seconds=0, check_delay_seconds=0),
    Rounds(),
    Projection("projection"),
)

#: As long as those that Step Functions gives out.
_TASK_TOKEN = "t" * 700


def image_ids(start: int, end: int) -> Iterator[str]:
    """The ids number ``start`` to ``end``: SHA-1 of something, as a library's are."""
    for number in range(start, end):
        yield hashlib.sha1(str(number).encode()).hexdigest()


def _whole_document() -> tuple[str, str]:
    """The digest of an image that has everything, and its document as the projection gives it."""
    document = build(FULL, BUILT_AT)
    known_by = digest(document)
    whole = with_provenance(
        document,
        digest=known_by,
        run_id=RUN_ID,
        stage="BENCH",
        projected_at=BUILT_AT,
        projector="bench",
    )
    return known_by, canonical_json(whole).decode()


_DIGEST, _TEXT = _whole_document()


def projected(image_id: str) -> Projected:
    """The projection of an image that has everything: exif, usages, leases, crops, edits.

    All share one digest: it is not recomputed here.
    """
    return Projected(image_id, _DIGEST, _TEXT.replace(ID, image_id))


class InstantProjector(Projector):
    """Has every document ready.

    Args:
        images: The ids it may be asked for.
    """

    def __init__(self, images: Sequence[str]) -> None:
        self._ready = {image_id: projected(image_id) for image_id in images}

    def project(
        self, ids: Sequence[str], run_id: str, misfits: Mapping[str, str] | None = None
    ) -> ProjectionAnswer:
        return ProjectionAnswer([self._ready[image_id] for image_id in ids])


class BottomlessBacklog(Backlog):
    """A queue that takes everything, and is empty the moment after."""

    def depth(self) -> Depth:
        return Depth(0, 0, 0)

    def send(self, messages: Sequence[OutgoingMessage]) -> set[str]:
        return {message.id for message in messages if message.body()}


class KeptBacklog(BottomlessBacklog):
    """The same, that keeps the messages for an indexer.

    Attributes:
        bodies: Of the messages, as they were sent.
    """

    def __init__(self) -> None:
        self.bodies: list[str] = []

    def send(self, messages: Sequence[OutgoingMessage]) -> set[str]:
        self.bodies += [message.body() for message in messages]
        return {message.id for message in messages}


@dataclass(frozen=True, slots=True)
class Reindex:
    """A reindex by one worker, of images that the index holds already.

    Attributes:
        table: Where the rows are.
        projector: Who builds the documents.
        runs: Where the run record and the ledger are.
        work_list: Where the chunks are.
        backlog: Where the documents go.
    """

    table: ProgressTable
    projector: Projector
    runs: Runs = field(default_factory=MemoryRuns)
    work_list: WorkList = field(default_factory=MemoryWorkList)
    backlog: Backlog = field(default_factory=BottomlessBacklog)
    _index: Any = field(default_factory=lambda: MemoryIndex(INDEX, ALIAS))
    _phases: MemoryPhases = field(default_factory=MemoryPhases)

    def upload(self, images: Sequence[str]) -> None:
        """Ask for images to be reindexed."""
        done = self._steps().upload("upload-1", only_new=False).upload(images)
        assert done.new == len(images)

    def open(self, images: Sequence[str]) -> None:
        """Open a run over images whose documents some live writer wrote."""
        self._live({"lastModified": iso(NOW)}, images)
        self._phases.running.add(RUN_ID)
        self._phases.waiting.add(_TASK_TOKEN)
        record = RunRecord(
            run_id=RUN_ID,
            execution=RUN_ID,
            index=INDEX,
            alias=ALIAS,
            task_token=_TASK_TOKEN,
            started_at=NOW,
            # Its ticks go by the clock: a run that moved last in another year is given up.
            progressed_at=SystemClock().now(),
        )
        assert self.runs.open(record, None)

    def index(self, images: Sequence[str]) -> None:
        """Run the index phase to its end."""
        steps = self._steps()
        self._run(steps, steps.index_phase, len(images))

    def check(self, images: Sequence[str]) -> None:
        """Run the check phase to its end: the index holds what was projected."""
        steps = self._steps()
        self._run(steps, steps.check_phase, len(images))

    def feed(self, bodies: Sequence[str]) -> None:
        """Give messages to the indexer, in full batches."""
        indexer = indexer_on(self._index, self.table, self.work_list, self.runs)
        deliveries = [Delivery(str(n), str(n), body, 1) for n, body in enumerate(bodies)]
        for batch in in_batches(deliveries, INDEXER_BATCH):
            assert not indexer.handle(batch)

    def written(self, images: Sequence[str]) -> None:
        """Let the index hold what was projected."""
        self._live({"esInfo": {"reindex": {"digest": _DIGEST, "runId": RUN_ID}}}, images)

    def _live(self, document: Mapping[str, Any], images: Sequence[str]) -> None:
        for image_id in images:
            self._index.live_write(image_id, document)

    def _run(self, steps: RunSteps, work: PhaseWork, images: int) -> None:
        assert self.runs.update(RUN_ID, {"phase": work.phase})
        self._phases.waiting.add(_TASK_TOKEN)
        done = steps.ticker.tick(work, 0, "invocation")
        assert (done.outcome, sum(done.transitions.values())) == (Outcome.DRAINED, images), done

    def _steps(self) -> RunSteps:
        """Build the steps anew, as each invocation of a cold function does."""
        return RunSteps(
            MemoryPorts(
                settings=SETTINGS,
                meter=CountingMeter(),
                table=self.table,
                projector=self.projector,
                runs=self.runs,
                work_list=self.work_list,
                backlog=self.backlog,
                index=self._index,
                phases=self._phases,
            )
        )


def indexer_on(index: Index, table: ProgressTable, work_list: WorkList, runs: Runs) -> Indexer:
    """Return an indexer that writes to an index; queues and files are in memory."""
    ports = MemoryPorts(
        settings=SETTINGS,
        meter=CountingMeter(),
        table=table,
        runs=runs,
        work_list=work_list,
    )
    return replace(RunSteps(ports).indexer, index=index)
