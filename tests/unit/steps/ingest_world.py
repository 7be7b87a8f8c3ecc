"""A live lane in memory: a test owns its time, its deliveries and every accident."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote_plus

from PIL import Image

from reindex.composition.lane import LiveLane
from reindex.composition.run import RunSteps
from reindex.domain.projections import ProjectionAnswer
from reindex.domain.submissions import LogPlace, SubmissionRef, SubmissionRow
from reindex.settings import Elasticsearch, ImageLoader, Ingest, Naming, Rounds, Settings, Stage
from reindex.steps.deliveries import Delivery
from reindex.steps.project import Projection
from tests.twins.backlog import MemoryBacklog, MemoryDeadLetters
from tests.twins.index import MemoryIndex
from tests.twins.library import MemoryLibrary
from tests.twins.ports import MemoryPorts
from tests.twins.progress_table import MemoryProgressTable
from tests.twins.run_files import MemoryRunFiles
from tests.twins.submissions import (
    MemoryArchive,
    MemoryHighPriority,
    MemorySubmissions,
    MemorySubmittedFiles,
)
from tests.unit.steps.world import ALIAS, INDEX, CountingMeter, ManualClock

PLACE = LogPlace("request-1", "/aws/lambda/ingest", "stream-1")

#: Messages that go wrong for ever would keep a test from ending.
_MOST_ROUNDS = 200


def jpeg(colour: str = "red", size: tuple[int, int] = (64, 48)) -> bytes:
    """A small photo."""
    out = io.BytesIO()
    Image.new("RGB", size, colour).save(out, "JPEG")
    return out.getvalue()


class LocalProjector:
    """The projection in this process, behind the interface that the lambda has."""

    def __init__(self, projection: Projection) -> None:
        self.projection = projection

    def project(
        self, ids: Sequence[str], run_id: str, misfits: Mapping[str, str] | None = None
    ) -> ProjectionAnswer:
        return self.projection.project(ids, run_id, misfits)


class IngestWorld:
    """The stores of a live lane, and the steps over them."""

    def __init__(self) -> None:
        self.clock, self.meter = ManualClock(), CountingMeter()
        self.library = MemoryLibrary()
        self.submissions = MemorySubmissions()
        self.submitted_files = MemorySubmittedFiles()
        self.archive = MemoryArchive(self.library)
        self.high_priority = MemoryHighPriority()
        self.events = MemoryBacklog()
        self.dead_letters = MemoryDeadLetters()
        self.index = MemoryIndex(INDEX, ALIAS)
        self.files = MemoryRunFiles()
        self.table = MemoryProgressTable()
        self.max_megabytes = 100
        self.projector: Any = None
        self.projector = LocalProjector(RunSteps(self.ports).projection)

    @property
    def ports(self) -> MemoryPorts:
        """What the steps work with, as it is now: a test may have replaced any of it."""
        place = Ingest("ingest", "failed", "public", "submissions", "queue", self.max_megabytes)
        index = Elasticsearch("http://own.example", ALIAS, preserve=("embedding",))
        groups = (Stage("TEST"), place, index, Rounds(), Naming(), ImageLoader())
        return MemoryPorts(
            settings=Settings.of(*groups),
            clock=self.clock,
            meter=self.meter,
            library=self.library,
            submissions=self.submissions,
            submitted_files=self.submitted_files,
            archive=self.archive,
            high_priority=self.high_priority,
            ingest_deliveries=self.events,
            live_deliveries=self.high_priority.queue,
            lane_dead_letters=self.dead_letters,
            index=self.index,
            files=self.files,
            table=self.table,
            projector=self.projector,
        )

    @property
    def lane(self) -> LiveLane:
        return LiveLane(self.ports, RunSteps(self.ports))

    def submit(
        self, key: str, content: bytes, metadata: Mapping[str, str] | None = None
    ) -> SubmissionRef:
        """Put a file into the ingest bucket; S3 sends its event."""
        ref = self.submitted_files.put(key, content, metadata)
        self.events.put_raw(event(ref, len(content)))
        return ref

    def row(self, ref: SubmissionRef) -> SubmissionRow:
        """A submission's row."""
        return self.submissions.rows[ref]

    def ingest_one(self) -> None:
        """Let the ingest function have the next message."""
        ingest = self.lane.ingest_messages
        self._consume(self.events, 1, lambda deliveries: ingest.handle(deliveries, PLACE))

    def index_some(self) -> None:
        """Let the live indexer have the next messages."""
        self._consume(self.high_priority.queue, 10, self.lane.live_messages.handle)

    def settle(self) -> None:
        """Let both functions work until their queues are empty."""
        for _ in range(_MOST_ROUNDS):
            if not (self.events.deliveries or self.high_priority.queue.deliveries):
                return
            self.ingest_one()
            self.index_some()
        raise AssertionError("the queues do not become empty")

    def _consume(self, queue: MemoryBacklog, limit: int, handle: Any) -> None:
        taken = queue.receive(limit)
        if not taken:
            return
        deliveries = [Delivery(d.receipt, d.receipt, d.body, d.received) for d in taken]
        again = [d.receipt for d in taken]
        try:
            again = handle(deliveries)
        finally:
            queue.settle({"batchItemFailures": [{"itemIdentifier": each} for each in again]})


def event(ref: SubmissionRef, size: int) -> str:
    """S3's event about an object that was created; the key is encoded as S3 does it."""
    found = {
        "key": quote_plus(ref.key, safe="/"),
        "size": size,
        "versionId": ref.version,
        "sequencer": "0055AED6DCD90281E5",
    }
    record = {"eventTime": "2026-03-01T18:00:00.000Z", "s3": {"object": found}}
    return json.dumps({"Records": [record]})
