"""From a submitted file to a searchable image, beside a full low-priority queue.

    python -m tests.bench.live_lane [--files N] [--json FILE]

The stack that cdk deploys to the local cloud, with a live lane. Files are submitted one at a time,
in turns: with the low-priority queue held back, and with that queue full and its indexers at work.
What counts is the time from before the upload to the moment that the row has as searchable, and the
ratio of the two medians. Then all files of a batch are submitted at once beside the full queue.

The local cloud is one process, and all functions share this machine's cores: the ratio also holds
what the indexers take of both, which on AWS they would not.

Dollars are those of a million such files by list prices: calls are counted in this process on one
file, processor time is that of the functions' processes here, and waiting for calls is assumed as
in ``model.py``.
"""

from __future__ import annotations

import os
import statistics
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

import boto3

from reindex.domain import stamps
from reindex.domain.submissions import (
    IndexImage,
    LogPlace,
    Submission,
    SubmissionRef,
    SubmissionState,
)
from reindex.reports import footprint, prices
from reindex.reports.cost import Line
from reindex.settings import Ingest, IngestQueues
from reindex.steps.deliveries import Delivery
from reindex.stores.sqs import SqsQueue
from reindex.stores.submissions import DynamoSubmissions
from reindex.wiring import Wiring
from scripts.stack import command_groups, variable_of
from tests.bench.audit import SCAN_SECONDS, scan_dollars
from tests.bench.model import ASSUMED
from tests.bench.projection import Row
from tests.bench.results import Result, parser_of, report
from tests.bench.whole_run import processor_seconds
from tests.local.cloud import Cloud
from tests.local.ministack import Ministack, ministack
from tests.local.picture_files import PictureFile
from tests.local.sample_library import SampleLibrary
from tests.local.stack import LocalStack, local_stack
from tests.unit.test_items import size

#: Pixels of each file, a JPEG of half a megabyte.
SIZE: Final = (1_600, 1_200)

#: Times that each side has its turn, and messages that fill the low-priority queue before one.
TURNS: Final = 5
FULL: Final = 4_000

#: The share of the time that the full queue may add.
MOST_ADDED: Final = 0.2

#: Entries of the submissions table's indexes that are written for a file that does not fail: by id
#: and by image. Each costs a write unit (``tests/contract/test_submissions.py``).
INDEX_ENTRIES: Final = 2

_LIBRARY: Final = 200
_PATIENCE_SECONDS: Final = 240.0
_FUNCTIONS: Final = ("ingest", "live_indexer", "image_projection")
_MILLION: Final = 1_000_000


@dataclass
class Lane:
    """A deployed live lane.

    Attributes:
        stack: The deployment.
        cloud: The local cloud's program.
        services: Of the deployment.
        submitted: Files submitted so far.
    """

    stack: LocalStack
    cloud: Ministack
    services: Cloud
    submitted: int = 0

    @property
    def table(self) -> DynamoSubmissions:
        """The submissions table."""
        table = self.stack.settings[Ingest].submissions_table
        return DynamoSubmissions(self.services.client("dynamodb"), table)

    def put(self) -> tuple[SubmissionRef, int, float]:
        """Submit a file; return which, its size, and the time before, epoch seconds."""
        self.submitted += 1
        content = PictureFile("JPEG", SIZE, self.submitted).make()
        key, before = f"bench/{self.submitted}.jpg", time.time()
        bucket = self.stack.settings[Ingest].ingest_bucket
        answer = self.services.client("s3").put_object(Bucket=bucket, Key=key, Body=content)
        return SubmissionRef(key, answer["VersionId"]), len(content), before

    def searchable(self, ref: SubmissionRef) -> float:
        """Wait until a submission is searchable; return when it was, epoch seconds."""
        until = time.monotonic() + _PATIENCE_SECONDS
        while time.monotonic() < until:
            row = self.table.read(ref)
            if row and row.state is SubmissionState.FAILED:
                raise RuntimeError(f"{ref.key}: {row.failure}")
            at = stamps.parse(row.searchable_at) if row and row.searchable_at else None
            if at is not None:
                return at
            time.sleep(0.1)
        raise RuntimeError(f"{ref.key} is not searchable")

    def one_after_the_other(self, files: int) -> list[float]:
        """Submit files, each when the one before is searchable; return the seconds of each."""
        taken = []
        for _ in range(files):
            ref, _, before = self.put()
            taken.append(self.searchable(ref) - before)
        return taken

    def all_at_once(self, files: int) -> float:
        """Submit files together; return the seconds until the last is searchable."""
        before = time.time()
        with ThreadPoolExecutor(4) as pool:
            refs = [ref for ref, _, _ in pool.map(lambda _: self.put(), range(files))]
        return max(map(self.searchable, refs)) - before

    def fill(self, bodies: Sequence[str]) -> None:
        """Fill the low-priority queue with messages."""
        sqs = self.services.client("sqs")
        many = [bodies[number % len(bodies)] for number in range(FULL)]
        for start in range(0, FULL, 10):
            entries = [
                {"Id": str(n), "MessageBody": body} for n, body in enumerate(many[start:][:10])
            ]
            sqs.send_message_batch(QueueUrl=self.services.queue_url, Entries=entries)

    def depth(self) -> int:
        """Messages on the low-priority queue."""
        return SqsQueue(self.services.client("sqs"), self.services.queue_url).depth().total

    def processor(self) -> dict[str, float]:
        """Processor seconds that the lane's functions have spent so far."""
        stage = self.stack.stage.lower()
        return {
            name: sum(
                map(
                    processor_seconds,
                    self.cloud.workers(f"image-reindex-{stage}-{name.replace('_', '-')}"),
                )
            )
            for name in _FUNCTIONS
        }


