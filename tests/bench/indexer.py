"""The indexer's throughput against elasticsearch-py's own bulk helper.

    python -m tests.bench.indexer [--documents N] [--rounds N] [--json FILE]

All write the same documents, each an image that has everything, into new indices with our
mapping on one real Elasticsearch, and take turns. The indexer is given messages as Lambda gives
them, five hundred at a time, by as many threads as its event source mapping has at once; it reads
and checks each message, merges what is preserved and gives a verdict for each.
``parallel_bulk``, with as many threads and its default chunks, is given the documents as
dicts that need no reading: once guarded as ours are, so that the server does the same work (it
creates, and refuses what is there), and once not (it replaces whatever is there).
"""

from __future__ import annotations

import json
import statistics
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from elasticsearch import Elasticsearch
from elasticsearch.helpers import parallel_bulk

from reindex import settings
from reindex.batches import in_batches
from reindex.domain.progress import Retry, iso
from reindex.domain.records import OutgoingMessage
from reindex.image.mapping import index_settings
from reindex.reports.footprint import INDEXER_BATCH
from reindex.steps.ambient import SystemClock
from reindex.steps.index_messages import Delivery, Indexer
from reindex.stores.search.connecting import connect
from reindex.stores.search.index import ElasticsearchIndex
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
from tests.bench.workload import NOW, RUN_ID, image_ids, projected
from tests.contract.analysis import without_analysis_common
from tests.local.search_servers import real_server
from tests.local.versions import SearchServer
from tests.twins.backlog import MemoryBacklog, MemoryDeadLetters
from tests.twins.progress_table import MemoryProgressTable
from tests.twins.run_files import MemoryRunFiles
from tests.twins.runs import MemoryRuns
from tests.twins.work_list import MemoryWorkList
from tests.unit.steps.world import CountingMeter

AT_ONCE = 4
"""Invocations at once: the stack's default."""

ALIAS = "bench"
PATIENCE = 300
"""Seconds for a request: on a busy machine, no answer shall be given up and asked for again."""

OURS = "indexer"
GUARDED = "parallel_bulk, guarded"
UNGUARDED = "parallel_bulk"

#: The least that the indexer's rate may be of each of the others'.
BUDGETS = {GUARDED: 0.95, UNGUARDED: 0.9}


@dataclass(frozen=True, slots=True)
class Race:
    """Ways of writing the same documents to the same server.

    Attributes:
        client: As the lambdas make theirs.
        images: The ids of the documents.
        texts: The documents, as the projection gives them.
        served: Processor seconds of the server's process, a figure for each round of a side.
    """

    client: Elasticsearch
    images: Sequence[str]
    texts: Sequence[str]
    served: dict[str, list[float]] = field(default_factory=dict)

    def ours(self) -> Spent:
        """Write them as the indexer does."""
        with self._new_index() as name:
            batches = list(in_batches([*self._deliveries(name)], INDEXER_BATCH))
            indexer = self._indexer()

            def work() -> None:
                with ThreadPoolExecutor(AT_ONCE) as pool:
                    again = [id_ for ids in pool.map(indexer.handle, batches) for id_ in ids]
                assert not again

            return self._spent(OURS, work)

    def guarded(self) -> Spent:
        """Write them as elasticsearch-py does, under the same guard."""
        return self._parallel_bulk(GUARDED, "create")

    def unguarded(self) -> Spent:
        """Write them as elasticsearch-py does, over whatever is there."""
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
                results = parallel_bulk(self.client, actions, thread_count=AT_ONCE)
                assert all(done for done, _ in results)

            return self._spent(side, work)

    def _spent(self, side: str, work: Callable[[], None]) -> Spent:
        before = self._server_processor()
        taken = spent(work)
        self.served.setdefault(side, []).append(self._server_processor() - before)
        return taken

    def _server_processor(self) -> float:
        [node] = self.client.nodes.stats(metric="process")["nodes"].values()
        return float(node["process"]["cpu"]["total_in_millis"]) / 1000

    @contextmanager
    def _new_index(self) -> Iterator[str]:
        """An index with our mapping, which must hold all documents in the end."""
        standard = without_analysis_common(index_settings())
        name = ElasticsearchIndex(self.client, Schema(settings=standard)).prepare(ALIAS).index
        yield name
        self.client.indices.refresh(index=name)
        assert self.client.count(index=name)["count"] == len(self.images)
        self.client.indices.delete(index=name)

    def _deliveries(self, index: str) -> Iterator[Delivery]:
        for number, (image_id, text) in enumerate(zip(self.images, self.texts, strict=True)):
            message = OutgoingMessage(
                id=image_id,
                rev=1,
                run_id=RUN_ID,
                digest="0" * 32,
                index=index,
                index_uuid=None,
                guard=None,
                preserved="{}",
                projected_at=iso(NOW),
                image=text,
            )
            yield Delivery(str(number), str(number), message.body(), 1)

    def _indexer(self) -> Indexer:
        return Indexer(
            table=MemoryProgressTable(),
            work_list=MemoryWorkList(),
            runs=MemoryRuns(),
            index=ElasticsearchIndex(self.client),
            files=MemoryRunFiles(),
            queue=MemoryBacklog(),
            dead_letters=MemoryDeadLetters(),
            retry=Retry(),
            clock=SystemClock(),
            meter=CountingMeter(),
        )


def measure(documents: int, rounds: int) -> Result:
    """Let each side write so many documents, so many times."""
    images = list(image_ids(0, documents))
    texts = [projected(image_id).image for image_id in images]
    with real_server(SearchServer.ELASTICSEARCH_8) as server:
        place = settings.Elasticsearch(server.url, ALIAS)
        with connect(place, None, request_seconds=PATIENCE) as client:
            race = Race(client, images, texts)
            sides = {OURS: race.ours, GUARDED: race.guarded, UNGUARDED: race.unguarded}
            taken = alternating(sides, rounds)
    served = {side: statistics.median(rounds[1:]) for side, rounds in race.served.items()}
    return _result(taken, served, texts)


def _result(
    taken: Mapping[str, Sequence[Spent]], served: Mapping[str, float], texts: Sequence[str]
) -> Result:
    count = len(texts)
    ours = taken[OURS]
    ratios = {side: median_ratio(taken[side], ours) for side in BUDGETS}
    size = sum(len(text.encode()) for text in texts) / count
    figures: dict[str, Any] = {
        **{f"ratio, {side}": ratio for side, ratio in ratios.items()},
        "documents per second": count / median_seconds(ours),
        "processor seconds per document": median_processor(ours) / count,
        "bytes per document": size,
    }
    rows = [Row(f"documents of {size:,.0f} bytes, per round", f"{count:,}")]
    rows += [
        Row(f"{side}, documents/s", f"{count / median_seconds(one):,.0f}")
        for side, one in taken.items()
    ]
    rows += [
        Row(f"indexer / {side}", f"{ratio:.2f} x", f">= {BUDGETS[side]} x", ratio >= BUDGETS[side])
        for side, ratio in ratios.items()
    ]
    for side, one in taken.items():
        rows += [
            Row(f"{side}, processor per document", _micros(median_processor(one) / count)),
            Row(f"{side}, the server's processor per document", _micros(served[side] / count)),
        ]
    return Result(rows, figures)


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
