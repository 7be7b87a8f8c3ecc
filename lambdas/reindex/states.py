"""The states of an image in the progress table, and which may follow which.

Every change of a row's state passes :func:`check_move`; there is no second copy of this table.
"""

from __future__ import annotations

import zlib
from enum import StrEnum

#: A single partition key of the secondary index is limited to 1,000 writes/s, and its
#: back-pressure throttles the table itself: work is spread over this many keys.
SHARDS = 20


class Phase(StrEnum):
    """The part of a run whose schedule is on."""

    INDEX = "index"
    CHECK = "check"


class State(StrEnum):
    """Where one image stands; see :data:`CODES` for the numbers operators know."""

    QUEUED = "queued"
    ENQUEUED = "enqueued"
    VERIFIED = "verified"
    NOT_FOUND = "not_found"
    KNOWN_ERROR = "known_error"
    UNKNOWN_ERROR = "unknown_error"
    INCONSISTENT = "inconsistent"

    @property
    def phase(self) -> Phase | None:
        """The phase that has work left to do on an image in this state; None when finished."""
        match self:
            case State.QUEUED:
                return Phase.INDEX
            case State.ENQUEUED:
                return Phase.CHECK
            case _:
                return None


#: The numeric codes of the states, as operators of the original tooling know them.
CODES = {
    State.QUEUED: 0,
    State.NOT_FOUND: 2,
    State.ENQUEUED: 3,
    State.KNOWN_ERROR: 4,
    State.VERIFIED: 6,
    State.INCONSISTENT: 7,
    State.UNKNOWN_ERROR: 8,
}

#: What may follow each state. A state that follows itself is the same work, later:
#: a retry with backoff, or a wait.
_NEXT = {
    State.QUEUED: {
        State.QUEUED,
        State.ENQUEUED,
        State.VERIFIED,
        State.KNOWN_ERROR,
        State.UNKNOWN_ERROR,
    },
    State.ENQUEUED: {
        State.ENQUEUED,
        State.VERIFIED,
        State.QUEUED,
        State.INCONSISTENT,
        State.KNOWN_ERROR,
        State.UNKNOWN_ERROR,
        State.NOT_FOUND,
    },
    State.VERIFIED: {State.QUEUED},
    State.NOT_FOUND: {State.QUEUED},
    State.KNOWN_ERROR: {State.QUEUED},
    State.UNKNOWN_ERROR: {State.QUEUED},
    State.INCONSISTENT: {State.QUEUED},
}


class IllegalMove(Exception):
    """A change of state that the table of states does not have: a defect in our own code."""


def check_move(before: State, after: State) -> None:
    """Refuse a move that the table of states does not have.

    Raises:
        IllegalMove: ``after`` may not follow ``before``.
    """
    if after not in _NEXT[before]:
        raise IllegalMove(f"{before} may not become {after}")


def shard_of(image_id: str) -> int:
    """The shard of an image's work, for life: CRC-32 of its id, modulo :data:`SHARDS`."""
    return zlib.crc32(image_id.encode()) % SHARDS


def work_key(phase: Phase, shard: int) -> str:
    """The partition key of the secondary index that holds a phase's work in one shard."""
    return f"{phase}#{shard:02d}"


def shards_of_worker(worker: int, workers: int) -> range:
    """The shards that worker number ``worker`` of ``workers`` owns: disjoint, together all.

    Raises:
        ValueError: There is no such worker.
    """
    if not 0 <= worker < workers:
        raise ValueError(f"no worker {worker} among {workers}")
    return range(worker, SHARDS, workers)