def low_priority_messages(lane: Lane) -> list[str]:
    """Start a reindex with its indexers stopped; return the messages that it sends."""
    library = SampleLibrary.generate(_LIBRARY)
    lane.stack.fill(library)
    bodies: list[str] = []
    sqs = lane.services.client("sqs")
    with lane.stack.consumer_stopped(lane.services.queue_url):
        for done in (
            lane.stack.reindex("upload-ids", "-", stdin="\n".join(library.ids)),
            lane.stack.reindex("start"),
        ):
            if done.returncode:
                raise RuntimeError(done.stderr)
        _until(lambda: lane.depth() >= _LIBRARY // 2, "the low-priority queue fills")
        answer = sqs.receive_message(
            QueueUrl=lane.services.queue_url, MaxNumberOfMessages=10, VisibilityTimeout=0
        )
        bodies += [message["Body"] for message in answer["Messages"]]
    _until(lambda: (run := lane.stack.runs.current()) is not None and not run.is_open, "it ends")
    return bodies


def _until(holds: Callable[[], bool], what: str) -> None:
    until = time.monotonic() + _PATIENCE_SECONDS
    while not holds():
        if time.monotonic() > until:
            raise RuntimeError(f"still not so: {what}")
        time.sleep(0.2)


def counted_calls(lane: Lane) -> Counter[str]:
    """Process a submission, and index its image, in this process.

    Returns:
        The calls of the ingest function and of the live indexer, by service and operation.
    """
    calls: Counter[str] = Counter()
    os.environ.update(lane.stack.environ)
    boto3.setup_default_session()
    assert boto3.DEFAULT_SESSION
    boto3.DEFAULT_SESSION.events.register(
        "before-call",
        lambda model, **_: calls.update([f"{model.service_model.service_name} {model.name}"]),
    )
    environment = {variable_of(name): value for name, value in lane.stack.outputs.items()}
    wiring = Wiring(environment, command_groups(environment), measures=False)
    settings = wiring.settings
    with (
        lane.stack.consumer_stopped(settings[IngestQueues].ingest_queue_url),
        lane.stack.consumer_stopped(settings[Ingest].high_priority_queue_url),
    ):
        ref, length, _ = lane.put()
        submission = Submission(ref, length, datetime.now(UTC).isoformat())
        ingest = wiring.lane.ingest(wiring.submitted_files, wiring.high_priority)
        row = ingest.process(submission, LogPlace("bench"))
        assert row.image_id
        body = IndexImage(row.image_id, (ref,)).to_json()
        returned = wiring.lane.live_messages.handle([Delivery("1", "1", body, 1)])
    assert not returned
    indexed = lane.table.read(ref)
    assert indexed
    assert indexed.searchable_at
    return calls


def bill(calls: Mapping[str, int], processor: Mapping[str, float]) -> list[Line]:
    """Return what a million submissions cost.

    Args:
        calls: Of the ingest function and the live indexer, by service and operation.
        processor: Seconds of each function for a submission.
    """
    writes = {"s3 PutObject", "s3 CopyObject"}
    of_s3 = sum(n for call, n in calls.items() if call.startswith("s3 "))
    stored = sum(calls[call] for call in writes if call in calls)
    removed = calls.get("s3 DeleteObject", 0)
    rows, marks = calls.get("dynamodb PutItem", 0), calls.get("dynamodb UpdateItem", 0)
    reads = calls.get("dynamodb GetItem", 0)
    waiting = {
        "ingest": of_s3 * ASSUMED["s3"].value
        + (rows + reads) * ASSUMED["dynamodb"].value
        + ASSUMED["sqs"].value,
        # Guard, write and the row's mark; the projection runs meanwhile.
        "live_indexer": 2 * ASSUMED["guard"].value + marks * ASSUMED["dynamodb"].value,
        "image_projection": footprint.S3_READS * ASSUMED["s3"].value
        + ASSUMED["list"].value
        + ASSUMED["statement"].value,
    }
    seconds = {
        name: processor[name] * footprint.CORE_MB / footprint.MEMORY_MB[name] + waiting[name]
        for name in _FUNCTIONS
    }
    seconds["live_indexer"] += seconds["image_projection"] + ASSUMED["invoke"].value
    compute = sum(seconds[name] * footprint.gb(name) for name in _FUNCTIONS)
    # The submitter's own PUT, the projection's LIST of crops.
    uploads = stored + 1 + 1
    # S3 sends one; each of the two queues is read and cleared; the ingest function sends.
    requests = 1 + 2 * 2 + calls.get("sqs SendMessageBatch", 0)
    logs = len(_FUNCTIONS) * ASSUMED["log"].value / 1e9
    parts = [
        ("S3", "PUTs and LISTs", uploads, prices.S3_WRITE),
        ("S3", "GETs and HEADs", of_s3 - stored - removed + footprint.S3_READS, prices.S3_READ),
        ("DynamoDB", "write units", rows + marks + INDEX_ENTRIES, prices.WRITE_UNIT),
        ("DynamoDB", "read units", reads + footprint.USER_DATA_UNITS, prices.READ_UNIT),
        ("SQS", "requests", requests, prices.QUEUE_REQUEST),
        ("Lambda", "GB-seconds", compute, prices.GB_SECOND),
        ("Lambda", "invocations", len(_FUNCTIONS), prices.INVOCATION),
        ("CloudWatch", "GB of logs", logs, prices.LOG_GB),
    ]
    return [Line(service, what, n * _MILLION, price) for service, what, n, price in parts]


def measure(files: int) -> Result:
    """Submit so many files in each turn."""
    with ExitStack() as running:
        cloud = running.enter_context(ministack())
        overrides = {"ingest": {"concurrency": 2, "indexer_concurrency": 2}}
        stack = running.enter_context(local_stack(endpoint_url=cloud.url, overrides=overrides))
        done = stack.reindex("prepare-index")
        if done.returncode:
            raise RuntimeError(done.stderr)
        lane = Lane(stack, cloud, Cloud(stack))
        bodies = low_priority_messages(lane)
        # Starts the processes that serve the functions.
        lane.one_after_the_other(3)
        alone: list[float] = []
        beside: list[float] = []
        before, first = lane.processor(), lane.submitted
        for _ in range(TURNS):
            with stack.consumer_stopped(lane.services.queue_url):
                alone += lane.one_after_the_other(files)
                lane.fill(bodies)
            beside += lane.one_after_the_other(files)
            if not lane.depth():
                raise RuntimeError("the low-priority queue ran empty: the ratio shows nothing")
        lane.fill(bodies)
        at_once = 2 * TURNS * files
        seconds = lane.all_at_once(at_once)
        after, submissions = lane.processor(), lane.submitted - first
        processor = {name: (after[name] - before[name]) / submissions for name in after}
        lines = bill(counted_calls(lane), processor)
        listed = [*listing(lane)]
    rows = [*_rows(alone, beside, at_once / seconds, lines), *listed]
    return Result(rows, _figures(alone, beside))


def listing(lane: Lane) -> Iterator[Row]:
    """Yield what a listing of a million submissions costs, which reads the whole table."""
    client = lane.services.client("dynamodb")
    items = client.scan(TableName=lane.stack.settings[Ingest].submissions_table)["Items"]
    row_bytes = statistics.mean(
        sum(len(name) + size(value) for name, value in item.items()) for item in items
    )
    yield Row("bytes of a submission's row", f"{row_bytes:.0f}")
    # A million rows have as many megabytes as one has bytes.
    dollars, seconds = row_bytes * scan_dollars(), row_bytes * SCAN_SECONDS
    yield Row("listing a million submissions", f"${dollars:.3f}, {seconds:.0f} s")


def _rows(
    alone: Sequence[float], beside: Sequence[float], rate: float, lines: Sequence[Line]
) -> Iterator[Row]:
    ratio = statistics.median(beside) / statistics.median(alone)
    for name, taken in (("alone", alone), ("beside a full low-priority queue", beside)):
        p95 = statistics.quantiles(taken, n=20)[-1]
        shown = f"{statistics.median(taken):.2f} s, {p95:.2f} s"
        yield Row(f"to searchable, {name}: p50, p95", shown)
    limit = 1 + MOST_ADDED
    yield Row("ratio of the medians", f"{ratio:.2f}", f"< {limit}", ratio < limit)
    yield Row("submissions at once, beside a full queue", f"{rate:.1f}/s")
    yield Row("a million submissions", f"${sum(line.dollars for line in lines):.2f}")
    for line in lines:
        quantity = f"{line.quantity / _MILLION:.3g} each"
        yield Row(f"  {line.service}: {line.what}", f"${line.dollars:.2f}, {quantity}")


def _figures(alone: Sequence[float], beside: Sequence[float]) -> dict[str, float]:
    return {
        "seconds to searchable, alone": statistics.median(alone),
        "seconds to searchable, beside a full queue": statistics.median(beside),
    }


def main() -> int:
    """Measure and print."""
    parser = parser_of("live_lane", __doc__)
    parser.add_argument("--files", type=int, default=6, help="in each turn (default: %(default)s)")
    arguments = parser.parse_args()
    return report(measure(arguments.files), arguments.json)


if __name__ == "__main__":
    sys.exit(main())
