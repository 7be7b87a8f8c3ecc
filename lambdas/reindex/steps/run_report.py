"""The report of a run: its content, and the reasons why the run's promise does not hold."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from reindex.domain.failures import IndexMisconfigured, StoreUnavailable
from reindex.domain.ledger import Forgetting, UploadRecord
from reindex.domain.ledger_balance import ledger_from_json, proved, unbalanced
from reindex.domain.migration import SAVES
from reindex.domain.progress import iso
from reindex.domain.rounds import RoundMark
from reindex.domain.run_records import UNREADABLE_CHUNKS, RunRecord
from reindex.domain.states import CODES, Phase, State
from reindex.domain.tally import Tally
from reindex.reports import cost, timeline
from reindex.reports.fill_rates import count_filled
from reindex.reports.page import CONTENT_TYPE
from reindex.reports.report_keys import page_key, report_key
from reindex.reports.report_page import page
from reindex.reports.run_estimate import estimated
from reindex.reports.run_summary import RunSummary, is_whole
from reindex.reports.samples import kept
from reindex.settings import Pace
from reindex.steps.ambient import Clock, Meter
from reindex.steps.rounds import alias_problem
from reindex.steps.tally_files import get_json, put_json, total_key
from reindex.stores.interfaces.index import Index
from reindex.stores.interfaces.migrations import Migrations
from reindex.stores.interfaces.queues import Queue
from reindex.stores.interfaces.run_files import RunFiles
from reindex.stores.interfaces.runs import Runs
from reindex.stores.interfaces.work_list import WorkList

log = logging.getLogger(__name__)

#: Runs before it that a report tells of.
EARLIER_RUNS = 12

#: The counts of a source's ids that the run then processed.
_BROUGHT = ("new", "queued_again", "in_work")


@dataclass(frozen=True, slots=True)
class RunReporter:
    """Writes the report of a run that has ended, and closes its record."""

    work_list: WorkList
    runs: Runs
    migrations: Migrations
    files: RunFiles
    index: Index
    dead_letters: Queue
    pace: Pace
    clock: Clock
    meter: Meter

    def report(self, run_id: str, round_: int, rounds: int | None = None) -> dict[str, Any]:
        """Write the run's report, as JSON and as a page for people, and close its record.

        Args:
            run_id: Of the run.
            round_: Of the tally that is reported.
            rounds: Rounds that the run took; None for those up to that tally.

        Returns:
            ``{"run_id", "status", "report", "problems"}``.
        """
        run = self.runs.current()
        if run is None or run.run_id != run_id:
            return {"run_id": run_id, "status": "failed", "problems": ["the run was taken over"]}
        if run.round_mark and run.round_mark.is_partial:
            return self._close_partial(run)
        total = get_json(self.files, total_key(run_id, round_))
        tally = Tally.from_json(total["tally"])
        now = self.clock.now()
        before, after = ledger_from_json(total["ledger"]), self.runs.uploads()
        problems = self._problems(run, tally, before, after)
        key = report_key(run_id)
        status = "failed" if problems else "succeeded"
        samples = kept(self.files, run_id)
        report = {
            "run_id": run_id,
            "status": status,
            "problems": problems,
            "index": run.index,
            "alias": run.alias,
            "migration": self._migration(run),
            "started_at": iso(run.started_at),
            "ended_at": iso(run.ended_at or now),
            "duration_seconds": round((run.ended_at or now) - run.started_at, 3),
            "rounds": rounds or max(1, round_ + 1),
            "percent_done": 100 if not problems else estimated(run, now, self.pace).percent,
            "images": tally.total,
            "states": {state: tally.states[state] for state in CODES},
            "this_run": {state: tally.this_run[state] for state in CODES},
            "moved": dict(run.counts),
            "failure_codes": dict(tally.codes),
            "failures": {name: asdict(kind) for name, kind in tally.kinds.items()},
            "options": run.known_options,
            "earlier": self._earlier(run.last_reported),
            "filled": self._filled(run),
            "gathered": dict(run.gathered),
            "misfits": list(run.misfits),
            "unreadable": tally.unreadable_examples,
            "certificate": {
                "ids": tally.total,
                "id_sum": f"{tally.id_sum:016x}",
                "runs": dict(tally.runs),
                "prefixes": {
                    name: {"count": prefix.count, "pairs": f"{prefix.pairs:016x}"}
                    for name, prefix in sorted(tally.prefixes.items())
                },
                "forgotten": [_forgotten(each) for each in self.runs.forgettings()],
            },
            "dead_letters": self.dead_letters.depth().total,
            "rates": timeline.rates(samples, run.started_at, now),
            "gates": timeline.gates(samples),
            "bulk_limits": timeline.bulk_limits(samples),
            "cost": cost.estimate(run.counts, samples, tally.total, rounds or max(1, round_ + 1)),
        }
        put_json(self.files, key, report)
        self.files.put(page_key(run_id), page(report).encode(), CONTENT_TYPE)
        closed = self._close(run, key, problems)
        if not problems:
            self.runs.fold(proved(before, after))
        return closed

    def _close_partial(self, run: RunRecord) -> dict[str, Any]:
        """Close a round that had only what changed: its own counts, and what is still listed.

        No scan proves it: what a crash left queued and unlisted is found by the scan before the
        alias is moved. If the round passed over anything, it has failed, so that the next one
        begins from the same position.
        """
        counts = {
            "images still have work left after all rounds": sum(
                self.work_list.count(phase) for phase in Phase
            ),
            "rows cannot be read (reindex scan-states names them)": run.gathered.get(
                "unreadable", 0
            ),
            "chunks of the work list cannot be read": run.counts.get(UNREADABLE_CHUNKS, 0),
        }
        problems = [f"{count} {what}" for what, count in counts.items() if count]
        problems += self._alias_problems(run)
        key = report_key(run.run_id)
        now = self.clock.now()
        report = {
            "run_id": run.run_id,
            "status": "failed" if problems else "succeeded",
            "problems": problems,
            "index": run.index,
            "alias": run.alias,
            "migration": self._migration(run),
            "started_at": iso(run.started_at),
            "ended_at": iso(now),
            "options": run.known_options,
            "earlier": self._earlier(run.last_reported),
            "gathered": dict(run.gathered),
            "moved": dict(run.counts),
            "cost": cost.estimate(run.counts, kept(self.files, run.run_id), 0, run.round + 1),
        }
        put_json(self.files, key, report)
        return self._close(run, key, problems)

    def _migration(self, run: RunRecord) -> dict[str, Any]:
        """Return the report's facts about the migration of a round; empty for an ordinary run."""
        if run.round_mark is None:
            return {}
        migration = self.migrations.current()
        is_ours = migration is not None and migration.id == run.round_mark.id
        compared = dict(migration.comparison) if migration and is_ours else {}
        return {**run.migration, "comparison": compared}

    def _close(self, run: RunRecord, key: str, problems: Sequence[str]) -> dict[str, Any]:
        """Close a run's record, and the round of a migration that it was."""
        now = self.clock.now()
        status = "failed" if problems else "succeeded"
        if run.round_mark:
            # Before the record is closed: the next round may begin as soon as it is.
            self._end_round(run, run.round_mark, problems)
        self.runs.record_report(
            run,
            {
                # A run that an operator aborted keeps that status.
                "status": run.status if run.status == "aborted" else status,
                "ended_at": run.ended_at or now,
                "report": key,
                "reason": "; ".join(problems) or None,
                "phase": None,
                "task_token": None,
                "held_by": None,
            },
        )
        self.meter.count("RunsSucceeded" if status == "succeeded" else "RunsFailed")
        return {"run_id": run.run_id, "status": status, "report": key, "problems": [*problems]}

    def _end_round(self, run: RunRecord, mark: RoundMark, problems: Sequence[str]) -> None:
        """Record in the migration what its round came to; no effect if that was done before."""
        for _ in range(SAVES):
            migration = self.migrations.current()
            if (
                migration is None
                or migration.id != mark.id
                or migration.round is None
                or migration.round.run_id != run.run_id
            ):
                return
            now = self.clock.now()
            if problems:
                after = migration.round_failed("; ".join(problems), now)
            else:
                images = sum(run.gathered.get(kind, 0) for kind in _BROUGHT)
                removed = run.counts.get(State.NOT_FOUND, 0)
                after = migration.round_succeeded(images, now, removed=removed)
            if self.migrations.save(after, migration):
                return
            # An operator changed the record meanwhile: it is read again.
        raise StoreUnavailable(f"migration {mark.id} was changed in this moment")

    def _filled(self, run: RunRecord) -> dict[str, int]:
        """Return the documents by field; nothing if the index does not say: no promise needs it."""
        try:
            return count_filled(self.index, run.index)
        except (IndexMisconfigured, StoreUnavailable) as error:
            log.warning("fill rates", extra={"problem": str(error)})
            return {}

    def _earlier(self, last_reported: str | None) -> list[dict[str, Any]]:
        """Summaries of the runs before, the latest last: each report hands them on to the next."""
        if last_reported is None:
            return []
        try:
            stored = get_json(self.files, report_key(last_reported))
        except KeyError:
            return []
        if not is_whole(stored):
            return list(stored.get("earlier", ()))
        summary = RunSummary.of_report(stored).to_json()
        return [*stored.get("earlier", ()), summary][-EARLIER_RUNS:]

    def _problems(
        self,
        run: RunRecord,
        tally: Tally,
        before: Mapping[str, UploadRecord],
        after: Mapping[str, UploadRecord],
    ) -> list[str]:
        """Why the run's promise does not hold; failed images are no problem of the run.

        Args:
            run: Its record.
            tally: The scan.
            before: The ledger as it was before the scan.
            after: The ledger as it is now.
        """
        problems = []
        if tally.unfinished:
            problems.append(f"{tally.unfinished} images still have work left after all rounds")
        if tally.unreadable:
            named = "; ".join(f"{i}: {why}" for i, why in tally.unreadable_examples.items())
            problems.append(f"{tally.unreadable} rows cannot be read: {named}")
        problems += unbalanced(before, after, tally.uploads)
        return problems + self._alias_problems(run)

    def _alias_problems(self, run: RunRecord) -> list[str]:
        """Return what has become of the alias, or of the index that the run wrote to."""
        try:
            problem = self._moved_alias(run)
        except IndexMisconfigured as error:
            return [f"the alias cannot be resolved: {error}"]
        if problem:
            return [problem]
        if run.index_uuid and self.index.uuid(run.index) != run.index_uuid:
            return [f"the index {run.index} was deleted, and made anew"]
        return []

    def _moved_alias(self, run: RunRecord) -> str | None:
        """Return a problem if the alias was moved during the run; None if it was not."""
        if run.round_mark:
            migration = self.migrations.current()
            if migration is None or migration.id != run.round_mark.id:
                return f"migration {run.round_mark.id} has ended"
            return alias_problem(self.index, migration, run.alias)
        found = self.index.resolve(run.alias)
        if found == run.index:
            return None
        return f"the alias {run.alias} moved from {run.index} to {found} during the run"


def _forgotten(operation: Forgetting) -> dict[str, Any]:
    return {
        "at": iso(operation.at),
        "by": operation.by,
        "what": operation.what,
        "count": operation.images.count,
        "id_sum": f"{operation.images.id_sum:016x}",
    }
