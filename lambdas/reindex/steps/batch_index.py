"""The index phase: have documents built, and put them on the low-priority queue."""

from __future__ import annotations

import hashlib
import json
import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass

from reindex.batches import in_batches
from reindex.domain import outcomes
from reindex.domain.digest import digest
from reindex.domain.document_parts import selected
from reindex.domain.failures import (
    Failure,
    IndexMisconfigured,
    LoaderAnswer,
    LoaderRefused,
    OriginalNotFound,
    ProjectionDied,
    SourceUnavailable,
    StoreUnavailable,
    WorkerDied,
)
from reindex.domain.messages import OutgoingMessage
from reindex.domain.preserved import carried
from reindex.domain.progress import ProgressRow, Retry, iso
from reindex.domain.projections import Projected
from reindex.domain.provenance import PROVENANCE, Indexed
from reindex.domain.run_records import RETRIED, UNCHANGED, WAITING, RunRecord
from reindex.domain.stamps import STAMPS
from reindex.domain.states import Phase, State
from reindex.image.leases import are_current
from reindex.reports.footprint import PROJECTION_BATCH
from reindex.settings import Pace
from reindex.steps.ambient import Clock, Meter
from reindex.steps.batch_projection import TRUTH, BatchProjection
from reindex.steps.claims import CLAIM_ABOVE, claim
from reindex.steps.gates import Gates
from reindex.steps.indexer_pacing import IndexerPacing
from reindex.steps.phase_work import Capacity, Deadline, PageResult
from reindex.stores.interfaces.migrations import MigrationIndex
from reindex.stores.interfaces.progress_table import Change, ProgressTable
from reindex.stores.interfaces.projection import Projector
from reindex.stores.interfaces.queues import Backlog
from reindex.stores.interfaces.run_files import RunFiles

#: Images of a projection call if there are few: a small reindex should be as concurrent as a
#: large one.
SMALL_BATCH = 25

#: Chunks that a worker works at the same time, so that it never waits for the slowest of one.
LANES = 6

#: Times an image waits for a live writer to settle before it is reindexed all the same.
MAX_WAITS = 3

#: The gate that holds while the low-priority queue holds ``tuning.max_backlog`` messages.
BACKLOG_FULL = "the backlog is full"

#: Codes of failures that what the projection reads is the cause of.
_FROM_TRUTH = frozenset({SourceUnavailable.code, LoaderRefused.code, LoaderAnswer.code})

#: Failures after which an image is projected alone, so that only it can fail again.
_SUSPECT = frozenset({WorkerDied.code, ProjectionDied.code})


@dataclass(frozen=True, slots=True)
class _Seen:
    """The documents of a batch in the indices, before its truth was read.

    Attributes:
        target: Of the index that is written to.
        followed: Of the index that a migration follows.
        live: Ids whose document in the target was written after people were led there.
    """

    target: Mapping[str, Indexed]
    followed: Mapping[str, Indexed]
    live: AbstractSet[str]


