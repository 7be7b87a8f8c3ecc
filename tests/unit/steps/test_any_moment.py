"""Whatever fails at whatever moment: once it stops, the run ends by itself, and all is true."""

from __future__ import annotations

import itertools
import logging
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from reindex.domain.ledger_balance import unbalanced
from reindex.domain.progress import ProgressRow
from reindex.domain.states import State
from reindex.domain.tally import Tally
from tests.twins.wrapped import Call, Faults, plain
from tests.unit.steps.declared import Fault, faults
from tests.unit.steps.night import HOUR, Killed, Night, RunFailed, Steps
from tests.unit.steps.world import World

IDS = [f"image-{n}" for n in range(12)]
some_ids = st.lists(st.sampled_from(IDS), min_size=1, max_size=6, unique=True)

DECLARED = faults(undeclared=False)

#: Ticks within which a phase must end once nothing fails any more: the longest wait of an image
#: is fifteen minutes, and it may have several.
ENOUGH_TICKS = 150

ODD_DOCUMENTS: list[dict[str, Any]] = [
    {"lastModified": 7},
    {"lastModified": "2031-01-01T00:00:00Z"},
    {"esInfo": []},
    {"esInfo": {"reindex": {"digest": None}}},
]

OPTIONS: list[dict[str, Any]] = [
    {},
    {"source": {"kind": "bucket"}},
    {"source": {"kind": "bucket"}, "skip_unchanged": True},
    {"source": {"kind": "bucket"}, "only_new": True, "limit": 3},
]


