"""Whatever live writers do, and whenever: a migration there and back ends with the truth."""

from __future__ import annotations

from random import Random
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reindex.domain.migration import MigrationState
from tests.unit.steps.migrations import FROM_BUCKET, FROM_INDEX, MigratingWorld
from tests.unit.steps.moves import OTHER_CLUSTER, MovingWorld

#: How likely something happens at each moment at which something may.
_ODDS = 0.25


class _People:
    """Live writers, who know what every image's document must be.

    Attributes:
        embeddings: The preserved field of each image, as it was written last.
    """

    def __init__(self, world: MigratingWorld, rng: Random) -> None:
        self._world = world
        self._rng = rng
        self._number = 0
        self.embeddings: dict[str, list[float]] = {}

    def act(self) -> None:
        """Do something, or nothing."""
        if self._rng.random() < _ODDS:
            self.do_something()

    def do_something(self) -> None:
        """Publish, edit, embed or delete an image."""
        ids = sorted(self._world.projector.truth)
        doing = self._rng.choice([self._publish, self._edit, self._edit, self._embed, self._remove])
        if doing == self._publish or not ids:
            self._publish("")
        else:
            doing(self._rng.choice(ids))

    def _next(self) -> int:
        self._number += 1
        return self._number

    def _publish(self, _: str) -> None:
        number = self._next()
        self._world.publish(f"i{number}", embedding=float(number), title=f"t{number}")
        self.embeddings[f"i{number}"] = [float(number)]

    def _edit(self, image_id: str) -> None:
        self._world.edit(image_id, title=f"t{self._next()}")

    def _embed(self, image_id: str) -> None:
        number = float(self._next())
        if self._world.embed(image_id, number):
            self.embeddings[image_id] = [number]

    def _remove(self, image_id: str) -> None:
        self._world.remove(image_id)
        del self.embeddings[image_id]

    def around_the_move(self) -> None:
        """Be at work in the last moment before the alias moves, and in the first after it."""
        move = self._world.index.move_aliases

        def moving(*args: Any) -> None:
            setattr(self._world.index, "move_aliases", move)  # noqa: B010
            for _ in range(3):
                self.do_something()
            move(*args)
            for _ in range(3):
                self.do_something()

        setattr(self._world.index, "move_aliases", moving)  # noqa: B010


@given(seed=st.integers(0, 2**32))
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_a_migration_there_and_back_ends_with_the_truth(seed: int) -> None:
    rng = Random(seed)
    world = MigratingWorld()
    people = _People(world, rng)
    for _ in range(5):
        people.do_something()

    def rest() -> None:
        world.meanwhile = lambda: None
        world.projector.interrupt = lambda: None

    def work() -> None:
        world.meanwhile = people.act
        world.projector.interrupt = people.act

    def assert_true(index: str) -> None:
        world.assert_true(index)
        found = {i: d["embedding"] for i, d in world.index.documents_of(index).items()}
        assert found == people.embeddings

    def follow() -> None:
        work()
        for _ in range(4):
            world.tick_migration()
        rest()
        world.follow()

    sources = [FROM_INDEX, FROM_BUCKET] if rng.random() < 0.5 else [FROM_INDEX]
    world.begin(*sources)
    follow()
    assert_true(world.migration.new.name)
    world.compared()
    for state in (MigrationState.SWITCHED, MigrationState.CATCHING_UP, MigrationState.SWITCHED):
        work()
        people.around_the_move()
        assert world.switch().state is state
        rest()
        assert_true(world.index.searched)
        if state is MigrationState.SWITCHED:
            work()
            for _ in range(3):
                people.do_something()
            world.migration_steps.control.roll_back()
        follow()


@given(seed=st.integers(0, 2**32))
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_a_move_to_another_cluster_ends_with_the_truth(seed: int) -> None:
    rng = Random(seed)
    world = MovingWorld()
    people = _People(world, rng)
    for _ in range(5):
        people.do_something()
    world.migration_steps.control.create([FROM_INDEX], OTHER_CLUSTER)
    world.migration_steps.control.follow()
    world.meanwhile = world.projector.interrupt = people.act
    for _ in range(4):
        world.tick_migration()
    while world.migration.state is MigrationState.BUILDING:
        world.tick_migration()
    world.compared()
    assert world.switch().state is MigrationState.HANDED_OVER

    moves = [world.library_moves, world.stage_moves]
    rng.shuffle(moves)
    for move in moves:
        for _ in range(rng.randrange(3)):
            people.do_something()
            world.tick_migration()
        move()
    for _ in range(rng.randrange(3)):
        people.do_something()
        world.tick_migration()
    world.finish()

    world.assert_moved()
    found = {i: d["embedding"] for i, d in world.other.documents.items()}
    assert found == people.embeddings
