"""Detects that most of the recent images of a run fail for one shared cause.

A cause outside of the images (a lost permission, a full mapping) would otherwise mark every image
of a library as failed, in a run that then succeeds.
"""

from __future__ import annotations

from collections.abc import Mapping

from reindex.domain.failures import shared_cause_codes

#: Number of recent outcomes that are examined. Nothing is decided before there are as many.
WINDOW = 1_000

#: Outcomes beyond the window before older ones are scaled down.
_SLACK = 100

#: Number of images that each tick of a throttled run still tries, to detect that the cause was
#: fixed: few enough that a whole night costs little, too many to all succeed by chance.
PROBE = 5

_GATE = "most images fail: "

#: The outcome of an image that did not fail; others are counted by failure code.
OK = "ok"

_SHARED_CAUSE = shared_cause_codes()

Outcomes = Mapping[str, int]
"""Images by failure code; :data:`OK` for those that did not fail."""


def gate(code: str, source: str = "") -> str:
    """Return the name of the gate that throttles a run whose images fail with a code.

    Args:
        code: The failure code.
        source: The cause, as a message for users; empty when only the code is known.
    """
    return f"{_GATE}{code} ({source})" if source else f"{_GATE}{code}"


def is_gate(name: str) -> bool:
    """Return True for the name of a gate that :func:`gate` made."""
    return name.startswith(_GATE)


def with_more(recent: Outcomes, more: Outcomes, held_by: str | None) -> dict[str, int]:
    """Return the outcomes of the last :data:`WINDOW` images, approximately.

    Only counts are kept, so older outcomes are scaled down instead of being removed one by one.
    While the outcomes throttle the run, a probe in which every image succeeds replaces them, so
    that the run goes on.

    Args:
        recent: The previous result of this function; empty at first.
        more: Outcomes since then.
        held_by: The gate that throttles the run.
    """
    is_probe = held_by is not None and is_gate(held_by)
    if is_probe and more.get(OK, 0) == sum(more.values()) >= PROBE:
        return dict(more)
    total = {code: recent.get(code, 0) + more.get(code, 0) for code in recent.keys() | more.keys()}
    count = sum(total.values())
    if count > WINDOW + _SLACK:
        # Not at every call: counts that are rounded after every image would never shrink.
        share = WINDOW / count
        total = {code: round(n * share) for code, n in total.items()}
    return {code: n for code, n in sorted(total.items()) if n}


def prevailing_failure(recent: Outcomes, max_percent: int) -> str | None:
    """Return the failure code that more than ``max_percent`` of the last images share.

    Returns None when there is no such code or too few outcomes are known. Only codes with a cause
    outside of the image count.
    """
    total = sum(recent.values())
    if total < WINDOW * 0.9:  # rounding may lose some of a full window
        return None
    for code, count in recent.items():
        if code in _SHARED_CAUSE and count * 100 > total * max_percent:
            return code
    return None
