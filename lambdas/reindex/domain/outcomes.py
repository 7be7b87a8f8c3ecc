"""What became of the last images of a run: whether most of them fail for one and the same cause.

A cause outside of the images (a permission that was lost, a full mapping) would otherwise mark
every image of a library as failed, one after the other, in a run that then succeeds.
"""

from __future__ import annotations

from collections.abc import Mapping

from reindex.domain.failures import shared_cause_codes

#: The last outcomes that count. Nothing is decided before there are so many.
WINDOW = 1_000

#: Outcomes beyond the window before older ones are scaled down.
_SLACK = 100

#: Images that a tick of a run so held still works on, to find out whether the cause was mended:
#: few enough that a night of them is no harm, too many to succeed by chance.
PROBE = 5

_GATE = "most images fail: "

#: Stands for an image that did not fail, where others are counted by their failure code.
OK = "ok"

_SHARED_CAUSE = shared_cause_codes()

Outcomes = Mapping[str, int]
"""Images by failure code; :data:`OK` for those that did not fail."""


def gate(code: str, source: str = "") -> str:
    """The name of the gate that holds a run whose images fail with a code.

    Args:
        code: Of the failure.
        source: What causes it, for people; empty when only the code is known.
    """
    return f"{_GATE}{code} ({source})" if source else f"{_GATE}{code}"


def is_gate(name: str) -> bool:
    """Return True for the name of a gate that :func:`gate` made."""
    return name.startswith(_GATE)


def with_more(recent: Outcomes, more: Outcomes, held_by: str | None) -> dict[str, int]:
    """Return the outcomes of the last :data:`WINDOW` images, approximately.

    Older outcomes are scaled down rather than forgotten one by one, so that counts are enough.
    While they hold the run, a probe that succeeds as a whole lets it go on: they are forgotten.

    Args:
        recent: As this function returned it before; empty at first.
        more: Outcomes since then.
        held_by: The gate that holds the run.
    """
    is_probe = held_by is not None and is_gate(held_by)
    if is_probe and more.get(OK, 0) == sum(more.values()) >= PROBE:
        return dict(more)
    total = {code: recent.get(code, 0) + more.get(code, 0) for code in recent.keys() | more.keys()}
    count = sum(total.values())
    if count > WINDOW + _SLACK:
        # Not each time: counts that are rounded after every single image would never shrink.
        share = WINDOW / count
        total = {code: round(n * share) for code, n in total.items()}
    return {code: n for code, n in sorted(total.items()) if n}


def prevailing_failure(recent: Outcomes, max_percent: int) -> str | None:
    """Return the failure code that more than ``max_percent`` of the last images share.

    Only codes whose cause lies outside of the image count; None when there is no such code, or
    when too few images are known yet.
    """
    total = sum(recent.values())
    if total < WINDOW * 0.9:  # rounding may lose some of a full window
        return None
    for code, count in recent.items():
        if code in _SHARED_CAUSE and count * 100 > total * max_percent:
            return code
    return None
