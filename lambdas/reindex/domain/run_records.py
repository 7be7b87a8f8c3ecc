"""The record of a run."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from reindex.domain.rounds import RoundMark
from reindex.domain.states import Phase

#: Kinds of counts in the run record in addition to the states: images verified without a write
#: because the index already held their document; images that failed and will be retried; images
#: that wait because a live writer changed them recently; chunks whose rows are left to a scan.
UNCHANGED = "unchanged"
RETRIED = "retried"
WAITING = "waiting"
UNREADABLE_CHUNKS = "unreadable_chunks"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRecord:
    """The record of a run: item ``current`` of the ``runs`` table.

    Attributes:
        run_id: The execution's name.
        execution: ARN of the state machine's execution.
        index: The concrete index behind the alias, pinned at Preflight; empty before.
        index_uuid: Of that index, because its name may be reused.
        misfits: Fields of the index whose mapping, made by other documents, may reject values from
            files. Documents are written without those values. Only some names, for people.
        alias: The alias that was resolved.
        status: ``open``, or how it ended: ``succeeded``, ``failed``, ``aborted``.
        phase: The phase that is on; None between phases.
        opening: True while the phase is opened and has no task token yet.
        task_token: Of the open phase.
        paused: True if an operator paused it.
        round: How often the Tally has sent the run back, from 0.
        started_at: Epoch seconds.
        progressed_at: Epoch seconds of the last progress.
        held_by: The gate that throttles it now; None if none does.
        quiet_since: Epoch seconds since when every reading of the backlog was zero.
        ended_at: Epoch seconds; None while open.
        reason: Why it failed; None if it did not.
        report: Key of its report in the run's bucket.
        total: Images that had work left when it began.
        counts: Images by what became of them: a state, ``unchanged``, ``retried`` or ``waiting``;
            and ``unreadable_chunks``.
        skip_unchanged: True to skip the write if the index holds the projected document.
        options: Its options, from :meth:`reindex.domain.options.RunOptions.as_recorded`. JSON text,
            because a query may hold numbers that DynamoDB cannot. Empty in records of releases
            before 0.2.
        budget: US dollars that it may cost by its estimate; None for any.
        failed_ticks: Consecutive ticks that ended in an error.
        gathered: Ids that its source brought, by what became of them.
        unreported: True if the previous run ended without a report, which this run then writes.
        last_reported: The last run before it that has a report.
        unfinished: Runs since the last successful one, oldest first: their messages may still be on
            the queue.
        recent_projections: Outcomes of the last projections: see :mod:`reindex.domain.outcomes`.
        recent_writes: Outcomes of the last writes to the index: see the same module.
        bulks: What its indexers sent: see :class:`reindex.domain.indexer_pace.BulkCounts`.
        indexer_pace: How many bulks run concurrently: see
            :class:`reindex.domain.indexer_pace.IndexerPace`.
        speeds: Of each phase: see :mod:`reindex.reports.run_estimate`.
        migration: Of a round of a migration: see :class:`reindex.domain.rounds.RoundMark`.
    """

    run_id: str
    execution: str
    index: str = ""
    index_uuid: str | None = None
    misfits: Sequence[str] = field(default_factory=list)
    alias: str
    status: str = "open"
    phase: Phase | None = None
    opening: bool = False
    task_token: str | None = None
    paused: bool = False
    round: int = 0
    started_at: float
    progressed_at: float
    held_by: str | None = None
    quiet_since: float | None = None
    ended_at: float | None = None
    reason: str | None = None
    report: str | None = None
    total: int = 0
    counts: Mapping[str, int] = field(default_factory=dict)
    skip_unchanged: bool = False
    options: str = ""
    budget: float | None = None
    failed_ticks: int = 0
    gathered: Mapping[str, int] = field(default_factory=dict)
    unreported: bool = False
    last_reported: str | None = None
    unfinished: Sequence[str] = field(default_factory=list)
    recent_projections: Mapping[str, int] = field(default_factory=dict)
    recent_writes: Mapping[str, int] = field(default_factory=dict)
    bulks: Mapping[str, int] = field(default_factory=dict)
    indexer_pace: Mapping[str, Any] = field(default_factory=dict)
    speeds: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    migration: Mapping[str, Any] = field(default_factory=dict)

    @property
    def is_open(self) -> bool:
        """True if the run has not ended."""
        return self.status == "open"

    @property
    def known_options(self) -> dict[str, Any] | None:
        """The options it was started with, and its present budget; None if they are not known."""
        if not self.options:
            return None
        options: dict[str, Any] = json.loads(self.options)
        return options if self.budget is None else {**options, "budget": self.budget}

    @property
    def round_mark(self) -> RoundMark | None:
        """The migration that it is a round of; None for an ordinary run."""
        return RoundMark.from_json(self.migration)

    @property
    def is_reported(self) -> bool:
        """True if it has a report, or did nothing that needs one."""
        return self.report is not None or (not self.index and not self.unreported)


def run_id_of(execution: str) -> str:
    """Return the id of an execution's run: the execution's name, which ends its ARN."""
    return execution.rpartition(":")[2]
