"""The progress of a migration, for people."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from rich.console import Group, RenderableType

from reindex.domain.migration import Migration, MigrationState
from reindex.domain.rounds import Round
from reindex.text import counted, duration

from .migration_status import MigrationStatus
from .terminal import grid, table

#: Rounds that are shown.
_ROUNDS_SHOWN: Final = 8

_MEANS = {
    MigrationState.BUILDING: "the new index is built",
    MigrationState.CATCHING_UP: "the new index follows the old one",
    MigrationState.SWITCHING: "the alias is being moved: repeat reindex migrate switch",
    MigrationState.SWITCHED: "people search the new index",
    MigrationState.HANDED_OVER: "the library may move; the new index follows until finish",
    MigrationState.ROLLING_BACK: "the old index follows the new one",
    MigrationState.FINISHED: "the new index is the library's",
    MigrationState.ABORTED: "the new index was given up",
}

#: States after the comparison has done its work.
_SWITCHED = (MigrationState.SWITCHED, MigrationState.HANDED_OVER)


def view(found: MigrationStatus) -> RenderableType:
    """Return what ``reindex migrate status`` shows."""
    migration = found.migration
    made = grid()
    made.add_row("migration", migration.id)
    made.add_row("state", _state(migration))
    for which, index in (("old index", migration.old), ("new index", migration.new)):
        count = found.documents[index.name]
        has = "is gone" if count is None else counted(count, "document")
        searched = ", people search it" if index == migration.searched and count is not None else ""
        made.add_row(which, f"{index.name}: {has}{searched}")
    if found.lag is not None and found.lag_seconds is not None:
        behind = counted(found.lag, "document")
        made.add_row("behind", f"{behind}; position of {duration(found.lag_seconds)} ago")
    if migration.round:
        left = "" if found.seconds_left is None else f", about {duration(found.seconds_left)} left"
        made.add_row("round", f"{migration.round.run_id} runs{left} (reindex status)")
    if migration.is_open and migration.state not in _SWITCHED:
        made.add_row("comparison", _comparison(migration))
    made.add_row("cost", f"${found.dollars:,.2f} so far, estimated")
    return Group(made, *_rounds(migration.rounds[-_ROUNDS_SHOWN:]))


def _state(migration: Migration) -> str:
    text = f"{migration.state}: {_MEANS[migration.state]}"
    if migration.paused:
        return f"{text}; paused"
    if migration.is_held:
        return f"{text}; held, because rounds failed: reindex migrate resume"
    return text


def _comparison(migration: Migration) -> str:
    if migration.has_passed_comparison:
        return "passed: reindex migrate switch"
    problems = migration.comparison.get("problems")
    if problems:
        return f"found {counted(len(problems), 'problem')}: reindex migrate compare"
    return "not made since it was built: reindex migrate compare"


def _rounds(rounds: Sequence[Round]) -> list[RenderableType]:
    if not rounds:
        return []
    made = table("round", "took", "documents", "problem", right=("documents",))
    for each in rounds:
        took = (each.ended_at or each.began_at) - each.began_at
        made.add_row(each.run_id, duration(took), f"{each.documents:,}", each.problem or "")
    return ["", made]
