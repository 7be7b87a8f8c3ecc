"""What goes wrong during a chaos run, and when: a shuffled deck of accidents.

Each is something that happens to a running reindex sooner or later. Where AWS would make one
wait for what follows (a lease to run out, a heartbeat to be missed), that time is shortened.
"""

from __future__ import annotations

import os
import shutil
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from random import Random
from typing import Any, Final

from botocore.exceptions import BotoCoreError, ClientError

from reindex.domain.states import Phase
from reindex.steps.shift import LEASE_MARGIN
from tests.chaos.index_faults import IndexFaults
from tests.chaos.live_library import LiveLibrary
from tests.local.cloud import Cloud
from tests.local.ministack import Ministack
from tests.local.search_node import Node

#: Shares of all calls that lambdas make to AWS which fail, by how they fail.
_THROTTLED: Final = 0.06
_BROKEN: Final = 0.04
#: The call is made, and its answer breaks off.
_ANSWER_LOST: Final = 0.02

#: How each service throttles; of SQS only the status is as on AWS, for the proxy makes a code
#: of it that no client knows.
_THROTTLES: Final = {
    "dynamodb": ("ProvisionedThroughputExceededException", 400),
    "s3": ("SlowDown", 503),
    "sqs": ("RequestThrottled", 503),
    "lambda": ("TooManyRequestsException", 429),
    "events": ("ThrottlingException", 400),
    "states": ("ThrottlingException", 400),
}

#: Seconds that the indexer's queue is held back, so that there are messages to duplicate.
_HOLD_SECONDS: Final = 4.0

#: Most messages that are duplicated at once.
_MESSAGES: Final = 40

#: Seconds after which a message that its indexer took to the grave comes back; the deployed
#: queue takes six minutes.
VISIBILITY_SECONDS: Final = 20

#: Visibility timeout of messages that are sent twice: they are deleted last, on a busy machine too.
_TAKEN_SECONDS: Final = 300

#: The program of the local cloud's processes that serve functions; its folder has their code.
_WORKER_SCRIPT: Final = "_worker.py"

#: Seconds for what a killed process sent last to arrive.
_LAST_WORDS: Final = 0.3

#: Ids that one upload in the middle of a run brings.
_UPLOADED: Final = 20

#: Documents that are made odd at once, and what of them.
_ODD: Final = 10
_ODD_PARTS: Final[tuple[Mapping[str, Any], ...]] = (
    {"lastModified": "2031-01-01T00:00:00.000Z"},
    {"lastModified": 1_700_000_000_000},
    {"esInfo": {"reindex": {"digest": 7, "runId": ["x"]}}},
)

#: No state that there is.
_SPOILT: Final = "Queued"

#: How many times each accident is in the deck.
_DECK: Final = {
    "projection killed": 4,
    "indexer killed": 3,
    "index worker killed": 1,
    "check worker killed": 1,
    "messages duplicated": 4,
    "ticks doubled": 6,
    "ids uploaded": 4,
    "index down": 3,
    "index closed": 2,
    "documents made odd": 3,
    "row spoilt": 2,
    "run aborted": 1,
    "second execution": 2,
    "phase silent": 1,
}

#: What is in the deck besides where the index server is a real one.
_REAL_DECK: Final = {"index server killed": 2}


def aws_faults() -> list[dict[str, Any]]:
    """microburst's rules: a tenth of all calls of each service fails, and some answers are lost.

    Each rule is drawn by itself, hence the shares are a little less than they say.
    """
    rules: list[dict[str, Any]] = []
    for service, (code, status) in _THROTTLES.items():
        throttled = {"code": code, "status": status}
        broken = {"code": "InternalError", "status": 500}
        rules += [
            {"service": service, "probability": _THROTTLED, "error": throttled},
            {"service": service, "probability": _BROKEN, "error": broken},
            {"service": service, "probability": _ANSWER_LOST, "response": {"abort_bytes": 0}},
        ]
    return rules


