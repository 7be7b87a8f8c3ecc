"""What goes wrong with the live lane during a chaos run.

The ingest function is killed between every two of its steps: a call that begins a step is held by
the proxy before the local cloud, and the function's processes are killed meanwhile. The call then
either is lost or arrives after the death of its caller.
"""

from __future__ import annotations

import resource
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from random import Random
from typing import Any, Final

from reindex.settings import Ingest, IngestQueues, LibrarySettings
from tests.chaos.accidents import aws_faults, deal, duplicate_messages, kill_process
from tests.chaos.submitters import POISON_BYTES, Submitters
from tests.local.cloud import Cloud
from tests.local.faults import Faults
from tests.local.ministack import Ministack

#: Milliseconds that a call is held, and seconds in which its function must be killed.
_HELD_MS: Final = 1_200

#: Messages cannot be postponed but in a brown-out: what must come again does so after the queue's
#: visibility timeout, and not after half a minute or more.
_NOT_POSTPONED: Final = {
    "service": "sqs",
    "operation": "ChangeMessageVisibilityBatch",
    "error": {"code": "InternalError", "status": 500},
}

#: Share of the kills whose call is lost; of the others it arrives after the death of its caller.
_LOST: Final = 0.5

#: Seconds that a moment is waited for before another accident has its turn.
_PATIENCE_SECONDS: Final = 8.0
_LOOK_SECONDS: Final = 0.03

#: Seconds of a brown-out in which a message must be postponed: each call is tried three times.
_BROWN_OUT_SECONDS: Final = 20.0

#: The largest file that a full disk lets the ingest function write, bytes.
_DISK_LEFT: Final = 64

#: Folders of the ingest function's jobs.
_WORKBENCHES: Final = "image-reindex-work-*"

#: What the ingest function logs when its disk is full.
_DISK_FULL: Final = b"workbench: "


