"""Takes finished images out of the progress table, by an operator's choice."""

from __future__ import annotations

from dataclasses import dataclass

from reindex.domain.ledger import Forgetting
from reindex.repairs.requeue import Chosen, Selection, chosen_rows, count_chosen
from reindex.stores.interfaces.progress_table import Forgetter, ProgressTable


@dataclass(frozen=True, slots=True)
class Forget:
    """Takes finished images out of the progress table; images in work stay.

    Attributes:
        segments: Parts of the table that are scanned at once.
    """

    table: ProgressTable
    forgetter: Forgetter
    segments: int

    def plan(self, selection: Selection, limit: int | None = None) -> Chosen:
        """Say what would leave the table; nothing is changed.

        Args:
            selection: Which images.
            limit: How many at most.

        Raises:
            StoreUnavailable: The table does not answer.
        """
        return count_chosen(self.table, self.segments, selection, limit)

    def apply(
        self, selection: Selection, operation: Forgetting, limit: int | None = None
    ) -> Chosen:
        """Take images out of the table; it may be repeated after a failure.

        Args:
            selection: Which images.
            operation: Names who does it, and why.
            limit: How many at most.

        Raises:
            StoreUnavailable: A table does not answer; what has left so far is in the ledger.
        """
        done = Chosen()
        for rows in chosen_rows(self.table, self.segments, selection, limit, done):
            done.moved += len(rows) - len(self.forgetter.forget(rows, operation))
        return done