@dataclass(frozen=True, slots=True)
class IndexPhase:
    """The work of batch-index on pages of queued rows.

    Attributes:
        preserve: Dotted fields that the index holds and the truth does not.
        workers: How many share the queue's credit.
        truth: What the projection reads, for people: it names the gate when that does not answer.
    """

    table: ProgressTable
    projector: Projector
    backlog: Backlog
    index: MigrationIndex
    files: RunFiles
    gates: Gates
    pacing: IndexerPacing
    pace: Pace
    retry: Retry
    preserve: Sequence[str]
    workers: int
    clock: Clock
    meter: Meter
    phase: Phase = Phase.INDEX
    truth: str = TRUTH

    @property
    def lanes(self) -> int:
        """The number of chunks that a worker processes concurrently."""
        return min(LANES, self.pace.projection_concurrency)

    @property
    def _calls(self) -> int:
        """Projection calls that one lane waits on at once."""
        return self.pace.projection_concurrency // self.lanes

    def capacity(self, run: RunRecord) -> Capacity:
        """Return the number of rows that may be processed now: credit against the backlog."""
        held_by = self.gates.held_by(run)
        if held_by:
            return Capacity(0, held_by)
        depth = self.backlog.depth().total
        self.meter.count("Backlog", depth)
        self.pacing.look(run, depth)
        sharers = self.workers * self.lanes
        free = max(0, self.pace.max_backlog - depth)
        # A share may be less than a row: then the next worker takes one.
        credit = max(free // sharers, min(free, 1))
        # A handful of rows would cost a call each: rather wait until a batch fits.
        if credit < min(SMALL_BATCH, max(1, self.pace.max_backlog // sharers)):
            return Capacity(0, BACKLOG_FULL)
        for recent in (run.recent_projections, run.recent_writes):
            code = outcomes.prevailing_failure(recent, self.pace.max_failure_percent)
            if code:
                source = "" if self.truth == TRUTH or code not in _FROM_TRUTH else self.truth
                return Capacity(outcomes.PROBE, outcomes.gate(code, source), is_probe=True)
        return Capacity(credit)

    def page(self, run: RunRecord, rows: Sequence[ProgressRow], deadline: Deadline) -> PageResult:
        """Reindex rows, many projections in flight.

        What a service that did not answer left unsettled is still queued; that it did not
        answer is a problem of the page only if nothing else was done.
        """
        result = PageResult()
        unanswered: Exception | None = None
        try:
            # For each page anew: live writers may add fields at any time.
            misfits = self.index.misfits(run.index)
        except (StoreUnavailable, IndexMisconfigured) as error:
            result.problem = error
            return result
        with ThreadPoolExecutor(self._calls) as pool:
            calls = [
                pool.submit(self._batch, run, batch, misfits, deadline)
                for batch in self._batches(rows)
            ]
            for call in as_completed(calls):
                try:
                    changes, overtaken = call.result()
                except (StoreUnavailable, IndexMisconfigured) as error:
                    unanswered = error
                except Exception as error:  # noqa: BLE001 - the tick isolates the image it is about
                    result.problem = error
                else:
                    result.transitions.update(map(_name, changes))
                    result.outcomes.update(_outcome(c) for c in changes if _name(c) != WAITING)
                    result.after += [change.after for change in changes]
                    result.overtaken |= overtaken
        result.is_uncertain = unanswered is not None
        if unanswered and not result.transitions:
            result.problem = unanswered
        return result

    def _batches(self, rows: Sequence[ProgressRow]) -> Iterable[Sequence[ProgressRow]]:
        sound = [row for row in rows if not _is_suspect(row)]
        size = min(PROJECTION_BATCH, max(SMALL_BATCH, math.ceil(len(sound) / self._calls)))
        yield from in_batches(sound, size)
        yield from ([row] for row in rows if _is_suspect(row))

    def _batch(
        self,
        run: RunRecord,
        rows: Sequence[ProgressRow],
        misfits: Mapping[str, str],
        deadline: Deadline,
    ) -> tuple[list[Change], set[str]]:
        """Reindex one batch: guard, project, enqueue, settle, in that order.

        The guard is read before the truth is: a write that comes between them wins.

        Returns:
            The changes that were written, and the ids of rows that another changed first.
        """
        if self.clock.now() > deadline.soft:
            return [], set()
        some = [*STAMPS, PROVENANCE, *self.preserve]
        fields = ["*"] if run.skip_unchanged else some
        found = self.index.read(run.index, [row.id for row in rows], fields)
        followed = self._followed(run, [row.id for row in rows])
        # After the guards: what is written later still fails its guard.
        live = self._live(run, list(found))
        now = self.clock.now()
        changes: list[Change] = []
        ready: dict[str, ProgressRow] = {}
        for row in rows:
            settled_at = max(
                self._settled_at(found.get(row.id), now),
                self._settled_at(followed.get(row.id), now),
            )
            if settled_at > now and row.waits < MAX_WAITS:
                changes.append(Change(row, row.waiting(settled_at, now)))
            else:
                ready[row.id] = row
        if ready:
            projection = BatchProjection(self.projector, self.clock, self.meter, self.truth)
            started = self.clock.now()
            answer = projection.project(list(ready), run.run_id, misfits, deadline)
            self.meter.seconds("ProjectionLatency", self.clock.now() - started)
            self.meter.count("ImagesProjected", len(answer.images))
            self.meter.bytes("OriginalBytesRead", answer.bytes_read)
            if outage := projection.outage(answer, ready):
                raise StoreUnavailable(outage)
            changes += self._failed(answer.failures, ready, found, run)
            changed, unchanged = self._split_unchanged(answer.images, found, run)
            changes += self._unchanged(unchanged, ready, run)
            seen = _Seen(found, followed, live)
            changes += self._enqueue(changed, ready, seen, run)
        return self._settle(changes)

    def _followed(self, run: RunRecord, ids: Sequence[str]) -> Mapping[str, Indexed]:
        """Return the images' documents in the index that a migration follows; empty in other runs.

        Read before the truth is, as the guard is: what is preserved there later makes the document
        a changed one, which the next round brings.
        """
        mark = run.round_mark
        if mark is None:
            return {}
        return self.index.read(mark.source, ids, [*STAMPS, PROVENANCE, *self.preserve])

    def _live(self, run: RunRecord, ids: Sequence[str]) -> AbstractSet[str]:
        """Return the ids whose document in the target live writers may have written."""
        mark = run.round_mark
        if mark is None or mark.target_position is None or not ids:
            return frozenset()
        return self.index.written_since(run.index, ids, mark.target_position)

    def _split_unchanged(
        self, images: Sequence[Projected], found: Mapping[str, Indexed], run: RunRecord
    ) -> tuple[list[Projected], list[Projected]]:
        """Return the images whose document must be written, and those whose document is current."""
        changed: list[Projected] = []
        unchanged: list[Projected] = []
        for image in images:
            stored = found.get(image.id) if run.skip_unchanged else None
            is_current = stored and self._is_current(image, stored, run)
            (unchanged if is_current else changed).append(image)
        return changed, unchanged

    def _is_current(self, image: Projected, stored: Indexed, run: RunRecord) -> bool:
        """Return True if the index held what was projected: as its provenance says, and in truth.

        Provenance alone would prove nothing: a live writer's update may have left it in place.
        What this run wrote itself is for the check to confirm. Active leases are not
        part of the digest, and may have changed since.
        """
        provenance = stored.provenance
        return (
            provenance is not None
            and provenance.run_id != run.run_id
            and provenance.digest == image.digest
            and digest(stored.source, self.preserve) == image.digest
            and are_current(stored.source.get("leases"), self.clock.now())
        )

    def _unchanged(
        self, images: Sequence[Projected], rows: Mapping[str, ProgressRow], run: RunRecord
    ) -> list[Change]:
        now = self.clock.now()
        self.meter.count("ImagesUnchanged", len(images))
        return [
            Change(
                rows[image.id],
                rows[image.id].unchanged(digest=image.digest, run_id=run.run_id, now=now),
            )
            for image in images
        ]

    def _settled_at(self, found: Indexed | None, now: float) -> float:
        """When reads by secondary index show what a live writer last wrote of the image.

        A time stamp in the future is a mistake: the wait is no longer than for any other.
        """
        if found is None or found.modified_at is None:
            return 0
        return min(found.modified_at, now) + self.pace.settle_seconds

    def _failed(
        self,
        failures: Mapping[str, Failure],
        rows: Mapping[str, ProgressRow],
        found: Mapping[str, Indexed],
        run: RunRecord,
    ) -> list[Change]:
        now = self.clock.now()
        for code, count in Counter(f.code for f in failures.values()).items():
            self.meter.failures(code, count)

        def after(row: ProgressRow, failure: Failure) -> ProgressRow:
            if failure.code != OriginalNotFound.code:
                return row.failed(failure, run_id=run.run_id, retry=self.retry, now=now)
            return row.without_original(
                failure,
                created=_is_created(row, found.get(row.id), run),
                run_id=run.run_id,
                check_at=now + self.pace.check_delay_seconds,
                now=now,
            )

        return [Change(rows[id_], after(rows[id_], failure)) for id_, failure in failures.items()]

    def _enqueue(
        self,
        images: Sequence[Projected],
        rows: Mapping[str, ProgressRow],
        seen: _Seen,
        run: RunRecord,
    ) -> list[Change]:
        now = self.clock.now()
        found = seen.target
        messages = [
            OutgoingMessage(
                id=image.id,
                rev=rows[image.id].rev,
                run_id=run.run_id,
                digest=image.digest,
                index=run.index,
                index_uuid=run.index_uuid,
                guard=found[image.id].guard if image.id in found else None,
                preserved=self._preserved(seen, run, image),
                projected_at=iso(now),
                image=image.image,
            )
            for image in images
        ]
        accepted = self.backlog.send(messages)
        self.meter.count("ImagesEnqueued", len(accepted))
        now = self.clock.now()
        return [
            Change(
                rows[image.id],
                rows[image.id].enqueued(
                    digest=image.digest,
                    created=_is_created(rows[image.id], found.get(image.id), run),
                    run_id=run.run_id,
                    check_at=now + self.pace.check_delay_seconds,
                    now=now,
                ),
            )
            for image in images
            if image.id in accepted
        ]

    def _preserved(self, seen: _Seen, run: RunRecord, image: Projected) -> str:
        found, mark = seen.target.get(image.id), run.round_mark
        if mark is None:
            values = selected(found.source, self.preserve) if found else {}
        else:
            followed = seen.followed.get(image.id)
            is_live = found is not None and image.id in seen.live
            values = carried(
                self.preserve,
                followed.source if followed else {},
                found.source if found and is_live else None,
            )
        text = json.dumps(values)
        if len(text) > CLAIM_ABOVE:
            name = hashlib.sha256(image.id.encode()).hexdigest()
            return claim(self.files, run.run_id, f"{name}-preserved", text)
        return text

    def _settle(self, changes: Sequence[Change]) -> tuple[list[Change], set[str]]:
        written = self.table.write(changes)
        overtaken = {change.before.id for change in changes} - written
        return [change for change in changes if change.before.id in written], overtaken


def _is_created(row: ProgressRow, found: Indexed | None, run: RunRecord) -> bool:
    """Return True if a document was, or would be, created and has not been verified since.

    One may be there already: of a worker that died, or lost an answer, before it could settle
    what it had sent, in this run or in one before it that did not get to its end.
    """
    if found is None or run.round_mark:
        # In a migration, what the target holds is there to follow the truth: see the check.
        return True
    if found.provenance is None:
        return False
    by = found.provenance.run_id
    return by == run.run_id or (by in run.unfinished and not row.is_verified_by(by))


def _is_suspect(row: ProgressRow) -> bool:
    return row.failure is not None and row.failure.code in _SUSPECT


def _name(change: Change) -> str:
    if change.after.state is State.VERIFIED:
        return UNCHANGED
    if change.after.state is not change.before.state:
        return str(change.after.state)
    return RETRIED if change.after.attempts > change.before.attempts else WAITING


def _outcome(change: Change) -> str:
    return change.after.failure.code if change.after.failure else outcomes.OK
