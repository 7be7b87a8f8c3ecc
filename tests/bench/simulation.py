"""A whole run of a million images, in simulated time.

    python -m tests.bench.simulation [--images N] [--json FILE]

The project's own steps, from upload to report, over the services' twins in memory. Each call of a
service takes the model's latency (tests.bench.model) in simulated time; workers, their lanes and
calls, the indexers and the Tally's segments run concurrently, and what they share is changed in
the order of that time (tests.bench.simulated_time). As many indexers are at work as the run's own
pacing allows, from the stage's defaults.

Counted are the calls that the stores make of what the steps ask for, by the sizes of batches that
the stores have, and DynamoDB's units by the sizes of items. What is left out: processor time other
than the projection's, which the model counts; what the projection itself asks of S3 and DynamoDB,
which tests.bench.projecting and tests.bench.crop_listings count; failures, for which there is the
chaos run. The documents are copies of one; the index held nine of ten images before.

Memory is what one invocation of a function allocates at most, with the rows and documents that it
leaves with the twins: an upper bound. That of the Tally, of the report and of sorting a range of
the work list is measured in the large run; cutting it into ranges is left out. That of all others
does not depend on the number of images, and is measured with few, each alone.
"""

from __future__ import annotations

import gc
import json
import math
import multiprocessing
import sys
import time
import tracemalloc
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import Any
from unittest.mock import patch
from zlib import adler32

from reindex.domain.chunks import Chunk, TakenChunk, rows_of, to_text
from reindex.domain.indexer_pace import START as FIRST_INDEXERS
from reindex.domain.messages import OutgoingMessage
from reindex.domain.options import Source
from reindex.domain.progress import ProgressRow, to_values
from reindex.domain.projections import Projected, ProjectionAnswer
from reindex.domain.states import Phase, State
from reindex.reports import samples
from reindex.reports.footprint import INDEXER_BATCH, MEMORY_MB
from reindex.settings import Pace, Rounds
from reindex.steps import batch_check, batch_index, ordering, preflight, shift
from reindex.steps.deliveries import Delivery
from reindex.steps.tick import Outcome
from reindex.stores.interfaces.id_sources import IdSource
from reindex.stores.interfaces.index import IndexWrite
from reindex.stores.interfaces.paging import Cursor
from reindex.stores.interfaces.progress_table import RowPage
from reindex.stores.interfaces.queues import Backlog, Deliveries, Depth
from reindex.stores.progress_table import MAX_KEYS, MAX_STATEMENTS
from reindex.stores.sqs import BATCH_ENTRIES
from tests.bench.model import ASSUMED, TICK_INTERVAL, projection_latency
from tests.bench.one_worker import table_seconds
from tests.bench.projection import Row
from tests.bench.results import Result, parser_of, report
from tests.bench.simulated_time import SimulatedPool, SimulatedTime, as_completed
from tests.bench.wire import LIST_PAGE
from tests.bench.workload import image_ids, projected
from tests.bench.write_units import BUDGET as WRITE_BUDGET
from tests.bench.write_units import READ_BUDGET
from tests.twins.id_sources import MemoryIds
from tests.twins.index import MemoryIndex
from tests.twins.progress_table import MemoryProgressTable
from tests.twins.work_list import MemoryWorkList
from tests.unit.steps.world import ALIAS, INDEX, START, World

WORKERS = (1, 5)

#: Simulated images per hour, by workers.
RATES = {1: 1_300_000, 5: 4_000_000}

#: How much more an image may cost in a run of ten times as many.
GROWTH = 1.05

#: Share of a function's memory that an invocation may allocate: the rest is the interpreter's.
MEMORY_SHARE = 0.5

#: Images of the runs in which the memory of ticks is measured.
_FEW = 20_000

#: One image of so many has no document yet.
_NEW = 10

#: Rows of a page of a scan: a megabyte of them.
_SCAN_PAGE = 2_500

#: Seconds that an indexer waits for a full batch, and between looks at the queue.
_WINDOW, _LOOK = 5.0, 0.5

