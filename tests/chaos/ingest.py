"""A live lane amid everything that can go wrong, while a reindex runs.

1. A library whose index has drifted, and a run over all of it.
2. While it runs: accidents of the run and of the lane, people who edit, and people who submit.
3. Faults go on until every submission has come to its end; then the verdict is passed on both.
4. Without faults, failed files are resubmitted and changed images are reindexed, and both must be
   true to the letter.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from random import Random
from typing import Any, Final

from reindex.domain.failures import SubmissionDied
from reindex.domain.submissions import MAX_ATTEMPTS, SubmissionRow, SubmissionState
from reindex.settings import Ingest, IngestQueues, LibrarySettings
from reindex.stores.sqs import SqsQueue
from reindex.stores.submissions import DynamoSubmissions
from tests.chaos import lane_verdict
from tests.chaos.lane_accidents import LaneAccidents
from tests.chaos.run import ChaosError, Say, Stage, counted_kinds, stage_of
from tests.chaos.submitters import Submitters, files_of
from tests.local.versions import SearchServer

#: The accidents of the reindex: those that touch what it shares with the lane.
_CARDS: Final = {
    "projection killed": 1,
    "indexer killed": 1,
    "ticks doubled": 1,
    "ids uploaded": 2,
    "index down": 1,
    "index closed": 1,
    "documents made odd": 1,
}

#: Submitted images for each image of the library.
_SHARE: Final = 0.2

#: Mean seconds between two submissions, and between what one of the library's people does; and
#: between two accidents of the lane.
_PAUSE: Final = 0.7
_ACCIDENT_PAUSE: Final = 0.3

#: Seconds after which a message that a function took to the grave comes back; the deployed queues
#: take an hour and a half.
_VISIBILITY_SECONDS: Final = 8

#: Seconds for the lane to come to its end.
_LIMIT_SECONDS: Final = 600.0
_LOOK_SECONDS: Final = 0.5


def chaos_of_ingest(seed: int, images: int, *, real: SearchServer | None, say: Say) -> list[str]:
    """Let it happen.

    Args:
        seed: Of everything that is drawn at random.
        images: How many the library has to begin with; a fifth as many are submitted.
        real: The real search server that it happens on; None for noida-db.
        say: Called with lines about the progress.

    Returns:
        Everything that does not hold; empty when all does.

    Raises:
        ChaosError: It could not be brought to its end.
    """
    overrides = {"ingest": {"concurrency": 2, "indexer_concurrency": 2}}
    with stage_of(seed, images, real=real, say=say, overrides=overrides) as stage:
        acts = _Acts(stage)
        acts.stock()
        return acts.storm() or acts.calm()


class _Acts:
    """What happens on a stage, act by act.

    Args:
        stage: With an empty library.
    """

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        cloud = stage.cloud
        settings = cloud.stack.settings
        self._lane, self._queues = settings[Ingest], settings[IngestQueues]
        self._table = DynamoSubmissions(cloud.client("dynamodb"), self._lane.submissions_table)
        self._submitters = Submitters(
            cloud.client("s3"),
            self._lane.ingest_bucket,
            files_of(round(stage.images * _SHARE), Random(f"{stage.seed}/files")),
        )
        stage.accidents.cards = _CARDS
        stage.pause = _PAUSE
        self._accidents = LaneAccidents(
            cloud,
            stage.aws_faults,
            self._submitters,
            stage.accidents.ministack,
            Random(f"{stage.seed}/lane"),
            stage.say,
        )

    def stock(self) -> None:
        """Fill the library, and let messages of functions that are killed come back soon."""
        for url in (self._queues.ingest_queue_url, self._lane.high_priority_queue_url):
            self._stage.cloud.client("sqs").set_queue_attributes(
                QueueUrl=url, Attributes={"VisibilityTimeout": str(_VISIBILITY_SECONDS)}
            )
        self._stage.stock()

    def storm(self) -> list[str]:
        """Submit and reindex while everything goes wrong; return what does not hold then."""
        over, seed = threading.Event(), self._stage.seed
        with self._accidents.poison(), ThreadPoolExecutor(2) as pool:
            submitting = pool.submit(
                self._submitters.submit, Random(f"{seed}/submitters"), _PAUSE, over
            )
            dealing = pool.submit(self._accidents.deal, pause=_ACCIDENT_PAUSE, over=over)
            try:
                undealt = self._stage.storm()
                submitting.result()
                self._await(lambda: self._is_quiet() or dealing.done())
            finally:
                over.set()
            missing = sorted(set(dealing.result()))
            self._settle()
        rows = self._rows()
        self._say(rows)
        self._stage.say(f"AWS calls failed before: {self._accidents.calls_failed}")
        self._stage.say(f"messages postponed: {self._accidents.postponements} times")
        return [
            *undealt,
            *(f"accident did not come about: {name}" for name in missing),
            *self._stage.judge(),
            *lane_verdict.violations(self._scene(rows)),
            *lane_verdict.died_without_cause(rows),
            *self._poison_violations(rows),
        ]

    def calm(self) -> list[str]:
        """Resubmit what failed, and reindex; return the violations."""
        for code in (SubmissionDied.code, "not_an_image"):
            done = self._stage.cloud.stack.reindex("resubmit", "--code", code, "--yes")
            if done.returncode:
                raise ChaosError(f"reindex resubmit: {done.stderr}")
        self._settle()
        rows = self._rows()
        self._say(rows)
        self._stage.library.touched.update(self._stage.submitted)
        return [
            *lane_verdict.violations(self._scene(rows)),
            *lane_verdict.unpublished(self._scene(rows)),
            *self._stage.calm(),
        ]

    def _scene(self, rows: list[SubmissionRow]) -> lane_verdict.LaneScene:
        cloud = self._stage.cloud
        return lane_verdict.LaneScene(
            s3=cloud.client("s3"),
            lane=self._lane,
            library=cloud.stack.settings[LibrarySettings],
            sent=self._submitters.sent,
            rows=rows,
            workbenches=[folder.name for folder in self._accidents.workbenches()],
            depths=self._depths(),
        )

    def _poison_violations(self, rows: list[SubmissionRow]) -> list[str]:
        met = self._accidents.poison_met
        if met > MAX_ATTEMPTS:
            return [f"the poison was met {met} times"]
        key = self._submitters.files[0].key
        codes = [row.failure.code for row in rows if row.ref.key == key and row.failure]
        return [] if codes == [SubmissionDied.code] else [f"the poison was not given up: {codes}"]

    def _rows(self) -> list[SubmissionRow]:
        """Return the submissions table; what is processed must be in the index."""
        rows = list(self._table.scan())
        done = {row.image_id for row in rows if row.state is SubmissionState.PROCESSED}
        self._stage.submitted.update(filter(None, done))
        return rows

    def _depths(self) -> dict[str, int]:
        urls = {
            "ingest queue": self._queues.ingest_queue_url,
            "high-priority queue": self._lane.high_priority_queue_url,
            "dead-letter queue of the lane": self._queues.ingest_dead_letter_queue_url,
        }
        sqs = self._stage.cloud.client("sqs")
        return {name: SqsQueue(sqs, url).depth().total for name, url in urls.items()}

    def _is_quiet(self) -> bool:
        return not any(self._depths().values())

    def _settle(self) -> None:
        """Wait until both queues of the lane are empty."""
        self._await(self._is_quiet)

    def _await(self, holds: Any) -> None:
        until = time.monotonic() + _LIMIT_SECONDS
        while not holds():
            if time.monotonic() > until:
                raise ChaosError(f"the lane does not settle: {counted_kinds(self._depths())}")
            time.sleep(_LOOK_SECONDS)

    def _say(self, rows: list[SubmissionRow]) -> None:
        ends = Counter(row.failure.code if row.failure else row.state.value for row in rows)
        self._stage.say(f"submissions: {counted_kinds(ends)}")
