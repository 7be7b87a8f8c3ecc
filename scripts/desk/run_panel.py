"""The panel of the latest run: how far it is, how fast, what holds it, and what it costs."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from reindex.domain.progress import iso
from reindex.reports import timeline
from reindex.reports.markup import Markup, element, joined
from reindex.reports.page import dollars, moment, table, tile
from reindex.reports.rate_plot import legend, plot
from reindex.reports.samples import Sample, kept
from reindex.stores.interfaces.run_files import RunFiles
from reindex.text import counted, duration

from ..run_status import RunStatus, StatusReader
from ..status_view import bulks, held_by, phase, time_left
from .line_plot import line_plot
from .views import ATTENTION, BAD, OK, action, command, notice

#: Seconds between looks at an open run, and at one that has ended.
_OPEN_SECONDS: Final = 5.0
_IDLE_SECONDS: Final = 60.0

#: Seconds between looks for new samples: a tick leaves one a minute.
_SAMPLE_SECONDS: Final = 60.0

#: Looks that are kept for the plots of backlog and cost: an hour's.
_LOOKS: Final = 720


@dataclass(frozen=True, slots=True)
class Look:
    """An open run at one moment.

    Attributes:
        at: Epoch seconds.
        backlog: Messages of the low-priority queue.
        dollars: What the run had cost.
    """

    at: float
    backlog: int
    dollars: float


@dataclass(frozen=True, slots=True)
class LatestRun:
    """The latest run.

    Attributes:
        status: None before the first run was opened.
        opening: The first run, which gathers ids or is being opened.
        samples: Of its ticks.
        looks: At it, since the desk was opened.
    """

    status: RunStatus | None
    opening: str | None = None
    samples: Sequence[Sample] = ()
    looks: Sequence[Look] = ()


class RunReader:
    """Reads the latest run, and remembers what it saw of it.

    Args:
        status: Reads its status.
        files: Holds its samples.
        tick_seconds: How long a tick may take: a sample that is new may have begun so long ago.
        changed: Called when a run has begun or ended.
    """

    def __init__(
        self,
        status: StatusReader,
        files: RunFiles,
        tick_seconds: float,
        changed: Callable[[], None],
    ) -> None:
        self._status = status
        self._files = files
        self._tick_seconds = tick_seconds
        self._changed = changed
        self._run_id = ""
        self._run_status = ""
        self._samples: dict[tuple[float, str, int], Sample] = {}
        self._sampled_at = 0.0
        self._looks: deque[Look] = deque(maxlen=_LOOKS)

    def read(self) -> LatestRun:
        """Return the latest run.

        Raises:
            StoreUnavailable: A service does not answer.
        """
        found = self._status.look()
        if found is None:
            return LatestRun(None, self._status.being_opened(None))
        if found.run.run_id != self._run_id:
            self._run_id = found.run.run_id
            self._run_status = ""
            self._samples.clear()
            self._sampled_at = 0.0
            self._looks.clear()
        if found.run.status != self._run_status:
            self._run_status = found.run.status
            self._changed()
        self._read_samples(found)
        if not found.is_over:
            self._looks.append(Look(found.at, found.backlog.total, found.cost.so_far))
        return LatestRun(found, None, [*self._samples.values()], [*self._looks])

    def _read_samples(self, status: RunStatus) -> None:
        """Read the samples that are new since the last time, once a minute."""
        if status.at - self._sampled_at < _SAMPLE_SECONDS:
            return
        if status.is_over and self._sampled_at:
            return
        latest = max((at for at, _, _ in self._samples), default=0.0)
        for sample in kept(self._files, self._run_id, latest - self._tick_seconds):
            self._samples[sample.at, sample.phase, sample.worker] = sample
        self._sampled_at = status.at


def keep_seconds(run: LatestRun) -> float:
    """Return how often the run is worth a look."""
    is_open = run.opening or (run.status and (not run.status.is_over or run.status.next_run))
    return _OPEN_SECONDS if is_open else _IDLE_SECONDS


def view(run: LatestRun, *, read_only: bool) -> Markup:
    """Show the run.

    Args:
        run: The run.
        read_only: True if nothing can be changed here.
    """
    if run.status is None:
        if run.opening:
            return notice(ATTENTION, f"Run {run.opening} gathers ids or is being opened.")
        start = command("reindex start --source bucket --plan")
        return notice(
            ATTENTION, "No run has been started yet.", "What a first run would take:", start
        )
    status = run.status
    return joined(
        _headline(status),
        *_advice(status),
        _tiles(status),
        _phases(status),
        _rates(run),
        _looks(run),
        _gates(run),
        joined(*_actions(status)) if not read_only and not status.is_over else "",
    )


def _headline(status: RunStatus) -> Markup:
    run = status.run
    if status.is_over:
        mood = OK if run.status == "succeeded" else BAD
        if status.next_run:
            mood = ATTENTION
    else:
        needs_attention = status.is_dead or status.is_silent or run.paused or held_by(status)
        mood = ATTENTION if needs_attention else OK
    facts = [
        f"Index {run.index}." if run.index else "",
        f"Ended {moment(iso(run.ended_at))}." if run.ended_at else "",
        f"Reason: {run.reason}" if run.reason else "",
    ]
    if gate := held_by(status):
        facts.append(f"Held by a gate: {gate}.")
    if left := time_left(status):
        facts.append(f"Time left: {left.removesuffix(' left')}.")
    if run.status == "failed" and run.report:
        facts.append(command("reindex report --open"))
    return notice(mood, f"Run {run.run_id}: {phase(status)}", *filter(None, facts))


def _advice(status: RunStatus) -> Iterator[Markup]:
    """Yield what an operator should know or do now."""
    run = status.run
    if status.is_dead:
        yield notice(
            BAD,
            "Its execution has ended and left its record open.",
            "The next start takes it over; an abort closes it.",
            command("reindex start"),
        )
    elif run.paused:
        yield notice(ATTENTION, "It is paused: no image is begun.", command("reindex resume"))
    elif status.is_silent:
        yield notice(
            BAD,
            "The schedule of its phase is off: nothing works on it.",
            "docs/runbook.md, “A phase fell silent”, says what to look at.",
            command("reindex abort && reindex start"),
        )
    elif held_by(status):
        yield notice(
            ATTENTION,
            "It goes on by itself once the gate opens.",
            "docs/runbook.md, “Held by a gate”, says what each gate waits for.",
        )
    if status.dead_letters:
        letters = counted(status.dead_letters, "message")
        yield notice(
            BAD,
            f"The dead-letter queue holds {letters}.",
            "This says which images, and why; with --requeue it sends them again:",
            command("reindex dlq"),
        )


def _tiles(status: RunStatus) -> Markup:
    run, depth = status.run, status.backlog
    rate = "?" if status.rate is None else f"{status.rate:,.1f}"
    measured = "on average" if status.is_over else "lately"
    waits = f"{depth.visible:,} waiting, {depth.in_flight:,} in flight, {depth.delayed:,} delayed"
    if run.indexer_pace and not status.is_over:
        waits += f"; bulks: {bulks(status)}"
    parts = [
        tile("images per second", rate, "not measured" if status.rate is None else measured),
        tile("backlog", f"{depth.total:,}", waits),
        tile("dead letters", f"{status.dead_letters:,}", "set aside", bad=status.dead_letters > 0),
        tile("cost so far", dollars(status.cost.so_far), _budget(status)),
    ]
    if not status.is_over:
        parts.append(tile("cost at its end", dollars(status.cost.total), "an estimate"))
    elapsed = (run.ended_at or status.at) - run.started_at
    moved = max(0.0, status.at - run.progressed_at)
    since = "took" if status.is_over else f"last progress {duration(moved)} ago"
    parts.append(tile("elapsed", duration(elapsed), since))
    return element("div", *parts, class_="tiles")


def _budget(status: RunStatus) -> str:
    budget = status.run.budget
    return "an estimate" if budget is None else f"an estimate, of {dollars(budget)} allowed"


def _phases(status: RunStatus) -> Markup:
    total = status.run.total
    return element(
        "div",
        _progress("Index phase", "projected", status.placed, total),
        _progress("Check phase", "finished", status.settled, total),
        element("p", f"{status.progress.percent}% of all work is done.", class_="soft"),
        class_="phases",
    )


def _progress(name: str, done_is: str, done: int, total: int) -> Markup:
    words = f"{done:,} of {counted(total, 'image')} {done_is}"
    bar = element("progress", words, max=max(total, 1), value=done)
    return element("label", element("span", f"{name}: {words}"), bar)


def _rates(run: LatestRun) -> Markup:
    assert run.status is not None
    if not run.samples:
        return element("p", "No tick has left a sample of its work yet.", class_="soft")
    record = run.status.run
    rates = timeline.rates(run.samples, record.started_at, record.ended_at or run.status.at)
    return joined(element("h3", "Images per second"), legend(), plot(rates))


def _looks(run: LatestRun) -> Markup:
    """Plot backlog and cost since the desk was opened."""
    if len(run.looks) < 2:  # noqa: PLR2004 - a line has two ends
        return Markup()
    plots = (
        ("Backlog", [(look.at, float(look.backlog)) for look in run.looks], "{:,.0f}".format),
        ("Cost so far", [(look.at, look.dollars) for look in run.looks], dollars),
    )
    made = (
        element("div", element("h3", name), line_plot(name, points, shown))
        for name, points, shown in plots
    )
    return element("div", *made, class_="plots")


def _gates(run: LatestRun) -> Markup:
    gates = timeline.gates(run.samples)
    if not gates:
        return Markup()
    rows = [
        (gate["gate"], duration(gate["seconds"]), gate["first_at"][11:19], gate["last_at"][11:19])
        for gate in gates
    ]
    return joined(
        element("h3", "What held it"),
        table(("gate", "held", "first, UTC", "last, UTC"), rows, numbers=[1]),
    )


def _actions(status: RunStatus) -> Iterator[Markup]:
    run = status.run
    fields = {"run": run.run_id}
    actions = []
    if run.paused or held_by(status):
        actions.append(action("resume", "Resume…", fields, *_budget_input(run.budget)))
    if not run.paused:
        actions.append(action("pause", "Pause…", fields))
    actions.append(action("abort", "Abort…", fields))
    yield element("div", *actions, class_="actions")


def _budget_input(budget: float | None) -> Iterator[Markup]:
    if budget is not None:
        yield element(
            "label",
            "budget in dollars ",
            element("input", type="number", name="budget", min="0.01", step="0.01", value=budget),
        )
