"""Preflight: find everything that would make a run fail, before anything is touched."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from reindex.failures import IndexMisconfigured, InternalFailure, ReindexFailure, StoreUnavailable
from reindex.records import RunRecord
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

    def open_run(
        self, run_id: str, execution: str, options: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        """Check everything, then take the run record.

        Args:
            run_id: Names the run: the execution's name.
            execution: The execution's ARN.
            options: The execution's input; of it, ``skip_unchanged`` is for the ticks.

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
        if total == 0 and not findings:
            findings.append("nothing is queued: upload ids first")
        current = _try(findings, "run record", self.runs.current)
        ours = current is not None and current.execution == execution
        if current and current.is_open and not ours:
            running = _try(findings, "state machine", lambda: self._runs_still(current))
            if running:
                findings.append(f"run {current.run_id} is open: abort it, or let it end")
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
            skip_unchanged=bool((options or {}).get("skip_unchanged")),
        )
        # A preflight that is tried again finds its own record: its answer was lost.
        if not ours and not self.runs.open(record, instead_of=current):
            raise PreflightFailed(["another run was opened in this moment"])
        return {"run_id": run_id, "index": index, "segments": list(range(self.segments))}

    def _work(self) -> int:
        return sum(
            self.table.count_work(phase, shard) for phase in Phase for shard in range(SHARDS)
        )

    def _runs_still(self, run: RunRecord) -> bool:
        return self.phases.is_running(run.execution)


def _try(findings: list[str], name: str, call: Callable[[], Any]) -> Any:
    """What a call returns; None, and a finding, when it fails."""
    try:
        return call()
    except (StoreUnavailable, IndexMisconfigured, ReindexFailure) as error:
        finding = f"{name}: {error}"
        if finding not in findings:
            findings.append(finding)
        return None
