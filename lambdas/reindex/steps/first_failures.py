"""Groups the first failures of an open run, before the Tally groups all of them.

The rows of failed images leave the work list, and the progress table has no index by state: only a
scan of the whole table would find them. So the writer of such rows also groups them, in one small
item. A run without failures writes nothing.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping

from reindex.domain.progress import ProgressRow
from reindex.domain.states import State
from reindex.domain.tally import FIRST_FAILURES, failed_kinds
from reindex.stores.interfaces.runs import Runs

log = logging.getLogger(__name__)

_FAILED = (State.KNOWN_ERROR, State.UNKNOWN_ERROR, State.INCONSISTENT, State.NOT_FOUND)


def record_failures(
    runs: Runs, run_id: str, counts: Mapping[str, int], rows: Iterable[ProgressRow]
) -> None:
    """Add the rows that failed for good to a run's first failures, if these are few yet.

    It is for people only, so an error is logged and goes no further.

    Args:
        runs: Stores them.
        run_id: Of the run.
        counts: The run's images by state, if they are known: they may save a write.
        rows: As they were written; those that did not fail are ignored.
    """
    if sum(counts.get(state, 0) for state in _FAILED) >= FIRST_FAILURES:
        return
    if kinds := failed_kinds(rows):
        try:
            runs.record_failures(run_id, kinds)
        except Exception as error:  # noqa: BLE001 - no work depends on it
            reason = f"{type(error).__name__}: {error}"
            log.warning("the failures cannot be grouped", extra={"reason": reason})
