"""The samples that ticks store, from which the report shows a run over time.

A file per tick in the run's bucket. The runs table would be the other place, but an item there
holds 400 KB and a long run has tens of thousands of ticks; files need no condition, cannot
overwrite one another, and a rule of the bucket deletes them. It costs one small write a minute
and worker; nothing but the report reads them.
"""

from __future__ import annotations

import json
import logging
import math
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from typing import Any, Final, Self

from reindex.domain.failures import StoreUnavailable
from reindex.domain.states import Phase
from reindex.stores.interfaces.run_files import RunFiles

log = logging.getLogger(__name__)

#: The gate that a paused run waits for.
PAUSED: Final = "paused"

#: Files read at once: a run of days has tens of thousands.
READERS = 32


@dataclass(frozen=True, slots=True)
class Sample:
    """The work of one tick.

    Attributes:
        at: When it began, epoch seconds.
        seconds: How long it took.
        phase: Of the run.
        worker: Number of the worker.
        moved: Rows that changed, by what they became.
        held: Seconds that it waited, by the gate it waited for. A tick of a paused run names
            that gate with no seconds: the pause lasts until the worker's next tick.
        bulks: How many the indexers may send concurrently at its end; 0 before that is decided.
        bulks_set_by: What set that number.
    """

    at: float
    seconds: float
    phase: Phase
    worker: int
    moved: Mapping[str, int] = field(default_factory=dict)
    held: Mapping[str, float] = field(default_factory=dict)
    bulks: int = 0
    bulks_set_by: str = ""

    @property
    def ended_at(self) -> float:
        """When it ended, epoch seconds."""
        return self.at + self.seconds

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Self:
        """Read a stored sample."""
        return cls(**{**raw, "phase": Phase(raw["phase"])})


def keep(files: RunFiles, run_id: str, sample: Sample) -> None:
    """Store a sample.

    Raises:
        StoreUnavailable: S3 does not accept it; then only the report lacks it.
    """
    key = f"{_prefix(run_id)}{sample.phase}-{sample.worker}-{sample.at * 1000:.0f}.json"
    files.put(key, json.dumps(asdict(sample)).encode())


def kept(
    files: RunFiles, run_id: str, since: float = -math.inf, until: float = math.inf
) -> list[Sample]:
    """Return a run's samples, in order of time; none at all, rather than no report, if S3 fails.

    A file that is not a sample is skipped.

    Args:
        files: The run's bucket.
        run_id: Of the run.
        since: Epoch seconds; ticks that began before are left out.
        until: Epoch seconds; ticks that began later are left out.
    """
    try:
        keys = [key for key in files.keys(_prefix(run_id)) if since <= _began_at(key) <= until]
        with ThreadPoolExecutor(READERS, thread_name_prefix="samples") as pool:
            bodies = [*zip(keys, pool.map(files.get, keys), strict=True)]
    except (StoreUnavailable, KeyError) as error:
        log.warning("the samples cannot be read", extra={"reason": str(error)})
        return []
    found = []
    for key, body in bodies:
        try:
            found.append(Sample.from_json(json.loads(body)))
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            log.warning("no sample", extra={"key": key, "reason": str(error)})
    return sorted(found, key=lambda sample: (sample.at, sample.phase, sample.worker))


def _began_at(key: str) -> float:
    """When the tick of a sample began, by its file's name; never, of another file."""
    milliseconds = key.rpartition("-")[2].removesuffix(".json")
    return int(milliseconds) / 1000 if milliseconds.isdecimal() else -math.inf


def _prefix(run_id: str) -> str:
    return f"samples/{run_id}/"
