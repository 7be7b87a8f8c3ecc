"""How many images a second one worker moves, against services that take their time.

    python -m tests.bench.one_worker [--images N] [--json FILE]

One tick of batch-index works a list of chunks. Lambda and SQS answer on the wire after the
model's latencies (tests.bench.model); the tables and the index are in memory and take as long by
sleeping. The processor time is real: of the steps, of the SDK's calls to Lambda and SQS, and of
the documents' way from the projection to the queue.
"""

from __future__ import annotations

import math
import random
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

from reindex.settings import Pace
from reindex.steps.batch_index import LANES
from tests.bench.model import ASSUMED, projection_latency
from tests.bench.projection import Row
from tests.bench.results import Result, parser_of, report, spent
from tests.bench.wire import backlog_after, projector_after
from tests.bench.workload import Reindex, image_ids
from tests.twins.index import MemoryIndex
from tests.twins.progress_table import MemoryProgressTable
from tests.twins.runs import MemoryRuns
from tests.twins.work_list import MemoryWorkList
from tests.unit.steps.world import ALIAS, INDEX

BUDGET = 700

#: Statements of one call to DynamoDB, and calls in flight at once: as the store has them.
_STATEMENTS, _AT_ONCE = 25, 4


def slow(store: Any, seconds: Callable[[str, Sequence[Any]], float]) -> Any:
    """A store that takes its time.

    Args:
        store: What answers.
        seconds: How long a method takes, given its arguments.
    """

    class Slow:
        def __getattr__(self, name: str) -> Any:
            found = getattr(store, name)
            if not callable(found):
                return found

            def call(*args: Any, **named: Any) -> Any:
                time.sleep(seconds(name, args))
                return found(*args, **named)

            return call

    return Slow()


def table_seconds(method: str, args: Sequence[Any]) -> float:
    """How long a call of the progress table takes, given its arguments."""
    rows = len(args[0]) if method in {"write", "insert", "read"} else 1
    return ASSUMED["dynamodb"].value * math.ceil(rows / _STATEMENTS / _AT_ONCE)


def varying(seconds: Callable[[int], float]) -> Callable[[int], float]:
    """The same time, a quarter more or less: calls that all took as long would end at once."""
    rng = random.Random(1)

    return lambda images: seconds(images) * rng.uniform(0.75, 1.25)


def measure(count: int) -> Result:
    """Let one worker work through so many images."""
    images = list(image_ids(0, count))
    call = ASSUMED["dynamodb"].value

    def of_index(method: str, _: Sequence[Any]) -> float:
        return ASSUMED["guard"].value if method == "read" else 0

    concurrency = Pace().projection_concurrency
    reindex = Reindex(
        slow(MemoryProgressTable(), table_seconds),
        projector_after(images, concurrency, varying(projection_latency)),
        slow(MemoryRuns(), lambda *_: call),
        slow(MemoryWorkList(), lambda *_: call),
        backlog_after(ASSUMED["sqs"].value),
        _index=slow(MemoryIndex(INDEX, ALIAS), of_index),
    )
    reindex.upload(images)
    reindex.open(images)
    taken = spent(lambda: reindex.index(images))
    rate, processor = count / taken.seconds, taken.processor / count
    return Result(
        [
            Row("images/s of one worker", f"{rate:,.0f}", f">= {BUDGET}", rate >= BUDGET),
            Row("its processor per image", f"{processor * 1e6:,.0f} us"),
            Row("share of one core that it used", f"{taken.processor / taken.seconds:.0%}"),
            Row("projections in flight at once, at most", f"{concurrency}, in {LANES} lanes"),
        ],
        {"images per second": rate, "processor seconds per image": processor},
    )


def main() -> int:
    """Measure, print, and return 1 when the budget is missed."""
    parser = parser_of("one_worker", __doc__)
    parser.add_argument("--images", type=int, default=60_000)
    arguments = parser.parse_args()
    return report(measure(arguments.images), arguments.json)


if __name__ == "__main__":
    sys.exit(main())
