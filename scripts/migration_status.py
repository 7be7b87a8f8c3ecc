"""The progress of a migration of a stage, for ``reindex migrate status``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from reindex.domain.migration import Migration, MigrationState

if TYPE_CHECKING:
    from reindex.wiring import Wiring

_EVERYTHING: Final[Mapping[str, Any]] = {"match_all": {}}


@dataclass(frozen=True, slots=True, kw_only=True)
class MigrationStatus:
    """The progress of a migration.

    Attributes:
        migration: Its record.
        documents: Of each of its indices, by name; None where there is no such index any more.
        lag: Documents of the source that changed since the target's position.
        lag_seconds: Since when the target may lack a change; None before the first position.
        seconds_left: Until the round that runs has ended, by its estimate; None for unknown.
        dollars: What its rounds that are kept have cost, by their estimates.
        at: When it was looked at, epoch seconds.
    """

    migration: Migration
    documents: Mapping[str, int | None]
    lag: int | None
    lag_seconds: float | None
    seconds_left: float | None
    dollars: float
    at: float

    def as_json(self) -> dict[str, Any]:
        """All of it."""
        return {
            **self.migration.to_json(),
            "documents": dict(self.documents),
            "lag": self.lag,
            "lag_seconds": self.lag_seconds,
            "seconds_left": self.seconds_left,
            "dollars": self.dollars,
        }


def look(wiring: Wiring) -> MigrationStatus | None:
    """Look how far the latest migration is; None before the first.

    Raises:
        StoreUnavailable: A service does not answer.
    """
    found = wiring.migrations.current()
    if found is None:
        return None
    now = wiring.clock.now()
    documents = {each.name: _count(wiring, each.name) for each in (found.old, found.new)}
    follows = (
        found.is_open
        and found.state is not MigrationState.SWITCHED
        and found.position
        and documents[found.source.name] is not None
    )
    return MigrationStatus(
        migration=found,
        documents=documents,
        lag=wiring.index.count_changed(found.source.name, found.position) if follows else None,
        lag_seconds=now - found.position_at if follows else None,
        seconds_left=_seconds_left(wiring, found, now),
        dollars=sum(_dollars(wiring, each.run_id) for each in found.rounds),
        at=now,
    )


def _count(wiring: Wiring, index: str) -> int | None:
    from reindex.domain.failures import IndexGone

    try:
        # It refreshes the index: one that is being built does not do so by itself.
        wiring.index.position(index)
        return wiring.index.count(index, _EVERYTHING)
    except IndexGone:
        return None


def _seconds_left(wiring: Wiring, found: Migration, now: float) -> float | None:
    from reindex.reports.run_estimate import estimated
    from reindex.settings import Pace

    run = wiring.runs.current()
    if run is None or found.round is None or run.run_id != found.round.run_id:
        return None
    return estimated(run, now, wiring.settings[Pace]).seconds_left


def _dollars(wiring: Wiring, run_id: str) -> float:
    import json

    from reindex.reports.report_keys import report_key

    try:
        report = json.loads(wiring.files.get(report_key(run_id)))
    except KeyError:
        # A round without a run: it costs what its few images do.
        return 0.0
    return float(report["cost"]["total"])
