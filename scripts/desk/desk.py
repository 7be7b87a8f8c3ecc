"""The desk of a stage: its panels, its plans, and what they are made of."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from functools import partial
from threading import Lock
from typing import TYPE_CHECKING, Any, Final, TypeVar

from reindex.reports.markup import Markup
from reindex.reports.report_keys import page_key
from reindex.settings import Desk as DeskSettings
from reindex.settings import LibrarySettings, PhaseRules
from reindex.steps import audit_files

from ..explaining import explained_image
from ..run_history import RunHistory
from ..run_status import StatusReader
from ..thumbnails import Thumbnail, thumbnail
from . import audit_panel, explanation, failures_panel, run_panel, runs_panel, submissions_panel
from .actions import Action, Fields, action_of
from .page import Place
from .panel import ON_REQUEST, Panel
from .plans import Plans

if TYPE_CHECKING:
    from reindex.wiring import Wiring

Data = TypeVar("Data")

#: Seconds that an explanation waits for answers.
_EXPLAIN_SECONDS: Final = 10.0


class Desk:
    """Everything that the pages show and do.

    Args:
        stage: The deployment.
        connect: Makes the wiring of the stage's stack.
        read_only: True if nothing can be changed; None for what the stage says.
        now: Returns seconds that only grow, by which panels age.
    """

    def __init__(
        self,
        stage: str,
        connect: Callable[[], Wiring],
        *,
        read_only: bool | None = None,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self.stage = stage
        self._now = now
        self._connect = connect
        self._wiring = connect()
        # boto3 makes clients one at a time: each panel's are made here, before any thread is.
        self.panels: Mapping[str, Panel[Any]]
        settings = self._wiring.settings
        self.read_only = settings[DeskSettings].production if read_only is None else read_only
        self._has_thumbnails = settings[LibrarySettings].thumbnails_bucket is not None
        self.places: list[Place] = []
        self.panels = self._made(self._wiring)
        self.plans = Plans(self._was_done)
        self._explaining = Lock()

    def _made(self, wiring: Wiring) -> dict[str, Panel[Any]]:
        panels: dict[str, Panel[Any]] = {}

        def add(
            name: str,
            title: str,
            read: Callable[[], Data],
            view: Callable[[Data], Markup],
            keep_seconds: Callable[[Data], float],
        ) -> None:
            self.places.append(Place(name, title))
            panels[name] = Panel(read, view, keep_seconds, self._now)

        tick_seconds = wiring.settings[PhaseRules].function_seconds
        reader = run_panel.RunReader(
            StatusReader.of(wiring),
            wiring.files,
            tick_seconds,
            changed=lambda: self._forget("failures", "runs"),
        )
        view = partial(run_panel.view, read_only=self.read_only)
        add("run", "The run", reader.read, view, run_panel.keep_seconds)
        failures = failures_panel.FailuresReader(wiring.runs, wiring.files)
        shown = partial(
            failures_panel.view, has_thumbnails=self._has_thumbnails, read_only=self.read_only
        )
        add("failures", "Failures", failures.read, shown, failures_panel.keep_seconds)
        if wiring.has_ingest:
            files = submissions_panel.SubmissionsReader(wiring.submissions)
            listed = partial(submissions_panel.view, read_only=self.read_only)
            title = "Submissions that failed"
            add("submissions", title, files.read, listed, _every(ON_REQUEST))
        audit = audit_panel.AuditReader(wiring.files)
        every = _every(audit_panel.KEEP_SECONDS)
        add("audit", "The last audit", audit.read, audit_panel.view, every)
        runs = runs_panel.RunsReader(RunHistory.of(wiring))
        every = _every(runs_panel.KEEP_SECONDS)
        add("runs", "Runs over time", runs.read, runs_panel.view, every)
        return panels

    def action(self, fields: Fields) -> Action:
        """Return the action that a form names.

        Raises:
            BadForm: The form names none.
        """
        return action_of(self._wiring, fields)

    def explain(self, image_id: str) -> Markup:
        """Show why an image is found, or not. It takes up to ten seconds.

        Raises:
            Exception: Whatever keeps it from being explained.
        """
        # One at a time: it asks every store there is, and makes clients of them.
        with self._explaining:
            if self._wiring.is_outdated:
                self._wiring = self._connect()
            found = explained_image(self._wiring, image_id, _EXPLAIN_SECONDS)
        return explanation.view(*found, has_thumbnails=self._has_thumbnails)

    def thumbnail(self, image_id: str) -> Thumbnail | None:
        """Return an image's thumbnail; None if there is none that can be shown."""
        return thumbnail(self._wiring.library, image_id) if self._has_thumbnails else None

    def report_page(self, run_id: str) -> bytes:
        """Return the page of a run's report.

        Raises:
            KeyError: The run has none.
            StoreUnavailable: S3 does not answer.
        """
        return self._wiring.files.get(page_key(run_id))

    def audit_page(self, audit_id: str) -> bytes:
        """Return the page of an audit.

        Raises:
            KeyError: There is none.
            StoreUnavailable: S3 does not answer.
        """
        return self._wiring.files.get(audit_files.page_key(audit_id))

    def _was_done(self, action: Action) -> None:
        self._forget(*action.panels)

    def _forget(self, *names: str) -> None:
        for name in names:
            if name in self.panels:
                self.panels[name].forget()


def _every(seconds: float) -> Callable[[Any], float]:
    return lambda _: seconds
