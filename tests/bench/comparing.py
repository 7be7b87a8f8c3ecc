"""What ``reindex compare`` takes: documents a second, and memory that does not grow with them.

    python -m tests.bench.comparing [--documents N] [--json FILE]

Two indices with our mapping on one real Elasticsearch are given the same documents, each an image
that has everything, and are compared in a process of its own; then four times as many. One document
in a hundred has lost a field, and one in a thousand is missing.
"""

from __future__ import annotations

import json
import multiprocessing
import sys
from collections import deque
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from elasticsearch import Elasticsearch
from elasticsearch.helpers import parallel_bulk

from reindex.image.mapping import index_settings
from reindex.repairs.comparison import Comparing, Extent
from reindex.reports.comparison import Compared
from reindex.reports.rehearsal import Tolerance
from reindex.steps.ambient import SystemClock
from reindex.stores.search.index import SearchIndex
from reindex.stores.search.schema import Schema
from scripts.comparing import rare_cycle_collection
from tests.bench.projection import Row
from tests.bench.results import Result, Spent, parser_of, report, spent
from tests.bench.workload import image_ids, projected
from tests.contract.analysis import without_analysis_common
from tests.local.index_server import IndexServer
from tests.local.search_servers import real_server
from tests.local.versions import SearchServer

PATIENCE = 300
"""Seconds for a request: on a busy machine, no answer shall be given up and asked for again."""

#: How many times as many documents the second size has.
GROWTH = 4

#: The most that memory may grow by between the sizes.
MAX_MEMORY_GROWTH = 1.5

#: The most processor time that it may take, of that of scans of both indices.
MAX_RATIO = 5.0

ACCEPTED = "metadata.byline"


class _NoPause(SystemClock):
    """Time without the pauses in which a live writer's changes would arrive."""

    def sleep(self, seconds: float) -> None:
        pass


@dataclass(frozen=True, slots=True)
class Taken:
    """What one comparison took.

    Attributes:
        documents: Of the old index.
        comparing: Time of the comparison.
        reading: Time of scans of both indices that do nothing with the documents.
        memory: Bytes that the process held at most, beyond what it held before.
    """

    documents: int
    comparing: Spent
    reading: Spent
    memory: int


def compare(server: IndexServer, old: str, new: str, count: int) -> Taken:
    """Compare two indices, in a process that does nothing else."""
    with server.cluster(request_seconds=PATIENCE) as cluster:
        index = SearchIndex(cluster)
        comparing = Comparing(index, old, new, _NoPause(), Tolerance(accepted=[ACCEPTED]))
        found: list[Compared] = []
        before = _memory()
        with rare_cycle_collection():
            took = spent(lambda: found.append(comparing.compare(Extent(sample=20))))
            memory = _memory() - before
            reading = spent(lambda: [deque(index.scan(name, ["*"]), 0) for name in (old, new)])
    assert found[0].documents == (count, count - count // 1_000)
    assert found[0].fields[ACCEPTED].lost.count + found[0].missing.count == count // 100
    return Taken(count, took, reading, memory)


def _memory() -> int:
    """Return the most bytes that this process held so far."""
    # Not getrusage, which in a process just started answers for the one that started it.
    status = Path("/proc/self/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if "VmHWM" in line) * 1024


def _actions(index: str, start: int, end: int, *, is_new: bool) -> Iterator[dict[str, Any]]:
    for number, image_id in enumerate(image_ids(start, end), start):
        if is_new and number % 1_000 == 0:
            continue
        source = json.loads(projected(image_id).image)
        source["metadata"]["title"] = f"title {number}"
        if is_new and number % 100 == 0:
            del source["metadata"]["byline"]
        yield {"_index": index, "_id": image_id, "_source": source}


def _fill(client: Elasticsearch, index: str, start: int, end: int, *, is_new: bool) -> None:
    actions = _actions(index, start, end, is_new=is_new)
    assert all(done for done, _ in parallel_bulk(client, actions, thread_count=2))


def measure(documents: int) -> Result:
    """Compare two indices of so many documents each, then of four times as many."""
    schema = Schema(settings=without_analysis_common(index_settings()))
    taken: list[Taken] = []
    with (
        real_server(SearchServer.ELASTICSEARCH_8) as server,
        server.cluster() as cluster,
        Elasticsearch(server.url, request_timeout=PATIENCE) as client,
    ):
        index = SearchIndex(cluster, schema)
        old, new = (index.prepare(name).index for name in ("bench-old", "bench-new"))
        filled = 0
        for count in (documents, GROWTH * documents):
            _fill(client, old, filled, count, is_new=False)
            _fill(client, new, filled, count, is_new=True)
            filled = count
            context = multiprocessing.get_context("spawn")
            with ProcessPoolExecutor(1, mp_context=context) as pool:
                taken.append(pool.submit(compare, server, old, new, count).result())
    return _result(*taken)


def _result(small: Taken, large: Taken) -> Result:
    growth = large.memory / small.memory
    ratio = large.comparing.processor / large.reading.processor
    rate = large.documents / large.comparing.seconds
    rows = []
    for one in (small, large):
        name = f"{one.documents:,} documents"
        micros = one.comparing.processor / one.documents * 1e6
        rows += [
            Row(f"{name}: documents/s", f"{one.documents / one.comparing.seconds:,.0f}"),
            Row(f"{name}: processor time of each", f"{micros:,.0f} us"),
            Row(f"{name}: memory", f"{one.memory / 1e6:,.0f} MB"),
        ]
    rows += [
        Row(
            "processor time, of that of scanning both",
            f"{ratio:.2f} x",
            f"<= {MAX_RATIO} x",
            ratio <= MAX_RATIO,
        ),
        Row(
            f"memory, {GROWTH} times as many documents",
            f"{growth:.2f} x",
            f"<= {MAX_MEMORY_GROWTH} x",
            growth <= MAX_MEMORY_GROWTH,
        ),
    ]
    figures = {
        "documents per second": rate,
        "processor time, of that of scanning both": ratio,
        "bytes of memory": float(large.memory),
        "growth of memory": growth,
    }
    return Result(rows, figures)


def main() -> int:
    """Measure, print, and return 1 when a budget is missed."""
    parser = parser_of("comparing", __doc__)
    parser.add_argument("--documents", type=int, default=5_000, help="of the smaller size")
    arguments = parser.parse_args()
    return report(measure(arguments.documents), arguments.json)


if __name__ == "__main__":
    sys.exit(main())
