"""Preflight: find everything that would make a run fail, before anything is touched."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from reindex.failures import IndexMisconfigured, InternalFailure, ReindexFailure, StoreUnavailable
from reindex.options import RunOptions
from reindex.records import RunRecord
from reindex.source_kinds import TABLE
from reindex.states import SHARDS, Phase
from reindex.steps.ambient import Clock
from reindex.stores.interfaces import Index, Phases, ProgressTable, Runs

#: Looks whether one thing a run needs is there and lets us in.
Probe = Callable[[], object]


class PreflightFailed(InternalFailure):
    """A run cannot start; the message names every finding."""

    def __init__(self, findings: list[str]) -> None:
        super().__init__("; ".join(findings))
        self.findings = findings


@dataclass(frozen=True, slots=True)
class Preflight:
    """Opens runs.

    Attributes:
        probes: What else a run needs, by its name for people.
        alias: The alias that people search through.
        segments: Parts of the table that the Tally scans side by side.
    """

    table: ProgressTable
    runs: Runs
    phases: Phases
    index: Index
    probes: Mapping[str, Probe]
    alias: str
    segments: int
    clock: Clock

    def open_run(self, run_id: str, execution: str, options: RunOptions) -> dict[str, Any]:
        """Check everything, then take the run record.

        Args:
            run_id: Names the run: the execution's name.
            execution: The execution's ARN.
            options: What the run was told; of it, ``skip_unchanged`` is for the ticks.

        Returns:
            What the state machine carries through the run.

        Raises:
            PreflightFailed: Names each finding; nothing has been touched.
        """
        findings: list[str] = []
        for name, probe in self.probes.items():
            _try(findings, name, probe)
        index = _try(findings, "index", lambda: self.index.resolve(self.alias))
        if index:
            lacking = _try(findings, "index", lambda: self.index.accepts(index)) or []
            findings += [f"index {index}: {what}" for what in lacking]
        total = _try(findings, "progress table", self._work) or 0
        # A source that has nothing to bring is a run that has nothing to do, and succeeds.
        if total == 0 and options.source.kind == TABLE and not findings:
            findings.append("nothing is queued: upload ids first")
        current = _try(findings, "run record", self.runs.current)
        ours = current is not None and current.execution == execution
        obstacle = _try(
            findings, "state machine", lambda: in_the_way(current, execution, self.phases)
        )
        if obstacle:
            findings.append(obstacle)
        if findings or index is None:
            raise PreflightFailed(findings)
        now = self.clock.now()
        record = RunRecord(
            run_id=run_id,
            execution=execution,
            index=index,
            alias=self.alias,
            started_at=now,
            progressed_at=now,
            total=total,
            skip_unchanged=options.skip_unchanged,
        )
        # A preflight that is tried again finds its own record: its answer was lost.
        if not ours and not self.runs.open(record, instead_of=current):
            raise PreflightFailed(["another run was opened in this moment"])
        return {"run_id": run_id, "index": index, "segments": list(range(self.segments))}

    def _work(self) -> int:
        return sum(
            self.table.count_work(phase, shard) for phase in Phase for shard in range(SHARDS)
        )


def in_the_way(current: RunRecord | None, execution: str, phases: Phases) -> str | None:
    """Why another run keeps one from being opened, for people; None when none does.

    Args:
        current: The latest run's record.
        execution: Of who asks: its own run is not in its way.
        phases: Know which executions run.

    Raises:
        StoreUnavailable: The state machine does not answer.
    """
    if current is None or not current.is_open or current.execution == execution:
        return None
    if not phases.is_running(current.execution):
        return None
    return f"run {current.run_id} is open: abort it, or let it end"


def _try(findings: list[str], name: str, call: Callable[[], Any]) -> Any:
    """What a call returns; None, and a finding, when it fails."""
    try:
        return call()
    except (StoreUnavailable, IndexMisconfigured, ReindexFailure) as error:
        finding = f"{name}: {error}"
        if finding not in findings:
            findings.append(finding)
        return None