#: Bytes of an item of the work list, and of the items that a look for a chunk reads.
_LISTED, _LISTED_AT_ONCE = 150, 25

_SEGMENTS: int = Rounds().tally_segments
_CALL = ASSUMED["dynamodb"].value
_S3 = ASSUMED["s3"].value

#: The modules of the steps that work concurrently.
_POOLS = (shift, batch_index, batch_check, samples, preflight, ordering)

#: Calls, or units, by service and operation.
Calls = Mapping[tuple[str, str], float]


@dataclass(frozen=True, slots=True)
class Cost:
    """The cost of one call of a twin.

    Attributes:
        seconds: How long it takes.
        calls: The service's, by operation.
        read: Read units.
        written: Write units.
    """

    seconds: float
    calls: Mapping[str, int]
    read: float = 0
    written: float = 0


class Bill:
    """What all calls of a run came to."""

    def __init__(self, clock: SimulatedTime) -> None:
        self.clock = clock
        self.used: Counter[tuple[str, str]] = Counter()

    def charge(self, service: str, cost: Cost) -> None:
        """Note a call, and let its time pass."""
        for operation, calls in cost.calls.items():
            other = operation.startswith("S3 ")
            name = ("S3", operation.removeprefix("S3 ")) if other else (service, operation)
            self.used[name] += calls
        self.used["DynamoDB", "read units"] += cost.read  # type: ignore[assignment]
        self.used["DynamoDB", "write units"] += cost.written  # type: ignore[assignment]
        self.clock.sleep(cost.seconds)

    def charging(self, store: Any, service: str, cost: Callable[[str, Sequence[Any]], Any]) -> Any:
        """A store whose calls are charged.

        Args:
            store: What answers.
            service: Of its calls.
            cost: Of a method, given its arguments; None for one that asks no service.
        """
        bill = self

        class Charging:
            def __getattr__(self, name: str) -> Any:
                found = getattr(store, name)
                if not callable(found):
                    return found

                def call(*args: Any, **named: Any) -> Any:
                    charged = cost(name, args)
                    if charged is not None:
                        bill.charge(service, charged)
                    return found(*args, **named)

                return call

        return Charging()


def _kb(rows: Sequence[ProgressRow]) -> float:
    """Kilobytes of a row, all being alike."""
    return len(json.dumps(to_values(rows[0]))) / 1024 if rows else 0


def of_table(table: SortedTable, method: str, args: Sequence[Any]) -> Cost:
    """What a call of the progress table costs."""
    seconds = table_seconds(method, args)
    match method:
        case "insert" | "write":
            rows = [getattr(each, "after", each) for each in args[0]]
            units = len(rows) * math.ceil(_kb(rows))
            calls = {"BatchExecuteStatement": math.ceil(len(rows) / MAX_STATEMENTS)}
            return Cost(seconds, calls, written=units)
        case "read":
            calls = {"BatchGetItem": math.ceil(len(args[0]) / MAX_KEYS)}
            return Cost(seconds, calls, read=len(args[0]))
        case _:
            one = next(iter(table.rows.values()), None)
            page = _SCAN_PAGE * _kb([one] if one else []) / 4
            return Cost(_CALL + page / 400, {"Scan": 1}, read=page)


def of_work_list(store: MemoryWorkList, method: str, args: Sequence[Any]) -> Cost:
    """What a call of the work list costs; a chunk that is taken is charged where it is read."""
    if method == "take":
        return Cost(_CALL, {"Query": 1}, read=math.ceil(_LISTED * _LISTED_AT_ONCE / 4096))
    if method == "rows":
        return Cost(_CALL + _S3, {"UpdateItem": 1, "S3 GetObject": 1}, written=1)
    if method in {"add", "settle", "remove"}:
        return _of_chunks(method, len(args[-1]))
    if method in {"mark", "release"}:
        return Cost(_CALL, {"UpdateItem": 1}, written=1)
    # What asks for the earliest reads one item; whatever else reads the list does so as a whole.
    read = 1 if method == "earliest" else max(1, len(store.listed) * _LISTED / 4096)
    pages = math.ceil(read * 4096 / 1_048_576)
    return Cost(pages * _CALL, {"Query": pages}, read=read)


