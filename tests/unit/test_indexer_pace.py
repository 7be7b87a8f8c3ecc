"""How many bulks the cluster takes is found by itself, and given back when it has to be."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reindex.domain.indexer_pace import (
    FORGET,
    LEAST,
    LOOK_SECONDS,
    START,
    BulkCounts,
    Conditions,
    IndexerPace,
    SetBy,
    next_pace,
)

BUSY = Conditions(backlog=20_000, batch=500, live_queue_is_deep=False, ceiling=16)
FIRST = IndexerPace(4, SetBy.STARTING, 0.0)


@dataclass
class Cluster:
    """Works on so many bulks at once, each in a second; more only wait for each other."""

    capacity: float
    refuses_above: float = 1e9
    counts: BulkCounts = field(default_factory=BulkCounts)

    def serve(self, concurrency: int, seconds: float) -> None:
        each = max(1.0, concurrency / self.capacity)
        bulks = int(concurrency * seconds / each)
        refused = bulks * 100 if concurrency > self.refuses_above else 0
        self.counts = BulkCounts(
            self.counts.bulks + bulks,
            self.counts.documents + bulks * 500 - refused,
            self.counts.milliseconds + int(bulks * each * 1000),
            self.counts.refused + refused,
        )


def played(
    cluster: Cluster, looks: int, conditions: Conditions = BUSY, pace: IndexerPace | None = None
) -> list[IndexerPace]:
    """The decisions of so many looks."""
    found = []
    now = pace.at if pace else 0.0
    for _ in range(looks):
        if pace:
            cluster.serve(pace.concurrency, LOOK_SECONDS)
            now += LOOK_SECONDS
        pace = next_pace(pace, cluster.counts, conditions, now)
        assert pace is not None
        found.append(pace)
    return found


@pytest.mark.parametrize("capacity", [3, 6, 9])
def test_it_finds_what_the_cluster_takes(capacity: int) -> None:
    settled = played(Cluster(capacity), 120)[30:]

    mean = sum(pace.concurrency for pace in settled) / len(settled)
    assert 0.75 * capacity <= mean <= 1.5 * capacity
    assert max(pace.concurrency for pace in settled) <= 1.5 * capacity * 1.1 + 1


def test_it_stays_at_its_ceiling_where_the_cluster_takes_more() -> None:
    last = played(Cluster(100), 40)[-1]

    assert (last.concurrency, last.set_by) == (16, SetBy.CEILING)


def test_it_comes_back_after_a_brown_out() -> None:
    cluster = Cluster(12)
    before = played(cluster, 30)[-1]
    cluster.refuses_above = 2
    during = played(cluster, 6, pace=before)
    cluster.refuses_above = 1e9
    after = played(cluster, 20, pace=during[-1])

    assert during[0].set_by is SetBy.REFUSALS
    assert min(pace.concurrency for pace in during) == LEAST
    assert max(pace.concurrency for pace in after) >= 12


def seen(**counts: int) -> BulkCounts:
    return replace(BulkCounts(100, 50_000, 100_000), **counts)


@pytest.mark.parametrize(
    ("counts", "conditions", "concurrency", "set_by"),
    [
        (seen(), BUSY, 9, SetBy.GROWING),
        (seen(refused=1_000), BUSY, 4, SetBy.REFUSALS),
        (seen(refused=100), BUSY, 9, SetBy.GROWING),
        (seen(milliseconds=200_000), BUSY, 4, SetBy.LATENCY),
        (seen(milliseconds=140_000), BUSY, 9, SetBy.GROWING),
        (seen(), replace(BUSY, live_queue_is_deep=True), 4, SetBy.LIVE_QUEUE),
        (seen(), replace(BUSY, backlog=3_999), 8, SetBy.PROJECTION),
        (seen(), replace(BUSY, ceiling=8), 8, SetBy.CEILING),
        (seen(), replace(BUSY, ceiling=5), 5, SetBy.CEILING),
        (BulkCounts(3, 1_500, 9_000), BUSY, 8, SetBy.STARTING),
        (BulkCounts(), replace(BUSY, backlog=0), 8, SetBy.PROJECTION),
        # Small bulks: each has its own time beside its documents'.
        (BulkCounts(100, 5_000, 20_000), replace(BUSY, backlog=50), 8, SetBy.PROJECTION),
        (BulkCounts(100, 5_000, 20_000), BUSY, 8, SetBy.STARTING),
    ],
)
def test_each_rule(
    counts: BulkCounts, conditions: Conditions, concurrency: int, set_by: SetBy
) -> None:
    before = IndexerPace(8, SetBy.GROWING, 0.0, best=0.002)

    found = next_pace(before, counts, conditions, LOOK_SECONDS)

    assert found is not None
    assert (found.concurrency, found.set_by) == (concurrency, set_by)


def test_an_idle_cluster_that_is_given_small_bulks_is_not_taken_for_a_slow_one() -> None:
    pace, counts = IndexerPace(14, SetBy.GROWING, 0.0, best=0.0012), BulkCounts()
    for look in range(1, 30):
        # 60 ms for a bulk and 1 ms for a document, of which thirty are there.
        counts = BulkCounts(
            counts.bulks + 200, counts.documents + 6_000, counts.milliseconds + 18_000
        )
        found = next_pace(pace, counts, replace(BUSY, backlog=30), look * LOOK_SECONDS)
        assert found is not None
        pace = found
    assert (pace.concurrency, pace.set_by) == (14, SetBy.PROJECTION)


def test_it_is_decided_once_in_a_while() -> None:
    assert next_pace(FIRST, seen(), BUSY, LOOK_SECONDS - 1) is None


def test_the_best_is_slowly_forgotten() -> None:
    before = IndexerPace(8, SetBy.GROWING, 0.0, best=0.0019)
    found = next_pace(before, seen(), BUSY, LOOK_SECONDS)
    assert found is not None
    assert found.best == pytest.approx(0.0019 * FORGET)


def test_a_run_begins_low() -> None:
    for ceiling, concurrency in ((16, START), (3, 3), (1, LEAST)):
        found = next_pace(None, BulkCounts(), replace(BUSY, ceiling=ceiling), 0.0)
        assert found is not None
        assert found.concurrency == concurrency


@given(
    looks=st.lists(
        st.tuples(*(st.integers(0, 10**6),) * 4, st.booleans(), st.integers(0, 10**5)), max_size=30
    ),
    ceiling=st.integers(2, 1_000),
)
def test_it_never_leaves_its_bounds_and_is_read_back_as_it_was(
    looks: list[tuple[int, int, int, int, bool, int]], ceiling: int
) -> None:
    pace, counts, now = None, BulkCounts(), 0.0
    for bulks, documents, milliseconds, refused, deep, backlog in looks:
        counts = BulkCounts(
            counts.bulks + bulks,
            counts.documents + documents,
            counts.milliseconds + milliseconds,
            counts.refused + refused,
        )
        now += LOOK_SECONDS
        pace = next_pace(pace, counts, Conditions(backlog, 500, deep, ceiling), now)
        assert pace is not None
        assert LEAST <= pace.concurrency <= ceiling
        assert IndexerPace.of(pace.to_json()) == pace
