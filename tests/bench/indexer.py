"""The indexer's throughput against the bulk helper of each server's own client library.

    python -m tests.bench.indexer [--documents N] [--rounds N] [--json FILE]

All write the same documents, each an image that has everything, into new indices with our
mapping on one real server, an Elasticsearch and then an OpenSearch, and take turns. The indexer is
given messages as Lambda gives them, five hundred at a time, by as many threads as its event source
mapping has at once; it reads and checks each message, merges what is preserved and gives a verdict
for each.
``parallel_bulk``, with as many threads and its default chunks, is given the documents as
dicts that need no reading: once guarded as ours are, so that the server does the same work (it
creates, and refuses what is there), and once not (it replaces whatever is there).
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from elasticsearch import Elasticsearch
from elasticsearch.helpers import parallel_bulk as elasticsearch_bulk
from opensearchpy import OpenSearch
from opensearchpy.helpers import parallel_bulk as opensearch_bulk

from reindex.batches import in_batches
from reindex.domain.messages import OutgoingMessage
from reindex.domain.progress import iso
from reindex.domain.provenance import Guard
from reindex.image.mapping import index_settings
from reindex.reports.footprint import INDEXER_BATCH
from reindex.steps.deliveries import Delivery
from reindex.stores.search.cluster import SearchCluster
from reindex.stores.search.index import SearchIndex
from reindex.stores.search.schema import Schema
from tests.bench.projection import Row
from tests.bench.results import (
    Result,
    Spent,
    alternating,
    median_processor,
    median_ratio,
    median_seconds,
    parser_of,
    report,
    spent,
)
from tests.bench.workload import NOW, RUN_ID, image_ids, indexer_on, projected
from tests.contract.analysis import without_analysis_common
from tests.local.index_server import IndexServer
from tests.local.search_servers import real_server
from tests.local.versions import SearchServer
from tests.twins.progress_table import MemoryProgressTable
from tests.twins.runs import MemoryRuns
from tests.twins.work_list import MemoryWorkList

AT_ONCE = 4
"""Invocations at once: the stack's default."""

ALIAS = "bench"
PATIENCE = 300
"""Seconds for a request: on a busy machine, no answer shall be given up and asked for again."""

#: Age of a node's statistics: they are read again after a second (``ProcessService`` and
#: ``monitor.process.refresh_interval`` of Elasticsearch and OpenSearch), so an earlier request
#: would get the same figure twice.
_STATS_SECONDS = 1.1

OURS = "indexer"
GUARDED = "parallel_bulk, guarded"
UNGUARDED = "parallel_bulk"

#: The least that the indexer's rate may be of each of the others'.
BUDGETS = {GUARDED: 0.95, UNGUARDED: 0.9}


@dataclass(frozen=True, slots=True)
class Race:
    """Ways of writing the same documents to the same server.

    Attributes:
        cluster: As the lambdas ask it.
        theirs: Writes bulk actions with the server's own client library.
        images: The ids of the documents.
        texts: The documents, as the projection gives them.
        served: Processor seconds of the server's process, a figure for each round of a side.
    """

    cluster: SearchCluster
    theirs: Callable[[Sequence[dict[str, Any]]], Iterable[tuple[bool, Any]]]
    images: Sequence[str]
    texts: Sequence[str]
    served: dict[str, list[float]] = field(default_factory=dict)

    def ours(self) -> Spent:
        """Write them as the indexer does."""
        with self._new_index() as name:
            found = deliveries(name, self.images, self.texts, {})
            batches = list(in_batches(found, INDEXER_BATCH))
            return self._spent(OURS, lambda: write_all(SearchIndex(self.cluster), batches))

    def guarded(self) -> Spent:
        """Write them as the client library does, under the same guard."""
        return self._parallel_bulk(GUARDED, "create")

    def unguarded(self) -> Spent:
        """Write them as the client library does, over whatever is there."""
        return self._parallel_bulk(UNGUARDED, "index")

    def _parallel_bulk(self, side: str, operation: str) -> Spent:
        with self._new_index() as name:
            actions = [
                {
                    "_op_type": operation,
                    "_index": name,
                    "_id": image_id,
                    "_source": json.loads(text),
                }
                for image_id, text in zip(self.images, self.texts, strict=True)
            ]

            def work() -> None:
                assert all(done for done, _ in self.theirs(actions))

            return self._spent(side, work)

    def _spent(self, side: str, work: Callable[[], None]) -> Spent:
        before = nodes_processor(self.cluster)
        taken = spent(work)
        self.served.setdefault(side, []).append(nodes_processor(self.cluster) - before)
        return taken

    @contextmanager
    def _new_index(self) -> Iterator[str]:
        """An index with our mapping, which must hold all documents in the end."""
        schema = Schema(
            settings=without_analysis_common(index_settings()),
            older_settings=without_analysis_common(index_settings(ignore_beyond_limit=False)),
        )
        name = SearchIndex(self.cluster, schema).prepare(ALIAS).index
        yield name
        self.cluster.send("POST", f"/{name}/_refresh")
        assert self.cluster.read("GET", f"/{name}/_count")["count"] == len(self.images)
        self.cluster.send("DELETE", f"/{name}")


