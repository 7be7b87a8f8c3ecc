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

Position = Mapping[str, int]
"""For each shard of an index, the sequence number up to which all of its writes are known."""

#: Rounds that the record keeps for people: one is some 200 bytes, and an item holds 400 KB.
MAX_ROUNDS_KEPT: Final = 50

#: Failed rounds in a row after which no more are started by themselves.
MAX_FAILED_ROUNDS: Final = 3


class MigrationRefused(InternalFailure):
    """What was asked for does not fit the state of the migration."""


class MigrationState(StrEnum):
    """What a migration is doing.

    One within the cluster is ``SWITCHED`` once its alias has moved. One to another cluster is
    ``HANDED_OVER`` once the new index may be used: the library moves by itself, and meanwhile
    rounds go on.
    """

    BUILDING = "building"
    CATCHING_UP = "catching_up"
    SWITCHING = "switching"
    SWITCHED = "switched"
    HANDED_OVER = "handed_over"
    ROLLING_BACK = "rolling_back"
    FINISHED = "finished"
    ABORTED = "aborted"


#: States in which rounds are started by themselves.
FOLLOWING = frozenset(
    {
        MigrationState.BUILDING,
        MigrationState.CATCHING_UP,
        MigrationState.ROLLING_BACK,
        MigrationState.HANDED_OVER,
    }
)

#: States in which ordinary runs are refused: people search the source, and a run would write to it
#: what the target then has to be given again.
REFUSING_RUNS = FOLLOWING | {MigrationState.SWITCHING}

_ENDED = frozenset({MigrationState.FINISHED, MigrationState.ABORTED})


