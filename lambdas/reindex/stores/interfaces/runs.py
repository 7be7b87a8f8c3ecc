"""The run record and the upload ledger."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from reindex.domain.ledger import Forgetting, Ledger, UploadRecord
from reindex.domain.run_records import RunRecord
from reindex.domain.tally import Kind


class Runs(Protocol):
    """The run record and the upload ledger."""

    def current(self) -> RunRecord | None:
        """Read the latest run's record consistently; None before the first run."""
        ...

    def open(self, record: RunRecord, instead_of: RunRecord | None) -> bool:
        """Replace the run record by that of a new run.

        Args:
            record: The new run.
            instead_of: The record that was read; replaced only if it is unchanged.

        Returns:
            False when another process changed it.
        """
        ...

    def update(self, run_id: str, changes: Mapping[str, Any]) -> bool:
        """Change fields of the open run's record; None removes one.

        Returns:
            False, with nothing changed, if that run is not open.
        """
        ...

    def record_progress(
        self,
        run_id: str,
        counts: Mapping[str, int],
        now: float | None,
        changes: Mapping[str, Any] | None = None,
    ) -> bool:
        """Add to the open run's counters, and change fields of its record.

        Args:
            run_id: Of the run.
            counts: Numbers to add, by kind.
            now: Epoch seconds for ``progressed_at``; None to leave it unchanged.
            changes: Of fields, as for :meth:`update`; none may be removed.

        Returns:
            False, with nothing changed, if that run is not open.
        """
        ...

    def record_gathered(self, run_id: str, counts: Mapping[str, int]) -> bool:
        """Add to the counts of ids from the open run's source, by what became of them.

        Returns:
            False, with nothing changed, if that run is not open.
        """
        ...

    def record_bulks(self, run_id: str, counts: Mapping[str, int]) -> bool:
        """Add to the counts of bulks that the open run's indexers sent.

        Returns:
            False, with nothing changed, if that run is not open.
        """
        ...

    def record_failures(self, run_id: str, kinds: Mapping[str, Kind]) -> None:
        """Add to a run's first failures; no effect once they are ``FIRST_FAILURES`` or more."""
        ...

    def first_failures(self, run_id: str) -> dict[str, Kind]:
        """Return the first failures that a run recorded, by fingerprint."""
        ...

    def replace_pace(self, run_id: str, pace: Mapping[str, Any], before: float | None) -> bool:
        """Replace the open run's ``indexer_pace``.

        Args:
            run_id: Of the run.
            pace: The new one.
            before: The ``at`` of the pace that is replaced; None if there was none.

        Returns:
            False, with nothing changed, if another process replaced it, or the run is not open.
        """
        ...

    def record_report(self, run: RunRecord, changes: Mapping[str, Any]) -> bool:
        """Change fields of a run's record, whether it is open or not.

        Args:
            run: As it was read.
            changes: As for :meth:`update`.

        Returns:
            False, with nothing changed, if its status has changed since, or another run began.
        """
        ...

    def record_upload(self, upload: str, brought: Ledger, *, done: bool) -> None:
        """Set the total of ids that one upload has added so far.

        A repeated call changes nothing, nor does a late call with a smaller total.
        """
        ...

    def uploads(self) -> dict[str, UploadRecord]:
        """Return the record of each upload by its name; under ``FOLDED`` the sum of folded ones."""
        ...

    def fold(self, uploads: Mapping[str, UploadRecord]) -> None:
        """Replace uploads by their sum, each on condition that it is as given here."""
        ...

    def forgettings(self) -> list[Forgetting]:
        """Return the operations that removed images from the progress table, in order of time."""
        ...
