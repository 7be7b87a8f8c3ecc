"""What happens to a running reindex sooner or later, one accident at a time.

Many at once, and while people work, are the chaos run's: ``tests/chaos``.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import pytest

from reindex.domain.failures import WorkerDied
from reindex.domain.states import Phase
from reindex.settings import PhaseRules
from tests.e2e.runs import eventually, record, run, upload
from tests.local.cloud import Cloud
from tests.local.ministack import Ministack, ministack
from tests.local.sample_library import SampleLibrary
from tests.local.stack import LocalStack, local_stack

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def cloud_program() -> Iterator[Ministack]:
    with ministack() as program:
        yield program


@pytest.fixture(scope="module")
def stack(cloud_program: Ministack) -> Iterator[LocalStack]:
    with local_stack(endpoint_url=cloud_program.url) as running:
        prepared = running.reindex("prepare-index")
        assert prepared.returncode == 0, prepared.stderr
        yield running


@pytest.fixture(scope="module")
def library(stack: LocalStack) -> SampleLibrary:
    made = SampleLibrary.generate(100)
    stack.fill(made)
    return made


@pytest.fixture
def cloud(stack: LocalStack) -> Cloud:
    return Cloud(stack)


def started(stack: LocalStack, library: SampleLibrary) -> str:
    """Start a run over all images, and return its id once a phase waits for ticks."""
    upload(stack, library.ids)
    done = stack.reindex("start")
    assert done.returncode == 0, done.stderr
    eventually(lambda: record(stack).task_token is not None, "the phase waits for its ticks")
    return done.stdout.strip()


def suspects(stack: LocalStack) -> int:
    """How many images are suspected of having killed their worker."""
    failures = (row.failure for row in stack.rows().values())
    return sum(failure is not None and failure.code == WorkerDied.code for failure in failures)


def test_a_worker_that_is_killed_leaves_its_chunk_and_the_next_finish(
    stack: LocalStack, cloud: Cloud, cloud_program: Ministack, library: SampleLibrary
) -> None:
    run_id = started(stack, library)
    eventually(
        lambda: any(held.in_progress for held in cloud.held_chunks(Phase.INDEX)),
        "a worker has rows in progress",
    )
    for worker in cloud_program.workers(f"image-reindex-{stack.stage.lower()}-batch-index"):
        os.kill(worker, signal.SIGKILL)
    left = list(cloud.held_chunks(Phase.INDEX))
    assert any(held.in_progress for held in left)
    # Until its lease expires, no other worker can take it.
    for held in left:
        cloud.expire(held)

    eventually(lambda: suspects(stack) > 0, "what was in progress is charged with a failure")
    eventually(lambda: not record(stack).is_open, "the run is over")

    assert (record(stack).run_id, record(stack).status) == (run_id, "succeeded")
    assert not library.deviations(stack.outcomes())
    assert suspects(stack) == 0


def test_two_runs_at_once_are_refused_and_the_first_goes_on(
    stack: LocalStack, library: SampleLibrary
) -> None:
    # What stays on the queue keeps a run in its check phase.
    with stack.indexer_stopped():
        run_id = started(stack, library)

        second = stack.reindex("start")

    assert second.returncode == 1
    assert second.stderr == f"Error: run {run_id} is open: let it end, or abort it\n"
    eventually(lambda: not record(stack).is_open, "the run is over")
    assert (record(stack).run_id, record(stack).status) == (run_id, "succeeded")


def test_a_rule_switched_off_by_hand_is_noticed_and_the_phase_opened_again(
    stack: LocalStack, cloud: Cloud, library: SampleLibrary
) -> None:
    with stack.indexer_stopped():
        run_id = started(stack, library)
        eventually(lambda: Phase.CHECK in stack.phases_on(), "the check phase is on")
        eventually(lambda: record(stack).task_token is not None, "it waits for its ticks")
        stack.client("events").disable_rule(Name=stack.settings[PhaseRules].check_rule)

        assert "check phase, its schedule is off" in stack.reindex("status").stdout

        # The local cloud misses no heartbeat by itself; AWS does after 300 s.
        assert cloud.miss_heartbeats(record(stack))
        eventually(lambda: Phase.CHECK in stack.phases_on(), "the phase is opened again")
    eventually(lambda: not record(stack).is_open, "the run is over")
    assert (record(stack).run_id, record(stack).status) == (run_id, "succeeded")


def test_an_execution_stopped_by_hand_leaves_no_ticking_rule_and_is_taken_over(
    stack: LocalStack, library: SampleLibrary
) -> None:
    with stack.indexer_stopped():
        run_id = started(stack, library)

        stack.client("stepfunctions").stop_execution(executionArn=record(stack).execution)

        eventually(lambda: stack.phases_on() == [], "no rule ticks")
        assert "its execution has ended, its record is open" in stack.reindex("status").stdout
    assert run(stack) != run_id
    assert not library.deviations(stack.outcomes())
