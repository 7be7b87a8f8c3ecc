"""The inputs of :mod:`reindex.reports.estimate`, from the run record.

The only place that knows where they are kept. Whatever shows how far a run is, and how long it
takes, asks :func:`estimated`.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from reindex.domain.run_records import RETRIED, UNCHANGED, WAITING, RunRecord
from reindex.domain.states import Phase, State
from reindex.reports.estimate import Estimate, Known, Speed, estimate, with_page
from reindex.settings import Pace

#: States in which the index phase leaves images without a document.
_FAILED = (State.KNOWN_ERROR, State.UNKNOWN_ERROR)

#: States of images that a phase has finished. The check also sends images back: ``queued``.
_INDEXED = (State.ENQUEUED, UNCHANGED, *_FAILED)
_CHECKED = (State.VERIFIED, State.INCONSISTENT, State.NOT_FOUND, State.QUEUED)

_FINISHED = (State.VERIFIED, UNCHANGED, State.INCONSISTENT, State.NOT_FOUND, *_FAILED)


def estimated(run: RunRecord, now: float, pace: Pace) -> Estimate:
    """Estimate how far a run is, from its record.

    Args:
        run: The record.
        now: Epoch seconds.
        pace: The waits that are known.
    """
    if run.status == "succeeded":
        return Estimate(1.0)
    found = estimate(known(run, now, pace))
    return found if run.is_open else Estimate(found.share)


def known(run: RunRecord, now: float, pace: Pace) -> Known:
    """Read what an estimate is made of from a run's record."""
    indexing = _speed(run, Phase.INDEX)
    return Known(
        now=now,
        phase=run.phase,
        round=run.round,
        to_index=to_index(run),
        to_check=run.total - finished(run) - to_index(run),
        finished=finished(run),
        index_speed=images_per_second(run, Phase.INDEX),
        check_speed=images_per_second(run, Phase.CHECK),
        is_start_up=indexing is not None and indexing.is_start_up,
        progressed_at=run.progressed_at,
        enqueued_at=indexing.until if indexing else None,
        quiet_since=run.quiet_since,
        check_delay_seconds=pace.check_delay_seconds,
        quiet_seconds=pace.quiet_seconds,
        postponed=_sum(run, RETRIED, WAITING),
        paused=run.paused,
    )


def finished(run: RunRecord) -> int:
    """Images that no phase has work left on, as far as this run counted them."""
    return min(run.total, _sum(run, *_FINISHED))


def to_index(run: RunRecord) -> int:
    """Images that the index phase must still enqueue, in this round or the next."""
    left = run.total + _sum(run, State.QUEUED) - _sum(run, *_INDEXED)
    return min(run.total - finished(run), max(0, left))


def images_per_second(run: RunRecord, phase: Phase) -> float | None:
    """Return the recent speed of a phase; None before it was measured."""
    speed = _speed(run, phase)
    return speed.images_per_second(_done(run, phase)) if speed else None


def speeds_with_page(
    run: RunRecord, phase: Phase, started: float, ended: float
) -> dict[str, dict[str, Any]]:
    """Return the run record's field ``speeds`` after a page.

    Args:
        run: As it was when the page was begun.
        phase: That worked on the page.
        started: Epoch seconds.
        ended: Epoch seconds.
    """
    before = _speed(run, phase)
    resumes = before is not None and any(
        other["until"] > before.until for name, other in run.speeds.items() if name != phase
    )
    done = _done(run, phase)
    speed = with_page(before, done=done, started=started, ended=ended, resumes=resumes)
    others = {name: dict(other) for name, other in run.speeds.items()}
    return {**others, phase.value: asdict(speed)}


def _speed(run: RunRecord, phase: Phase) -> Speed | None:
    found = run.speeds.get(phase)
    return Speed(**found) if found else None


def _done(run: RunRecord, phase: Phase) -> int:
    return _sum(run, *(_INDEXED if phase is Phase.INDEX else _CHECKED))


def _sum(run: RunRecord, *kinds: str) -> int:
    return sum(run.counts.get(kind, 0) for kind in kinds)
