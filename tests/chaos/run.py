"""A chaos run: a reindex amid everything that can go wrong, and what must hold afterwards.

1. A library of images, an index that has drifted from it, and a run over all of them.
2. While it runs: accidents (see ``accidents.py``), and people who edit, delete and create.
3. Accidents and people stop, faults go on; the run settles, and the verdict is passed.
4. In calm, what people touched is reindexed, and the certificate must be true to the letter.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from random import Random
from typing import Any, Final

from reindex.domain.run_records import RunRecord
from reindex.image.mapping import index_settings
from reindex.metrics import EmfMeter
from reindex.repairs.certify import Difference
from reindex.settings import Bucket, LibrarySettings
from reindex.settings import Elasticsearch as ElasticsearchSettings
from reindex.steps.ambient import SystemClock
from reindex.steps.project import Projection
from reindex.stores.library import AwsLibrary
from reindex.stores.run_files import S3RunFiles
from reindex.stores.search.index import SearchIndex
from reindex.stores.search.schema import Schema
from tests.chaos import verdict
from tests.chaos.accidents import VISIBILITY_SECONDS, Accidents, aws_faults
from tests.chaos.index_faults import CALM, IndexFaults, Odds, index_faults
from tests.chaos.live_library import LiveLibrary, live_library
from tests.contract.analysis import without_analysis_common
from tests.local.cloud import Cloud
from tests.local.faults import Faults, ministack_with_faults
from tests.local.index_server import IndexServer
from tests.local.noida import index_server
from tests.local.search_servers import real_nodes
from tests.local.stack import local_stack
from tests.local.versions import SearchServer

_TUNING: Final = {
    "workers": 2,
    "tick_seconds": 5,
    # What a projection may take, what a page may take before it, and the margin for settling.
    "function_seconds": 60,
    # Few in progress at once: what a dead worker had in progress is worked in small chunks.
    "max_backlog": 240,
    "settle_seconds": 1,
    "quiet_seconds": 4,
    # Faults are random: with so many attempts, an image practically never runs out of them.
    "max_attempts": 12,
    "max_rounds": 20,
}

#: From the start of the chaotic run to the last settled image, however often it is started.
_LIMIT_SECONDS: Final = 900.0

#: Accidents and people stop by then, so that the run can settle in time.
_UNREST_SECONDS: Final = 420.0

#: Times that a start which a service did not answer is tried.
_STARTS: Final = 6

#: Seconds before each further time: a server that was killed takes some to be back.
_START_PAUSE_SECONDS: Final = 5.0

#: A phase that waits, and whose rule is off for so long, will be heard of no more.
_SILENCE_SECONDS: Final = 15.0

_LOOK_SECONDS: Final = 1.0

#: Seconds that the last ticks are waited for.
_REST_SECONDS: Final = 60.0

Say = Callable[[str], None]


class ChaosError(Exception):
    """A chaos run could not be brought to its end; the message says why."""


def chaos(seed: int, images: int, *, real: SearchServer | None, say: Say) -> list[str]:
    """Let it happen.

    Args:
        seed: Of everything that is drawn at random.
        images: How many the library has to begin with.
        real: The real search server that it happens on; None for noida-db.
        say: Called with lines about the progress.

    Returns:
        Everything that does not hold; empty when all does.

    Raises:
        ChaosError: It could not be brought to its end.
    """
    with stage_of(seed, images, real=real, say=say) as stage:
        stage.stock()
        return stage.unrest() or stage.calm()


@contextmanager
def stage_of(
    seed: int,
    images: int,
    *,
    real: SearchServer | None,
    say: Say,
    tuning: Mapping[str, Any] | None = None,
    through_alias: bool = False,
    overrides: Mapping[str, Any] | None = None,
) -> Iterator[Stage]:
    """Everything deployed, with an empty library.

    Args:
        seed: Of everything that is drawn at random.
        images: How many the library has to begin with.
        real: The real server; None for the embedded one.
        say: Called with lines about the progress.
        tuning: Laid over the tuning of chaos runs.
        through_alias: Whether people write through the alias, and not to the index behind it.
        overrides: Laid over the stage's settings.
    """
    started = time.monotonic()

    def timed(what: str) -> None:
        say(f"{time.monotonic() - started:6.1f} s  {what}")

    with ExitStack() as stack:
        node = None
        if real:
            [node] = stack.enter_context(real_nodes(real, [{}]))
            server = IndexServer.at(node.url, real.value.engine)
        else:
            server = stack.enter_context(index_server())
        proxy = stack.enter_context(index_faults(server.url, Random(f"{seed}/index")))
        ministack, aws = stack.enter_context(ministack_with_faults())
        behind = IndexServer(server.name, proxy.url, server.has_analysis_common)
        deployed = stack.enter_context(
            local_stack(behind, {**_TUNING, **(tuning or {})}, ministack.url, overrides=overrides)
        )
        documents = stack.enter_context(server.cluster())
        settings = index_settings()
        if not server.has_analysis_common:
            settings = without_analysis_common(settings)
        index = SearchIndex(documents, Schema(settings=settings))
        cloud = Cloud(deployed)
        prepared = index.prepare(deployed.alias).index
        library = live_library(
            deployed.session,
            deployed.endpoint_url,
            deployed.settings[LibrarySettings],
            documents,
            deployed.alias if through_alias else prepared,
        )
        deck = Random(f"{seed}/deck")
        accidents = Accidents(cloud, library, proxy, ministack, node, deck, timed)
        timed("deployed")
        yield Stage(seed, images, cloud, index, library, accidents, proxy, aws, timed)


@dataclass
class Stage:
    """What a chaos run happens on, act by act.

    Attributes:
        seed: Of everything that is drawn at random.
        images: How many the library has to begin with.
        cloud: The deployment.
        index: The index, past the proxy.
        library: The library's people.
        accidents: What happens.
        index_faults: The proxy before the index server.
        aws_faults: The proxy before the cloud.
        say: Called with lines about the progress.
        starts: Runs started.
        opened_again: Phases that had to be opened again because nothing ticked any more.
        submitted: Ids of images that came by the live lane.
        pause: Mean seconds between two accidents, and between what one of the people does; without
            it, by the number of images.
    """

    seed: int
    images: int
    cloud: Cloud
    index: SearchIndex
    library: LiveLibrary
    accidents: Accidents
    index_faults: IndexFaults
    aws_faults: Faults
    say: Say
    starts: int = 0
    opened_again: int = 0
    submitted: set[str] = field(default_factory=set)
    pause: float | None = None
    _silent_since: float | None = field(default=None, init=False)

    def stock(self) -> None:
        """Fill the library and the index, and ask for all of it to be reindexed."""
        self.cloud.client("sqs").set_queue_attributes(
            QueueUrl=self.cloud.queue_url,
            Attributes={"VisibilityTimeout": str(VISIBILITY_SECONDS)},
        )
        self.library.stock(self.images, Random(f"{self.seed}/stock"))
        self.accidents.upload(sorted(self.library.titles))
        self.say(f"stocked with {self.images:,} images, and uploaded their ids")

    def unrest(self) -> list[str]:
        """Reindex while everything goes wrong; return what does not hold once it has settled."""
        undealt = self.storm()
        return [*undealt, *self.judge()]

    def storm(self) -> list[str]:
        """Reindex while everything goes wrong, until the run has settled.

        Returns:
            The accidents that did not come about.
        """
        self.aws_faults.set_rules(aws_faults())
        self.index_faults.odds = Odds()
        until = time.monotonic() + _LIMIT_SECONDS
        self._start()
        undealt = self._accidents_and_people(until)
        self.say(f"calm; people: {counted_kinds(self.library.done)}")
        self._await_end(until, lambda: False)
        self.rest()
        return [f"accident did not come about: {name}" for name in sorted(set(undealt))]

    def judge(self) -> list[str]:
        """End the faults; return what does not hold."""
        scene = self._scene()
        self.say(
            f"settled: {counted_kinds(verdict.states(scene.rows))}; runs: {self.starts}; "
            f"phases opened again: {self.opened_again}; "
            f"ids in the hands of the dead: {self.accidents.in_progress}; "
            f"AWS calls failed: {self.aws_faults.count()}; "
            f"index requests: {counted_kinds(self.index_faults.met)}"
        )
        self.aws_faults.clear()
        self.index_faults.odds = CALM
        return [
            *verdict.violations(scene),
            *verdict.out_of_date(
                scene, self._project, Random(f"{self.seed}/verdict"), self._preserve
            ),
            *verdict.unexplained(scene, self._differences()),
            *verdict.left_behind(self.cloud),
        ]

    def calm(self) -> list[str]:
        """Reindex what people touched; return what does not hold: nothing is excused any more."""
        self.accidents.upload(sorted(self.library.touched))
        self.library.touched.clear()
        self._start()
        self._await_end(time.monotonic() + _LIMIT_SECONDS, lambda: False)
        self.rest()
        scene = self._scene()
        self.say(f"reindexed what people had touched: {counted_kinds(verdict.states(scene.rows))}")
        run = self.cloud.run()
        return [
            *([f"the last run {run.status}: {run.reason}"] if run and run.reason else []),
            *verdict.violations(scene),
            *verdict.unexplained(scene, self._differences("--deep")),
            *verdict.left_behind(self.cloud),
        ]

    def _accidents_and_people(self, until: float) -> list[str]:
        """Let both at the run until all accidents have happened; return those that did not."""
        pause = self.pause or min(1.5, self.images / 1000)
        with (
            self.library.live(f"{self.seed}/people", pause=pause) as over,
            ThreadPoolExecutor(1) as pool,
        ):
            bedtime = threading.Timer(_UNREST_SECONDS, over.set)
            bedtime.start()
            dealing = pool.submit(self.accidents.deal, pause=pause, over=over)
            try:
                # Accidents may outlast a run: what they upload after its end starts another.
                while not dealing.done():
                    self._await_end(until, dealing.done)
                    time.sleep(_LOOK_SECONDS)
            finally:
                bedtime.cancel()
                over.set()
            return dealing.result()

    def _await_end(self, until: float, stop: Callable[[], bool]) -> None:
        """Wait until no run is open and none has work left, starting anew what failed loudly.

        Raises:
            ChaosError: It takes too long, or cannot be started.
        """
        while not stop():
            if time.monotonic() > until:
                raise ChaosError(f"not settled in time: {self._standing()}")
            run = self.cloud.run()
            if run and run.is_open:
                self.listen(run)
            elif run:
                if run.status != "succeeded":
                    self.say(f"run {run.run_id} {run.status}: {run.reason}")
                # One that failed with all its images settled has nothing left to be started for.
                if not self._has_work():
                    return
                self._start()
            time.sleep(_LOOK_SECONDS)

    def _start(self) -> None:
        """Start a run, as an operator does: again, if a service did not answer."""
        for _ in range(_STARTS):
            done = self.cloud.stack.reindex("start")
            if done.returncode == 0:
                self.starts += 1
                return
            self.say(f"not started: {done.stderr.strip()}")
            time.sleep(_START_PAUSE_SECONDS)
        raise ChaosError(f"reindex start: {done.stderr}")

    def listen(self, run: RunRecord) -> None:
        """Play the state machine's heartbeat, which the local cloud lacks.

        A phase that waits while its rule is off hears no tick any more. On AWS it times out
        after five minutes, and is opened again.
        """
        phases = self.cloud.stack.phases
        if run.phase is None or run.task_token is None or phases.is_on(run.phase):
            self._silent_since = None
        elif self._silent_since is None:
            self._silent_since = time.monotonic()
        elif time.monotonic() - self._silent_since > _SILENCE_SECONDS:
            self._silent_since = None
            self.opened_again += self.cloud.miss_heartbeats(run)

    def rest(self) -> None:
        """Let ticks that are on their way end."""
        self.accidents.rest(_REST_SECONDS)
        self.cloud.stack.ticker.rest(_REST_SECONDS)

    def _has_work(self) -> bool:
        return any(row.state.phase for row in self.cloud.stack.rows().values())

    def _scene(self) -> verdict.Scene:
        documents = dict(self.index.scan(self.library.index, ["*"]))
        rows = self.cloud.stack.rows()
        return verdict.Scene(self.library, self.accidents.uploaded, rows, documents, self.submitted)

    def _differences(self, *options: str) -> list[Difference]:
        """What ``reindex certify`` names.

        Raises:
            ChaosError: It could not be asked.
        """
        done = self.cloud.stack.reindex("certify", *options)
        if done.returncode == 0:
            return []
        lines = (line.partition(": ") for line in done.stdout.splitlines())
        found = [Difference(about, what) for about, _, what in lines]
        if not found:
            raise ChaosError(f"reindex certify: {done.stderr}")
        return found

    def _project(self, image_id: str) -> Mapping[str, Any]:
        """The document that the truth gives now."""
        return self._projection.document(image_id, "chaos")

    @cached_property
    def _projection(self) -> Projection:
        s3, settings = self.cloud.client("s3"), self.cloud.stack.settings
        library = AwsLibrary(s3, self.cloud.client("dynamodb"), settings[LibrarySettings])
        files = S3RunFiles(s3, settings[Bucket].run_bucket)
        return Projection(library, files, "chaos", "chaos", SystemClock(), EmfMeter("chaos"))

    @property
    def _preserve(self) -> tuple[str, ...]:
        return self.cloud.stack.settings[ElasticsearchSettings].preserve

    def _standing(self) -> str:
        """The state of the stage, to find out why it did not settle."""
        states = counted_kinds(verdict.states(self.cloud.stack.rows()))
        return f"{states}; {counted_kinds(self.cloud.depths())}; {self.cloud.run()}"


def counted_kinds(counts: Mapping[Any, int]) -> str:
    return ", ".join(f"{number} {name}" for name, number in sorted(counts.items())) or "none"
