"""Whether most of the last images fail for one and the same cause."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reindex.domain.outcomes import OK, PROBE, WINDOW, gate, prevailing_failure, with_more

FORBIDDEN, TRUNCATED = "source_forbidden", "truncated"


@pytest.mark.parametrize(
    ("recent", "code"),
    [
        ({FORBIDDEN: 600, OK: 400}, FORBIDDEN),
        ({FORBIDDEN: 500, OK: 500}, None),
        ({FORBIDDEN: 800}, None),
        ({TRUNCATED: 1_000}, None),
        ({TRUNCATED: 300, FORBIDDEN: 550, OK: 150}, FORBIDDEN),
        ({}, None),
    ],
    ids=str,
)
def test_only_a_cause_outside_of_the_images_prevails(
    recent: dict[str, int], code: str | None
) -> None:
    assert prevailing_failure(recent, 50) == code


def test_a_bound_of_a_hundred_holds_nothing() -> None:
    assert prevailing_failure({FORBIDDEN: 1_000}, 100) is None


def test_a_probe_that_succeeds_as_a_whole_forgets_what_was_before() -> None:
    failing = {FORBIDDEN: 1_000}

    assert with_more(failing, {OK: PROBE}, gate(FORBIDDEN)) == {OK: PROBE}
    assert prevailing_failure(with_more(failing, {OK: PROBE}, None), 50) == FORBIDDEN
    mixed = {OK: PROBE - 1, FORBIDDEN: 1}
    assert prevailing_failure(with_more(failing, mixed, gate(FORBIDDEN)), 50) == FORBIDDEN


@given(
    st.lists(
        st.dictionaries(st.sampled_from([OK, FORBIDDEN, TRUNCATED]), st.integers(0, 700)),
        max_size=12,
    )
)
def test_the_window_never_grows_and_what_came_last_counts_most(
    pages: list[dict[str, int]],
) -> None:
    recent: dict[str, int] = {}
    for page in pages:
        recent = with_more(recent, page, None)
        assert sum(recent.values()) <= WINDOW * 1.1 + 2
    recent = with_more(recent, {FORBIDDEN: 10 * WINDOW}, None)
    assert prevailing_failure(recent, 90) == FORBIDDEN


@pytest.mark.parametrize("at_a_time", [1, 5, 25, 100, 500])
def test_what_failed_long_ago_is_forgotten_however_many_come_at_a_time(at_a_time: int) -> None:
    recent = {FORBIDDEN: 490, OK: 510}
    for _ in range(20_000 // at_a_time):
        recent = with_more(recent, {OK: at_a_time}, None)
    assert recent.get(FORBIDDEN, 0) <= 10
