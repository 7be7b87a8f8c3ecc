"""The runs table in memory."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from threading import RLock
from typing import Any

from reindex.domain.ledger import FOLDED, Forgetting, Ledger, UploadRecord
from reindex.domain.run_records import RunRecord
from reindex.domain.tally import FIRST_FAILURES, Kind
from reindex.stores.runs.items import check_fields


class MemoryRuns:
    """A runs table that threads may share."""

    def __init__(self) -> None:
        self.record: RunRecord | None = None
        self._uploads: dict[str, UploadRecord] = {}
        self._forgettings: dict[str, Forgetting] = {}
        self._failures: dict[str, dict[str, Kind]] = {}
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

    def record_report(self, run: RunRecord, changes: Mapping[str, Any]) -> bool:
        check_fields(changes)
        with self._lock:
            if self.record is None or _standing(self.record) != _standing(run):
                return False
            self.record = replace(self.record, **changes)
            return True

    def record_progress(
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

    def record_gathered(self, run_id: str, counts: Mapping[str, int]) -> bool:
        with self._lock:
            if not self._is_open(run_id):
                return False
            assert self.record is not None
            self.record = replace(self.record, gathered=_sums(self.record.gathered, counts))
            return True

    def record_bulks(self, run_id: str, counts: Mapping[str, int]) -> bool:
        with self._lock:
            if not self._is_open(run_id):
                return False
            assert self.record is not None
            self.record = replace(self.record, bulks=_sums(self.record.bulks, counts))
            return True

    def record_failures(self, run_id: str, kinds: Mapping[str, Kind]) -> None:
        with self._lock:
            known = self._failures.setdefault(run_id, {})
            if sum(kind.count for kind in known.values()) >= FIRST_FAILURES:
                return
            for fingerprint, kind in kinds.items():
                before = known.get(fingerprint, replace(kind, count=0))
                known[fingerprint] = replace(before, count=before.count + kind.count)

    def first_failures(self, run_id: str) -> dict[str, Kind]:
        return dict(self._failures.get(run_id, {}))

    def replace_pace(self, run_id: str, pace: Mapping[str, Any], before: float | None) -> bool:
        with self._lock:
            if not self._is_open(run_id):
                return False
            assert self.record is not None
            if self.record.indexer_pace.get("at") != before:
                return False
            self.record = replace(self.record, indexer_pace=pace)
            return True

    def record_upload(self, upload: str, brought: Ledger, *, done: bool) -> None:
        with self._lock:
            known = self._uploads.get(upload)
            if known is None or known.brought.count <= brought.count:
                forgotten = known.forgotten if known else Ledger()
                self._uploads[upload] = UploadRecord(brought, done, forgotten)

    def uploads(self) -> dict[str, UploadRecord]:
        with self._lock:
            return dict(self._uploads)

    def fold(self, uploads: Mapping[str, UploadRecord]) -> None:
        with self._lock:
            for name, record in uploads.items():
                if self._uploads.get(name) == record:
                    del self._uploads[name]
                    total = self._uploads.get(FOLDED, UploadRecord(Ledger(), done=True))
                    self._uploads[FOLDED] = UploadRecord(
                        total.brought + record.brought,
                        done=True,
                        forgotten=total.forgotten + record.forgotten,
                    )

    def forgettings(self) -> list[Forgetting]:
        with self._lock:
            return sorted(self._forgettings.values(), key=lambda found: found.at)

    def note_forgotten(self, upload: str, image: Ledger, operation: Forgetting) -> bool:
        """Enter an image that leaves the table; False when no upload brought it."""
        with self._lock:
            name = upload if upload in self._uploads else FOLDED
            if name not in self._uploads:
                return False
            record = self._uploads[name]
            self._uploads[name] = replace(record, forgotten=record.forgotten + image)
            known = self._forgettings.get(operation.name, replace(operation, images=Ledger()))
            self._forgettings[operation.name] = replace(known, images=known.images + image)
            return True

    def _is_open(self, run_id: str) -> bool:
        found = self.record
        return found is not None and found.is_open and found.run_id == run_id


def _sums(counts: Mapping[str, int], more: Mapping[str, int]) -> dict[str, int]:
    return {**counts, **{kind: counts.get(kind, 0) + n for kind, n in more.items()}}


def _standing(record: RunRecord | None) -> tuple[str, str] | None:
    return (record.run_id, record.status) if record else None
