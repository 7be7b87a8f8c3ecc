"""Reports to look at: one of a long night in which much happened, and what differs in others."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from reindex.domain.failures import Failure
from reindex.domain.indexer_pace import SetBy
from reindex.domain.progress import iso
from reindex.domain.states import CODES, Phase, State
from reindex.reports import cost, timeline
from reindex.reports.run_summary import RunSummary
from reindex.reports.samples import Sample
from reindex.steps.tick import Admission
from tests.unit.steps.world import ALIAS, INDEX, START

HOUR = 3600
ENDED = START + 13.2 * HOUR

#: A hostile name of an uploaded image.
HOSTILE_ID = "<script>alert('id')</script>"
HOSTILE_MESSAGE = 'its row says </style><img src=x onerror="alert(1)"> & "more"'

FULL = "the backlog is full"
RED = "the cluster is red"


def night() -> list[Sample]:
    """Ticks of two workers: an evening's projecting, a red cluster, a pause, the checks."""
    return list(_night())


def _night() -> Iterator[Sample]:
    for minute in range(13 * 60):
        hour = minute / 60
        for worker in range(2):
            at = START + minute * 60 + worker
            if hour < 9:
                yield _indexing(at, worker, hour)
            else:
                moved = {} if hour < 9.1 else {"verified": int(5_000 * min(1, 13 - hour))}
                yield Sample(at, 50, Phase.CHECK, worker, moved)


def _indexing(at: float, worker: int, hour: float) -> Sample:
    if 3 <= hour < 3.5:
        return Sample(at, 50, Phase.INDEX, worker, held={RED: 50})
    if 5 <= hour < 5.75:
        return Sample(at, 0, Phase.INDEX, worker, held={Admission.PAUSED: 0})
    speed = 2_250 + 250 * math.sin(hour * 3)
    held = 12.0 if 6 < hour < 8 else 0.0
    moved = {"enqueued": int(speed * (1 - held / 50)), "not_found": 6, "known_error": 2}
    set_by = SetBy.GROWING if hour < 1 else SetBy.CEILING
    bulks = min(16, 4 + int(hour * 12))
    return Sample(at, 50, Phase.INDEX, worker, moved, {FULL: held} if held else {}, bulks, set_by)


def report(**changes: Any) -> dict[str, Any]:
    """The report of that night: it succeeded, and some images failed."""
    samples = night()
    states = dict.fromkeys(CODES, 0) | {
        State.VERIFIED: 2_345_678,
        State.NOT_FOUND: 4_120,
        State.KNOWN_ERROR: 195,
        State.UNKNOWN_ERROR: 5,
        State.INCONSISTENT: 2,
    }
    ours = {
        state: count if state is not State.VERIFIED else 2_101_340
        for state, count in states.items()
    }
    images = sum(states.values())
    moved = {"enqueued": 2_105_000, "verified": 2_101_340, "not_found": 4_120, "known_error": 195}
    failures = _failures()
    return {
        "run_id": "20260301-180000-ab12",
        "status": "succeeded",
        "problems": [],
        "index": INDEX,
        "alias": ALIAS,
        "started_at": iso(START),
        "ended_at": iso(ENDED),
        "duration_seconds": ENDED - START,
        "rounds": 2,
        "percent_done": 100,
        "images": images,
        "states": states,
        "this_run": ours,
        "moved": moved,
        "failure_codes": _codes(failures),
        "failures": failures,
        "misfits": [],
        "options": {"source": {"kind": "bucket"}, "skip_unchanged": True},
        "earlier": [_earlier(days, failed) for days, failed in ((60, 90_000), (30, 9_000))],
        "gathered": {"new": 12_000, "queued_again": images - 12_000, "archived": 40},
        "unreadable": {},
        "certificate": _certificate(images, states[State.VERIFIED]),
        "dead_letters": 0,
        "rates": timeline.rates(samples, START, ENDED),
        "gates": timeline.gates(samples),
        "bulk_limits": timeline.bulk_limits(samples),
        "cost": cost.estimate(moved, samples, images, 2),
    } | changes


def _earlier(days: int, failed: int) -> dict[str, Any]:
    """A run so many days before, in which so many images failed."""
    return RunSummary(
        run_id=f"run-{days}-days-before",
        status="succeeded",
        started_at=iso(START - days * 24 * HOUR),
        duration_seconds=12.0 * HOUR,
        options={"source": {"kind": "index", "query": {"term": {HOSTILE_ID: 1}}}},
        images=2_000_000,
        states={State.VERIFIED: 2_000_000 - failed, State.KNOWN_ERROR: failed},
        failures={"source_unavailable": failed},
        dollars=31.4,
    ).to_json()


def flawless() -> dict[str, Any]:
    """A small run in which nothing failed."""
    states = dict.fromkeys(CODES, 0) | {State.VERIFIED: 220}
    samples = [
        Sample(START, 20, Phase.INDEX, 0, {"enqueued": 220}),
        Sample(START + 21, 18, Phase.CHECK, 0, {"verified": 220}),
    ]
    return report(
        ended_at=iso(START + 42),
        duration_seconds=42.0,
        rounds=1,
        images=220,
        states=states,
        this_run=states,
        moved={"enqueued": 220, "verified": 220},
        failure_codes={},
        failures={},
        options=None,
        earlier=[],
        certificate=_certificate(220, 220),
        rates=timeline.rates(samples, START, START + 42),
        gates=[],
        cost=cost.estimate({"enqueued": 220, "verified": 220}, samples, 220, 1),
    )


def broken() -> dict[str, Any]:
    """A run that failed, and left no sample."""
    return report(
        status="failed",
        percent_done=63,
        problems=[
            "the alias images moved from images-000001 to images-000002 during the run",
            HOSTILE_MESSAGE,
        ],
        dead_letters=3,
        rates=timeline.rates([], START, ENDED),
        gates=[],
    )


def _certificate(ids: int, verified: int) -> dict[str, Any]:
    each, rest = divmod(verified, 256)
    return {
        "ids": ids,
        "id_sum": "9f86d081884c7d65",
        "runs": {"20260301-180000-ab12": verified} if verified else {},
        "prefixes": {
            f"{n:02x}": {"count": each + (n < rest), "pairs": f"{n * 0x0123456789ABCD:016x}"}
            for n in range(256)
        },
    }


def _failures() -> dict[str, Any]:
    kinds = [
        (Failure("not_found", "The original does not exist."), 4_120, "5f2c9a", 5),
        (Failure("truncated", "The file ends before its dimensions."), 150, "77ab01", 5),
        (Failure("invalid_user_data", HOSTILE_MESSAGE), 45, HOSTILE_ID, 1),
        (Failure("projection_died", "The projection died on this image, alone."), 5, "0c1d44", 5),
        (Failure("document_missing", "The index holds no document of this image."), 2, "e3", 2),
    ]
    return {
        failure.fingerprint: {
            "code": failure.code,
            "message": failure.message,
            "count": count,
            "examples": [_example(begins, n) for n in range(examples)],
        }
        for failure, count, begins, examples in kinds
    }


def _example(begins: str, number: int) -> str:
    return begins if begins == HOSTILE_ID else f"{begins}{number:02x}".ljust(40, "8")


def _codes(failures: dict[str, Any]) -> dict[str, int]:
    return {kind["code"]: kind["count"] for kind in failures.values()}
