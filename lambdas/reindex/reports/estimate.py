"""An estimate of a run's progress and of the time left: pure, from plain numbers.

Work is weighed in seconds. An image costs what the speed of each phase says; the waits that are
known (the delay before a check, the time for which the queue must be quiet) count as work, too.
Where no minutes can be promised, the estimate says why, in words.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from reindex.domain.states import Phase
from reindex.text import counted, duration

#: Cost of an image in the check phase, as a part of its cost in the index phase, until the check
#: of this run has a speed of its own: what a recorded run on local servers bears out. By the model
#: in docs/cost.md it is nearly 1, so that a large run's first estimates may be too low by 40 %.
CHECK_COST = 0.2

#: Longest pause between two pages, in seconds, that counts as part of a phase's speed: the
#: schedule's own pauses do, and those of a full backlog. What lasts longer is a hold.
LONGEST_PAUSE = 60.0

#: Seconds of work that a speed is measured over: between this and twice as many.
MEMORY_SECONDS = 600.0

#: Seconds by which the last images of a phase may be late before they are said to be late.
_LATE_SECONDS = 10.0

WAITS_FOR_QUIET = "waiting for the queue to be quiet"
MEASURING = "measuring the speed"
PAUSED = "paused"
COUNTING = "counting every image for the report"


@dataclass(frozen=True, slots=True)
class Speed:
    """The speed of a phase.

    What the phase is done with is counted elsewhere, atomically; here is only since when. So
    workers that overwrite each other's measurement falsify it by a page at most.

    Attributes:
        seconds: For which the phase has worked, pauses included, holds excluded.
        base: Images that the phase was done with when those began.
        until: Epoch seconds when they ended: the phase's last progress.
        is_start_up: True if they are of the first page alone, which is that of cold starts. The
            next takes its place.
    """

    seconds: float
    base: float
    until: float
    is_start_up: bool = False

    def images_per_second(self, done: int) -> float | None:
        """Return the speed of a phase that has done so many images; None if it is not measured."""
        images = done - self.base
        return images / self.seconds if images > 0 and self.seconds > 0 else None


def with_page(
    speed: Speed | None, *, done: int, started: float, ended: float, resumes: bool
) -> Speed:
    """Add a page's time to a phase's speed.

    Args:
        speed: Of the phase before; None at first.
        done: Images that the phase was done with before the page.
        started: Epoch seconds when the page was begun.
        ended: Epoch seconds when it was done.
        resumes: True if another phase worked since the page before.
    """
    if speed is None or speed.is_start_up:
        return Speed(ended - started, done, ended, is_start_up=speed is None)
    was_held = resumes or started - speed.until > LONGEST_PAUSE
    seconds = speed.seconds + max(0.0, ended - (started if was_held else speed.until))
    if seconds <= 2 * MEMORY_SECONDS:
        return Speed(seconds, speed.base, ended)
    return Speed(seconds / 2, (speed.base + done) / 2, ended)


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """The inputs of an estimate. Times are epoch seconds.

    Attributes:
        now: The time.
        phase: The present phase, or the last; None before the first.
        round: How often the run was sent back to its phases.
        to_index: Images that are still to be enqueued.
        to_check: Images that are enqueued, and still to be checked.
        finished: Images that are neither.
        index_speed: Images per second; None before it was measured.
        check_speed: Images per second; None before it was measured.
        is_start_up: True if the speed of the index phase is that of cold starts.
        progressed_at: When anything moved last.
        enqueued_at: When images were enqueued last; None before.
        quiet_since: Since when the queue has been empty; None while it is not.
        check_delay_seconds: From enqueueing an image to its check.
        quiet_seconds: For which the queue must be empty before the check can confirm all.
        postponed: Times that an image was left for later: to be tried again, or to settle.
        paused: True if an operator holds the run.
    """

    now: float
    phase: Phase | None
    round: int = 0
    to_index: int
    to_check: int
    finished: int
    index_speed: float | None = None
    check_speed: float | None = None
    is_start_up: bool = False
    progressed_at: float
    enqueued_at: float | None = None
    quiet_since: float | None = None
    check_delay_seconds: float
    quiet_seconds: float
    postponed: int = 0
    paused: bool = False

    @property
    def total(self) -> int:
        """Images of the run."""
        return self.to_index + self.to_check + self.finished

    @property
    def wait_seconds(self) -> float:
        """From the last image that is enqueued to the first that can be confirmed."""
        return max(self.check_delay_seconds, self.quiet_seconds)

    @property
    def is_quiet(self) -> bool:
        """True if the queue has been empty for long enough."""
        return self.quiet_since is not None and self.now >= self.quiet_since + self.quiet_seconds

    @property
    def confirms_from(self) -> float:
        """When the check can confirm all; if the queue is not empty, as if it were now."""
        quiet = (self.now if self.quiet_since is None else self.quiet_since) + self.quiet_seconds
        return max(quiet, (self.enqueued_at or 0) + self.check_delay_seconds)


@dataclass(frozen=True, slots=True)
class Estimate:
    """The progress of a run.

    Attributes:
        share: Of the work that is done, from 0 to 1, waits included.
        seconds_left: Until every image is checked; None where that cannot be promised. The
            count of all images and the report come after.
        reason: Why it cannot, in words; None where it can, and of a run that has ended.
    """

    share: float
    seconds_left: float | None = None
    reason: str | None = None

    @property
    def percent(self) -> int:
        """The share in percent, rounded down: what is not all must not look like all."""
        return math.floor(100 * self.share)


def estimate(known: Known) -> Estimate:
    """Estimate how much of a run's work is done, and how long the rest takes."""
    index_cost = _index_cost(known)
    if index_cost is None:
        # Before anything was measured, time and work cannot be added up: waits count for nothing.
        indexed, checked = known.total - known.to_index, known.finished
        share = (indexed + checked * CHECK_COST) / ((1 + CHECK_COST) * max(1, known.total))
        return Estimate(share, reason=_why_none(known) or MEASURING)
    work = _Work.of(known, index_cost)
    reason = _why_none(known) or _why_late(known, work)
    share = work.done / (work.done + work.left) if work.left else 1.0
    return Estimate(share, None if reason else work.left, reason)


