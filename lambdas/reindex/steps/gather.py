"""Gathering: the ids of a run's source go into the progress table, before anything else.

The plan takes the run record, so that no second run gathers beside this one. The state machine
has the source cut into parts, and works some of them concurrently. Every
invocation is an upload of its own: one that died has said too little in the ledger, as any
upload that dies, and its rows tell the rest. So a part can be tried again from any place, and
even shown other ids than before, and conservation still holds.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from reindex.domain.failures import StoreUnavailable
from reindex.domain.migration import SAVES, Migration
from reindex.domain.options import RunOptions, Source
from reindex.domain.run_records import RunRecord, run_id_of
from reindex.domain.source_kinds import CHANGES, TABLE
from reindex.steps.ambient import Clock, Meter
from reindex.steps.preflight import PreflightFailed, in_the_way
from reindex.steps.upload import Upload, Uploaded
from reindex.stores.interfaces.id_sources import IdSource, Part
from reindex.stores.interfaces.migrations import MigrationIndex, Migrations
from reindex.stores.interfaces.paging import Cursor
from reindex.stores.interfaces.phases import Phases
from reindex.stores.interfaces.progress_table import ProgressTable
from reindex.stores.interfaces.runs import Runs
from reindex.stores.interfaces.work_list import WorkList

log = logging.getLogger(__name__)

#: The most parts. Each takes eleven of the 25,000 events that an execution may have, and seven
#: more for each further invocation.
MAX_PARTS = 256

#: Seconds after which a part is continued by a further invocation.
PART_SECONDS = 600

#: Runs without success that a run remembers: the messages of an older one have long expired.
MAX_UNFINISHED = 20


@dataclass(frozen=True, slots=True)
class Gathering:
    """Brings the ids of a run's source into the progress table.

    Attributes:
        source: Opens a source of ids.
        index: Makes the index's client, for rounds of a migration.
        alias: The alias that people search through.
    """

    table: ProgressTable
    work_list: WorkList
    runs: Runs
    phases: Phases
    migrations: Migrations
    source: Callable[[Source], IdSource]
    index: Callable[[], MigrationIndex]
    alias: str
    clock: Clock
    meter: Meter

    def plan(self, execution: str, input_: Any) -> dict[str, Any]:
        """Take the run record, and cut the run's source into parts.

        Args:
            execution: The execution's ARN.
            input_: Its input.

        Returns:
            ``{"parts": [...]}``; none when there is nothing to gather.

        Raises:
            SettingsError: The input is invalid.
            PreflightFailed: Another run or a migration is open; nothing has been touched.
            SourceUnusable: The source is not what it should be.
            IndexMisconfigured: The ids are in the index, and its alias does not name one.
            StoreUnavailable: A service does not answer.
        """
        options = RunOptions.of(input_)
        migration = self._migration(options, run_id_of(execution))
        self._take_record(execution, options, migration)
        if options.source.kind == TABLE:
            return {"parts": []}
        if migration and options.source.kind == CHANGES:
            self._record_position(migration, options, run_id_of(execution))
        # A limit is one count, which parts worked concurrently could not share.
        at_most = MAX_PARTS if options.limit is None else 1
        return {"parts": list(self.source(options.source).parts(at_most))}

    def _migration(self, options: RunOptions, run_id: str) -> Migration | None:
        """Return the migration that the run is a round of; None for an ordinary run.

        Raises:
            PreflightFailed: A migration is open, and the run is none of its rounds.
        """
        current = self.migrations.current()
        if options.migration is None:
            if current and current.refuses_runs:
                raise PreflightFailed(
                    [f"migration {current.id} is open ({current.state}): finish it, or abort it"]
                )
            return None
        if current is None or current.round is None or current.round.run_id != run_id:
            raise PreflightFailed([f"run {run_id} is no round of migration {options.migration}"])
        return current

    def _record_position(self, migration: Migration, options: RunOptions, run_id: str) -> None:
        """Record up to where a round reads its source: there the next one begins.

        Before any of its ids is read: what is written meanwhile is the next round's.
        """
        now = self.clock.now()
        position = self.index().position(migration.source.name)
        current: Migration | None = migration
        for _ in range(SAVES):
            if current and self.migrations.save(current.round_planned(position, now), current):
                return
            # An operator changed the record meanwhile: it is read again.
            current = self._migration(options, run_id)
        raise StoreUnavailable(f"migration {migration.id} was changed in this moment")

    def _take_record(
        self, execution: str, options: RunOptions, migration: Migration | None
    ) -> None:
        current = self.runs.current()
        if current and current.is_open and current.execution == execution:
            # A plan that is tried again finds its own record: its answer was lost.
            return
        if obstacle := in_the_way(current, execution, self.phases):
            raise PreflightFailed([obstacle])
        now = self.clock.now()
        record = RunRecord(
            run_id=run_id_of(execution),
            execution=execution,
            alias=self.alias,
            started_at=now,
            progressed_at=now,
            skip_unchanged=options.skip_unchanged,
            options=options.as_recorded(),
            budget=options.budget,
            unreported=current is not None and not current.is_reported,
            last_reported=_last_reported(current),
            unfinished=_unfinished(current),
            migration=asdict(migration.mark(is_partial=options.is_partial)) if migration else {},
        )
        if not self.runs.open(record, instead_of=current):
            raise PreflightFailed(["another run was opened in this moment"])

    def part(
        self,
        run_id: str,
        upload: str,
        input_: Any,
        part: Part,
        cursor: Mapping[str, Any] | None,
    ) -> dict[str, Any]:
        """Upload the ids of a part, or as many of them as fit one invocation.

        Args:
            run_id: Of the run.
            upload: Unique name of this invocation: the ledger counts its ids under this name.
            input_: The execution's input.
            part: As :meth:`plan` cut it.
            cursor: As the invocation before returned it; None for the first.

        Returns:
            ``{"next": cursor}`` to go on from; None at the part's end.

        Raises:
            SourceUnusable: The source is not what it should be.
            StoreUnavailable: A service does not answer; the rows uploaded so far remain.
        """
        options = RunOptions.of(input_)
        pages = _Pages(
            self.table,
            self.source(options.source),
            part,
            options,
            self.clock,
            after=cursor["after"] if cursor else None,
            taken=cursor["taken"] if cursor else 0,
        )
        uploading = Upload(
            self.table, self.work_list, self.runs, self.clock, upload, only_new=options.only_new
        )
        done = uploading.upload(pages.ids())
        self.meter.count("ImagesGathered", done.new + done.queued_again)
        counts = _counts(done, pages)
        if done.invalid:
            log.warning("ids that no index can hold", extra={"count": done.invalid})
        self.runs.record_gathered(run_id, counts)
        following = {"after": pages.after, "taken": pages.taken}
        return {"next": None if pages.after is None else following}


def _unfinished(before: RunRecord | None) -> list[str]:
    """Return the runs whose messages may still come, given the latest of them."""
    if before is None or before.status == "succeeded":
        return []
    return [*before.unfinished, before.run_id][-MAX_UNFINISHED:]


def _last_reported(run: RunRecord | None) -> str | None:
    """Return the last run that has a report."""
    if run is None:
        return None
    return run.run_id if run.report else run.last_reported


def _counts(done: Uploaded, pages: _Pages) -> dict[str, int]:
    """Return the counts of a part's ids; ``left_finished`` includes those that were skipped."""
    counts = asdict(done) | {"archived": pages.archived}
    counts["left_finished"] += pages.known
    return {kind: count for kind, count in counts.items() if count}


