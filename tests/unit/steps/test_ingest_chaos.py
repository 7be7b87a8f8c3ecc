"""Property: whatever is killed, lost, doubled or reordered, each submission comes to its end.

Every call of every store may raise before it acts or after it has acted: as an outage, or as a kill
of the whole invocation. Messages are delivered twice and in any order.
"""

from __future__ import annotations

import hashlib
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reindex.domain.failures import StoreUnavailable
from reindex.domain.submissions import MAX_ATTEMPTS, SubmissionState
from reindex.steps.workbench import remove_leftovers
from tests.twins.wrapped import Faults, Wrapped
from tests.unit.steps.ingest_world import IngestWorld, event, jpeg

PORTS = ("submissions", "submitted_files", "archive", "high_priority", "index", "projector")

#: Photos, one of them submitted twice, and a file that is not an image.
FILES = (
    ("a/red.jpg", jpeg("red")),
    ("b/red again.jpg", jpeg("red")),
    ("a/blue.jpg", jpeg("blue")),
    ("c/text.jpg", b"no image"),
)
IMAGES = {hashlib.sha1(content).hexdigest() for key, content in FILES if "text" not in key}


class Killed(BaseException):
    """The function's process ended in this moment."""


#: For each fault: at which call, whether before it acts, and whether it is a kill or an outage.
FAULTS = st.lists(
    st.tuples(st.integers(0, 60), st.booleans(), st.booleans()),
    max_size=12,
    unique_by=lambda f: f[0],
)


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


@settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(faults=FAULTS, doubled=st.sets(st.sampled_from(range(4))), order=st.randoms())
def test_every_submission_ends_archived_and_indexed_or_failed_with_its_bytes(
    temporary: Path, faults: list[tuple[int, bool, bool]], doubled: set[int], order: Any
) -> None:
    world = IngestWorld()
    refs = [world.submit(key, content) for key, content in FILES]
    for number in doubled:
        world.events.put_raw(event(refs[number], len(FILES[number][1])))
    order.shuffle(world.events.deliveries)
    with_faults(world, faults)
    for _ in range(40):
        if order.random() < 0.5:
            step(world.ingest_one)
        else:
            step(world.index_some)
    with_faults(world, [])
    world.settle()

    for ref, (_, content) in zip(refs, FILES, strict=True):
        row = world.row(ref)
        kept = world.submitted_files._store.failed.values()  # type: ignore[attr-defined]
        if row.state is SubmissionState.PROCESSED:
            assert row.image_id
            assert row.searchable_at
            assert world.library.originals[row.image_id] == content
            assert row.image_id in world.library.thumbnails
            assert row.image_id in world.index.documents
        else:
            assert row.state is SubmissionState.FAILED
            assert row.failure
            assert content in [file.content for file in kept]
            is_text = content == FILES[-1][1]
            kills = sum(is_kill for _, _, is_kill in faults)
            # A photo is given up only if the function was killed with it often enough.
            assert is_text or kills >= MAX_ATTEMPTS
    assert world.library.originals.keys() <= IMAGES
    assert all(count == 1 for count in world.archive._store.created.values())  # type: ignore[attr-defined]
    assert not world.submitted_files._store.files  # type: ignore[attr-defined]
    assert not world.dead_letters.letters
    remove_leftovers()
    assert not [*temporary.iterdir()]


def with_faults(world: IngestWorld, drawn: list[tuple[int, bool, bool]]) -> None:
    """Let the drawn calls go wrong from now on, counted over all stores together."""
    at = {call: (before, is_kill) for call, before, is_kill in drawn}

    def error(call: int, *, before: bool) -> BaseException | None:
        if at.get(call, (None,))[0] is not before:
            return None
        return Killed() if at[call][1] else StoreUnavailable("a test wants it so")

    faults = Faults()
    faults.raising = lambda _: error(faults.calls, before=True)
    faults.landing = lambda _: error(faults.calls, before=False)
    for port in PORTS:
        store = getattr(world, port)
        setattr(world, port, Wrapped(port, getattr(store, "_store", store), faults))


def step(work: Any) -> None:
    """Let a function work until its end, or its death."""
    try:
        work()
    except Killed:
        return


def test_a_call_can_go_wrong_before_and_after_it_acts() -> None:
    """The test above would show nothing if no fault were ever raised."""
    world = IngestWorld()
    world.submit(*FILES[0])
    with_faults(world, [(1, False, True)])
    with pytest.raises(Killed):
        world.ingest_one()
