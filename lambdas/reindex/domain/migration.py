"""A migration: a new index is built beside the live one, follows it, and takes its place.

Pure: each method returns the record that follows. The store writes it on condition that the stored
record still has the ``rev`` that was read.

A migration has a **source**, the index that people search and live writers write to, and a
**target**, which follows it, on the same cluster or on another. It is a sequence of ordinary runs
(**rounds**) that write to the target: first the ids of its sources, then, round after round, what
changed in the source since the position of the round before. A rollback exchanges source and
target.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from enum import StrEnum
from typing import Any, Final, Self

from reindex.domain.failures import InternalFailure
from reindex.domain.index_names import cluster_and_name
from reindex.domain.rounds import PinnedIndex, Position, Round, RoundMark

#: Attempts to save the record, each from the record as it is then: rounds, ticks and operators may
#: change it at the same time.
SAVES: Final = 5

#: Rounds that the record keeps: one has some 200 bytes, and a DynamoDB item holds 400 KB.
MAX_ROUNDS_KEPT: Final = 50

#: Consecutive failed rounds after which the schedule starts no more.
MAX_FAILED_ROUNDS: Final = 3


class MigrationRefused(InternalFailure):
    """The state of the migration does not allow the operation."""


class MigrationState(StrEnum):
    """The state of a migration.

    One within a cluster is ``SWITCHED`` once its alias has moved. One to another cluster is
    ``HANDED_OVER`` once the new index may be used: rounds go on while the library moves.
    """

    BUILDING = "building"
    CATCHING_UP = "catching_up"
    SWITCHING = "switching"
    SWITCHED = "switched"
    HANDED_OVER = "handed_over"
    ROLLING_BACK = "rolling_back"
    FINISHED = "finished"
    ABORTED = "aborted"


#: States in which the schedule starts rounds.
FOLLOWING = frozenset(
    {
        MigrationState.BUILDING,
        MigrationState.CATCHING_UP,
        MigrationState.ROLLING_BACK,
        MigrationState.HANDED_OVER,
    }
)

#: States in which ordinary runs are refused: such a run would write to the source, which people
#: still search, and the target would need the same documents again.
REFUSING_RUNS = FOLLOWING | {MigrationState.SWITCHING}

_ENDED = frozenset({MigrationState.FINISHED, MigrationState.ABORTED})


@dataclass(frozen=True, slots=True, kw_only=True)
class Migration:
    """The record of a migration: item ``migration`` of the ``runs`` table.

    Attributes:
        id: Never changes.
        rev: Incremented by every write; the condition of the next one.
        alias: The alias that people search through.
        old: The index behind the alias when it began.
        new: The index that it builds.
        state: Of the migration.
        paused: True if an operator paused it.
        is_rollback: True if source and target are exchanged.
        live_settings: Settings of the new index once people search it.
        sources: Inputs of the rounds still to be run that bring whole sources of ids.
        position: Of the source. Every document written up to there is in the target, or its row
            in the progress table has the reason why not.
        position_at: Epoch seconds at which that position was read.
        target_position: Of the target when the alias was moved to it, or created on its cluster.
            Later writes were made by live writers, by a sweep, or by a later round.
        round: The round that runs; None between rounds.
        rounds: The last rounds, for operators.
        failed_rounds: Consecutive failed rounds.
        lag: Documents that had changed in the source since ``position``, at the last count.
        surplus: How many more documents the target had than the source, at the last count; None
            before the first.
        built_at: Epoch seconds at which all sources were in the target.
        moved_at: Epoch seconds of the last move of the alias.
        comparison: The last comparison's verdict: ``began_at``, ``problems``.
        began_at: Epoch seconds.
        ended_at: Epoch seconds; None while it is open.
    """

    id: str
    rev: int = 1
    alias: str
    old: PinnedIndex
    new: PinnedIndex
    state: MigrationState = MigrationState.BUILDING
    paused: bool = False
    is_rollback: bool = False
    live_settings: Mapping[str, str] = field(default_factory=dict)
    sources: Sequence[Mapping[str, Any]] = ()
    position: Position = field(default_factory=dict)
    position_at: float = 0
    target_position: Position | None = None
    round: Round | None = None
    rounds: Sequence[Round] = ()
    failed_rounds: int = 0
    lag: int | None = None
    surplus: int | None = None
    built_at: float | None = None
    moved_at: float | None = None
    comparison: Mapping[str, Any] = field(default_factory=dict)
    began_at: float
    ended_at: float | None = None

    @property
    def source(self) -> PinnedIndex:
        """The index that people search."""
        return self.new if self.is_rollback else self.old

    @property
    def target(self) -> PinnedIndex:
        """The index that follows the source."""
        return self.old if self.is_rollback else self.new

    @property
    def destination(self) -> str | None:
        """The URL of the cluster that it leads to; None for a migration within the cluster."""
        return cluster_and_name(self.new.name)[0]

    @property
    def alias_uuids(self) -> frozenset[str]:
        """The UUIDs of the indices that the stage's alias may lead to while a round runs."""
        if self.target_position is None:
            return frozenset({self.source.uuid})
        if self.destination is None:
            return frozenset({self.target.uuid})
        # The stage is led to the new cluster whenever its library likes.
        return frozenset({self.source.uuid, self.target.uuid})

    @property
    def searched(self) -> PinnedIndex | None:
        """The index that people search, as far as the record knows; None if it may be either."""
        if self.state is MigrationState.HANDED_OVER:
            return None
        if self.state in (MigrationState.SWITCHED, MigrationState.FINISHED):
            return self.new
        return self.source if self.target_position is None else self.target

    @property
    def is_open(self) -> bool:
        """True if it has not ended."""
        return self.state not in _ENDED

    @property
    def refuses_runs(self) -> bool:
        """True if ordinary runs are refused until it has ended or switched."""
        return self.state in REFUSING_RUNS

    @property
    def is_held(self) -> bool:
        """True if so many rounds failed that the schedule starts no more."""
        return self.failed_rounds >= MAX_FAILED_ROUNDS

    @property
    def follows(self) -> bool:
        """True if the schedule starts rounds."""
        return self.state in FOLLOWING and not self.paused and not self.is_held

    @property
    def has_passed_comparison(self) -> bool:
        """True if all documents were compared, after the build, and no problem was found."""
        began = self.comparison.get("began_at")
        return (
            began is not None
            and self.built_at is not None
            and began >= self.built_at
            and not self.comparison["problems"]
        )

    def mark(self, *, is_partial: bool) -> RoundMark:
        """Return the reference to this migration for the record of a round."""
        return RoundMark(self.id, self.source.name, self.target_position, is_partial)

    def created(self, new: PinnedIndex, position: Position, now: float) -> Migration:
        """Record that the new index exists.

        Args:
            new: The index.
            position: Of the old index, before any of its documents is read for the new one.
            now: Epoch seconds before it was read.
        """
        return self._next(new=new, position=position, position_at=now)

    def round_begun(self, run_id: str, options: Mapping[str, Any], now: float) -> Migration:
        """Record that a round is about to be started."""
        return self._next(round=Round(run_id, options, now))

    def round_planned(self, position: Position, now: float) -> Migration:
        """Record that the round's ids are about to be read from the source.

        Args:
            position: Of the source, read before any of its ids.
            now: Epoch seconds before it was read.
        """
        assert self.round is not None
        return self._next(round=replace(self.round, position=position, began_at=now))

    def round_succeeded(self, documents: int, now: float, *, removed: int = 0) -> Migration:
        """Record that each document of the round is in the target, or failed for a known reason.

        Args:
            documents: Images that it brought.
            now: Epoch seconds.
            removed: Images without an original among them. If there are any, the surplus of the
                target is counted again: others may have been deleted since the last count.
        """
        assert self.round is not None
        changes: dict[str, Any] = {}
        if self.sources and self.round.options == self.sources[0]:
            changes["sources"] = tuple(self.sources[1:])
            if not changes["sources"]:
                changes |= {"state": MigrationState.CATCHING_UP, "built_at": now}
        elif self.round.position is not None:
            changes = {
                "position": self.round.position,
                "position_at": self.round.began_at,
                "lag": 0,
            }
        if removed:
            changes["surplus"] = None
        done = replace(self.round, ended_at=now, documents=documents)
        return self._next(round=None, rounds=self._kept(done), failed_rounds=0, **changes)

    def round_failed(self, problem: str, now: float) -> Migration:
        """Record that the round failed; the next one begins at the same position."""
        assert self.round is not None
        failed = replace(self.round, ended_at=now, problem=problem)
        return self._next(
            round=None, rounds=self._kept(failed), failed_rounds=self.failed_rounds + 1
        )

    def round_abandoned(self) -> Migration:
        """End the round without advancing the position, so that the next one repeats it."""
        return self._next(round=None)

    def lag_measured(self, lag: int, now: float) -> Migration:
        """Record how many documents the target lacks; with none, the position is current."""
        if lag:
            return self._next(lag=lag)
        return self._next(lag=0, position_at=now)

    def surplus_counted(self, surplus: int) -> Migration:
        """Record how many more documents the target has than the source.

        Some are expected: a bucket has originals that the source never had. Until the round before
        the switch, only a growing surplus is a reason to search for documents without an original.
        """
        return self._next(surplus=surplus)

    def set_paused(self, paused: bool) -> Migration:  # noqa: FBT001 - the one thing it sets
        """Pause the migration, or resume it and reset the count of failed rounds.

        Resuming also cancels a switch that has not moved the alias yet.

        Raises:
            MigrationRefused: The schedule does not start rounds in this state.
        """
        if self.state is MigrationState.SWITCHING and self.target_position is None and not paused:
            state = MigrationState.ROLLING_BACK if self.is_rollback else MigrationState.CATCHING_UP
            return self._next(state=state, failed_rounds=0)
        self._require("paused or resumed", *FOLLOWING)
        return self._next(paused=paused, failed_rounds=0)

    def compared(self, began_at: float, problems: Sequence[str]) -> Migration:
        """Record the result of a comparison of all documents of target and source."""
        return self._next(comparison={"began_at": began_at, "problems": list(problems)})

    def switching(self) -> Migration:
        """Record that the alias is about to be moved to the target.

        Raises:
            MigrationRefused: It is not built yet, or was not compared.
        """
        self._require(
            "switched",
            MigrationState.CATCHING_UP,
            MigrationState.ROLLING_BACK,
            MigrationState.SWITCHING,
        )
        if not self.is_rollback and not self.has_passed_comparison:
            raise MigrationRefused(
                "the new index has not passed a comparison since it was built: reindex migrate "
                "compare"
            )
        return self._next(state=MigrationState.SWITCHING, paused=False, failed_rounds=0)

    def moving(self, target_position: Position, now: float) -> Migration:
        """Record the target's position just before the alias moves and live writers write to it."""
        return self._next(target_position=target_position, moved_at=now)

    def swept(self) -> Migration:
        """Record that the last writes to the source are in the target, so that the switch is done.

        After a rollback the migration catches up again, with its original source and target.
        """
        assert self.target_position is not None
        state = MigrationState.CATCHING_UP if self.is_rollback else MigrationState.SWITCHED
        return self._next(
            state=state,
            is_rollback=False,
            # In both directions, the index that the alias leads to now is the one to follow.
            position=self.target_position,
            position_at=self.moved_at or 0,
            target_position=None,
            surplus=None,
            lag=None,
        )

    def handed_over(self) -> Migration:
        """Record that the new index, on another cluster, may be used; it still follows the old one.

        Live writers may write to either index from here on, so :attr:`target_position` stays.
        """
        assert self.target_position is not None
        return self._next(state=MigrationState.HANDED_OVER, surplus=None, lag=None)

    def rolling_back(self) -> Migration:
        """Let the old index follow the new one, in order to replace it.

        Raises:
            MigrationRefused: The alias has not moved, or the new index is on another cluster.
        """
        if self.destination is not None:
            raise MigrationRefused(
                "there is nothing to roll back: the old cluster was not changed, and the library "
                "may go on with it. What was written to the new one alone is not brought back"
            )
        self._require("rolled back", MigrationState.SWITCHED, MigrationState.ROLLING_BACK)
        return self._next(state=MigrationState.ROLLING_BACK, is_rollback=True, failed_rounds=0)

    def old_dropped(self, now: float) -> Migration:
        """Record that the old index was deleted.

        Raises:
            MigrationRefused: The alias still leads to it, or the new index is on another cluster.
        """
        if self.destination is not None:
            raise MigrationRefused(
                "the old index is the library's to delete, with its cluster: reindex migrate "
                "finish ends this migration"
            )
        self._require("finished", MigrationState.SWITCHED)
        return self._next(state=MigrationState.FINISHED, ended_at=now)

    def finished(self, now: float) -> Migration:
        """Record that the new index, on another cluster, no longer follows the old one.

        Raises:
            MigrationRefused: It was not handed over.
        """
        if self.state is MigrationState.SWITCHED:
            raise MigrationRefused("reindex migrate drop-old ends this migration")
        self._require("finished", MigrationState.HANDED_OVER)
        return self._next(state=MigrationState.FINISHED, ended_at=now, round=None)

    def aborted(self, now: float) -> Migration:
        """Record that the migration was aborted before the switch.

        Raises:
            MigrationRefused: The alias leads to the new index, or may do so on another cluster.
        """
        if self.state is MigrationState.HANDED_OVER:
            raise MigrationRefused(
                "people may search the new index by now: reindex migrate finish ends the "
                "migration, and leaves the index to you"
            )
        self._require("aborted", MigrationState.BUILDING, MigrationState.CATCHING_UP)
        return self._next(state=MigrationState.ABORTED, ended_at=now, round=None)

    def to_json(self) -> dict[str, Any]:
        """Return the record as it is stored."""
        values: dict[str, Any] = json.loads(json.dumps(asdict(self)))
        return values

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        """Read a stored record.

        Raises:
            ValueError: It is not of our form.
        """
        known = {f.name: values[f.name] for f in fields(cls) if values.get(f.name) is not None}
        try:
            known["old"], known["new"] = PinnedIndex(**known["old"]), PinnedIndex(**known["new"])
            known["state"] = MigrationState(known["state"])
            if "round" in known:
                known["round"] = Round(**known["round"])
            known["sources"] = tuple(known.get("sources", ()))
            known["rounds"] = tuple(Round(**one) for one in known.get("rounds", ()))
            return cls(**known)
        except (TypeError, KeyError, ValueError) as error:
            raise ValueError(f"the record of a migration: {error!r}") from error

    def _kept(self, done: Round) -> tuple[Round, ...]:
        # The old positions are dropped to save space: only the latest one is used.
        return (*self.rounds, replace(done, position=None))[-MAX_ROUNDS_KEPT:]

    def _require(self, what: str, *states: MigrationState) -> None:
        if self.state not in states:
            raise MigrationRefused(
                f"migration {self.id} cannot be {what}: its state is {self.state}"
            )

    def _next(self, **changes: Any) -> Migration:
        return replace(self, rev=self.rev + 1, **changes)
