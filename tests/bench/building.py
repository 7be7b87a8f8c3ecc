"""What a migration's new index takes, against the same run into the index that people search.

    python -m tests.bench.building [--documents N] [--rounds N] [--json FILE]

The indexer writes the same documents, each an image that has everything, to one real
Elasticsearch, five hundred at a time by as many threads as its event source mapping has at once:
into a live index, which holds them already and refreshes itself every second, as a run does; and
into a new one, set up to be filled as a migration does. Both take turns. Two things keep the ratio
low on one machine: a single node has no replicas that need not be written, and the indexer's one
process is slower than an idle server.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from reindex.batches import in_batches
from reindex.domain.records import Guard
from reindex.image.mapping import index_settings
from reindex.reports.footprint import INDEXER_BATCH
from reindex.stores.search.migration_index import MigratingIndex
from reindex.stores.search.schema import Schema
from tests.bench.indexer import ALIAS, PATIENCE, deliveries, write_all
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
from tests.local.search_servers import real_server
from tests.local.versions import SearchServer

#: The least that the rate into a new index may be of that into a live one.
BUDGET = 1.3

LIVE, BUILDING = "into the live index", "into a new index"


@dataclass(frozen=True, slots=True)
class Builds:
    """Two ways of writing the same documents.

    Attributes:
        index: On one server; the live index is behind the alias.
        live: Its name.
        images: The ids of the documents.
        texts: The documents, as the projection gives them.
    """

    index: MigratingIndex
    live: str
    images: Sequence[str]
    texts: Sequence[str]

    def into_live(self) -> Spent:
        """Replace the documents of the live index, each under its guard."""
        found: dict[str, Guard] = {}
        for ids in in_batches(self.images, INDEXER_BATCH):
            found |= {i: one.guard for i, one in self.index.read(self.live, ids, ["id"]).items()}
        return self.write(self.live, found)

    def into_new(self) -> Spent:
        """Create the documents in a new index, which is dropped afterwards."""
        new = self.index.build(self.index.free_name(ALIAS), self.index.shards(self.live))
        try:
            return self.write(new.name, {})
        finally:
            self.index.drop(new)

    def write(self, name: str, guards: Mapping[str, Guard]) -> Spent:
        """Write all documents to an index, under their guards where there are any."""
        found = deliveries(name, self.images, self.texts, guards)
        batches = list(in_batches(found, INDEXER_BATCH))
        taken = spent(lambda: write_all(self.index, batches))
        position = self.index.position(name)
        assert position
        assert self.index.count(name, {"match_all": {}}) == len(self.images)
        return taken


def measure(documents: int, rounds: int) -> Result:
    """Let each side write so many documents, so many times."""
    images = list(image_ids(0, documents))
    texts = [projected(image_id).image for image_id in images]
    with (
        real_server(SearchServer.ELASTICSEARCH_8) as server,
        server.cluster(request_seconds=PATIENCE) as cluster,
    ):
        schema = Schema(
            settings=without_analysis_common(index_settings()),
            older_settings=without_analysis_common(index_settings(ignore_beyond_limit=False)),
        )
        index = MigratingIndex(cluster, schema)
        live = index.prepare(ALIAS).index
        # Said, and not left to the default: a server refreshes no index that nobody searches.
        index.apply(live, {"index.refresh_interval": "1s", "index.number_of_replicas": "0"})
        builds = Builds(index, live, images, texts)
        builds.write(live, {})
        taken = alternating({LIVE: builds.into_live, BUILDING: builds.into_new}, rounds)
    ratio = median_ratio(taken[LIVE], taken[BUILDING])
    rows = [Row("documents in a round", f"{documents:,}")]
    rows += [
        Row(f"{side}, documents/s", f"{documents / median_seconds(one):,.0f}")
        for side, one in taken.items()
    ]
    rows.append(Row(f"{BUILDING} / {LIVE}", f"{ratio:.2f} x", f">= {BUDGET} x", ratio >= BUDGET))
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