def _of_chunks(method: str, count: int) -> Cost:
    """What it costs to put so many chunks on the list, or to take them off."""
    if method == "remove":
        batches = math.ceil(count / MAX_STATEMENTS)
        return Cost(batches * _CALL, {"BatchWriteItem": batches}, written=count)
    if method == "add":
        return Cost(count * (_CALL + _S3), {"PutItem": count, "S3 PutObject": count}, written=count)
    calls = {"TransactWriteItems": 1, "S3 PutObject": count}
    return Cost(2 * _CALL + count * _S3, calls, written=2 * (1 + count))


def of_runs(store: Any, method: str, args: Sequence[Any]) -> Cost:
    """What a call of the runs table costs."""
    size = len(repr(asdict(store.record))) if store.record else 0
    match method:
        case "current":
            return Cost(_CALL, {"GetItem": 1}, read=max(1, math.ceil(size / 4096)))
        case "uploads":
            return Cost(_CALL, {"Scan": 1}, read=1)
        case "record_upload":
            return Cost(_CALL, {"UpdateItem": 1}, written=1)
        case _:
            return Cost(_CALL, {"UpdateItem": 1}, written=max(1, math.ceil(size / 1024)))


def of_index(method: str, args: Sequence[Any]) -> Cost:
    """What a call of the index costs: in proportion to the batches that were assumed."""
    match method:
        case "read":
            share = max(1.0, len(args[1]) / 500 * ASSUMED["check"].value / ASSUMED["guard"].value)
            return Cost(ASSUMED["guard"].value * share, {"multi-get": 1})
        case "write":
            return Cost(ASSUMED["bulk"].value * len(args[1]) / 500, {"bulk": 1})
        case _:
            return Cost(ASSUMED["guard"].value, {method: 1})


def of_files(method: str, _: Sequence[Any]) -> Cost:
    """What a call of the run's bucket costs."""
    if method == "keys":
        return Cost(ASSUMED["list"].value, {"LIST": 1})
    return Cost(_S3, {"GetObject" if method == "get" else "PutObject": 1})


class SortedTable(MemoryProgressTable):
    """A progress table that pages through a million rows without sorting them for each page."""

    def __init__(self) -> None:
        super().__init__(page_size=_SCAN_PAGE)
        self._segments: dict[int, list[str]] = {}

    def scan(self, segment: int, segments: int, after: Cursor | None) -> RowPage:
        """A page of a segment; no row comes to the table while one is read."""
        if not self._segments or sum(map(len, self._segments.values())) != len(self.rows):
            self._segments = {number: [] for number in range(segments)}
            for image_id in sorted(self.rows):
                self._segments[adler32(image_id.encode()) % segments].append(image_id)
        start = after["start"] if after else 0
        ids, end = self._segments[segment], start + _SCAN_PAGE
        page = [self.rows[image_id] for image_id in ids[start:end]]
        return RowPage(page, {"start": end} if end < len(ids) else None)


class LeanIndex(MemoryIndex):
    """An index that keeps of a document what the steps ask for."""

    def _write(self, shard: Any, write: IndexWrite) -> Any:
        document = write.document
        whole = json.loads(document) if isinstance(document, str) else document
        kept = {"esInfo": whole["esInfo"], "lastModified": whole.get("lastModified")}
        done = super()._write(shard, replace(write, document=kept))
        version, text = shard.documents[write.id]
        shard.documents[write.id] = version, sys.intern(text)
        return done


class ListOfFiles(MemoryWorkList):
    """A work list whose chunks are read from files, as the stack's are."""

    def rows(self, taken: TakenChunk) -> Sequence[ProgressRow]:
        chunk = Chunk(taken.name, taken.phase, taken.due_at, super().rows(taken))
        return rows_of(to_text(chunk))


