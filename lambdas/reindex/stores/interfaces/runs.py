"""The run record and the upload ledger."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from reindex.domain.records import Forgetting, Ledger, RunRecord, UploadRecord


class Runs(Protocol):
    """The run record and the upload ledger."""

    def current(self) -> RunRecord | None:
        """Read the latest run's record consistently; None before the first run."""
        ...

    def open(self, record: RunRecord, instead_of: RunRecord | None) -> bool:
        """Take the run record for a new run.

        Args:
            record: The new run.
            instead_of: The record found before: replaced only if it still stands.

        Returns:
            False when somebody else was here.
        """
        ...

    def update(self, run_id: str, changes: Mapping[str, Any]) -> bool:
        """Change fields of the open run's record; None removes one.

        Returns:
            False, with nothing changed, when that run is no longer open.
        """
        ...

    def moved(
        self,
        run_id: str,
        counts: Mapping[str, int],
        now: float | None,
        changes: Mapping[str, Any] | None = None,
    ) -> bool:
        """Add to the open run's counters, and change fields of its record.

        Args:
            run_id: Of the run.
            counts: What to add, by kind.
            now: Epoch seconds for ``progressed_at``; None to leave that.
            changes: Of fields, as for :meth:`update`; none may be removed.

        Returns:
            False, with nothing changed, when that run is no longer open.
        """
        ...

    def gathered(self, run_id: str, counts: Mapping[str, int]) -> bool:
        """Add to what the open run's source brought, by what became of the ids.

        Returns:
            False, with nothing changed, when that run is no longer open.
        """
        ...

    def bulks_sent(self, run_id: str, counts: Mapping[str, int]) -> bool:
        """Add to what the open run's indexers sent.

        Returns:
            False, with nothing changed, when that run is no longer open.
        """
        ...

    def paced(self, run_id: str, pace: Mapping[str, Any], before: float | None) -> bool:
        """Replace the open run's ``indexer_pace``.

        Args:
            run_id: Of the run.
            pace: The new one.
            before: The ``at`` of the one that is replaced; None when there was none.

        Returns:
            False, with nothing changed, when another was quicker, or the run is no longer open.
        """
        ...

    def reported(self, run: RunRecord, changes: Mapping[str, Any]) -> bool:
        """Change fields of a run's record, be it open or not.

        Args:
            run: As it was read.
            changes: As for :meth:`update`.

        Returns:
            False, with nothing changed, when its status changed since, or another run began.
        """
        ...

    def record_upload(self, upload: str, brought: Ledger, *, done: bool) -> None:
        """Set what one upload has brought so far: all of it, not what is new since last time.

        So it can be said twice. What is said late, after more was said, changes nothing.
        """
        ...

    def uploads(self) -> dict[str, UploadRecord]:
        """Return the record of each upload by its name; under ``FOLDED`` the sum of folded ones."""
        ...

    def fold(self, uploads: Mapping[str, UploadRecord]) -> None:
        """Replace uploads by their sum, each if it still is as it is given here."""
        ...

    def forgettings(self) -> list[Forgetting]:
        """Return the operations that took images out of the progress table, in order of time."""
        ...