def nodes_processor(cluster: SearchCluster) -> float:
    """Read what processor time the processes of a cluster's nodes have taken, in seconds."""
    time.sleep(_STATS_SECONDS)
    found = cluster.read("GET", "/_nodes/stats/process")["nodes"].values()
    return sum(float(node["process"]["cpu"]["total_in_millis"]) for node in found) / 1000


def deliveries(
    index: str, images: Sequence[str], texts: Sequence[str], guards: Mapping[str, Guard]
) -> list[Delivery]:
    """Return a delivery of each document to an index, under its guard where there is one."""
    return [
        Delivery(str(number), str(number), _body(index, image_id, text, guards.get(image_id)), 1)
        for number, (image_id, text) in enumerate(zip(images, texts, strict=True))
    ]


def _body(index: str, image_id: str, text: str, guard: Guard | None) -> str:
    return OutgoingMessage(
        id=image_id,
        rev=1,
        run_id=RUN_ID,
        digest="0" * 32,
        index=index,
        index_uuid=None,
        guard=guard,
        preserved="{}",
        projected_at=iso(NOW),
        image=text,
    ).body()


def write_all(index: SearchIndex, batches: Sequence[Sequence[Delivery]]) -> None:
    """Have the indexer write batches, as many at once as the stack gives it at first."""
    indexer = indexer_on(index, MemoryProgressTable(), MemoryWorkList(), MemoryRuns())
    with ThreadPoolExecutor(AT_ONCE) as pool:
        again = [id_ for ids in pool.map(indexer.handle, batches) for id_ in ids]
    assert not again


#: What is raced on: the figures of the first are those that docs/cost.md is made from.
SERVERS = (SearchServer.ELASTICSEARCH_8, SearchServer.OPENSEARCH_2)


def measure(documents: int, rounds: int, servers: Sequence[SearchServer] = SERVERS) -> Result:
    """Let each side write so many documents, so many times, on each server."""
    images = list(image_ids(0, documents))
    texts = [projected(image_id).image for image_id in images]
    rows: list[Row] = []
    figures: dict[str, Any] = {}
    for server in servers:
        with (
            real_server(server) as running,
            running.cluster(request_seconds=PATIENCE) as cluster,
            _theirs(running) as theirs,
        ):
            race = Race(cluster, theirs, images, texts)
            sides = {OURS: race.ours, GUARDED: race.guarded, UNGUARDED: race.unguarded}
            taken = alternating(sides, rounds)
        served = {side: statistics.median(rounds[1:]) for side, rounds in race.served.items()}
        release = server.value
        rows.append(Row(f"on {release.engine} {release.version}", ""))
        rows += _rows(taken, served, texts)
        figures = figures or _figures(taken, texts)
    return Result(rows, figures)


@contextmanager
def _theirs(
    server: IndexServer,
) -> Iterator[Callable[[Sequence[dict[str, Any]]], Iterable[tuple[bool, Any]]]]:
    if server.name == "opensearch":
        with OpenSearch(server.url, timeout=PATIENCE) as client:
            yield lambda actions: opensearch_bulk(client, actions, thread_count=AT_ONCE)
    else:
        with Elasticsearch(server.url, request_timeout=PATIENCE) as client:
            yield lambda actions: elasticsearch_bulk(client, actions, thread_count=AT_ONCE)


def _figures(taken: Mapping[str, Sequence[Spent]], texts: Sequence[str]) -> dict[str, Any]:
    ours, count = taken[OURS], len(texts)
    ratios = {side: median_ratio(taken[side], ours) for side in BUDGETS}
    return {
        **{f"ratio, {side}": ratio for side, ratio in ratios.items()},
        "documents per second": count / median_seconds(ours),
        "processor seconds per document": median_processor(ours) / count,
        "bytes per document": _mean_bytes(texts),
    }


def _rows(
    taken: Mapping[str, Sequence[Spent]], served: Mapping[str, float], texts: Sequence[str]
) -> Iterator[Row]:
    count = len(texts)
    yield Row(f"documents of {_mean_bytes(texts):,.0f} bytes, per round", f"{count:,}")
    for side, one in taken.items():
        yield Row(f"{side}, documents/s", f"{count / median_seconds(one):,.0f}")
    for side, budget in BUDGETS.items():
        ratio = median_ratio(taken[side], taken[OURS])
        yield Row(f"indexer / {side}", f"{ratio:.2f} x", f">= {budget} x", ratio >= budget)
    for side, one in taken.items():
        yield Row(f"{side}, processor per document", _micros(median_processor(one) / count))
        yield Row(f"{side}, the server's processor per document", _micros(served[side] / count))


def _mean_bytes(texts: Sequence[str]) -> float:
    return sum(len(text.encode()) for text in texts) / len(texts)


def _micros(seconds: float) -> str:
    return f"{seconds * 1e6:,.0f} us"


def main() -> int:
    """Measure, print, and return 1 when the budget is missed."""
    parser = parser_of("indexer", __doc__)
    parser.add_argument("--documents", type=int, default=5_000, help="in one round")
    parser.add_argument("--rounds", type=int, default=7)
    arguments = parser.parse_args()
    return report(measure(arguments.documents, arguments.rounds), arguments.json)


if __name__ == "__main__":
    sys.exit(main())