class Line(Backlog, Deliveries):
    """A queue that many take from at once.

    Args:
        bill: What its calls are charged to.
        keeps: Whether it holds what it is sent.
    """

    def __init__(self, bill: Bill, *, keeps: bool = True) -> None:
        self._bill = bill
        self._keeps = keeps
        self.waiting: deque[str] = deque()
        self.in_flight = 0

    def depth(self) -> Depth:
        self._bill.charge("SQS", Cost(ASSUMED["sqs"].value, {"GetQueueAttributes": 1}))
        return Depth(len(self.waiting), self.in_flight, 0)

    def send(self, messages: Sequence[OutgoingMessage]) -> set[str]:
        bodies = [message.body() for message in messages]
        calls = math.ceil(len(bodies) / BATCH_ENTRIES)
        self._bill.charge("SQS", Cost(calls * ASSUMED["sqs"].value, {"SendMessageBatch": calls}))
        self.waiting.extend(bodies if self._keeps else [])
        return {message.id for message in messages}

    def postpone(self, seconds: Mapping[str, int]) -> None:
        raise AssertionError(f"{len(seconds)} messages came back: nothing fails here")

    def take(self) -> list[str]:
        """Take what fits a batch: in flight until it is settled."""
        taken = [self.waiting.popleft() for _ in range(min(INDEXER_BATCH, len(self.waiting)))]
        self.in_flight += len(taken)
        return taken


def _document(image_id: str) -> Projected:
    """A document of usual size: one that has everything, without most of what is rare."""
    return replace(_WHOLE, id=image_id, image=_TEXT.replace(_WHOLE.id, image_id))


_WHOLE = projected(next(image_ids(0, 1)))
_TEXT = json.dumps(
    {name: value for name, value in json.loads(_WHOLE.image).items() if name != "usages"},
    separators=(",", ":"),
)


class TimedProjector:
    """The projection: a document for each image, after the model's latency."""

    def __init__(self, bill: Bill) -> None:
        self._bill = bill

    def project(
        self,
        ids: Sequence[str],
        run_id: str,
        misfits: Mapping[str, str] | None = None,
    ) -> ProjectionAnswer:
        """Build them."""
        # There before it is waited for: its memory counts for as long as the call takes.
        answer = ProjectionAnswer([_document(image_id) for image_id in ids])
        self._bill.charge("Lambda", Cost(projection_latency(len(ids)), {"Invoke projection": 1}))
        return answer