class AnyMoment(RuleBasedStateMachine):
    """Executions that advance step by step, while anything fails and people do anything."""

    def __init__(self) -> None:
        super().__init__()
        logging.disable(logging.CRITICAL)
        self.world = World(max_attempts=5)
        self.rows = self.world.table
        self.index = self.world.index
        self.ledger = self.world.runs
        self.night = Night(self.world)
        self.faults = Faults.over(self.world)
        self.executions: dict[str, Steps] = {}
        self.numbers = itertools.count()
        self.titles = itertools.count(1)
        #: The truth that a verification of each image must know: as it was when it was asked for.
        self.asked: dict[str, int] = {}
        self.seen: dict[str, int] = {}

    @initialize(ids=some_ids)
    def begin(self, ids: list[str]) -> None:
        self.edit(ids)
        self.upload(ids)
        self.start({})

    # Operators

    @rule(ids=some_ids)
    def upload(self, ids: list[str]) -> None:
        try:
            self.world.upload(ids, name=f"upload-{next(self.numbers)}")
        except (Exception, Killed):  # noqa: BLE001 - the command failed, and says so
            return
        self._asked(ids)

    @precondition(lambda self: len(self.executions) < 2)
    @rule(options=st.sampled_from(OPTIONS))
    def start(self, options: dict[str, Any]) -> None:
        run_id = f"run-{next(self.numbers)}"
        if not self.executions:
            # A run that is not refused asks for whatever has work left.
            self._asked([image_id for image_id, row in self.rows.rows.items() if row.state.phase])
        self.executions[run_id] = self.night.execution(run_id, 100, options)

    @rule()
    def abort(self) -> None:
        run = self.ledger.current()
        self.executions.clear()
        plain(self.world.phases).running.clear()
        plain(self.world.phases).on.clear()
        if run and run.is_open:
            self.ledger.update(run.run_id, {"status": "aborted", "phase": None, "task_token": None})

    # What runs

    @precondition(lambda self: self.executions)
    @rule(which=st.integers(0, 1), steps=st.integers(1, 12))
    def advance(self, which: int, steps: int) -> None:
        for _ in range(steps):
            names = list(self.executions)
            if not names:
                return
            run_id = names[which % len(names)]
            try:
                next(self.executions[run_id])
            except (StopIteration, RunFailed):
                del self.executions[run_id]

    # What fails

    @rule(fault=st.sampled_from(DECLARED), after=st.integers(0, 6), lands=st.booleans())
    def let_a_call_fail(self, fault: Fault, after: int, lands: bool) -> None:  # noqa: FBT001
        self._arm(fault.port, fault.method, fault.error, after, lands=lands)

    @rule(after=st.integers(0, 60), lands=st.booleans())
    def let_a_function_be_killed(self, after: int, lands: bool) -> None:  # noqa: FBT001
        self._arm(None, None, Killed(), after, lands=lands)

    @rule(fault=st.sampled_from(DECLARED), steps=st.integers(1, 30))
    def let_a_method_fail_for_a_while(self, fault: Fault, steps: int) -> None:
        until = self.world.clock.now() + HOUR
        self.faults.raising = lambda call: (
            fault.error
            if (call.port, call.method) == fault[:2] and self.world.clock.now() < until
            else None
        )
        self.advance(0, steps)
        self.faults.stop()

    def _arm(
        self, port: str | None, method: str | None, error: BaseException, after: int, *, lands: bool
    ) -> None:
        left = after

        def fails(call: Call) -> BaseException | None:
            nonlocal left
            if port is not None and (call.port, call.method) != (port, method):
                return None
            left -= 1
            return error if left == -1 else None

        self.faults.stop()
        if lands:
            self.faults.landing = fails
        else:
            self.faults.raising = fails

    # The library's people, and others

    @rule(ids=some_ids)
    def edit(self, ids: list[str]) -> None:
        self.world.add(*ids, title=next(self.titles))

    @rule(image_id=st.sampled_from(IDS))
    def edit_live(self, image_id: str) -> None:
        title = next(self.titles)
        self.world.add(image_id, title=title)
        self.index.live_write(image_id, {"id": image_id, "title": title})

    @rule(image_id=st.sampled_from(IDS))
    def delete_live(self, image_id: str) -> None:
        if image_id in self.world.projector.truth:
            del self.world.projector.truth[image_id], self.world.library.originals[image_id]
            if image_id in self.index.documents:
                self.index.live_delete(image_id)

    @rule(image_id=st.sampled_from(IDS), document=st.sampled_from(ODD_DOCUMENTS))
    def write_an_odd_document(self, image_id: str, document: dict[str, Any]) -> None:
        self.index.live_write(image_id, {"id": image_id, **document})

    @rule(image_id=st.sampled_from(IDS))
    def spoil_or_mend_a_row(self, image_id: str) -> None:
        if not self.rows.unreadable.pop(image_id, None) and image_id in self.rows.rows:
            self.rows.unreadable[image_id] = "state is 'Queued'"

    @rule()
    def deliver_again(self) -> None:
        for body in reversed(dict.fromkeys(plain(self.world.backlog).bodies)):
            plain(self.world.backlog).put_raw(body)

    @rule()
    def lose_messages(self) -> None:
        plain(self.world.backlog).deliveries.clear()

    # What holds at every moment

    @invariant()
    def every_image_is_accounted_for(self) -> None:
        tally = Tally()
        tally.count(self.rows.rows.values(), {})
        ledger = self.ledger.uploads()
        assert unbalanced(ledger, ledger, tally.uploads) == []

    @invariant()
    def nothing_is_verified_against_a_truth_older_than_it_was_asked_for(self) -> None:
        for image_id, row in self.rows.rows.items():
            if row.state is State.VERIFIED and row.rev != self.seen.get(image_id):
                self.seen[image_id] = row.rev
                title = self.index.documents.get(image_id, {}).get("title")
                if title is not None:
                    assert title >= self.asked.get(image_id, 0), (image_id, title, row)

    def _asked(self, ids: list[str]) -> None:
        for image_id in ids:
            title = self.world.projector.truth.get(image_id, {}).get("title", 0)
            self.asked[image_id] = title

    # Once it stops

    def teardown(self) -> None:
        """What is open ends by itself, and one more run makes everything true."""
        try:
            self._end_well()
        finally:
            logging.disable(logging.NOTSET)

    def _end_well(self) -> None:
        self.faults.stop()
        self.rows.unreadable.clear()
        for steps in list(self.executions.values()):
            self._play_out(steps)
        run = self.ledger.current()
        assert run is None or not run.is_open or not self.world.phases.is_running(run.execution)
        everything = {"source": {"kind": "bucket"}}
        self.upload(list(self.rows.rows))
        result = self._play_out(self.night.execution("last-run", 100, everything))
        assert result is not None, "the last run failed"
        assert result["status"] == "succeeded", result
        for image_id, row in self.rows.rows.items():
            self._assert_true(image_id, row)

    def _play_out(self, steps: Steps) -> dict[str, Any] | None:
        ticks = 0
        while True:
            try:
                step = next(steps)
            except StopIteration as end:
                result: dict[str, Any] = end.value
                return result
            except RunFailed:
                return None
            ticks = ticks + 1 if step.startswith("tick") else 0
            assert ticks < ENOUGH_TICKS, dict(self.night.ticks)

    def _assert_true(self, image_id: str, row: ProgressRow) -> None:
        truth = self.world.projector.truth
        if image_id not in truth:
            assert row.state is State.NOT_FOUND, row
            return
        assert row.state is State.VERIFIED, row
        assert self.index.documents[image_id]["title"] == truth[image_id]["title"]


AnyMoment.TestCase.settings = settings(
    max_examples=120,
    stateful_step_count=50,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
TestAnyMoment = AnyMoment.TestCase
