"""The Tally: the consistent scan that alone decides whether a run is done, and its report."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from typing import Any

from reindex.domain.chunks import MAX_ROWS, chunks_of
from reindex.domain.failures import IndexMisconfigured, StoreUnavailable
from reindex.domain.ledger import Forgetting, UploadRecord
from reindex.domain.ledger_balance import (
    known_before,
    ledger_from_json,
    ledger_to_json,
    proved,
    unbalanced,
)
from reindex.domain.migration import SAVES
from reindex.domain.options import RunOptions
from reindex.domain.progress import ProgressRow, iso
from reindex.domain.rounds import RoundMark
from reindex.domain.run_records import UNREADABLE_CHUNKS, RunRecord
from reindex.domain.source_kinds import TABLE
from reindex.domain.states import CODES, Phase, State
from reindex.domain.tally import Tally
from reindex.reports import cost, timeline
from reindex.reports.fill_rates import count_filled
from reindex.reports.page import CONTENT_TYPE
from reindex.reports.report_page import page
from reindex.reports.run_estimate import estimated
from reindex.reports.run_summary import RunSummary, is_whole
from reindex.reports.samples import kept
from reindex.settings import Pace
from reindex.steps.ambient import Clock, Meter
from reindex.steps.ordering import ORDER_ABOVE
from reindex.steps.preflight import PreflightFailed
from reindex.steps.rounds import alias_problem
from reindex.stores.interfaces.index import Index
from reindex.stores.interfaces.migrations import Migrations
from reindex.stores.interfaces.progress_table import ProgressTable
from reindex.stores.interfaces.queues import Queue
from reindex.stores.interfaces.run_files import RunFiles
from reindex.stores.interfaces.runs import Runs
from reindex.stores.interfaces.work_list import WorkList

#: Seconds of scanning after which a segment hands over to a further invocation.
SEGMENT_SECONDS = 600

#: Rows with work left that are sorted together before they are cut into chunks.
_PILE = 10 * MAX_ROWS

log = logging.getLogger(__name__)

#: Runs before it that a report tells of.
EARLIER_RUNS = 12

#: Prefix of reports in the run's bucket.
REPORTS = "reports/"

#: Segments that one process counts at once, when a report is written again.
_AT_ONCE = 8

#: The counts of a source's ids that the run then processed.
_BROUGHT = ("new", "queued_again", "in_work")

#: Prefix of the segments' files in the run's bucket.
_TALLIES = "tallies/"


@dataclass(frozen=True, slots=True)
class Tallying:
    """Tallies a run, lists what has work left, decides whether it goes on, and reports."""

    table: ProgressTable
    work_list: WorkList
    runs: Runs
    migrations: Migrations
    files: RunFiles
    index: Index
    dead_letters: Queue
    max_rounds: int
    pace: Pace
    clock: Clock
    meter: Meter

    def segment(
        self,
        run_id: str,
        round_: int,
        segment: int,
        segments: int,
        cursor: Mapping[str, Any] | None,
        *,
        listing: bool = True,
    ) -> dict[str, Any]:
        """Count one segment of the table, or as much of it as fits one invocation.

        Each invocation creates a file of its own, and goes on from where that file ends: one
        that is done twice, or twice at once, counts nothing twice. The ledger is read before
        the first row is.

        Args:
            run_id: Of the run.
            round_: Number of the tally.
            segment: From 0.
            segments: How many there are.
            cursor: As the invocation before returned it; None for the first.
            listing: True if what has work left is put on the work list.

        Returns:
            ``{"next": cursor}`` to go on from; None at the segment's end.
        """
        part = cursor["part"] if cursor else 0
        after = cursor["after"] if cursor else None
        key = _part(run_id, round_, segment, part)
        ledger = None if cursor else self.runs.uploads()
        started = self.clock.now()
        tally = Tally()
        to_do = _ToDo(self.work_list, key.removeprefix(_TALLIES).removesuffix(".json"))
        while True:
            page = self.table.scan(segment, segments, after)
            tally.count(page.rows, page.unreadable, run_id)
            if listing:
                to_do.add(page.rows)
            after = page.next
            if after is None or self.clock.now() - started > SEGMENT_SECONDS:
                break
        to_do.flush()
        counted = {
            "after": after,
            "tally": tally.to_json(),
            "ledger": None if ledger is None else ledger_to_json(ledger),
        }
        if not self.files.create(key, json.dumps(counted).encode()):
            after = self._get(key)["after"]
        return {"next": None if after is None else {"part": part + 1, "after": after}}

    def decide(self, run_id: str, round_: int, segments: int, input_: Any = None) -> dict[str, Any]:
        """Add the segments up, and decide whether the run goes on.

        Args:
            run_id: Of the run.
            round_: Number of the tally.
            segments: How many there are.
            input_: The execution's input.

        Raises:
            PreflightFailed: The run began with this tally, and there is nothing for it to do.
        """
        tally = self.add_up(run_id, round_, segments)
        again = tally.unfinished > 0 and round_ < self.max_rounds
        following = round_ + 1 if again else round_
        changes: dict[str, Any] = {"round": following}
        run = self.runs.current()
        if run and run.run_id == run_id and run.total == 0:
            changes["total"] = tally.unfinished
            asked = RunOptions.of(input_ or {}).source.kind == TABLE and not run.unreported
            if asked and not tally.unfinished and not tally.unreadable:
                # As one that Preflight refused, it leaves nothing to report on.
                self.runs.update(run_id, {"index": ""})
                raise PreflightFailed(["nothing is queued: upload ids first"])
        self.runs.update(run_id, changes)
        return {
            "again": again,
            "round": following,
            "unfinished": tally.unfinished,
            # Once: what later rounds find is little, and the execution's history has its limit.
            "order": round_ < 0 and tally.unfinished > ORDER_ABOVE,
        }

    def add_up(self, run_id: str, round_: int, segments: int) -> Tally:
        """Add the segments up, and keep the sum for the report."""
        tally = Tally()
        ledgers = []
        for segment in range(segments):
            part = 0
            while True:
                found = self._get(_part(run_id, round_, segment, part))
                tally.add(Tally.from_json(found["tally"]))
                if found["ledger"] is not None:
                    ledgers.append(ledger_from_json(found["ledger"]))
                if found["after"] is None:
                    break
                part += 1
        ledger = known_before(ledgers)
        self._put(
            _total(run_id, round_),
            {"tally": tally.to_json(), "ledger": ledger_to_json(ledger)},
        )
        return tally

    def report_again(self, run_id: str, segments: int) -> dict[str, Any]:
        """Count the table anew and write the report again, whatever became of the run's own.

        No image is queued again: those with work left are a problem in the report.

        Raises:
            StoreUnavailable: A service does not answer.
        """
        run = self.runs.current()
        # Numbers that no run can have come to, for a file of a tally is never overwritten.
        round_ = round(self.clock.now())
        with ThreadPoolExecutor(min(segments, _AT_ONCE), thread_name_prefix="tally") as pool:
            list(
                pool.map(
                    lambda s: self._whole_segment(run_id, round_, s, segments), range(segments)
                )
            )
        self.add_up(run_id, round_, segments)
        return self.report(run_id, round_, rounds=run.round + 1 if run else 1)

    def _whole_segment(self, run_id: str, round_: int, segment: int, segments: int) -> None:
        cursor = None
        while True:
            step = self.segment(run_id, round_, segment, segments, cursor, listing=False)
            cursor = step["next"]
            if cursor is None:
                return

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
        total = self._get(_total(run_id, round_))
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
        self._put(key, report)
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
        self._put(key, report)
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
            stored = self._get(report_key(last_reported))
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

    def _put(self, key: str, value: Mapping[str, Any]) -> None:
        self.files.put(key, json.dumps(value).encode())

    def _get(self, key: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.files.get(key))
        return found


@dataclass(slots=True)
class _ToDo:
    """The rows with work left that a scan finds, on their way to the work list.

    Attributes:
        name: For the chunks: the same for a scan that is made again, so that it replaces them.
    """

    work_list: WorkList
    name: str
    rows: list[ProgressRow] = field(default_factory=list)
    flushes: int = 0

    def add(self, rows: Sequence[ProgressRow]) -> None:
        """Take rows; what has piled up is put on the list."""
        self.rows += [row for row in rows if row.state.phase]
        if len(self.rows) >= _PILE:
            self.flush()

    def flush(self) -> None:
        """Put what is left on the list."""
        self.work_list.add(chunks_of(self.rows, f"{self.name}-{self.flushes:06d}"))
        self.rows = []
        self.flushes += 1


def _forgotten(operation: Forgetting) -> dict[str, Any]:
    return {
        "at": iso(operation.at),
        "by": operation.by,
        "what": operation.what,
        "count": operation.images.count,
        "id_sum": f"{operation.images.id_sum:016x}",
    }


def report_key(run_id: str) -> str:
    """Return the key of a run's report, as JSON."""
    return f"{REPORTS}{run_id}.json"


def page_key(run_id: str) -> str:
    """Return the key of a run's report, as a page for people."""
    return f"{REPORTS}{run_id}.html"


def _part(run_id: str, round_: int, segment: int, part: int) -> str:
    return f"{_TALLIES}{run_id}/{round_:02d}/{segment:03d}-{part:03d}.json"


def _total(run_id: str, round_: int) -> str:
    return f"{_TALLIES}{run_id}/{round_:02d}/total.json"