class SimulatedWorld(World):
    """A reindex whose services take simulated time.

    Args:
        workers: Of each phase.
        keeps: Whether the queue holds what it is sent.
    """

    def __init__(self, workers: int, *, keeps: bool = True) -> None:
        super().__init__(workers=workers, pace=Pace())
        self.time = SimulatedTime(START)
        self.bill = Bill(self.time)
        charging = self.bill.charging
        self.clock: Any = self.time
        self.rows, self.line, runs = SortedTable(), Line(self.bill, keeps=keeps), self.runs
        self.table = charging(self.rows, "DynamoDB", partial(of_table, self.rows))
        listed = ListOfFiles()
        self.work_list = charging(listed, "DynamoDB", partial(of_work_list, listed))
        self.runs = charging(runs, "DynamoDB", partial(of_runs, runs))
        backlog: Any = self.line
        self.backlog = backlog
        self.documents = LeanIndex(INDEX, ALIAS)
        self.index = charging(self.documents, "Elasticsearch", of_index)
        self.files = charging(self.files, "S3", of_files)
        switch = lambda name, _: Cost(_CALL, {name: 1})  # noqa: E731
        self.phases = charging(self.phases, "Step Functions", switch)
        self.library = charging(
            self.library, "S3", lambda name, _: Cost(_S3, {"HeadObject": 1} if name else {})
        )
        projector: Any = TimedProjector(self.bill)
        self.projector = projector
        live_queue: Any = Line(self.bill)
        self.live_queue = live_queue
        self.is_over = False

    def id_source(self, source: Source) -> IdSource:
        return MemoryIds(list(self.library.originals), LIST_PAGE)

    def fill(self, count: int) -> None:
        """Let the library hold images, and the index most of their documents."""
        for number, image_id in enumerate(image_ids(0, count)):
            self.library.originals[image_id] = b""
            if number % _NEW:
                self.documents.live_write(image_id, {"lastModified": "2024-06-15T11:00:00.000Z"})

    def indexer_loop(self, number: int) -> None:
        """Be one of the indexers, while the run's pacing allows so many."""
        waited = 0.0
        while not self.is_over:
            allowed = (self.indexers.allowed or [FIRST_INDEXERS])[-1]
            waiting = len(self.line.waiting)
            full = waiting >= INDEXER_BATCH or (waiting and waited >= _WINDOW)
            if number < allowed and full:
                waited = 0.0
                self.index_batch()
            else:
                waited = waited + _LOOK if waiting else 0.0
                self.time.sleep(_LOOK)

    def index_batch(self) -> None:
        """One invocation of the indexer."""
        bodies = self.line.take()
        calls = math.ceil(len(bodies) / BATCH_ENTRIES)
        handed = {"ReceiveMessage": calls, "DeleteMessageBatch": calls}
        self.bill.charge("SQS", Cost(0, handed))
        invoked = Cost(ASSUMED["invoke"].value, {"Invoke indexer": 1})
        self.bill.charge("Lambda", invoked)
        again = self.run_steps.indexer.handle(
            [Delivery(str(n), str(n), b, 1) for n, b in enumerate(bodies)]
        )
        assert not again
        self.line.in_flight -= len(bodies)

    def worker_loop(self, phase: Phase, worker: int) -> None:
        """Be one target of a phase's rule, until the phase has ended."""
        while True:
            began = self.time.now()
            self.bill.charge("Lambda", Cost(ASSUMED["invoke"].value, {f"Invoke {phase}": 1}))
            done = self.tick(phase, worker)
            if done.outcome in {Outcome.DRAINED, Outcome.TURNED_AWAY}:
                return
            assert done.outcome is Outcome.WORKED, done
            self.time.sleep(began + TICK_INTERVAL - self.time.now())

    def side_by_side(self, works: Sequence[Callable[[], object]]) -> None:
        """Do works at the same time."""
        with SimulatedPool(self.time, len(works)) as pool:
            list(pool.map(lambda work: work(), works))

    def order(self) -> int:
        """Put the list in order; return the bytes that the sorting of one range allocates."""
        run_id, most = self.run.run_id, 0
        steps = self.run_steps.ordering
        plan = steps.plan(run_id, -1)
        self.side_by_side([partial(steps.cut, run_id, -1, number) for number in plan["groups"]])
        for number in plan["ranges"]:
            sort = partial(steps.sort, run_id, -1, number)
            if number == 0:
                most = peak(sort)
            else:
                sort()
        steps.replace(run_id, -1)
        calls = 2 + len(plan["groups"]) + len(plan["ranges"])
        self.bill.charge("Lambda", Cost(ASSUMED["invoke"].value, {"Invoke tally": calls}))
        return most

    def whole_segment(self, segment: int) -> None:
        """Tally a segment."""
        run_id, cursor = self.run.run_id, None
        while True:
            self.bill.charge("Lambda", Cost(ASSUMED["invoke"].value, {"Invoke tally": 1}))
            step = self.run_steps.tallying.segment(run_id, 0, segment, _SEGMENTS, cursor)
            cursor = step["next"]
            if cursor is None:
                return


@contextmanager
def simulated(world: SimulatedWorld) -> Iterator[None]:
    """Let the steps work concurrently in simulated time."""
    with ExitStack() as stack:
        pool = partial(SimulatedPool, world.time)
        for module in _POOLS:
            stack.enter_context(patch.object(module, "ThreadPoolExecutor", pool))
        stack.enter_context(patch.object(batch_index, "as_completed", as_completed))
        yield


