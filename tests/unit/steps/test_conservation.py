"""No sequence of worker actions, crashes and repeats loses an image or reopens one unasked."""

from __future__ import annotations

from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from reindex.domain.failures import Failure
from reindex.domain.ledger import Forgetting
from reindex.domain.ledger_balance import proved, unbalanced
from reindex.domain.progress import ProgressRow
from reindex.domain.states import Phase, State
from reindex.domain.tally import Tally
from reindex.settings import Pace
from reindex.stores.interfaces.progress_table import Change
from tests.unit.steps.world import World

IDS = [f"image-{n}" for n in range(12)]
some_ids = st.lists(st.sampled_from(IDS), min_size=1, max_size=6, unique=True)


class Killed(BaseException):
    """The process that was working is no more."""


class Fragile:
    """A store whose caller dies at its n-th call from now: before it lands, or after.

    Attributes:
        fuse: Calls left; None for as many as there are.
        lands: Whether the last call still does its work.
    """

    def __init__(self, store: Any) -> None:
        self._store = store
        self.fuse: int | None = None
        self.lands = False

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._store, name)
        if not callable(found):
            return found

        def call(*args: Any, **named: Any) -> Any:
            if self.fuse is None:
                return found(*args, **named)
            self.fuse -= 1
            if self.fuse > 0:
                return found(*args, **named)
            if self.lands:
                found(*args, **named)
            raise Killed

        return call