@dataclass
class Accidents:
    """Deals one accident after the other.

    Attributes:
        cloud: What they happen to.
        library: Its people.
        index: The proxy before the index server.
        ministack: The local cloud's program, whose worker processes are killed.
        node: The index server's process; None if that is not a real one.
        rng: Draws order, moments and victims.
        say: Called with a line about each.
        happened: How often each has happened.
        in_progress: How many rows the killed workers had in progress.
        uploaded: Every id ever given to the reindex.
        cards: How many times each accident is in the deck.
    """

    cloud: Cloud
    library: LiveLibrary
    index: IndexFaults
    ministack: Ministack
    node: Node | None
    rng: Random
    say: Callable[[str], None]
    happened: Counter[str] = field(default_factory=Counter)
    in_progress: int = 0
    uploaded: set[str] = field(default_factory=set)
    cards: Mapping[str, int] = field(default_factory=lambda: _DECK)
    _doubled: list[threading.Thread] = field(default_factory=list)

    def upload(self, ids: list[str]) -> None:
        """Upload ids, as an operator does.

        Raises:
            RuntimeError: The command failed.
        """
        done = self.cloud.stack.reindex("upload-ids", "-", stdin="\n".join(ids))
        if done.returncode:
            raise RuntimeError(f"reindex upload-ids: {done.stderr}")
        self.uploaded.update(ids)

    def deal(self, *, pause: float, over: threading.Event) -> list[str]:
        """Let accidents happen until each of the deck has, or the event is set.

        One that is not possible yet (no process to kill, no phase open) goes to the bottom.

        Args:
            pause: Mean seconds between two.
            over: Ends it early.

        Returns:
            Those that did not come about.
        """
        cards = {**self.cards, **(_REAL_DECK if self.node else {})}

        def happens(name: str) -> bool:
            came_about = self._doings[name]()
            if came_about:
                self.say(name)
                self.happened[name] += 1
            return came_about

        return deal(cards, happens, self.rng, pause=pause, over=over)

    def rest(self, seconds: float) -> None:
        """Wait for the ticks that were doubled, but no longer than this."""
        until = time.monotonic() + seconds
        for tick in self._doubled:
            tick.join(max(0.0, until - time.monotonic()))

    @property
    def _doings(self) -> Mapping[str, Callable[[], bool]]:
        """Each says whether it came about."""
        return {
            "projection killed": partial(self._kill_one, "image-projection"),
            "indexer killed": partial(self._kill_one, "indexer"),
            "index worker killed": partial(self._kill_ticks, Phase.INDEX),
            "check worker killed": partial(self._kill_ticks, Phase.CHECK),
            "messages duplicated": self._duplicate_messages,
            "ticks doubled": self._double_ticks,
            "ids uploaded": self._upload_more,
            "index down": self._index_down,
            "index closed": self._index_closed,
            "index server killed": self._kill_index_server,
            "documents made odd": self._make_documents_odd,
            "row spoilt": self._spoil_row,
            "run aborted": self._abort,
            "second execution": self._start_beside,
            "phase silent": self._fall_silent,
        }

    # Deaths

    def _kill_one(self, function: str) -> bool:
        found = self._processes(function)
        return bool(found) and kill_process(self.rng.choice(found))

    def _kill_ticks(self, phase: Phase) -> bool:
        """Kill all ticks of a phase at once, and let the leases of the dead run out.

        Only theirs: a lease that is taken from the living proves nothing.
        """
        if not any(held.in_progress for held in self.cloud.held_chunks(phase)):
            return False
        listed_at = time.time()
        for pid in self._processes(f"batch-{phase}"):
            kill_process(pid)
        time.sleep(_LAST_WORDS)
        lasts = self.cloud.rules.function_seconds + LEASE_MARGIN
        left = [e for e in self.cloud.held_chunks(phase) if e.until - lasts < listed_at]
        for held in left:
            self.cloud.expire(held)
        in_progress = sum(held.in_progress for held in left)
        self.in_progress += in_progress
        return in_progress > 0

    def _processes(self, function: str) -> list[int]:
        stage = self.cloud.stack.stage.lower()
        return self.ministack.workers(f"image-reindex-{stage}-{function}")

    def _kill_index_server(self) -> bool:
        """Kill the server while it writes, and start it again with what it had on its disk."""
        run = self.cloud.run()
        if self.node is None or not (run and run.phase):
            return False
        self.node.kill()
        time.sleep(self.rng.uniform(1, 4))
        self.node.start()
        return True

    # Messages

    def _duplicate_messages(self) -> bool:
        """Deliver messages of the low-priority queue twice and out of order."""
        return duplicate_messages(self.cloud, self.cloud.queue_url, self.rng)

    # Schedules

    def _double_ticks(self) -> bool:
        """Invoke the targets of the rule that is on twice, beside those that run already."""
        found = self.cloud.stack.phases_on()
        for phase in found:
            for target in [*self.cloud.targets(phase)] * 2:
                tick = threading.Thread(target=self._tick, args=(target,), daemon=True)
                tick.start()
                self._doubled.append(tick)
        return bool(found)

    def _tick(self, target: Mapping[str, Any]) -> None:
        # Others kill it now and then.
        with suppress(BotoCoreError, ClientError):
            self.cloud.stack.ticker.functions.invoke(
                FunctionName=target["Arn"], Payload=target["Input"]
            )["Payload"].read()

    def _fall_silent(self) -> bool:
        """Let the state machine miss a phase's heartbeats: the local cloud never does."""
        run = self.cloud.run()
        return bool(run and run.phase and self.cloud.miss_heartbeats(run))

    # The operator and the cluster

    def _upload_more(self) -> bool:
        """Upload ids in the middle of it all: some new, some in work, some finished, some gone."""
        gone = sorted(self.library.gone)[:2]
        known = self.rng.sample(sorted(self.uploaded), min(_UPLOADED, len(self.uploaded)))
        new = [i for i in self.library.created[-_UPLOADED:] if i not in self.uploaded]
        if not new:
            return False
        self.upload([*new, *known, *gone, *new])
        return True

    def _index_down(self) -> bool:
        self.index.go_down(self.rng.uniform(2, 6))
        return True

    def _index_closed(self) -> bool:
        self.index.close_index(self.rng.uniform(2, 6))
        return True

    def _make_documents_odd(self) -> bool:
        """Have another program write values that our documents never hold."""
        known = sorted(self.library.titles)
        for image_id in self.rng.sample(known, min(_ODD, len(known))):
            self.library.make_odd(image_id, self.rng.choice(_ODD_PARTS))
        return True

    def _spoil_row(self) -> bool:
        """Edit a row with work left in the console, and repair it after a while."""
        working = [row for row in self.cloud.stack.rows().values() if row.state.phase]
        if not working:
            return False
        row = self.rng.choice(working)
        if not self.cloud.set_state(row.id, row.state, _SPOILT):
            return False
        time.sleep(self.rng.uniform(3, 8))
        return self.cloud.set_state(row.id, _SPOILT, row.state)

    def _abort(self) -> bool:
        run = self.cloud.run()
        if not (run and run.phase):
            return False
        return self.cloud.stack.reindex("abort").returncode == 0

    def _start_beside(self) -> bool:
        """Start an execution beside the one that runs, as a schedule does: it must be refused."""
        run = self.cloud.run()
        if not (run and run.is_open):
            return False
        self.cloud.start_execution({"source": {"kind": "bucket"}})
        return True


