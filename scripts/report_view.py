"""A run's report, as people see it on a terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.console import Group, RenderableType

from reindex.domain.states import CODES
from reindex.reports.failure_groups import failure_groups
from reindex.reports.run_summary import RunSummary
from reindex.text import duration

from .terminal import grid, table


def view(stored: Mapping[str, Any]) -> RenderableType:
    """Return the report for a terminal: its head, the tally of states, the failures.

    A round of a migration that had only what changed has no tally.
    """
    if "states" not in stored:
        return _partial(stored)
    head = grid()
    for name in ("run_id", "status", "index", "started_at", "ended_at"):
        head.add_row(name.replace("_", " "), str(stored[name]))
    summary = RunSummary.of_report(stored)
    head.add_row("source", summary.source_in_words)
    head.add_row("options", summary.options_in_words or "none")
    head.add_row("duration", duration(stored["duration_seconds"]))
    head.add_row("rounds", f"{stored['rounds']:,}")
    head.add_row("images", f"{stored['images']:,}")
    if gathered := stored.get("gathered"):
        head.add_row("gathered", ", ".join(f"{n:,} {kind}" for kind, n in gathered.items()))
    if misfits := stored.get("misfits"):
        head.add_row("fields left out", ", ".join(misfits))
    if forgotten := stored["certificate"].get("forgotten"):
        count = sum(operation["count"] for operation in forgotten)
        last = forgotten[-1]
        head.add_row("forgotten", f"{count:,}, the last at {last['at']} by {last['by']}")
    head.add_row("dead letters", f"{stored['dead_letters']:,}")
    for problem in stored["problems"]:
        head.add_row("problem", problem)
    states = table("state", "code", "images", "this run", right=("code", "images", "this run"))
    for state, code in CODES.items():
        images, ours = stored["states"][state], stored["this_run"][state]
        states.add_row(state, str(code), f"{images:,}", f"{ours:,}")
    parts: list[RenderableType] = [head, "", states]
    if groups := failure_groups(stored):
        failures = table(
            "failure", "fingerprint", "images", "message", "for example", right=("images",)
        )
        for group in groups:
            failures.add_row(
                group.code,
                group.fingerprint,
                f"{group.count:,}",
                group.message,
                group.examples[0] if group.examples else "",
            )
        parts += ["", failures]
    return Group(*parts)


def _partial(stored: Mapping[str, Any]) -> RenderableType:
    head = grid()
    for name in ("run_id", "status", "index", "started_at", "ended_at"):
        head.add_row(name.replace("_", " "), str(stored[name]))
    head.add_row("round of", f"migration {stored['migration']['id']}")
    for name in ("gathered", "moved"):
        if counts := stored[name]:
            head.add_row(name, ", ".join(f"{n:,} {kind}" for kind, n in counts.items()))
    for problem in stored["problems"]:
        head.add_row("problem", problem)
    return head
