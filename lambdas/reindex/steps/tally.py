"""The Tally: the consistent scan that alone decides whether a run is done."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from reindex.domain.chunks import MAX_ROWS, chunks_of
from reindex.domain.ledger_balance import known_before, ledger_from_json, ledger_to_json
from reindex.domain.options import RunOptions
from reindex.domain.progress import ProgressRow
from reindex.domain.source_kinds import TABLE
from reindex.domain.tally import Tally
from reindex.settings import Pace
from reindex.steps.ambient import Clock, Meter
from reindex.steps.ordering import ORDER_ABOVE
from reindex.steps.preflight import PreflightFailed
from reindex.steps.run_report import RunReporter
from reindex.steps.tally_files import TALLIES, get_json, part_key, put_json, total_key
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

#: Segments that one process counts at once, when a report is written again.
_AT_ONCE = 8


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
        key = part_key(run_id, round_, segment, part)
        ledger = None if cursor else self.runs.uploads()
        started = self.clock.now()
        tally = Tally()
        to_do = _ToDo(self.work_list, key.removeprefix(TALLIES).removesuffix(".json"))
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
            after = get_json(self.files, key)["after"]
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
                found = get_json(self.files, part_key(run_id, round_, segment, part))
                tally.add(Tally.from_json(found["tally"]))
                if found["ledger"] is not None:
                    ledgers.append(ledger_from_json(found["ledger"]))
                if found["after"] is None:
                    break
                part += 1
        ledger = known_before(ledgers)
        put_json(
            self.files,
            total_key(run_id, round_),
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
        """Write the run's report, and close its record: see :meth:`.RunReporter.report`."""
        reporter = RunReporter(
            self.work_list,
            self.runs,
            self.migrations,
            self.files,
            self.index,
            self.dead_letters,
            self.pace,
            self.clock,
            self.meter,
        )
        return reporter.report(run_id, round_, rounds)


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
