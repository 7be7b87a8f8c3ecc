"""The twin of the forgetter."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from reindex.domain.digest import id_hash
from reindex.domain.ledger import Forgetting, Ledger
from reindex.domain.progress import ProgressRow
from reindex.stores.interfaces.progress_table import Forgetter
from tests.twins.outages import Outages
from tests.twins.progress_table import MemoryProgressTable
from tests.twins.runs import MemoryRuns


class MemoryForgetter(Outages, Forgetter):
    """The twin of ``DynamoForgetter``."""

    def __init__(self, table: MemoryProgressTable, runs: MemoryRuns) -> None:
        super().__init__()
        self._table = table
        self._runs = runs

    def forget(self, rows: Sequence[ProgressRow], operation: Forgetting) -> set[str]:
        self.answer()
        if in_work := [row.id for row in rows if row.state.phase]:
            raise ValueError(f"in work: {', '.join(in_work)}")
        left = set()
        for row in rows:
            image = Ledger(1, id_hash(row.id))
            enter = partial(self._runs.note_forgotten, row.upload, image, operation)
            if self._table.delete(row, enter):
                left.add(row.id)
        return left
