"""The steps of the live lane."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from reindex import settings as groups
from reindex.composition.ports import LanePorts
from reindex.composition.run import RunSteps
from reindex.steps.follow import Follow
from reindex.steps.live_index import LiveIndex, LiveMessages
from reindex.steps.now import Now
from reindex.stores.interfaces.queues import HighPriority
from reindex.stores.interfaces.submissions import SubmittedFiles

if TYPE_CHECKING:
    from reindex.steps.ingest import Ingest, IngestMessages


class LiveLane:
    """Builds each step of the live lane on first use.

    Args:
        ports: Of the stage.
        run_steps: Those of a run, whose settings the lane's functions do not have.
    """

    def __init__(self, ports: LanePorts, run_steps: RunSteps) -> None:
        self._ports = ports
        self._run_steps = run_steps
        self._settings = ports.settings

    def ingest(self, files: SubmittedFiles, high_priority: HighPriority) -> Ingest:
        """Return what processes submissions.

        Args:
            files: The submitted files.
            high_priority: Receives the images to index.
        """
        # libvips takes longer to load than all other imports together.
        from reindex.steps.ingest import Ingest  # noqa: PLC0415

        return Ingest(
            submissions=self._ports.submissions,
            files=files,
            archive=self._ports.archive,
            high_priority=high_priority,
            clock=self._ports.clock,
            meter=self._ports.meter,
            max_megabytes=self._settings[groups.Ingest].max_megabytes,
        )

    @cached_property
    def ingest_messages(self) -> IngestMessages:
        """The work of the ingest function."""
        from reindex.steps.ingest import IngestMessages  # noqa: PLC0415 - as above

        return IngestMessages(
            self.ingest(self._ports.submitted_files, self._ports.high_priority),
            self._ports.ingest_deliveries,
            self._ports.lane_dead_letters,
            self._ports.meter,
        )

    @cached_property
    def live_index(self) -> LiveIndex:
        """Brings documents up to date."""
        ports = self._ports
        place = self._settings[groups.Elasticsearch]
        return LiveIndex(
            ports.index, ports.projector, ports.files, place.index_alias, place.preserve
        )

    @cached_property
    def live_messages(self) -> LiveMessages:
        """The work of the live indexer."""
        return LiveMessages(
            live_index=self.live_index,
            submissions=self._ports.submissions,
            queue=self._ports.live_deliveries,
            dead_letters=self._ports.lane_dead_letters,
            clock=self._ports.clock,
            meter=self._ports.meter,
        )

    @cached_property
    def follow(self) -> Follow:
        """The work of the follow function."""
        return Follow(
            self._ports.high_priority,
            self._settings[groups.LibrarySettings],
            self._settings[groups.Following].follow_window_seconds,
            self._ports.meter,
        )

    @cached_property
    def now(self) -> Now:
        """Reindexes images at once: ``reindex now``."""
        return Now(self.live_index, self._ports.table, self._run_steps.retry, self._ports.clock)
