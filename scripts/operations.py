"""Operations that change something: each returns its plan, and applies it.

The verbs and the desk share them, so both say and do the same.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from reindex.domain.submissions import SubmissionRow
from reindex.repairs.requeue import Chosen, Requeue, Selection
from reindex.steps.submissions import Resubmitting, Wanted, failed_submissions
from reindex.text import counted

from .run_control import Aborted, RunControl
from .run_status import StatusReader
from .selections import KINDS, kinds_of, left_alone

_OTHERS = "; the others keep their places for the next start"

#: Shown before a pause.
_STILL_WRITTEN = "Messages already on the low-priority queue are still written."

#: The columns of what :func:`_codes` returns.
_CODES = ("failure", "submissions")


@dataclass(frozen=True, slots=True)
class Outcome:
    """The plan of an operation, or its result.

    Attributes:
        sentences: For people, in order.
        heads: Names of the columns of ``groups``.
        groups: What is affected, by kind.
        is_empty: True if nothing would be changed.
    """

    sentences: Sequence[str]
    heads: Sequence[str] = ()
    groups: Sequence[Sequence[str]] = ()
    is_empty: bool = False


class Operation(Protocol):
    """Something that an operator may do."""

    def plan(self) -> Outcome:
        """Return what would be done; nothing is changed.

        Raises:
            NotNow: It cannot be done now.
            StoreUnavailable: A service does not answer.
        """
        ...

    def apply(self) -> Outcome:
        """Do it, and return what was done. It may be repeated after a failure.

        Raises:
            NotNow: It cannot be done now.
            StoreUnavailable: A service does not answer.
        """
        ...


@dataclass(frozen=True, slots=True)
class Pause:
    """Holds the open run.

    Attributes:
        control: Of the stage's runs.
        run_id: The only run that may be paused; None for the run that is open.
    """

    control: RunControl
    run_id: str | None = None

    def plan(self) -> Outcome:
        """See :meth:`Operation.plan`."""
        run = self.control.open_run(self.run_id)
        if run.paused:
            return Outcome([f"Run {run.run_id} is already paused."], is_empty=True)
        return Outcome(
            [
                f"Run {run.run_id} would be paused: no image is begun until it is resumed.",
                _STILL_WRITTEN,
            ]
        )

    def apply(self) -> Outcome:
        """See :meth:`Operation.apply`."""
        run = self.control.pause(self.run_id)
        already = " already" if run.paused else ""
        return Outcome([f"Run {run.run_id} is{already} paused."])


@dataclass(frozen=True, slots=True)
class Resume:
    """Lets the open run go on.

    Attributes:
        control: Of the stage's runs.
        run_id: The only run that may be resumed; None for the run that is open.
        budget: US dollars that it may cost in all; None for as much as before.
    """

    control: RunControl
    run_id: str | None = None
    budget: float | None = None

    def plan(self) -> Outcome:
        """See :meth:`Operation.plan`."""
        run = self.control.open_run(self.run_id)
        if run.paused:
            first = f"Run {run.run_id} would go on from where it was paused."
        else:
            first = f"Run {run.run_id} is not paused."
        told = [first, "Failures before now would no longer hold it."]
        if self.budget is not None:
            told.append(f"It might cost ${self.budget:,.2f} in all.")
        return Outcome(told)

    def apply(self) -> Outcome:
        """See :meth:`Operation.apply`."""
        run = self.control.resume(self.budget, self.run_id)
        goes_on = run.paused or self.budget is not None
        return Outcome([f"Run {run.run_id} {'goes on' if goes_on else 'was not paused'}."])


@dataclass(frozen=True, slots=True)
class Abort:
    """Ends whatever runs.

    Attributes:
        control: Of the stage's runs.
        reader: Reads what is left.
        run_id: The only run that may be aborted; None for whatever runs.
    """

    control: RunControl
    reader: StatusReader
    run_id: str | None = None

    def plan(self) -> Outcome:
        """See :meth:`Operation.plan`."""
        run = self.control.open_run(self.run_id)
        first = (
            f"Run {run.run_id} would end now: both schedules go off, its execution is stopped, "
            "its record is closed."
        )
        return Outcome([first, *self._left(" would be")])

    def apply(self) -> Outcome:
        """See :meth:`Operation.apply`."""
        if self.run_id is not None:
            self.control.open_run(self.run_id)
        done = self.control.abort()
        return Outcome([_what_was_done(done), *(self._left() if done.closed else ())])

    def _left(self, would_be: str = "") -> Sequence[str]:
        """Return what became of the run's images and of its messages."""
        status = self.reader.look()
        if status is None:
            return []
        others = "" if status.settled >= status.run.total else _OTHERS
        images = counted(status.settled, "image")
        said = [f"{images} of {status.run.total:,}{would_be} settled by it{others}."]
        if status.backlog.total:
            messages = counted(status.backlog.total, "message")
            said.append(
                f"{messages} on the queue will still be written, until the next run begins."
            )
        return said


