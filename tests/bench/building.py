"""What a migration's new index takes, against the same run into the index that people search.

    python -m tests.bench.building [--documents N] [--rounds N] [--json FILE]

The indexer writes the same documents, each an image that has everything, to a real Elasticsearch
of two nodes, five hundred at a time by as many threads as its event source mapping has at once:
into a live index, which holds them already, keeps one replica of each shard (the server's default)
and refreshes itself every second, as a run does; and into a new one, set up to be filled as a
migration does. Both take turns. What the new index is spared now it pays later in part: the copying
of its shards to replicas, which the switch waits for, is measured beside it.

The indexer's one process and both nodes share the machine. What the indexer takes is the same on
both sides, so the ratio is the lower, the slower the indexer's machine is beside the cluster's; the
nodes' processor time for a document, which is also shown, does not depend on it.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median

from reindex.batches import in_batches
from reindex.domain.provenance import Guard
from reindex.domain.rounds import PinnedIndex
from reindex.image.mapping import index_settings
from reindex.reports.footprint import INDEXER_BATCH
from reindex.stores.search.cluster import SearchCluster
from reindex.stores.search.migration_index import MigratingIndex
from reindex.stores.search.schema import Schema
from tests.bench.indexer import ALIAS, PATIENCE, deliveries, nodes_processor, write_all
from tests.bench.projection import Row
from tests.bench.results import (
    Result,
    Spent,
    alternating,
    median_ratio,
    median_seconds,
    parser_of,
    report,
    spent,
)
from tests.bench.workload import image_ids, projected
from tests.contract.analysis import without_analysis_common
from tests.local.index_server import IndexServer
from tests.local.search_servers import a_leader_and_a_data_node, real_nodes
from tests.local.versions import SearchServer

#: The least that the rate into a new index may be of that into a live one.
BUDGET = 1.3

LIVE, BUILDING = "into the live index", "into a new index"

#: What the switch gives the new index back, and waits for.
_LIVE_SETTINGS = {
    "index.refresh_interval": "1s",
    "index.number_of_replicas": "1",
    "index.translog.durability": "request",
}


@dataclass(frozen=True, slots=True)
class Builds:
    """Two ways of writing the same documents.

    Attributes:
        cluster: As the lambdas ask it.
        index: On it; the live index is behind the alias.
        live: Its name.
        images: The ids of the documents.
        texts: The documents, as the projection gives them.
        served: Processor seconds of the nodes' processes, a figure for each round of a side.
        copied: What it took to make a new index live after each round of building.
    """

    cluster: SearchCluster
    index: MigratingIndex
    live: str
    images: Sequence[str]
    texts: Sequence[str]
    served: dict[str, list[float]] = field(default_factory=dict)
    copied: list[Spent] = field(default_factory=list)

    def into_live(self) -> Spent:
        """Replace the documents of the live index, each under its guard."""
        found: dict[str, Guard] = {}
        for ids in in_batches(self.images, INDEXER_BATCH):
            found |= {i: one.guard for i, one in self.index.read(self.live, ids, ["id"]).items()}
        return self.write(LIVE, self.live, found)

    def into_new(self) -> Spent:
        """Create the documents in a new index, which is made live and dropped afterwards."""
        new = self.index.build(self.index.free_name(ALIAS), self.index.shards(self.live))
        try:
            taken = self.write(BUILDING, new.name, {})
            self.copied.append(spent(lambda: self.make_live(new)))
            return taken
        finally:
            self.index.drop(new)

    def make_live(self, new: PinnedIndex) -> None:
        """Give an index the settings of a live one, and wait until its replicas are there."""
        self.index.apply(new.name, _LIVE_SETTINGS)
        until = time.monotonic() + PATIENCE
        while self.index.health_of(new.name) != "green":
            assert time.monotonic() < until, "the replicas do not come"
            time.sleep(0.05)

    def write(self, side: str, name: str, guards: Mapping[str, Guard]) -> Spent:
        """Write all documents to an index, under their guards where there are any."""
        found = deliveries(name, self.images, self.texts, guards)
        batches = list(in_batches(found, INDEXER_BATCH))
        before = nodes_processor(self.cluster)
        taken = spent(lambda: write_all(self.index, batches))
        self.served.setdefault(side, []).append(nodes_processor(self.cluster) - before)
        assert self.index.position(name)
        assert self.index.count(name, {"match_all": {}}) == len(self.images)
        return taken


def measure(documents: int, rounds: int) -> Result:
    """Let each side write so many documents, so many times."""
    images = list(image_ids(0, documents))
    texts = [projected(image_id).image for image_id in images]
    server = SearchServer.ELASTICSEARCH_8
    with (
        real_nodes(server, a_leader_and_a_data_node(server)) as [leader, _],
        IndexServer.at(leader.url, server.value.engine).cluster(request_seconds=PATIENCE) as asked,
    ):
        schema = Schema(
            settings=without_analysis_common(index_settings()),
            older_settings=without_analysis_common(index_settings(ignore_beyond_limit=False)),
        )
        index = MigratingIndex(asked, schema)
        live = PinnedIndex(name := index.prepare(ALIAS).index, index.uuid(name))
        builds = Builds(asked, index, live.name, images, texts)
        # Set explicitly: by default a server does not refresh an index that is not searched.
        builds.make_live(live)
        builds.write("at first", live.name, {})
        taken = alternating({LIVE: builds.into_live, BUILDING: builds.into_new}, rounds)
    ratio = median_ratio(taken[LIVE], taken[BUILDING])
    whole = [
        Spent(one.seconds + copied.seconds, one.processor + copied.processor)
        for one, copied in zip(taken[BUILDING], builds.copied[-rounds:], strict=True)
    ]
    served = {side: median(builds.served[side][-rounds:]) for side in (LIVE, BUILDING)}
    rows = [Row("documents in a round", f"{documents:,}")]
    rows += [
        Row(f"{side}, documents/s", f"{documents / median_seconds(one):,.0f}")
        for side, one in taken.items()
    ]
    rows += [
        Row(f"{side}, the nodes' processor per document", f"{one / documents * 1e6:,.0f} us")
        for side, one in served.items()
    ]
    rows += [
        Row(
            f"{LIVE} / {BUILDING}, the nodes' processor",
            f"{served[LIVE] / served[BUILDING]:.2f} x",
        ),
        Row(f"{BUILDING} / {LIVE}, its replicas too", f"{median_ratio(taken[LIVE], whole):.2f} x"),
        Row(f"{BUILDING} / {LIVE}", f"{ratio:.2f} x", f">= {BUDGET} x", ratio >= BUDGET),
    ]
    return Result(rows, {"ratio": ratio})


def main() -> int:
    """Measure, print, and return 1 when the budget is missed."""
    parser = parser_of("building", __doc__)
    parser.add_argument("--documents", type=int, default=5_000, help="in one round")
    parser.add_argument("--rounds", type=int, default=7)
    arguments = parser.parse_args()
    return report(measure(arguments.documents, arguments.rounds), arguments.json)


if __name__ == "__main__":
    sys.exit(main())
