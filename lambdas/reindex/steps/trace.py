"""The story of one image or one submission, across functions, in order of time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from reindex.domain import stamps
from reindex.domain.submissions import SubmissionRow
from reindex.stores.interfaces.function_logs import FunctionLog
from reindex.stores.interfaces.progress_table import ProgressTable
from reindex.stores.interfaces.submissions import Submissions
from reindex.text import MAX_ID_BYTES, counted


@dataclass(frozen=True, slots=True, order=True)
class Event:
    """Something that happened.

    Attributes:
        at: Epoch seconds.
        where: Which function, or which table.
        what: For people.
    """

    at: float
    where: str
    what: str


#: Of a line's values, those that a story shows.
_SHOWN = ("submission", "image_id", "code", "reason", "count")


def trace(
    name: str,
    submissions: Submissions | None,
    table: ProgressTable,
    log: FunctionLog,
    since: float,
) -> list[Event]:
    """Return what is known of an image or a submission, in order of time.

    Args:
        name: An image's id, a submission's id, or its key.
        submissions: The rows; None in a stage without a live lane.
        table: The progress table.
        log: Of all functions.
        since: How far back it is searched, epoch seconds.
    """
    rows = submissions.named(name) if submissions else []
    images = {row.image_id for row in rows if row.image_id}
    events = {event for row in rows for event in submission_events(row)}
    for text in {name} | images | {row.ref.id for row in rows}:
        for line in log.search(text, since):
            shown = [f"{key}={line.values[key]}" for key in _SHOWN if line.values.get(key)]
            events.add(Event(line.at, line.function, " ".join([line.values["message"], *shown])))
    fits = [i for i in {name} | images if len(i.encode()) <= MAX_ID_BYTES]
    for row in table.read(fits).rows.values():
        failure = f": {row.failure.code}" if row.failure else ""
        at = stamps.parse(row.updated_at) or 0
        events.add(Event(at, "progress table", f"{row.id} is {row.state.value}{failure}"))
    return sorted(events)


def submission_events(row: SubmissionRow) -> Iterator[Event]:
    """Yield what happened to a submission, as its row says."""
    why = f": {row.failure.code}: {row.failure.message}" if row.failure else ""
    events = (
        (row.submitted_at, f"submitted: {row.ref.key}, {row.size:,} bytes"),
        (row.updated_at, f"{row.state.value} after {counted(row.attempts, 'attempt')}{why}"),
        (row.searchable_at, "searchable"),
    )
    for time, what in events:
        if time:
            yield Event(stamps.parse(time) or 0, f"submission {row.ref.id}", what)
