"""The states of an image in the progress table, and which may follow which.

Every change of a row's state passes :func:`check_move`; there is no second copy of this table.
"""

from __future__ import annotations

from enum import StrEnum


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