def _index_cost(known: Known) -> float | None:
    """Seconds per image in the index phase, as measured there or else in the check."""
    if known.index_speed:
        return 1 / known.index_speed
    return 1 / (known.check_speed * CHECK_COST) if known.check_speed else None


@dataclass(frozen=True, slots=True)
class _Work:
    """A run's work in seconds.

    Attributes:
        done: Behind it.
        now: Left to the present phase, beside its wait.
        left: Left in all.
        idle: Time without progress while nothing throttles the run.
    """

    done: float
    now: float
    left: float
    idle: float

    @classmethod
    def of(cls, known: Known, index_cost: float) -> _Work:
        check_cost = 1 / known.check_speed if known.check_speed else index_cost * CHECK_COST
        wait = known.wait_seconds
        unfinished = known.to_index + known.to_check
        if known.phase is Phase.CHECK:
            wait_now = min(wait, max(0.0, known.confirms_from - known.now)) if known.to_check else 0
            waited = wait - wait_now
            now = known.to_check * check_cost
            later = known.to_index * (index_cost + check_cost) + (wait if known.to_index else 0)
            idle = known.now - max(known.progressed_at, min(known.now, known.confirms_from))
        else:
            wait_now, waited = 0, 0.0
            now = known.to_index * index_cost
            later = unfinished * check_cost + (wait if unfinished else 0)
            idle = known.now - known.progressed_at
        # Images are counted by the page: what the present one has come to is not known yet.
        begun = min(now / 2, max(0.0, idle))
        indexed = known.total - known.to_index
        done = indexed * index_cost + known.finished * check_cost + wait * known.round + waited
        return cls(done + begun, now, now - begun + wait_now + later, idle)


def _why_none(known: Known) -> str | None:
    """Why no minutes can be promised whatever the speed, in words; None if they can."""
    if known.paused:
        return PAUSED
    if not known.to_index + known.to_check:
        return COUNTING
    if known.phase is Phase.CHECK and known.to_check and not known.is_quiet:
        return WAITS_FOR_QUIET
    return None


def _why_late(known: Known, work: _Work) -> str | None:
    """Why the speed tells nothing of what is left, in words; None if it does."""
    is_projecting = known.phase is Phase.INDEX and known.to_index
    if is_projecting and known.is_start_up:
        return MEASURING
    is_late = work.idle > _LATE_SECONDS + 2 * work.now
    if is_late and is_projecting and known.postponed:
        return f"{counted(known.to_index, 'image')} to be tried again later"
    return f"no progress for {duration(work.idle)}" if work.idle > LONGEST_PAUSE else None