class Reindexing(RuleBasedStateMachine):
    """Operators, workers, live writers and accidents, in any order."""

    def __init__(self) -> None:
        super().__init__()
        pace = Pace(
            projection_concurrency=1, settle_seconds=0, check_delay_seconds=0, quiet_seconds=10
        )
        self.world = World(pace=pace)
        self.world.indexing = False
        self.rows = self.world.table
        self.stores = {name: Fragile(getattr(self.world, name)) for name in ("table", "backlog")}
        for name, store in self.stores.items():
            setattr(self.world, name, store)
        self.uploads = 0
        self.forgettings = 0
        self.forgotten = 0
        self.read: list[ProgressRow] = []
        self.verified: set[str] = set()
        self.asked: set[str] = set()

    @initialize(ids=some_ids)
    def begin(self, ids: list[str]) -> None:
        self.world.add(*ids)
        self.upload(ids)
        self.world.preflight()
        self.world.open_phase(Phase.INDEX)

    @rule(ids=some_ids)
    def upload(self, ids: list[str]) -> None:
        self.uploads += 1
        self.asked |= set(ids)
        self.world.upload(ids, name=f"upload-{self.uploads}")

    @rule(ids=some_ids, calls=st.integers(1, 4), lands=st.booleans())
    def upload_and_die(self, ids: list[str], calls: int, lands: bool) -> None:  # noqa: FBT001
        self.stores["table"].fuse, self.stores["table"].lands = calls, lands
        try:
            self.upload(ids)
        except Killed:
            pass
        finally:
            self.stores["table"].fuse = None

    @rule(ids=some_ids)
    def forget(self, ids: list[str]) -> None:
        rows = self.rows.read(ids).rows.values()
        finished = [row for row in rows if row.state.phase is None]
        self.forgettings += 1
        operation = Forgetting(name=f"{self.forgettings}", at=self.forgettings, by="ada", what="x")
        left = self.world.forgetter.forget(finished, operation)
        assert left == {row.id for row in finished}
        self.forgotten += len(left)
        self.verified -= left

    @rule()
    def forget_what_has_moved_since(self) -> None:
        """A row that was read long ago, and is another by now, stays."""
        outdated = [
            row
            for row in self.read
            if row.state.phase is None and row != self.rows.rows.get(row.id, row)
        ]
        operation = Forgetting(name="late", at=0, by="ada", what="x")
        assert self.world.forgetter.forget(outdated, operation) == set()

    @rule()
    def fold_what_is_proved(self) -> None:
        ledger = self.world.runs.uploads()
        self.world.runs.fold(proved(ledger, ledger))

    @rule(phase=st.sampled_from(list(Phase)))
    def work(self, phase: Phase) -> None:
        self.world.phases.running.add("run-1")
        self.world.open_phase(phase)
        self.world.tick(phase)

    @rule(
        phase=st.sampled_from(list(Phase)),
        store=st.sampled_from(["table", "backlog"]),
        calls=st.integers(1, 40),
        lands=st.booleans(),
    )
    def work_and_die(self, phase: Phase, store: str, calls: int, lands: bool) -> None:  # noqa: FBT001
        self.stores[store].fuse, self.stores[store].lands = calls, lands
        try:
            self.work(phase)
        except Killed:
            pass
        finally:
            self.stores[store].fuse = None

    @rule(seconds=st.sampled_from([5, 60, 200]))
    def wait(self, seconds: int) -> None:
        self.world.clock.sleep(seconds)

    @rule()
    def index(self) -> None:
        self.world.settle(self.world.deliver())

    @rule()
    def deliver_again(self) -> None:
        for body in reversed(dict.fromkeys(self.world.backlog.bodies)):
            self.world.backlog.put_raw(body)

    @rule()
    def lose_messages(self) -> None:
        self.world.backlog.deliveries.clear()

    @rule(image_id=st.sampled_from(IDS), title=st.integers(0, 3))
    def edit_live(self, image_id: str, title: int) -> None:
        self.world.add(image_id, title=title)
        self.world.index.live_write(image_id, {"id": image_id, "title": title})

    @rule(image_id=st.sampled_from(IDS))
    def delete_live(self, image_id: str) -> None:
        if image_id in self.world.projector.truth:
            self.world.remove(image_id)

    @rule(image_id=st.sampled_from(IDS))
    def let_its_source_fail(self, image_id: str) -> None:
        failing = self.world.projector.failing
        if not failing.pop(image_id, None):
            failing[image_id] = Failure("source_unavailable", "S3 is slow", retryable=True)

    @rule()
    def read_every_row(self) -> None:
        self.read += self.rows.rows.values()

    @rule()
    def write_late_what_was_read_long_ago(self) -> None:
        for row in self.read:
            now = self.rows.rows.get(row.id)
            if row.state is State.QUEUED and (now is None or now.rev != row.rev):
                late = row.enqueued(digest="late", created=False, run_id="old", check_at=0, now=1)
                assert self.rows.write([Change(row, late)]) == set()

    @invariant()
    def every_image_is_accounted_for(self) -> None:
        tally = Tally()
        tally.count(self.rows.rows.values(), {})
        ledger = self.world.runs.uploads()
        assert unbalanced(ledger, ledger, tally.uploads) == []

    @invariant()
    def what_has_left_is_told(self) -> None:
        operations = self.world.runs.forgettings()
        assert sum(operation.images.count for operation in operations) == self.forgotten

    @invariant()
    def nothing_verified_is_reopened_unasked(self) -> None:
        for image_id in self.verified - self.asked:
            assert self.rows.rows[image_id].state is State.VERIFIED
        now = {i for i, row in self.rows.rows.items() if row.state is State.VERIFIED}
        # An upload may have asked for an image while it was in work: it was left alone then.
        self.asked -= now
        self.verified = now

    def teardown(self) -> None:
        """Left alone, any such run comes to an end in which every image has its answer."""
        self.world.indexing = True
        self.world.phases.running.clear()
        self.world.projector.failing.clear()
        if self.rows.rows:
            self.upload(list(self.rows.rows))
        self.world.clock.sleep(200)
        result = self.world.reindex("last-run")
        assert result["status"] == "succeeded", result
        for image_id, row in self.rows.rows.items():
            alive = image_id in self.world.projector.truth
            assert row.state is (State.VERIFIED if alive else State.NOT_FOUND) or (
                row.state in {State.INCONSISTENT, State.UNKNOWN_ERROR}
            )
            if row.state is State.VERIFIED:
                document = self.world.index.documents[image_id]
                assert document.get("title") == self.world.projector.truth[image_id].get("title")
            if row.state is State.NOT_FOUND:
                assert image_id not in self.world.index.documents


Reindexing.TestCase.settings = settings(
    max_examples=100,
    stateful_step_count=40,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
TestReindexing = Reindexing.TestCase
