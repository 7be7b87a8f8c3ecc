"""The states of an image in the progress table, and the allowed transitions.

Every change of a row's state is checked by :func:`check_move`, the only place with this rule.
"""

from __future__ import annotations

from enum import StrEnum


class Phase(StrEnum):
    """A phase of a run; each has its own schedule."""

    INDEX = "index"
    CHECK = "check"


class State(StrEnum):
    """The state of one image; :data:`CODES` has the numeric codes that operators know."""

    QUEUED = "queued"
    ENQUEUED = "enqueued"
    VERIFIED = "verified"
    NOT_FOUND = "not_found"
    KNOWN_ERROR = "known_error"
    UNKNOWN_ERROR = "unknown_error"
    INCONSISTENT = "inconsistent"

    @property
    def phase(self) -> Phase | None:
        """The phase that works on an image in this state; None when the image is finished."""
        match self:
            case State.QUEUED:
                return Phase.INDEX
            case State.ENQUEUED:
                return Phase.CHECK
            case _:
                return None


#: The numeric codes of the states, as in the original tooling.
CODES = {
    State.QUEUED: 0,
    State.NOT_FOUND: 2,
    State.ENQUEUED: 3,
    State.KNOWN_ERROR: 4,
    State.VERIFIED: 6,
    State.INCONSISTENT: 7,
    State.UNKNOWN_ERROR: 8,
}

#: The allowed transitions. A transition to the same state is a retry with backoff, or a wait.
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
    """A transition that is not allowed: a defect in our own code."""


def check_move(before: State, after: State) -> None:
    """Check that a transition is allowed.

    Raises:
        IllegalMove: ``after`` may not follow ``before``.
    """
    if after not in _NEXT[before]:
        raise IllegalMove(f"{before} may not become {after}")
