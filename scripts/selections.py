"""The common options of the verbs that work on chosen images."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from reindex.domain.states import CODES

if TYPE_CHECKING:
    from reindex.repairs.requeue import Chosen

#: Parts of the table that are read at once.
SEGMENTS = 8

#: States in which an image rests; only such can be chosen.
RESTING = [state.value for state in CODES if state.phase is None]


#: The columns of what :func:`kinds_of` returns.
KINDS: Final = ("state", "failure", "images")


def kinds_of(chosen: Chosen) -> list[Sequence[str]]:
    """Return the chosen images by state and failure: cells for people."""
    kinds = sorted(chosen.kinds.items())
    return [(state, code, f"{images:,}") for (state, code), images in kinds]


def show_chosen(chosen: Chosen) -> None:
    """Print the chosen images by state and failure."""
    from .terminal import show_counts

    show_counts(KINDS, kinds_of(chosen))


def left_alone(chosen: Chosen) -> str:
    """Return what was left alone, in words."""
    kinds = {
        "in work already": chosen.in_work,
        "not in the table": chosen.absent,
        "with unreadable rows": chosen.unreadable,
        "moved meanwhile": chosen.moved,
    }
    said = ", ".join(f"{count:,} {kind}" for kind, count in kinds.items() if count)
    return f" ({said})" if said else ""
