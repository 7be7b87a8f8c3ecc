"""The rules on the run that has an image left to process."""

from __future__ import annotations

import math
from collections.abc import Iterator

from reindex.domain import outcomes
from reindex.domain.progress import ProgressRow
from reindex.repairs.image_evidence import Evidence, LatestRun, Unknown
from reindex.repairs.image_verdict.verdicts import Cause, Verdict, undecided
from reindex.steps.batch_index import BACKLOG_FULL
from reindex.steps.gates import LIVE_QUEUE_DEEP, OVER_BUDGET
from reindex.stores.interfaces.queues import Depth
from reindex.text import counted

#: The command that shows the run's progress.
_STATUS = "reindex status --watch"


def waiting_row(e: Evidence) -> Verdict | None:
    """Explain an image with work left: what keeps the work from being done."""
    row = e.row
    if not isinstance(row, ProgressRow) or row.state.phase is None:
        return None
    run = e.run
    if isinstance(run, Unknown):
        return undecided(e, f"the run: {run.reason}")
    if run is None or not run.record.is_open:
        return Verdict(
            Cause.NO_RUN,
            f"It is {row.state}, and no run is open that would go on with it.",
            "reindex start --watch",
        )
    return next(filter(None, _obstacles(e, run, row)))


def _obstacles(e: Evidence, run: LatestRun, row: ProgressRow) -> Iterator[Verdict | None]:
    """Yield the verdicts on an open run that has not processed the row; the first one decides."""
    record, name = run.record, run.record.run_id
    if not run.is_running:
        yield Verdict(
            Cause.RUN_DEAD,
            f"The execution of run {name} has ended and left its record open: another start takes "
            "its work over.",
            "reindex start --watch",
        )
    if record.paused:
        yield Verdict(
            Cause.RUN_PAUSED, f"It is {row.state}, and run {name} is paused.", "reindex resume"
        )
    if not run.ticks and not record.opening:
        yield Verdict(
            Cause.SCHEDULE_OFF,
            f"Somebody turned off the schedule of the {record.phase} phase of run {name}.",
            "reindex abort && reindex start --watch",
        )
    waiting = e.queue.total if isinstance(e.queue, Depth) else 0
    if waiting and e.indexer_enabled is False:
        yield Verdict(
            Cause.INDEXER_OFF,
            f"The low-priority queue holds {counted(waiting, 'message')}, and the event source "
            "mapping that gives them to the indexer is disabled.",
            f"aws lambda update-event-source-mapping --uuid {e.place.indexer_mapping} --enabled",
        )
    if record.held_by:
        yield _throttled_by(e, run, record.held_by, waiting)
    yield Verdict(
        Cause.IN_WORK,
        f"It is {row.state}, and run {name} is at work in its {record.phase or 'next'} phase"
        + (f", with {counted(waiting, 'message')} on the queue." if waiting else "."),
        _STATUS,
    )


def _throttled_by(e: Evidence, run: LatestRun, gate: str, waiting: int) -> Verdict | None:
    """Return the verdict on a run that is throttled; None if it only waits for messages."""
    name = run.record.run_id
    match gate:
        case _ if gate == BACKLOG_FULL:
            return Verdict(
                Cause.QUEUE_FULL,
                f"The low-priority queue is full ({waiting:,} of {e.place.max_backlog:,} "
                "messages): the run goes on as the indexer empties it.",
                _STATUS,
            )
        case _ if gate == LIVE_QUEUE_DEEP:
            return Verdict(
                Cause.QUEUE_FULL,
                "The library's own ingestion queue is deep: the run goes on when that has been "
                "worked off.",
                _STATUS,
            )
        case _ if gate == OVER_BUDGET:
            return Verdict(
                Cause.RUN_HELD,
                f"Run {name} is held: it would cost ${run.dollars:,.2f}, and its budget is "
                f"${run.record.budget or 0:,.2f}.",
                f"reindex resume --budget {math.ceil(run.dollars)}",
            )
        case _ if outcomes.is_gate(gate):
            return Verdict(
                Cause.RUN_HELD,
                f"Run {name} is held by a gate ({gate}): mend the cause, and let it go on.",
                "reindex resume",
            )
        case _ if gate.startswith("the queue is not"):
            # The check waits for messages that are under way: that is its work.
            return None
    return Verdict(Cause.RUN_HELD, f"Run {name} is held by a gate: {gate}.", _STATUS)
