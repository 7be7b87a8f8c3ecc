"""What it takes to let an image leave the progress table: all of it happens, or nothing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import pytest

from reindex.domain.digest import sum_of_ids
from reindex.domain.failures import OriginalNotFound
from reindex.domain.ledger import FOLDED, Forgetting, Ledger
from reindex.domain.ledger_balance import proved, unbalanced
from reindex.domain.progress import ProgressRow
from reindex.domain.tally import Tally
from reindex.stores.forgetter import DynamoForgetter
from reindex.stores.interfaces.progress_table import Change, Forgetter, ProgressTable
from reindex.stores.interfaces.runs import Runs
from reindex.stores.progress_table import DynamoProgressTable
from reindex.stores.runs.store import DynamoRuns
from tests.contract.conftest import create_progress_table, create_runs_table
from tests.twins.forgetter import MemoryForgetter
from tests.twins.progress_table import MemoryProgressTable
from tests.twins.runs import MemoryRuns

NOW = 1_795_305_600.0
OPERATION = Forgetting(name="20261122-031500-ab12", at=NOW, by="arn:ada", what="state not_found")


@dataclass(frozen=True)
class Tables:
    """A progress table, its ledger, and what takes images out of both."""

    progress: ProgressTable
    runs: Runs
    forgetter: Forgetter

    def upload(self, name: str, ids: list[str]) -> list[ProgressRow]:
        """Bring images, all of which turn out to have no original; return their rows."""
        new = [ProgressRow.new(image_id, name, NOW) for image_id in ids]
        assert self.progress.insert(new) == set(ids)
        self.runs.record_upload(name, Ledger(len(ids), sum_of_ids(ids)), done=True)
        why = OriginalNotFound("none").as_failure()
        checked = [
            row.without_original(why, created=False, run_id="run-1", check_at=0, now=NOW)
            for row in new
        ]
        finished = [row.not_found(NOW, why) for row in checked]
        changes = [Change(a, b) for a, b in zip(new, finished, strict=True)]
        assert len(self.progress.write(changes)) == len(ids)
        return finished

    def imbalance(self) -> list[str]:
        """What does not balance between the table and its ledger."""
        tally, after = Tally(), None
        while True:
            page = self.progress.scan(0, 1, after)
            tally.count(page.rows, page.unreadable)
            after = page.next
            if after is None:
                ledger = self.runs.uploads()
                return unbalanced(ledger, ledger, tally.uploads)


# moto cannot read our PartiQL.
@pytest.fixture(params=["memory", "on_dynamodb_local", "on_ministack"])
def tables(request: pytest.FixtureRequest) -> Iterator[Tables]:
    if request.param == "memory":
        table, ledger = MemoryProgressTable(), MemoryRuns()
        yield Tables(table, ledger, MemoryForgetter(table, ledger))
        return
    client = request.getfixturevalue(request.param)
    progress, runs = create_progress_table(client), create_runs_table(client)
    store = DynamoRuns(client, runs)
    yield Tables(
        DynamoProgressTable(client, progress),
        store,
        DynamoForgetter(client, progress, runs, store),
    )
    for name in (progress, runs):
        client.delete_table(TableName=name)


def test_what_leaves_is_entered_and_the_ledger_balances(tables: Tables) -> None:
    first = tables.upload("first", [f"a{n}" for n in range(130)])
    second = tables.upload("second", ["b", "c"])
    assert tables.imbalance() == []

    assert tables.forgetter.forget([*first[:120], second[0]], OPERATION) == {
        *(f"a{n}" for n in range(120)),
        "b",
    }

    assert tables.progress.read(["a119", "a120", "b", "c"]).rows.keys() == {"a120", "c"}
    assert tables.imbalance() == []
    assert tables.runs.uploads()["second"].forgotten == Ledger(1, sum_of_ids(["b"]))
    left = Ledger(121, sum_of_ids([*(f"a{n}" for n in range(120)), "b"]))
    assert tables.runs.forgettings() == [replace(OPERATION, images=left)]


def test_a_row_that_changed_since_it_was_read_stays_and_the_others_are_removed(
    tables: Tables,
) -> None:
    moved, other = tables.upload("first", ["a", "b"])
    tables.progress.write([Change(moved, moved.requeued(NOW))])
    assert tables.forgetter.forget([moved, other], OPERATION) == {"b"}
    assert tables.progress.read(["a", "b"]).rows.keys() == {"a"}
    assert tables.imbalance() == []
    assert tables.forgetter.forget([moved, other], OPERATION) == set()
    assert tables.runs.forgettings()[0].images.count == 1


def test_an_image_of_a_folded_upload_leaves_the_sum(tables: Tables) -> None:
    [a, _] = tables.upload("first", ["a", "b"])
    ledger = tables.runs.uploads()
    tables.runs.fold(proved(ledger, ledger))
    assert tables.imbalance() == []

    assert tables.forgetter.forget([a], OPERATION) == {"a"}

    assert tables.imbalance() == []
    assert tables.runs.uploads()[FOLDED].forgotten == Ledger(1, sum_of_ids(["a"]))
    tables.upload("second", ["a"])
    assert tables.imbalance() == [], "uploaded again, it begins anew"


def test_an_upload_is_folded_with_what_was_forgotten_of_it(tables: Tables) -> None:
    [a, b, _] = tables.upload("first", ["a", "b", "c"])
    tables.forgetter.forget([a], OPERATION)
    ledger = tables.runs.uploads()
    tables.forgetter.forget([b], OPERATION)
    tables.runs.fold(proved(ledger, ledger))
    assert "first" in tables.runs.uploads(), "it has changed since"

    ledger = tables.runs.uploads()
    tables.runs.fold(proved(ledger, ledger))

    assert tables.runs.uploads().keys() == {FOLDED}
    assert tables.imbalance() == []


def test_what_is_in_work_is_refused_and_what_no_upload_brought_stays(tables: Tables) -> None:
    [a] = tables.upload("first", ["a"])
    with pytest.raises(ValueError, match="in work: a"):
        tables.forgetter.forget([a.requeued(NOW)], OPERATION)
    stray = ProgressRow.new("stray", "nobody", NOW)
    tables.progress.insert([stray])
    found = replace(stray, state=a.state, due_at=None)
    assert tables.forgetter.forget([found], OPERATION) == set()
    assert tables.progress.read(["stray"]).rows.keys() == {"stray"}
