"""Past runs: from their reports, and from Step Functions where a run has none."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from reindex.domain.progress import iso
from reindex.domain.run_records import RunRecord, run_id_of
from reindex.reports.forecast import StageCapacity, bill
from reindex.reports.report_keys import REPORTS, report_key
from reindex.reports.run_summary import RunSummary, is_whole
from reindex.steps.ambient import Clock
from reindex.stores.executions import Executions
from reindex.stores.interfaces.executions import PastExecution
from reindex.stores.interfaces.run_files import RunFiles
from reindex.stores.interfaces.runs import Runs

from .run_control import NotNow

if TYPE_CHECKING:
    from reindex.wiring import Wiring

#: Reports that are read at once.
_READERS = 16

#: The status of a run's record, by the status of its execution.
_STATUSES = {"RUNNING": "open", "SUCCEEDED": "succeeded", "ABORTED": "aborted"}


@dataclass(frozen=True, slots=True)
class RunHistory:
    """Looks up past runs."""

    runs: Runs
    executions: Executions
    files: RunFiles
    clock: Clock
    stage_capacity: StageCapacity

    @classmethod
    def of(cls, wiring: Wiring) -> RunHistory:
        """Return the history of a stage."""
        return cls(
            wiring.runs,
            wiring.executions,
            wiring.files,
            wiring.clock,
            wiring.run_steps.stage_capacity,
        )

    def report(self, run_id: str) -> Mapping[str, Any]:
        """Return a run's report, as it is stored.

        Raises:
            NotNow: The run has none.
            StoreUnavailable: S3 does not answer.
        """
        try:
            found: Mapping[str, Any] = json.loads(self.files.get(report_key(run_id)))
        except KeyError:
            raise NotNow(f"there is no report of a run {run_id}: reindex runs lists them") from None
        return found

    def whole_report(self, run_id: str) -> Mapping[str, Any]:
        """Return a run's report, which has the counts of the whole table.

        Raises:
            NotNow: The run has none, or was a round of a migration.
            StoreUnavailable: S3 does not answer.
        """
        found = self.report(run_id)
        if not is_whole(found):
            raise NotNow(f"run {run_id} was a round of a migration, and did not count the table")
        return found

    def latest(self, limit: int) -> Sequence[RunSummary]:
        """Return the runs that were started last, the latest first.

        Raises:
            StoreUnavailable: A service does not answer.
        """
        record = self.runs.current()
        past = self.executions.latest(limit)
        names = {run_id_of(execution.arn) for execution in past}
        prefix, suffix = report_key("\0").split("\0")
        reported = [
            key.removeprefix(prefix).removesuffix(suffix)
            for key in self.files.keys(REPORTS)
            if key.endswith(suffix)
        ]
        # Older than what Step Functions remembers.
        older = sorted(set(reported) - names, reverse=True)[: limit - len(past)]
        with ThreadPoolExecutor(_READERS, thread_name_prefix="runs") as pool:
            known = pool.map(self.report, [*(names & set(reported)), *older])
            by_id = {stored["run_id"]: RunSummary.of_report(stored) for stored in known}
            unreported = [e for e in past if run_id_of(e.arn) not in by_id]
            for run in pool.map(lambda e: self._without_report(e, record), unreported):
                by_id[run.run_id] = run
        return sorted(by_id.values(), key=lambda run: run.started_at, reverse=True)[:limit]

    def _without_report(self, past: PastExecution, record: RunRecord | None) -> RunSummary:
        run_id = run_id_of(past.arn)
        if record and record.run_id == run_id:
            cost = bill(record, self.clock.now(), self.stage_capacity)
            found = RunSummary.of_record(record, cost.so_far)
        else:
            seconds = (past.ended_at - past.started_at).total_seconds() if past.ended_at else None
            found = RunSummary(
                run_id=run_id,
                status=_STATUSES.get(past.status, "failed"),
                started_at=iso(past.started_at.timestamp()),
                duration_seconds=seconds,
            )
        if found.status == "failed" and found.reason is None:
            return replace(found, reason=self.executions.look(past.arn).message)
        return found