@dataclass(frozen=True, slots=True)
class Played:
    """What a run came to.

    Attributes:
        images: It had.
        phases: Simulated seconds, by part.
        calls: By service and operation, units included.
        peaks: Bytes that an invocation allocated at most, by function.
        real: Seconds that the simulation took.
    """

    images: int
    phases: Mapping[str, float]
    calls: Calls
    peaks: Mapping[str, int]
    real: float

    @property
    def seconds(self) -> float:
        """Simulated seconds, from upload to report."""
        return sum(self.phases.values())

    def per_image(self) -> dict[tuple[str, str], float]:
        """Calls and units of an image."""
        return {name: count / self.images for name, count in self.calls.items() if count}


def play(images: int, workers: int) -> Played:
    """Run images from upload to report."""
    # Nothing here is garbage that refers to itself, and millions of rows are not to be searched.
    gc.disable()
    try:
        return _played(images, workers)
    finally:
        gc.enable()


def _played(images: int, workers: int) -> Played:
    started = time.perf_counter()
    world = SimulatedWorld(workers)
    world.fill(images)
    phases: dict[str, float] = {}
    peaks: dict[str, int] = {}

    def part(name: str, work: Callable[[], object]) -> None:
        began = world.time.now()
        work()
        phases[name] = world.time.now() - began

    def phase(which: Phase) -> None:
        world.open_phase(which)
        world.side_by_side([partial(world.worker_loop, which, n) for n in range(workers)])

    def open_run() -> None:
        if world.preflight(segments=_SEGMENTS)["order"]:
            peaks["order"] = world.order()

    def tally() -> None:
        first, *others = [partial(world.whole_segment, n) for n in range(_SEGMENTS)]
        world.side_by_side(others)
        peaks["tally"] = peak(first)

    with simulated(world):
        part("upload", lambda: world.upload(image_ids(0, images)))
        part("preflight", open_run)
        for number in range(16):
            world.time.start(partial(world.indexer_loop, number))
        part("index phase", lambda: phase(Phase.INDEX))
        part("check phase", lambda: phase(Phase.CHECK))
        world.is_over = True
        part("Tally", tally)
        assert not world.run_steps.tallying.decide("run-1", 0, _SEGMENTS)["again"]
        peaks["report"] = peak(lambda: part("report", lambda: _reported(world, images)))
    real = time.perf_counter() - started
    return Played(images, phases, dict(world.bill.used), peaks, real)


def _reported(world: SimulatedWorld, images: int) -> None:
    """Report, and see that all came to what it should."""
    done = world.report()
    assert done["status"] == "succeeded", done
    assert world.states() == {State.VERIFIED: images}


def peak(work: Callable[[], object]) -> int:
    """Bytes that some work allocates at most."""
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def memory() -> dict[str, int]:
    """Bytes that an invocation of each function allocates at most, each alone."""
    peaks: dict[str, int] = {}
    sender = SimulatedWorld(1, keeps=False)
    sender.fill(_FEW)
    with simulated(sender):
        sender.upload(image_ids(0, _FEW))
        sender.preflight(segments=_SEGMENTS)
        sender.open_phase(Phase.INDEX)
        peaks["batch_index"] = peak(lambda: sender.tick(Phase.INDEX))
    assert sender.states() == {State.ENQUEUED: _FEW}
    world = SimulatedWorld(1)
    world.fill(_FEW)
    # A run with a limit has one part.
    told = {"source": {"kind": "bucket"}, "limit": _FEW}
    with simulated(world):
        world.phases.running.add("run-1")
        [part] = world.run_steps.gathering.plan("run-1", told)["parts"]
        gather = partial(world.run_steps.gathering.part, "run-1", "upload", told, part, None)
        peaks["gather"] = peak(gather)
        peaks["preflight"] = peak(lambda: world.check("run-1", segments=_SEGMENTS))
        world.open_phase(Phase.INDEX)
        world.tick(Phase.INDEX)
        peaks["indexer"] = peak(world.index_batch)
        while world.line.waiting:
            world.index_batch()
        assert world.tick(Phase.INDEX).outcome in {Outcome.DRAINED, Outcome.TURNED_AWAY}
        world.time.sleep(Pace().check_delay_seconds)
        world.open_phase(Phase.CHECK)
        peaks["batch_check"] = peak(lambda: world.tick(Phase.CHECK))
    assert world.states()[State.VERIFIED] > _FEW // 2
    return peaks


