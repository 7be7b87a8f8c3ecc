"""Writes rows that have work left, and lists them on the work list, in one call."""

from __future__ import annotations

from collections.abc import Sequence

from reindex.domain.chunks import chunks_of
from reindex.stores.interfaces.progress_table import Change, ProgressTable
from reindex.stores.interfaces.work_list import WorkLister


def write_and_list(
    table: ProgressTable, work_list: WorkLister, changes: Sequence[Change], name: str
) -> set[str]:
    """Write rows, and put those with work left on the work list.

    Args:
        table: The progress table.
        work_list: The work list.
        changes: As the progress table takes them.
        name: Of the chunks; unique.

    Returns:
        The ids written.

    Raises:
        StoreUnavailable: Any of the rows may have been written. Those that are not on the list
            are found by the next Tally.
    """
    written = table.write(changes)
    work_list.add(
        chunks_of((change.after for change in changes if change.after.id in written), name)
    )
    return written