@dataclass(slots=True)
class _Pages:
    """The ids of a part that one invocation processes.

    Attributes:
        after: Where the part goes on; None at its end, once all ids were taken.
        taken: Ids towards the limit, those of the invocations before included.
        known: Ids that have a row already, and were passed over for it.
        archived: Originals in a storage class from which they cannot be read at once.
    """

    table: ProgressTable
    source: IdSource
    part: Part
    options: RunOptions
    clock: Clock
    after: Cursor | None
    taken: int
    known: int = 0
    archived: int = 0

    def ids(self) -> Iterator[str]:
        """Ids, page by page, until the part or the invocation is at its end.

        A limit counts the ids that are new where only new ones are wanted, and all ids else: a
        run every month with such a limit gets through the whole source.
        """
        limit = self.options.limit
        end = self.clock.now() + PART_SECONDS
        while True:
            page = self.source.page(self.part, self.after)
            self.archived += page.archived
            ids = self._unknown(page.ids) if limit and self.options.only_new else page.ids
            ids = ids if limit is None else ids[: limit - self.taken]
            yield from ids
            self.taken += len(ids)
            self.after = None if self.taken == limit else page.next
            if self.after is None or self.clock.now() > end:
                return

    def _unknown(self, ids: Sequence[str]) -> Sequence[str]:
        """Return the ids that have no row yet."""
        found = self.table.read(ids)
        unknown = [i for i in ids if i not in found.rows and i not in found.unreadable]
        self.known += len(ids) - len(unknown)
        return unknown
