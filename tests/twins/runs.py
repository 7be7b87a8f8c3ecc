"""The runs table in memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from threading import RLock
from typing import Any

from reindex.records import Lease, Ledger, RunRecord, UploadRecord
from reindex.states import Phase
from reindex.stores.runs import LONGEST_SKEW, check_fields


@dataclass(frozen=True, slots=True)
class _Held:
    holder: str
    until: float
    ids: tuple[str, ...] = ()


class MemoryRuns:
    """A runs table that threads may share."""

    def __init__(self) -> None:
        self.record: RunRecord | None = None
        self.leases: dict[tuple[Phase, int], _Held] = {}
        self._uploads: dict[str, UploadRecord] = {}
        self._lock = RLock()

    def current(self) -> RunRecord | None:
        return self.record

    def open(self, record: RunRecord, instead_of: RunRecord | None) -> bool:
        with self._lock:
            found = self.record
            if _standing(found) == _standing(instead_of):
                self.record = record
                return True
            return found is not None and found.is_open and found.run_id == record.run_id

    def update(self, run_id: str, changes: Mapping[str, Any]) -> bool:
        check_fields(changes)
        with self._lock:
            if not self._is_open(run_id):
                return False
            assert self.record is not None
            self.record = replace(self.record, **changes)
            return True

    def reported(self, run: RunRecord, changes: Mapping[str, Any]) -> bool:
        check_fields(changes)
        with self._lock:
            if self.record is None or _standing(self.record) != _standing(run):
                return False
            self.record = replace(self.record, **changes)
            return True

    def moved(
        self,
        run_id: str,
        counts: Mapping[str, int],
        now: float | None,
        changes: Mapping[str, Any] | None = None,
    ) -> bool:
        check_fields(changes or {})
        with self._lock:
            if not self._is_open(run_id):
                return False
            assert self.record is not None
            fields = dict(changes or {}) | ({} if now is None else {"progressed_at": now})
            sums = _sums(self.record.counts, counts)
            self.record = replace(self.record, counts=sums, **fields)
            return True

    def gathered(self, run_id: str, counts: Mapping[str, int]) -> bool:
        with self._lock:
            if not self._is_open(run_id):
                return False
            assert self.record is not None
            self.record = replace(self.record, gathered=_sums(self.record.gathered, counts))
            return True

    def take_lease(
        self, phase: Phase, worker: int, holder: str, now: float, until: float
    ) -> Lease | None:
        with self._lock:
            held = self.leases.get((phase, worker))
            if held and now <= held.until <= until + LONGEST_SKEW:
                return None
            left_behind = held.ids if held else ()
            self.leases[phase, worker] = _Held(holder, until, left_behind)
        return Lease(phase, worker, holder, until, left_behind)

    def hold(self, lease: Lease, ids: Sequence[str]) -> bool:
        with self._lock:
            held = self._ours(lease)
            if held:
                self.leases[lease.phase, lease.worker] = replace(held, ids=tuple(ids))
        return held is not None

    def release(self, lease: Lease) -> None:
        with self._lock:
            if self._ours(lease):
                del self.leases[lease.phase, lease.worker]

    def record_upload(self, upload: str, brought: Ledger, *, done: bool) -> None:
        with self._lock:
            known = self._uploads.get(upload)
            if known is None or known.brought.count <= brought.count:
                self._uploads[upload] = UploadRecord(brought, done)

    def uploads(self) -> dict[str, UploadRecord]:
        with self._lock:
            return dict(self._uploads)

    def _is_open(self, run_id: str) -> bool:
        found = self.record
        return found is not None and found.is_open and found.run_id == run_id

    def _ours(self, lease: Lease) -> _Held | None:
        held = self.leases.get((lease.phase, lease.worker))
        return held if held and held.holder == lease.holder else None


def _sums(counts: Mapping[str, int], more: Mapping[str, int]) -> dict[str, int]:
    return {**counts, **{kind: counts.get(kind, 0) + n for kind, n in more.items()}}


def _standing(record: RunRecord | None) -> tuple[str, str] | None:
    return (record.run_id, record.status) if record else None
