"""The indices that a migration pins, and the rounds that bring one up to date with the other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

Position = Mapping[str, int]
"""For each shard of an index, the sequence number up to which all of its writes were read."""


@dataclass(frozen=True, slots=True)
class PinnedIndex:
    """A concrete index.

    Attributes:
        name: Of the index; in a migration to another cluster, with its cluster's URL.
        uuid: Its identity: the name may be reused for another index. Empty before it is created.
    """

    name: str
    uuid: str


@dataclass(frozen=True, slots=True)
class Round:
    """One run of a migration.

    Attributes:
        run_id: Of the run.
        options: The run's input.
        began_at: Epoch seconds.
        position: Of the source before the round read it; None before it was planned.
        ended_at: Epoch seconds; None while it runs.
        documents: Images that it brought to a final state.
        problem: Why it failed; None if it did not.
    """

    run_id: str
    options: Mapping[str, Any]
    began_at: float
    position: Position | None = None
    ended_at: float | None = None
    documents: int = 0
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class RoundMark:
    """The migration that a run is a round of, as the run's record stores it.

    Attributes:
        id: Of the migration.
        source: The index that documents' preserved fields are read from.
        target_position: The target's position when live writers were first allowed to write to it;
            later writes may be theirs. None before that.
        is_partial: True if the round brings only changes: then the Tally does not scan the table.
    """

    id: str
    source: str
    target_position: Position | None = None
    is_partial: bool = False

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self | None:
        """Read it from a run's record; None in that of an ordinary run."""
        return cls(**values) if values else None