def _what_was_done(done: Aborted) -> str:
    if done.run is None and not done.stopped:
        return "Nothing to abort: no run has been started yet."
    if done.run and done.closed:
        return f"Run {done.run.run_id} is aborted; both schedules are off."
    if done.stopped:
        return f"Execution {', '.join(done.stopped)} is stopped; both schedules are off."
    assert done.run is not None
    return f"Nothing to abort: run {done.run.run_id} has {_ended(done.run.status)}."


def _ended(status: str) -> str:
    return "been aborted" if status == "aborted" else status


@dataclass(frozen=True, slots=True)
class RequeueImages:
    """Queues finished images again.

    Attributes:
        requeuing: Reads and writes the progress table.
        selection: Which images.
        limit: How many at most; None for all.
    """

    requeuing: Requeue
    selection: Selection
    limit: int | None = None

    def plan(self) -> Outcome:
        """See :meth:`Operation.plan`."""
        chosen = self.requeuing.plan(self.selection, self.limit)
        said = f"Would queue {counted(chosen.total, 'image')} again{left_alone(chosen)}"
        return self._outcome(chosen, said, is_empty=not chosen.total)

    def apply(self) -> Outcome:
        """See :meth:`Operation.apply`."""
        done = self.requeuing.apply(self.selection, self.limit)
        images = counted(done.total - done.moved, "image")
        return self._outcome(done, f"Queued {images} again{left_alone(done)}")

    def _outcome(self, chosen: Chosen, said: str, *, is_empty: bool = False) -> Outcome:
        return Outcome([f"{said}."], KINDS, kinds_of(chosen), is_empty)


@dataclass(frozen=True, slots=True)
class ResubmitFiles:
    """Submits failed files again.

    Attributes:
        resubmitting: Reads and writes the live lane.
        wanted: Which of the submissions that failed.
    """

    resubmitting: Resubmitting
    wanted: Wanted

    def plan(self) -> Outcome:
        """See :meth:`Operation.plan`."""
        rows = self._rows()
        said = f"Would send {counted(len(rows), 'submission')} again."
        return Outcome([said], _CODES, _codes(rows), is_empty=not rows)

    def apply(self) -> Outcome:
        """See :meth:`Operation.apply`."""
        rows = self._rows()
        left = self.resubmitting.resubmit(rows)
        gone = [
            f"{row.ref.id}  {row.ref.key}  its file is not in the failed bucket" for row in left
        ]
        sent = counted(len(rows) - len(left), "submission")
        return Outcome([*gone, f"Sent {sent} again."], _CODES, _codes(rows))

    def _rows(self) -> list[SubmissionRow]:
        return failed_submissions(self.resubmitting.submissions, self.wanted)


def _codes(rows: Sequence[SubmissionRow]) -> list[Sequence[str]]:
    codes = Counter(row.failure.code for row in rows if row.failure)
    return [(code, f"{count:,}") for code, count in codes.most_common()]
