"""A migration amid everything that can go wrong, while people use the library.

1. A library and its index, and a migration of it to a new one.
2. While the new index is built and follows: accidents, faults, people.
3. Faults go on, people work: the alias is moved, by a command that is killed once on the way.
4. The same backwards.

After each move every document that people can find must equal its truth, with what the index alone
holds of it; none may be lost, none too many.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from random import Random
from typing import Any, Final

from reindex.domain.migration import Migration
from reindex.image.mapping import index_settings, mapping
from tests.chaos.accidents import VISIBILITY_SECONDS, aws_faults
from tests.chaos.index_faults import CALM, Odds
from tests.chaos.live_library import marks, titles
from tests.chaos.run import ChaosError, Say, Stage, counted_kinds, stage_of
from tests.chaos.verdict import shown
from tests.contract.analysis import without_analysis_common
from tests.local.versions import SearchServer

#: A live writer's request ends within so long, on a machine that has other things to do.
_TUNING: Final = {"settle_seconds": 6}

#: Seconds for each act, however often what failed is begun anew.
_LIMIT_SECONDS: Final = 600.0

#: Times that a command is repeated which a fault kept from its end.
_TRIES: Final = 15

_LOOK_SECONDS: Final = 1.0

#: Mean seconds between two accidents, and between what one of the library's people does.
_PAUSE: Final = 0.6


def chaos_of_migration(seed: int, images: int, *, server: SearchServer, say: Say) -> list[str]:
    """Let it happen.

    Args:
        seed: Of everything that is drawn at random.
        images: How many the library has to begin with.
        server: The real server: the embedded one cannot be followed.
        say: Called with lines about the progress.

    Returns:
        Everything that does not hold; empty when all does.

    Raises:
        ChaosError: It could not be brought to its end.
    """
    with stage_of(seed, images, real=server, say=say, tuning=_TUNING, through_alias=True) as stage:
        return list(_acts(_Acts(stage)))


def _acts(acts: _Acts) -> Iterator[str]:
    acts.begin()
    yield from acts.unrest()
    yield from acts.move("forwards")
    acts.repeated("migrate", "rollback")
    yield from acts.move("backwards")
    yield from acts.end()


class _Acts:
    """What happens on a stage, act by act.

    Args:
        stage: With an empty library.
    """

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._rng = Random(f"{stage.seed}/migration")

    @property
    def _migration(self) -> Migration:
        found = self._stage.cloud.stack.migrations.current()
        assert found is not None
        return found

    def begin(self) -> None:
        """Fill the library and its index, and begin a migration under faults."""
        stage = self._stage
        stage.cloud.client("sqs").set_queue_attributes(
            QueueUrl=stage.cloud.queue_url,
            Attributes={"VisibilityTimeout": str(VISIBILITY_SECONDS)},
        )
        stage.library.stock(stage.images, Random(f"{stage.seed}/stock"), drifted=False)
        stage.aws_faults.set_rules(aws_faults())
        stage.index_faults.odds = Odds()
        schema = {"settings": without_analysis_common(index_settings()), "mappings": mapping()}
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder, "mapping.json")
            file.write_text(json.dumps(schema))
            self.repeated("migrate", "start", "--mapping", str(file))

    def unrest(self) -> list[str]:
        """Build the new index and follow while everything goes wrong."""
        stage = self._stage
        stage.accidents.uploaded.update(stage.library.titles)
        with (
            stage.library.live(f"{stage.seed}/people", pause=_PAUSE) as over,
            ThreadPoolExecutor(1) as pool,
        ):
            dealing = pool.submit(stage.accidents.deal, pause=_PAUSE, over=over)
            until = time.monotonic() + _LIMIT_SECONDS
            try:
                while not dealing.done() and time.monotonic() < until:
                    self._attend()
            finally:
                over.set()
            undealt = dealing.result()
        stage.say(f"people: {counted_kinds(stage.library.done)}")
        self._await(lambda m: m.built_at is not None, "built")
        return [f"accident did not come about: {name}" for name in sorted(set(undealt))]

    def move(self, where: str) -> list[str]:
        """Move the alias while people work; return what does not hold then."""
        stage = self._stage
        target = self._migration.target.name
        with stage.library.live(f"{stage.seed}/{where}", pause=_PAUSE):
            if not self._migration.is_rollback:
                accepted = ("--tolerate-missing", str(stage.images), "--tolerate", "100")
                self.repeated("migrate", "compare", *accepted)
            self._killed("migrate", "switch", "--yes")
            self.repeated("migrate", "switch", "--yes")
        stage.say(f"moved {where}; people: {counted_kinds(stage.library.done)}")
        [searched] = self._stage.library.documents.send("GET", f"/_alias/{stage.library.index}")
        if searched != target:
            return [f"people search {searched}, not {target}"]
        return list(self._deviations())

    def end(self) -> list[str]:
        """Give the new index up; return what is left behind."""
        stage = self._stage
        stage.aws_faults.clear()
        stage.index_faults.odds = CALM
        self.repeated("migrate", "abort", "--yes")
        stage.rest()
        stage.say(f"AWS calls failed: {stage.aws_faults.count()}")
        on = stage.cloud.stack.phases_on()
        left = [f"the rule of the {phase} phase is on" for phase in on]
        return [*left, *self._deviations()]

    def _deviations(self) -> Iterator[str]:
        """What people find that is not its truth."""
        library = self._stage.library
        found = self._documents()
        yield from shown("document missing", sorted(library.titles.keys() - found.keys()))
        yield from shown("document too many", sorted(found.keys() - library.titles.keys()))
        both = sorted(found.keys() & library.titles.keys())
        said = titles(found)
        yield from shown(
            "document older than its truth",
            [f"{i}: {said[i]}" for i in both if said[i] != library.titles[i]],
        )
        kept = marks(found)
        yield from shown(
            "preserved field lost",
            [f"{i}: {kept[i]}" for i in both if kept[i] != library.marks.get(i)],
        )

    def _documents(self) -> dict[str, Mapping[str, Any]]:
        index, cluster = self._stage.library.index, self._stage.library.documents
        cluster.send("POST", f"/{index}/_refresh")
        answer = cluster.send("POST", f"/{index}/_search", body={"size": 10_000})
        return {hit["_id"]: hit["_source"] for hit in answer["hits"]["hits"]}

    def _attend(self) -> None:
        """What an operator and the state machine do while rounds go on."""
        run = self._stage.cloud.run()
        if run and run.is_open:
            self._stage.listen(run)
        if self._migration.is_held:
            self._stage.say(f"held: {self._migration.rounds[-1].problem}")
            self.repeated("migrate", "resume")
        time.sleep(_LOOK_SECONDS)

    def _await(self, holds: Callable[[Migration], bool], what: str) -> None:
        until = time.monotonic() + _LIMIT_SECONDS
        while not holds(self._migration):
            if time.monotonic() > until:
                standing = f"{self._migration}; {self._stage.cloud.run()}"
                raise ChaosError(f"not {what} in time: {standing}")
            self._attend()
        self._stage.say(what)

    def repeated(self, *arguments: str) -> None:
        """Call the command as often as it takes; a phase that falls silent is opened again.

        Raises:
            ChaosError: It does not come to its end.
        """
        for _ in range(_TRIES):
            with ThreadPoolExecutor(1) as pool:
                calling = pool.submit(self._stage.cloud.stack.reindex, *arguments)
                while not calling.done():
                    run = self._stage.cloud.run()
                    if run and run.is_open:
                        self._stage.listen(run)
                    time.sleep(_LOOK_SECONDS)
            done = calling.result()
            if done.returncode == 0:
                return
            self._stage.say(f"{' '.join(arguments[:2])}: {done.stderr.strip()}")
        raise ChaosError(f"reindex {' '.join(arguments)}: {done.stderr}")

    def _killed(self, *arguments: str) -> None:
        """Begin a command, and kill it after a while."""
        stack = self._stage.cloud.stack
        command = [str(Path(sys.executable).with_name("reindex")), *arguments]
        quiet = subprocess.DEVNULL
        with subprocess.Popen(command, env=stack.environ, stdout=quiet, stderr=quiet) as process:
            try:
                process.wait(self._rng.uniform(5, 45))
            except subprocess.TimeoutExpired:
                process.kill()
                self._stage.say("switch killed")