@dataclass
class LaneAccidents:
    """Deals one accident of the live lane after the other.

    Attributes:
        cloud: What they happen to.
        aws: The proxy before the cloud, which makes other calls fail all the while.
        submitters: Submit a file for each accident that needs one at work.
        ministack: The local cloud's program, whose worker processes are killed.
        rng: Draws order, moments and victims.
        say: Called with a line about each.
        happened: How often each has happened.
        poison_met: How often a function was killed because it worked on the poison.
        calls_failed: Calls to AWS that the proxy let fail.
        postponements: Calls that postponed messages in brown-outs.
    """

    cloud: Cloud
    aws: Faults
    submitters: Submitters
    ministack: Ministack
    rng: Random
    say: Callable[[str], None]
    happened: Counter[str] = field(default_factory=Counter)
    poison_met: int = 0
    calls_failed: int = 0
    postponements: int = 0

    def deal(self, *, pause: float, over: threading.Event) -> list[str]:
        """Let accidents happen until each has, or the event is set; return those that have not."""
        doings = self._doings()
        self._set_rules()

        def happens(name: str) -> bool:
            came_about = doings[name]()
            if came_about:
                self.say(name)
                self.happened[name] += 1
            return came_about

        return deal(dict.fromkeys(doings, 1), happens, self.rng, pause=pause, over=over)

    def _doings(self) -> Mapping[str, Callable[[], bool]]:
        """Return what lets each accident happen, and says whether it did."""
        settings = self.cloud.stack.settings
        events = settings[IngestQueues].ingest_queue_url
        images = settings[Ingest].high_priority_queue_url
        kills: dict[str, Callable[[], bool]] = {}
        for step, call in self._steps().items():
            lost = self.rng.random() < _LOST
            name = f"ingest killed, its call {'lost' if lost else 'on its way'}: {step}"
            kills[name] = partial(self._kill_at, call, lost=lost, is_image="fail" not in step)
        return {
            **kills,
            "live indexer killed": partial(self._kill, "live-indexer"),
            "ingest events duplicated": partial(self._duplicate, events),
            "images to index duplicated": partial(self._duplicate, images),
            **self._brown_outs(),
            "disk full": self._fill_disk,
            "failed files resubmitted": self._resubmit,
        }

    def _brown_outs(self) -> Mapping[str, Callable[[], bool]]:
        """Return what lets a service refuse all calls of a kind until a message is postponed."""
        settings = self.cloud.stack.settings
        lane, events = settings[Ingest], settings[IngestQueues].ingest_queue_url
        images = lane.high_priority_queue_url
        refused: dict[str, tuple[Mapping[str, Any], str]] = {
            "submissions table": (
                {
                    "service": "dynamodb",
                    "operation": "PutItem",
                    "resource": lane.submissions_table,
                    "error": {"code": "ThrottlingException", "status": 400},
                },
                events,
            ),
            "archive": (
                {
                    "service": "s3",
                    "operation": "PutObject",
                    "resource": settings[LibrarySettings].originals_bucket,
                    "error": {"code": "SlowDown", "status": 503},
                },
                events,
            ),
            "projection": (
                {
                    "service": "lambda",
                    "operation": "Invoke",
                    "error": {"code": "TooManyRequestsException", "status": 429},
                },
                images,
            ),
        }
        return {
            f"brown-out: {name}": partial(self._brown_out, refusal, queue)
            for name, (refusal, queue) in refused.items()
        }

    def _brown_out(self, refusal: Mapping[str, Any], queue_url: str) -> bool:
        """Let calls fail until a message of a queue has been postponed."""
        postponed = {
            "service": "sqs",
            "operation": "ChangeMessageVisibilityBatch",
            "body": f"ends_with(QueueUrl, '/{queue_url.rpartition('/')[2]}')",
            "latency": 1,
        }
        self.calls_failed += self.aws.count()
        self.aws.set_rules([postponed, refusal, *aws_faults()])
        self.submitters.submit_another(is_image=True)
        try:
            self._comes_about(lambda: self.aws.count_of(0) > 0, _BROWN_OUT_SECONDS)
            count = self.aws.count_of(0)
            self.postponements += count
            return count > 0
        finally:
            self._set_rules()

    def _steps(self) -> Mapping[str, Mapping[str, Any]]:
        """Return the calls that the ingest function makes in its steps, as the proxy knows them."""
        settings = self.cloud.stack.settings
        lane, library = settings[Ingest], settings[LibrarySettings]
        submitted, failed = lane.ingest_bucket, lane.failed_bucket
        originals, thumbnails = library.originals_bucket, library.thumbnails_bucket

        def row(state: str) -> Mapping[str, Any]:
            return {
                "service": "dynamodb",
                "operation": "PutItem",
                "resource": lane.submissions_table,
                "body": f"Item.state.S == '{state}'",
            }

        def of_s3(operation: str, bucket: str | None) -> Mapping[str, Any]:
            return {"service": "s3", "operation": operation, "resource": bucket}

        return {
            "the row is processing": row("processing"),
            "metadata is read": of_s3("HeadObject", submitted),
            "the file is downloaded": of_s3("GetObject", submitted),
            "the original is stored": of_s3("PutObject", originals),
            "the copy is verified": {
                **of_s3("HeadObject", originals),
                "headers": {"x-amz-checksum-mode": "ENABLED"},
            },
            "the thumbnail is published": of_s3("PutObject", thumbnails),
            "a rendition is published": of_s3("PutObject", lane.public_bucket),
            "the row is processed": row("processed"),
            "the image is sent to the index": {
                "service": "sqs",
                "operation": "SendMessageBatch",
                "body": "contains(Entries[0].MessageBody, 'index-image')",
            },
            "the file is removed": of_s3("DeleteObject", submitted),
            "a failed file is copied": {
                **of_s3("PutObject", failed),
                "headers": {"x-amz-copy-source": ""},
            },
            "why it failed is stored": {
                **of_s3("PutObject", failed),
                "headers": {"content-type": "application/json"},
            },
            "the row is failed": row("failed"),
        }

    def _kill_at(self, call: Mapping[str, Any], *, lost: bool, is_image: bool) -> bool:
        """Kill the ingest function while a call of it is held."""
        held = {**call, "times": 1, "latency": _HELD_MS}
        if lost:
            held["error"] = {"code": "InternalError", "status": 500}
        self._set_rules(held)
        self.submitters.submit_another(is_image=is_image)
        try:
            if not self._comes_about(lambda: self.aws.count_of(0) > 0):
                return False
            return self._kill("ingest")
        finally:
            self._set_rules()

    def _set_rules(self, *first: Mapping[str, Any]) -> None:
        """Replace the rules of the proxy, which forgets what they have counted."""
        self.calls_failed += self.aws.count()
        self.aws.set_rules([*first, _NOT_POSTPONED, *aws_faults()])

    def _kill(self, function: str) -> bool:
        """Kill all processes of a function; return False if there was none."""
        killed = [kill_process(pid) for pid in self._workers(function)]
        return any(killed)

    def _duplicate(self, queue_url: str) -> bool:
        return duplicate_messages(self.cloud, queue_url, self.rng)

    def _fill_disk(self) -> bool:
        """Let the ingest function write no more than a few bytes, as on a full disk."""
        said = self.ministack.log_path.stat().st_size
        limited: set[int] = set()

        def was_met() -> bool:
            for pid in set(self._workers("ingest")) - limited:
                _limit_files(pid, _DISK_LEFT)
                limited.add(pid)
            with self.ministack.log_path.open("rb") as log:
                log.seek(said)
                return _DISK_FULL in log.read()

        self.submitters.submit_another(is_image=True)
        try:
            return self._comes_about(was_met)
        finally:
            for pid in limited:
                _limit_files(pid, resource.RLIM_INFINITY)

    def _resubmit(self) -> bool:
        """Resubmit files that are not images, as an operator may do by mistake."""
        done = self.cloud.stack.reindex("resubmit", "--code", "not_an_image", "--yes")
        return done.returncode == 0 and "Sent 0" not in done.stdout

    @contextmanager
    def poison(self) -> Any:
        """Kill whatever function works on the poison, for the time of a `with` block."""
        over = threading.Event()

        def watch() -> None:
            while not over.wait(_LOOK_SECONDS):
                for folder in self.workbenches():
                    if _is_poison(folder) and kill_process(int(folder.name.split("-")[3])):
                        self.poison_met += 1
                        self.say("ingest killed at the poison")
                        # What it has written stays until another invocation removes it.
                        time.sleep(1)

        watcher = threading.Thread(target=watch, daemon=True)
        watcher.start()
        try:
            yield
        finally:
            over.set()
            watcher.join()

    def workbenches(self) -> list[Path]:
        """Return the temporary folders of jobs that there are."""
        return list(self.ministack.log_path.parent.glob(_WORKBENCHES))

    def _workers(self, function: str) -> list[int]:
        stage = self.cloud.stack.stage.lower()
        return self.ministack.workers(f"image-reindex-{stage}-{function}")

    @staticmethod
    def _comes_about(holds: Callable[[], bool], seconds: float = _PATIENCE_SECONDS) -> bool:
        until = time.monotonic() + seconds
        while not holds():
            if time.monotonic() > until:
                return False
            time.sleep(_LOOK_SECONDS)
        return True


def _limit_files(pid: int, size: int) -> None:
    """Set the largest file that a process may write; harmless when it is gone."""
    try:
        _, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (size, hard))
    except ProcessLookupError:
        return


def _is_poison(folder: Path) -> bool:
    try:
        return any(file.stat().st_size > POISON_BYTES for file in folder.iterdir())
    except FileNotFoundError:
        return False
