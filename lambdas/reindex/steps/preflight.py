"""Preflight: find everything that would make a run fail, before any image is touched."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from reindex.domain.failures import (
    IndexGone,
    IndexMisconfigured,
    InternalFailure,
    ReindexFailure,
    StoreUnavailable,
)
from reindex.domain.run_records import RunRecord
from reindex.domain.states import Phase
from reindex.image.misfits import surprising
from reindex.steps.ambient import Clock
from reindex.steps.ordering import ORDER_ABOVE
from reindex.steps.rounds import alias_problem
from reindex.stores.interfaces.index import Index
from reindex.stores.interfaces.migrations import Migrations
from reindex.stores.interfaces.phases import Phases
from reindex.stores.interfaces.runs import Runs
from reindex.stores.interfaces.work_list import WorkList

log = logging.getLogger(__name__)

#: Seconds before each further time that a service is asked which failed at once, and how soon
#: that must have been.
_PAUSES = (0.5, 1.0, 2.0)
_QUICK_SECONDS = 3.0

#: Fields that the run record names whose mapping may refuse ours: it is written at every tick.
NAMED_MISFITS = 20

#: Checks that one resource of a run exists and gives access.
Probe = Callable[[], object]


class PreflightFailed(InternalFailure):
    """A run cannot start; the message names every finding."""

    def __init__(self, findings: list[str]) -> None:
        super().__init__("; ".join(findings))
        self.findings = findings


@dataclass(frozen=True, slots=True)
class _Pinned:
    """The concrete index that a run writes to.

    Attributes:
        name: None when there is none.
        uuid: None when it is not known.
        misfits: Fields whose mapping may refuse ours.
    """

    name: str | None = None
    uuid: str | None = None
    misfits: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Preflight:
    """Checks runs before they begin.

    Attributes:
        connect: Makes the index's client, for which credentials may have to be read.
        probes: What each thing that a run needs is asked first, by its name for people.
        alias: The alias that people search through.
        segments: Parts of the table that the Tally scans concurrently.
    """

    work_list: WorkList
    runs: Runs
    phases: Phases
    migrations: Migrations
    connect: Callable[[], Index]
    probes: Mapping[str, Probe]
    alias: str
    segments: int
    clock: Clock

    def open_run(self, execution: str) -> dict[str, Any]:
        """Check everything a run needs, and pin the index it writes to.

        Args:
            execution: The execution's ARN; its plan has taken the run record.

        Returns:
            What the state machine carries through the run: ``work`` is False when the work list
            is empty, so that the Tally's scan has to find what is left to do, if anything is;
            ``order`` is True when it is long enough to be put in order.

        Raises:
            PreflightFailed: Names each finding; nothing has been touched.
        """
        findings: list[str] = []
        failed = self._failed_probes(findings, execution)
        run = None
        if "run record" not in failed:
            run = self._try(findings, "run record", self.runs.current)
        pinned = _Pinned() if "index" in failed else self._pinned(findings, run)
        total = 0
        if "work list" not in failed:
            total = self._try(findings, "work list", self._listed) or 0
        if run is not None and (run.execution != execution or not run.is_open):
            findings.append(f"run {run.run_id} has the run record")
        if findings or pinned.name is None or run is None:
            raise PreflightFailed(findings or ["the run record is gone"])
        now = self.clock.now()
        mark = run.round_mark
        if pinned.misfits:
            log.warning(
                "the index has misfits", extra={"index": pinned.name, "misfits": pinned.misfits}
            )
        changes = {
            "index": pinned.name,
            "index_uuid": pinned.uuid,
            "misfits": _some(pinned.misfits),
            "total": total,
            "progressed_at": now,
        }
        if not self.runs.update(run.run_id, changes):
            raise PreflightFailed(["the run was aborted, or taken over, in this moment"])
        return {
            "run_id": run.run_id,
            "index": pinned.name,
            # A round that has only what changed is not followed by a scan of everything.
            "segments": [] if mark and mark.is_partial else list(range(self.segments)),
            "work": total > 0,
            "order": total > ORDER_ABOVE,
        }

    def _target(self, index: Index, run: RunRecord | None) -> str:
        """Return the index behind the alias; in a round of a migration, the one that follows it.

        Raises:
            IndexMisconfigured: The alias has no index, or another than the migration's record.
        """
        mark = run.round_mark if run else None
        if mark is None:
            return index.resolve(self.alias)
        migration = self.migrations.current()
        if migration is None or migration.id != mark.id:
            raise IndexMisconfigured(f"migration {mark.id} has ended")
        if problem := alias_problem(index, migration, self.alias):
            raise IndexMisconfigured(problem)
        for each in (migration.source, migration.target):
            if index.uuid(each.name) != each.uuid:
                raise IndexGone(f"{each.name} was deleted, and another index has its name.")
        return migration.target.name

    def _failed_probes(self, findings: list[str], execution: str) -> set[str]:
        """Call all probes concurrently: a service out of reach takes seconds to fail.

        Returns:
            The names of those that failed; each is a finding.
        """
        probes: dict[str, Probe] = {
            **self.probes,
            "execution": lambda: self.phases.is_running(execution),
        }

        def succeeds(name: str) -> bool:
            # In a list, for a probe may return nothing.
            return self._try(findings, name, lambda: [probes[name]()]) is not None

        with ThreadPoolExecutor(len(probes), thread_name_prefix="probe") as pool:
            successes = list(pool.map(succeeds, probes))
        failed = {name for name, success in zip(probes, successes, strict=True) if not success}
        findings.sort()
        return failed

    def _pinned(self, findings: list[str], run: RunRecord | None) -> _Pinned:
        """Return the index that the run writes to, with a finding for whatever it lacks."""
        index = self._try(findings, "index", self.connect)
        name = index and self._try(findings, "index", lambda: self._target(index, run))
        if name is None:
            return _Pinned()
        uuid = self._try(findings, "index", lambda: index.uuid(name))
        misfits = self._try(findings, "index", lambda: index.misfits(name)) or {}
        lacking = self._try(findings, "index", lambda: index.mapping_gaps(name)) or []
        lacking += self._try(findings, "index", lambda: index.denied_operations(name)) or []
        findings += [f"index {name}: {what}" for what in lacking]
        return _Pinned(name, uuid, surprising(misfits))

    def _try(self, findings: list[str], name: str, call: Callable[[], Any]) -> Any:
        """Return the result of a call; None, with a finding, if it fails.

        A probe that was throttled, or met a busy service, is retried.
        """
        for pause in (*_PAUSES, None):
            started = self.clock.now()
            try:
                return call()
            except StoreUnavailable as error:
                problem: Exception = error
                if pause is None or not _quick_to_fail(self.clock.now() - started):
                    break
            except (IndexMisconfigured, ReindexFailure) as error:
                problem = error
                break
            self.clock.sleep(pause)
        finding = f"{name}: {problem}"
        if finding not in findings:
            findings.append(finding)
        return None

    def _listed(self) -> int:
        """Return the number of images on the work list."""
        return sum(self.work_list.count(phase) for phase in Phase)


def _some(names: Sequence[str]) -> list[str]:
    """Return names for people; of many, the first and how many more there are."""
    more = len(names) - NAMED_MISFITS
    return list(names) if more <= 0 else [*names[:NAMED_MISFITS], f"and {more:,} more"]


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


def _quick_to_fail(seconds: float) -> bool:
    """Return True if the call failed so soon that a retry may succeed: no route takes longer."""
    return seconds < _QUICK_SECONDS
