"""The states of an image, as the design's table has them."""

from __future__ import annotations

import pytest

from reindex.states import (
    CODES,
    SHARDS,
    IllegalMove,
    Phase,
    State,
    check_move,
    shard_of,
    shards_of_worker,
    work_key,
)

ALLOWED = {
    "queued": {"queued", "enqueued", "verified", "known_error", "unknown_error"},
    "enqueued": {
        "enqueued",
        "verified",
        "queued",
        "inconsistent",
        "known_error",
        "unknown_error",
        "not_found",
    },
    "verified": {"queued"},
    "not_found": {"queued"},
    "known_error": {"queued"},
    "unknown_error": {"queued"},
    "inconsistent": {"queued"},
}


@pytest.mark.parametrize("before", State)
@pytest.mark.parametrize("after", State)
def test_a_state_is_followed_by_those_of_the_table_alone(before: State, after: State) -> None:
    if after in ALLOWED[before]:
        check_move(before, after)
    else:
        with pytest.raises(IllegalMove, match=f"{before} may not become {after}"):
            check_move(before, after)


@pytest.mark.parametrize("state", State)
def test_every_state_can_be_queued_again(state: State) -> None:
    check_move(state, State.QUEUED)


@pytest.mark.parametrize(
    ("state", "code"),
    [
        ("queued", 0),
        ("not_found", 2),
        ("enqueued", 3),
        ("known_error", 4),
        ("verified", 6),
        ("inconsistent", 7),
        ("unknown_error", 8),
    ],
)
def test_each_state_has_the_code_that_operators_know(state: str, code: int) -> None:
    assert CODES[State(state)] == code


def test_no_state_is_without_a_code() -> None:
    assert set(CODES) == set(State)
    assert len(set(CODES.values())) == len(State)


@pytest.mark.parametrize("state", State)
def test_only_queued_and_enqueued_have_work_left(state: State) -> None:
    phases = {State.QUEUED: Phase.INDEX, State.ENQUEUED: Phase.CHECK}
    assert state.phase is phases.get(state)


@pytest.mark.parametrize(
    ("phase", "shard", "key"), [(Phase.INDEX, 7, "index#07"), (Phase.CHECK, 19, "check#19")]
)
def test_work_is_keyed_by_phase_and_shard(phase: Phase, shard: int, key: str) -> None:
    assert work_key(phase, shard) == key


# Literals, for an image's shard must never change: rows hold it.
@pytest.mark.parametrize(("image_id", "shard"), [("a", 7), ("b", 1), ("ä", 15)])
def test_an_id_has_its_shard_for_life(image_id: str, shard: int) -> None:
    assert shard_of(image_id) == shard


def test_ids_spread_evenly_over_all_shards() -> None:
    counts = [0] * SHARDS
    for n in range(20_000):
        counts[shard_of(f"{n:040x}")] += 1
    assert min(counts) > 800
    assert max(counts) < 1200


@pytest.mark.parametrize("workers", range(1, 6))
def test_workers_share_the_shards_disjointly_and_completely(workers: int) -> None:
    owned = [shard for worker in range(workers) for shard in shards_of_worker(worker, workers)]
    assert sorted(owned) == list(range(SHARDS))


@pytest.mark.parametrize("workers", [1, 2, 4, 5])
def test_workers_share_the_shards_evenly(workers: int) -> None:
    shares = {len(shards_of_worker(worker, workers)) for worker in range(workers)}
    assert shares == {SHARDS // workers}


@pytest.mark.parametrize(("worker", "workers"), [(-1, 4), (4, 4), (0, 0)])
def test_a_worker_that_there_is_not_owns_nothing(worker: int, workers: int) -> None:
    with pytest.raises(ValueError, match=f"no worker {worker}"):
        shards_of_worker(worker, workers)
