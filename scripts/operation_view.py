"""Prints what an operation would do, or did."""

from __future__ import annotations

from .operations import Outcome
from .terminal import note, show_counts


def show_plan(plan: Outcome) -> None:
    """Print a plan; its last sentence names the option that applies it."""
    *before, last = plan.sentences
    _show(Outcome([*before, f"{last.removesuffix('.')}; --yes does."], plan.heads, plan.groups))


def show_done(done: Outcome) -> None:
    """Print what was done."""
    _show(done)


def _show(outcome: Outcome) -> None:
    show_counts(outcome.heads, outcome.groups)
    for sentence in outcome.sentences:
        note(sentence)
