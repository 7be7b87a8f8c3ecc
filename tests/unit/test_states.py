"""The states of an image, as the design's table has them."""

from __future__ import annotations

import pytest

from reindex.domain.states import (
    CODES,
    IllegalMove,
    Phase,
    State,
    check_move,
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
