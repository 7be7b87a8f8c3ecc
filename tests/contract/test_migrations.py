"""The record of a migration, shown on the twin, on DynamoDB Local and on ministack."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from reindex.domain.migration import Migration
from reindex.domain.rounds import PinnedIndex
from reindex.stores.interfaces.migrations import Migrations
from reindex.stores.migrations import DynamoMigrations
from tests.contract.conftest import create_runs_table
from tests.twins.migrations import MemoryMigrations

MIGRATION = Migration(
    id="m1",
    alias="images",
    old=PinnedIndex("images-000001", "u1"),
    new=PinnedIndex("images-000002", ""),
    sources=({"source": {"kind": "index"}, "migration": "m1"},),
    live_settings={"index.refresh_interval": ""},
    began_at=1.5,
)


@pytest.fixture(params=["memory", "on_moto", "on_dynamodb_local", "on_ministack"])
def migrations(request: pytest.FixtureRequest) -> Iterator[Migrations]:
    if request.param == "memory":
        yield MemoryMigrations()
        return
    client = request.getfixturevalue(request.param)
    name = create_runs_table(client)
    yield DynamoMigrations(client, name)
    client.delete_table(TableName=name)


def test_there_is_none_at_first(migrations: Migrations) -> None:
    assert migrations.current() is None


def test_a_record_is_read_as_it_was_written(migrations: Migrations) -> None:
    begun = MIGRATION.created(PinnedIndex("images-000002", "u2"), {"0": 7, "1": -1}, 2.5)
    running = begun.round_begun("r1", begun.sources[0], 3.0).round_planned({"0": 9}, 3.25)
    done = running.round_succeeded(12, 4.0).round_begun("r2", {}, 5.0)
    for before, after in ((None, MIGRATION), (MIGRATION, begun), (begun, running), (running, done)):
        assert migrations.save(after, before)
        assert migrations.current() == after


def test_of_two_writers_one_wins(migrations: Migrations) -> None:
    assert migrations.save(MIGRATION, None)
    one, other = MIGRATION.set_paused(True), MIGRATION.lag_measured(3, 9.0)
    assert migrations.save(one, MIGRATION)
    assert not migrations.save(other, MIGRATION)
    assert migrations.current() == one


def test_a_write_whose_answer_was_lost_may_be_repeated(migrations: Migrations) -> None:
    assert migrations.save(MIGRATION, None)
    assert migrations.save(MIGRATION, None)


def test_the_next_migration_takes_the_place_of_the_last(migrations: Migrations) -> None:
    assert migrations.save(MIGRATION, None)
    ended = MIGRATION.aborted(9.0)
    assert migrations.save(ended, MIGRATION)
    following = Migration(
        id="m2", alias="images", old=MIGRATION.old, new=MIGRATION.new, began_at=10.0
    )
    assert not migrations.save(following, None)
    assert migrations.save(following, ended)
    assert migrations.current() == following