def measure(images: int) -> Result:
    """Play the runs, one per core at a time."""
    began = time.perf_counter()
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(2, mp_context=context, max_tasks_per_child=1) as pool:
        larger = {workers: pool.submit(play, images, workers) for workers in WORKERS}
        smaller = pool.submit(play, images // 10, WORKERS[0])
        alone = pool.submit(memory)
        played = {workers: future.result() for workers, future in larger.items()}
        small, peaks = smaller.result(), alone.result()
    took = time.perf_counter() - began
    rows: list[Row] = []
    figures: dict[str, float] = {}
    for workers, run in played.items():
        rate = run.images / run.seconds * 3600
        parts = ", ".join(f"{name} {seconds / 60:.1f}" for name, seconds in run.phases.items())
        # Of a smaller run, what it waits for at its end takes most of the time.
        budget = RATES[workers] if images >= 1_000_000 else None
        rows += [
            Row(
                f"images/hour, {workers} worker{'s' * (workers > 1)}",
                f"{rate:,.0f}",
                f">= {budget:,}" if budget else "",
                rate >= budget if budget else None,
            ),
            Row("its minutes", parts),
        ]
        figures[f"images per hour, {workers} workers"] = rate
    rows += _costs(played[WORKERS[0]], small, figures)
    every = played[WORKERS[0]].peaks
    # One function does all of these.
    peaks["tally"] = max(every.values())
    for function, most in sorted(peaks.items()):
        limit = MEMORY_MB[function] * MEMORY_SHARE
        mb = most / 1_048_576
        rows.append(
            Row(f"MB of an invocation, {function}", f"{mb:.1f}", f"<= {limit:.0f}", mb <= limit)
        )
        figures[f"MB of an invocation, {function}"] = mb
    rows.append(Row("the simulation took", f"{took:.0f} s"))
    return Result(rows, figures)


def _costs(large: Played, small: Played, figures: dict[str, float]) -> Iterator[Row]:
    """What an image costs, and in how far that grows with their number."""
    each, before = large.per_image(), small.per_image()
    limits = {("DynamoDB", "write units"): WRITE_BUDGET, ("DynamoDB", "read units"): READ_BUDGET}
    for (service, operation), value in sorted(each.items()):
        limit = limits.get((service, operation))
        yield Row(
            f"{service} {operation} per image",
            f"{value:.5f} ({small.images:,}: {before.get((service, operation), 0):.5f})",
            f"<= {limit}" if limit else "",
            value <= limit if limit else None,
        )
        figures[f"{service} {operation} per image"] = value
    units = ("read units", "write units")
    services = {service for service, _ in each}
    kinds = [(s, f"calls of {s}") for s in sorted(services)] + [("", u) for u in units]
    for service, name in kinds:
        mine, theirs = (
            sum(
                value
                for (s, operation), value in of.items()
                if (s == service and operation not in units) or operation == name
            )
            for of in (each, before)
        )
        ratio = mine / theirs if theirs else math.inf
        yield Row(
            f"{name} per image, {large.images:,} / {small.images:,}",
            f"{ratio:.3f} x",
            f"<= {GROWTH} x",
            ratio <= GROWTH,
        )
        figures[f"growth, {name}"] = ratio
    ratio = small.images / small.seconds / (large.images / large.seconds)
    yield Row(
        f"seconds per image, {large.images:,} / {small.images:,}",
        f"{ratio:.3f} x",
        f"<= {GROWTH} x",
        ratio <= GROWTH,
    )
    figures["growth, seconds"] = ratio


def main() -> int:
    """Simulate, print, and return 1 when a budget is missed."""
    parser = parser_of("simulation", __doc__)
    parser.add_argument("--images", type=int, default=1_000_000)
    arguments = parser.parse_args()
    return report(measure(arguments.images), arguments.json)


if __name__ == "__main__":
    sys.exit(main())