def duplicate_messages(cloud: Cloud, queue_url: str, rng: Random) -> bool:
    """Deliver messages of a queue twice and out of order; return False if it has none."""
    sqs = cloud.client("sqs")
    taken: list[Mapping[str, Any]] = []
    with cloud.stack.consumer_stopped(queue_url):
        time.sleep(_HOLD_SECONDS)
        while len(taken) < _MESSAGES:
            answer = sqs.receive_message(
                QueueUrl=queue_url, MaxNumberOfMessages=10, VisibilityTimeout=_TAKEN_SECONDS
            )
            if not answer.get("Messages"):
                break
            taken += answer["Messages"]
        twice = [message["Body"] for message in taken for _ in range(2)]
        rng.shuffle(twice)
        for body in twice:
            sqs.send_message(QueueUrl=queue_url, MessageBody=body)
        # Last, so that the queue is never seen empty meanwhile.
        for message in taken:
            sqs.delete_message(QueueUrl=queue_url, ReceiptHandle=message["ReceiptHandle"])
    return bool(taken)


def deal(
    cards: Mapping[str, int],
    happens: Callable[[str], bool],
    rng: Random,
    *,
    pause: float,
    over: threading.Event,
) -> list[str]:
    """Let accidents happen in a random order until each has, or the event is set.

    Args:
        cards: How many times each is to happen, by name.
        happens: Lets one happen; returns False if it could not, and it is tried again later.
        rng: Draws the order and the pauses.
        pause: Mean seconds between two.
        over: Ends it early.

    Returns:
        Those that did not happen.
    """
    deck = [name for name, times in cards.items() for _ in range(times)]
    rng.shuffle(deck)
    while deck and not over.wait(rng.uniform(0, 2 * pause)):
        name = deck.pop(0)
        if not happens(name):
            deck.append(name)
    return deck


def kill_process(pid: int) -> bool:
    """Kill a process; return False if there is none of that id.

    The local cloud leaves the code of a function's killed process behind, more than 100 MB in
    memory, so it is removed here.
    """
    try:
        command = Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").split("\0")
        os.kill(pid, signal.SIGKILL)
    except (FileNotFoundError, ProcessLookupError):
        return False
    for script in map(Path, command):
        if script.name == _WORKER_SCRIPT:
            shutil.rmtree(script.parent, ignore_errors=True)
    return True