@dataclass(frozen=True, slots=True)
class PinnedIndex:
    """A concrete index.

    Attributes:
        name: Of the index; in a migration to another cluster, with its cluster's URL.
        uuid: Its identity, for a name may be given to another index; empty before it is created.
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
        documents: Images that it moved to an end, whichever.
        problem: Why it failed; None when it did not.
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
    """What a run's record says of the migration that it is a round of.

    Attributes:
        id: Of the migration.
        source: The index that documents' preserved fields are read from.
        target_position: The target's position when live writers were let write to it: what lies
            beyond may be theirs. None before that.
        is_partial: Whether it has only what changed: then the table is not scanned.
    """

    id: str
    source: str
    target_position: Position | None = None
    is_partial: bool = False

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self | None:
        """Read it from a run's record; None in that of an ordinary run."""
        return cls(**values) if values else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Migration:
    """The record of a migration: item ``migration`` of the ``runs`` table.

    Attributes:
        id: Names it for life.
        rev: Raised by every write: the condition of the next one.
        alias: The alias that people search through.
        old: The index behind the alias when it began.
        new: The index that it builds.
        state: What it is doing.
        paused: An operator holds it.
        is_rollback: Whether source and target are exchanged.
        live_settings: Settings of the new index once people search it.
        sources: Inputs of the rounds that bring whole sources, those still to be run.
        position: Of the source: all of its writes up to there are in the target, or have a row
            that says why not.
        position_at: Epoch seconds at which that position was read.
        target_position: Of the target when the alias was moved to it, or made on its cluster: what
            is beyond was written by live writers, or by a sweep.
        round: The round that runs; None between rounds.
        rounds: The last rounds, for people.
        failed_rounds: Failed ones in a row.
        lag: Documents that changed in the source since ``position`` when it was last looked.
        surplus: How many more documents the target had than the source when they were last
            counted; None before.
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
        """Whether it has not ended."""
        return self.state not in _ENDED

    @property
    def refuses_runs(self) -> bool:
        """Whether ordinary runs have to wait for it."""
        return self.state in REFUSING_RUNS

    @property
    def is_held(self) -> bool:
        """Whether so many rounds failed that no more are started by themselves."""
        return self.failed_rounds >= MAX_FAILED_ROUNDS

    @property
    def follows(self) -> bool:
        """Whether rounds are started by themselves."""
        return self.state in FOLLOWING and not self.paused and not self.is_held

    @property
    def has_passed_comparison(self) -> bool:
        """Whether the target, as a whole, was compared with the source and nothing was found."""
        began = self.comparison.get("began_at")
        return (
            began is not None
            and self.built_at is not None
            and began >= self.built_at
            and not self.comparison["problems"]
        )

    def mark(self, *, is_partial: bool) -> RoundMark:
        """What a run's record says of this migration."""
        return RoundMark(self.id, self.source.name, self.target_position, is_partial)

    def created(self, new: PinnedIndex, position: Position, now: float) -> Migration:
        """The new index exists.

        Args:
            new: The index.
            position: Of the old index, before any of its documents is read for the new one.
            now: Epoch seconds before it was read.
        """
        return self._next(new=new, position=position, position_at=now)

    def round_begun(self, run_id: str, options: Mapping[str, Any], now: float) -> Migration:
        """A round is about to be started."""
        return self._next(round=Round(run_id, options, now))

    def round_planned(self, position: Position, now: float) -> Migration:
        """The round's ids are about to be read from the source.

        Args:
            position: Of the source, read before any of its ids.
            now: Epoch seconds before it was read.
        """
        assert self.round is not None
        return self._next(round=replace(self.round, position=position, began_at=now))

    def round_succeeded(self, documents: int, now: float, *, removed: int = 0) -> Migration:
        """All that the round was to bring is in the target, or has a row that says why not.

        Args:
            documents: Images that it brought.
            now: Epoch seconds.
            removed: Images without an original among them. If there are any, what only the target
                has is looked up once more: some may have been deleted after the look.
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
        """The round did not get to its end; the next begins where it began."""
        assert self.round is not None
        failed = replace(self.round, ended_at=now, problem=problem)
        return self._next(
            round=None, rounds=self._kept(failed), failed_rounds=self.failed_rounds + 1
        )

    def round_abandoned(self) -> Migration:
        """End the round without advancing the position: the next one brings its documents again."""
        return self._next(round=None)

    def lag_measured(self, lag: int, now: float) -> Migration:
        """Record how many documents the target lacks; if none, its position is that of now."""
        if lag:
            return self._next(lag=lag)
        return self._next(lag=0, position_at=now)

    def surplus_counted(self, surplus: int) -> Migration:
        """Record how many more documents the target has than the source.

        Some belong there: a bucket has originals that the source never had. Only a growing number
        is a reason to look for documents without an original, until the round before the switch.
        """
        return self._next(surplus=surplus)

    def set_paused(self, paused: bool) -> Migration:  # noqa: FBT001 - the one thing it sets
        """Pause the migration, or resume it and forget its failed rounds.

        Resuming also gives up a switch that has not moved the alias yet.

        Raises:
            MigrationRefused: None of its rounds is started by itself.
        """
        if self.state is MigrationState.SWITCHING and self.target_position is None and not paused:
            state = MigrationState.ROLLING_BACK if self.is_rollback else MigrationState.CATCHING_UP
            return self._next(state=state, failed_rounds=0)
        self._require("paused or resumed", *FOLLOWING)
        return self._next(paused=paused, failed_rounds=0)

    def compared(self, began_at: float, problems: Sequence[str]) -> Migration:
        """The whole target was compared with the whole source."""
        return self._next(comparison={"began_at": began_at, "problems": list(problems)})

    def switching(self) -> Migration:
        """The alias is about to be moved to the target.

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
        """The alias is moved in the next moment: what the target has beyond is not ours alone."""
        return self._next(target_position=target_position, moved_at=now)

    def swept(self) -> Migration:
        """What was written to the source in the last moments is in the target: all is done.

        After a rollback the migration catches up again, with its own source and target.
        """
        assert self.target_position is not None
        state = MigrationState.CATCHING_UP if self.is_rollback else MigrationState.SWITCHED
        return self._next(
            state=state,
            is_rollback=False,
            # In both directions, the index that people search now is the one that is followed.
            position=self.target_position,
            position_at=self.moved_at or 0,
            target_position=None,
            surplus=None,
            lag=None,
        )

    def handed_over(self) -> Migration:
        """The new index, on another cluster, may be used, and goes on following the old one.

        Live writers may write to either index from here on, so :attr:`target_position` stays.
        """
        assert self.target_position is not None
        return self._next(state=MigrationState.HANDED_OVER, surplus=None, lag=None)

    def rolling_back(self) -> Migration:
        """The old index is to follow the new one, and to take its place again.

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
        """The old index is dropped.

        Raises:
            MigrationRefused: People still search it, or it is on a cluster that the library leaves.
        """
        if self.destination is not None:
            raise MigrationRefused(
                "the old index is the library's to delete, with its cluster: reindex migrate "
                "finish ends this migration"
            )
        self._require("finished", MigrationState.SWITCHED)
        return self._next(state=MigrationState.FINISHED, ended_at=now)

    def finished(self, now: float) -> Migration:
        """The new index, on another cluster, follows no further.

        Raises:
            MigrationRefused: It was not handed over.
        """
        if self.state is MigrationState.SWITCHED:
            raise MigrationRefused("reindex migrate drop-old ends this migration")
        self._require("finished", MigrationState.HANDED_OVER)
        return self._next(state=MigrationState.FINISHED, ended_at=now, round=None)

    def aborted(self, now: float) -> Migration:
        """The new index is given up.

        Raises:
            MigrationRefused: People search it, or may.
        """
        if self.state is MigrationState.HANDED_OVER:
            raise MigrationRefused(
                "people may search the new index by now: reindex migrate finish ends the "
                "migration, and leaves the index to you"
            )
        self._require("aborted", MigrationState.BUILDING, MigrationState.CATCHING_UP)
        return self._next(state=MigrationState.ABORTED, ended_at=now, round=None)

    def to_json(self) -> dict[str, Any]:
        """The record as it is stored."""
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
        # For people: what a position was is of no interest once the next is known.
        return (*self.rounds, replace(done, position=None))[-MAX_ROUNDS_KEPT:]

    def _require(self, what: str, *states: MigrationState) -> None:
        if self.state not in states:
            raise MigrationRefused(
                f"migration {self.id} cannot be {what}: its state is {self.state}"
            )

    def _next(self, **changes: Any) -> Migration:
        return replace(self, rev=self.rev + 1, **changes)
