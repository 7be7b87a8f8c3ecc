"""What can happen to an image's row, and what follows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from reindex.domain.failures import Failure
from reindex.domain.progress import ProgressRow, RecordedFailure, Retry, iso
from reindex.domain.states import IllegalMove, State

NOW = 1_795_305_600.75
NOW_ISO = "2026-11-22T00:00:00.750Z"
RETRY = Retry(max_attempts=3, base_seconds=30, cap_seconds=900)

RETRYABLE = Failure("source_unavailable", "S3 did not answer", "3 attempts", retryable=True)
FINAL = Failure("truncated", "It ends before its dimensions")

Event = Callable[[ProgressRow], ProgressRow]


def queued(**fields: object) -> ProgressRow:
    return replace(ProgressRow.new("a", "upload-1", NOW - 60), **fields)  # type: ignore[arg-type]


def enqueue(row: ProgressRow) -> ProgressRow:
    return row.enqueued(digest="d1", created=True, run_id="run-2", check_at=NOW + 60, now=NOW)


def fail(failure: Failure) -> Event:
    return lambda row: row.failed(failure, run_id="run-2", retry=RETRY, now=NOW)


def miss(row: ProgressRow) -> ProgressRow:
    return row.missing(RETRYABLE, retry=RETRY, now=NOW)


def wait(row: ProgressRow) -> ProgressRow:
    return row.waiting(NOW + 300, NOW)


def verify(row: ProgressRow) -> ProgressRow:
    return row.verified(NOW)


def vanish(row: ProgressRow) -> ProgressRow:
    return row.not_found(NOW, FINAL)


def lack(row: ProgressRow) -> ProgressRow:
    return row.without_original(FINAL, created=True, run_id="run-2", check_at=NOW + 60, now=NOW)


def requeue(row: ProgressRow) -> ProgressRow:
    return row.requeued(NOW)


def row_in(state: State) -> ProgressRow:
    return queued(state=state, rev=7, due_at=0 if state.phase else None)


EVENTS: dict[str, tuple[Event, dict[State, State]]] = {
    "requeued": (requeue, dict.fromkeys(State, State.QUEUED)),
    "waiting": (
        wait,
        {State.QUEUED: State.QUEUED, State.ENQUEUED: State.ENQUEUED},
    ),
    "enqueued": (
        enqueue,
        {State.QUEUED: State.ENQUEUED, State.ENQUEUED: State.ENQUEUED},
    ),
    "absent": (
        lack,
        {State.QUEUED: State.ENQUEUED, State.ENQUEUED: State.ENQUEUED},
    ),
    "verified": (
        verify,
        {State.QUEUED: State.VERIFIED, State.ENQUEUED: State.VERIFIED},
    ),
    "vanished": (
        vanish,
        {State.ENQUEUED: State.NOT_FOUND},
    ),
    "failed for good": (
        fail(FINAL),
        {State.QUEUED: State.KNOWN_ERROR, State.ENQUEUED: State.KNOWN_ERROR},
    ),
}


@pytest.mark.parametrize("state", State)
@pytest.mark.parametrize("event", EVENTS)
def test_an_event_moves_a_row_as_the_table_allows_or_not_at_all(event: str, state: State) -> None:
    happen, moves = EVENTS[event]
    before = row_in(state)
    if state not in moves:
        with pytest.raises(IllegalMove):
            happen(before)
        return
    after = happen(before)
    assert (after.state, after.rev, after.updated_at) == (moves[state], 8, NOW_ISO)


@pytest.mark.parametrize("state", State)
def test_a_row_is_due_if_and_only_if_it_has_work_left(state: State) -> None:
    for happen, moves in EVENTS.values():
        if state in moves:
            after = happen(row_in(state))
            assert (after.due_at is None) == (after.state.phase is None)


def test_a_new_row_is_due_at_once() -> None:
    row = ProgressRow.new("a", "upload-1", NOW)
    assert row == ProgressRow(
        id="a", upload="upload-1", state=State.QUEUED, rev=1, updated_at=NOW_ISO, due_at=0
    )


@pytest.mark.parametrize("image_id", ["a", "x" * 512, "ä" * 256])
def test_an_id_may_be_as_long_as_the_index_allows(image_id: str) -> None:
    assert ProgressRow.new(image_id, "upload-1", NOW).id == image_id


@pytest.mark.parametrize("image_id", ["", "x" * 513, "ä" * 256 + "x"])
def test_an_id_that_no_index_can_hold_is_refused(image_id: str) -> None:
    with pytest.raises(ValueError, match="1 to 512 bytes"):
        ProgressRow.new(image_id, "upload-1", NOW)


def test_an_enqueued_row_remembers_its_projection_and_waits_for_its_check() -> None:
    after = enqueue(wait(fail(RETRYABLE)(queued())))
    assert (after.digest, after.created, after.run_id) == ("d1", True, "run-2")
    assert (after.failure, after.waits, after.attempts) == (None, 0, 1)
    assert after.due_at == int(NOW) + 60


def test_an_image_without_an_original_waits_for_its_check_too() -> None:
    after = lack(wait(queued(digest="d0")))
    assert (after.lacks_original, after.digest, after.waits) == (True, None, 0)
    assert after.due_at == int(NOW) + 60

    gone = after.not_found(NOW, FINAL)
    assert gone.state is State.NOT_FOUND
    assert gone.failure == after.failure == RecordedFailure.of(FINAL, NOW)


def test_an_image_asked_for_while_it_is_enqueued_is_projected_anew_with_no_attempt_counted() -> (
    None
):
    before = enqueue(queued(attempts=1))
    after = before.requested_again(NOW)
    assert (after.state, after.digest, after.attempts) == (State.QUEUED, None, 1)
    assert after.created, "its message may still create the document"
    assert enqueue(after).created


def test_an_image_asked_for_while_it_is_queued_is_written_anew_and_nothing_else_changes() -> None:
    before = fail(RETRYABLE)(queued())
    after = before.requested_again(NOW + 9)
    assert after == replace(before, rev=before.rev + 1, updated_at=after.updated_at)


def test_a_check_that_cannot_be_made_is_made_again_a_bounded_number_of_times() -> None:
    row = enqueue(queued())
    again = row.unchecked(RETRYABLE, retry=RETRY, now=NOW)
    assert (again.state, again.attempts, again.due_at) == (State.ENQUEUED, 1, int(NOW) + 30)
    for _ in range(2):
        again = again.unchecked(RETRYABLE, retry=RETRY, now=NOW)
    assert (again.state, again.attempts) == (State.KNOWN_ERROR, 3)
    assert row.unchecked(FINAL, retry=RETRY, now=NOW).state is State.KNOWN_ERROR


def test_a_verified_row_keeps_the_proof_and_forgets_the_failures() -> None:
    after = verify(enqueue(fail(RETRYABLE)(queued())))
    assert (after.digest, after.run_id) == ("d1", "run-2")
    assert (after.failure, after.attempts, after.due_at) == (None, 0, None)


def test_a_row_asked_for_anew_has_a_clean_sheet() -> None:
    failed = fail(FINAL)(wait(enqueue(queued(attempts=2))))
    after = requeue(failed)
    clean = ProgressRow.new("a", "upload-1", NOW)
    assert after == replace(clean, rev=failed.rev + 1, created=True), "its message may still come"


def test_a_verified_row_asked_for_anew_still_says_which_run_verified_it() -> None:
    after = requeue(verify(enqueue(queued())))
    assert (after.run_id, after.created, after.digest) == ("run-2", False, None)


def test_waiting_is_counted_but_is_no_failure() -> None:
    after = wait(wait(queued(attempts=1)))
    assert (after.waits, after.attempts, after.failure) == (2, 1, None)
    assert after.due_at == int(NOW) + 300


@pytest.mark.parametrize(
    ("code", "state"),
    [
        ("truncated", State.KNOWN_ERROR),
        ("source_forbidden", State.KNOWN_ERROR),
        ("unexpected", State.UNKNOWN_ERROR),
        ("projection_died", State.UNKNOWN_ERROR),
        ("worker_died", State.UNKNOWN_ERROR),
    ],
)
def test_a_failure_that_retrying_cannot_help_is_recorded_at_once(code: str, state: State) -> None:
    failure = Failure(code, "It failed", "here")
    after = fail(failure)(queued())
    assert (after.state, after.attempts, after.run_id) == (state, 1, "run-2")
    assert after.failure == RecordedFailure(code, "It failed", "here", failure.fingerprint, NOW_ISO)


@pytest.mark.parametrize(
    ("attempts", "state", "due_at"),
    [
        (0, State.QUEUED, int(NOW) + 30),
        (1, State.QUEUED, int(NOW) + 60),
        (2, State.KNOWN_ERROR, None),
        (9, State.KNOWN_ERROR, None),
    ],
)
@pytest.mark.parametrize("before", [queued(), enqueue(queued())], ids=lambda row: row.state)
def test_a_retryable_failure_goes_round_again_until_its_bound(
    before: ProgressRow, attempts: int, state: State, due_at: int | None
) -> None:
    after = fail(RETRYABLE)(replace(before, attempts=attempts))
    assert (after.state, after.due_at, after.attempts) == (state, due_at, attempts + 1)
    assert after.failure == RecordedFailure.of(RETRYABLE, NOW)


@pytest.mark.parametrize(
    ("attempts", "state", "due_at"),
    [(0, State.QUEUED, 0), (1, State.QUEUED, 0), (2, State.INCONSISTENT, None)],
)
def test_a_missing_document_goes_round_again_and_is_inconsistent_in_the_end(
    attempts: int, state: State, due_at: int | None
) -> None:
    after = miss(replace(enqueue(queued()), attempts=attempts))
    assert (after.state, after.due_at, after.attempts) == (state, due_at, attempts + 1)
    assert after.failure == RecordedFailure.of(RETRYABLE, NOW)


@pytest.mark.parametrize(
    ("attempts", "seconds"), [(1, 30), (2, 60), (3, 120), (5, 480), (6, 900), (60, 900)]
)
def test_the_wait_doubles_up_to_its_cap(attempts: int, seconds: int) -> None:
    assert RETRY.delay(attempts) == seconds


@pytest.mark.parametrize(
    ("at", "text"),
    [
        (0, "1970-01-01T00:00:00.000Z"),
        (NOW, NOW_ISO),
        (1_795_305_600, "2026-11-22T00:00:00.000Z"),
    ],
)
def test_times_are_written_in_utc_to_the_millisecond(at: float, text: str) -> None:
    assert iso(at) == text
