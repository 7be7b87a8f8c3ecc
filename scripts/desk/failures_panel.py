"""The panel of failures: the groups of a run and of the latest report, with their thumbnails."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

from reindex.reports.failure_groups import (
    FailureGroup,
    failure_box,
    failure_groups,
    groups_of,
)
from reindex.reports.markup import Markup, element, joined
from reindex.reports.page import moment
from reindex.reports.report_keys import report_key
from reindex.stores.interfaces.run_files import RunFiles
from reindex.stores.interfaces.runs import Runs
from reindex.text import counted

from .views import ATTENTION, OK, action, command, explained_link, notice, thumbnail_of

#: Seconds between looks at the failures of an open run, and for a newer report.
_OPEN_SECONDS: Final = 60.0
_IDLE_SECONDS: Final = 300.0


@dataclass(frozen=True, slots=True)
class Failures:
    """The failures that the latest report lists, and those of a later run.

    Attributes:
        run_id: Of the report; empty when there is none.
        ended_at: Of that run, ISO 8601.
        groups: The largest first.
        unlisted: Images of groups that the report does not list.
        unreported: The latest run, if it has no report: it is open, or ended without one.
        first_groups: Of that run's first failures, the largest first.
        is_open: True if that run is open.
    """

    run_id: str = ""
    ended_at: str = ""
    groups: Sequence[FailureGroup] = ()
    unlisted: int = 0
    unreported: str = ""
    first_groups: Sequence[FailureGroup] = ()
    is_open: bool = False


@dataclass(frozen=True, slots=True)
class FailuresReader:
    """Reads the failures of the latest report, and of a run that has none."""

    runs: Runs
    files: RunFiles

    def read(self) -> Failures:
        """Return the failures of the latest report, and of a run that has none.

        Raises:
            StoreUnavailable: A service does not answer.
        """
        run = self.runs.current()
        if run is None:
            return Failures()
        if run.report:
            return self._reported(run.run_id)
        first_groups = groups_of(self.runs.first_failures(run.run_id))
        return replace(
            self._reported(run.last_reported),
            unreported=run.run_id,
            first_groups=first_groups,
            is_open=run.is_open,
        )

    def _reported(self, run_id: str | None) -> Failures:
        if not run_id:
            return Failures()
        try:
            report = json.loads(self.files.get(report_key(run_id)))
        except KeyError:
            return Failures()
        groups = failure_groups(report)
        listed = sum(group.count for group in groups)
        failed = sum(report.get("failure_codes", {}).values())
        return Failures(run_id, report["ended_at"], groups, max(0, failed - listed))


def keep_seconds(failures: Failures) -> float:
    """Return for how long the failures are kept."""
    return _OPEN_SECONDS if failures.is_open else _IDLE_SECONDS


def view(failures: Failures, *, has_thumbnails: bool, read_only: bool) -> Markup:
    """Show the failures.

    Args:
        failures: What failed.
        has_thumbnails: True if the library keeps thumbnails.
        read_only: True if nothing can be changed here.
    """
    shown = partial(_group, has_thumbnails=has_thumbnails)
    if failures.groups or failures.first_groups:
        advice = "Once the cause is fixed, queue these images again; the next run reindexes them."
        head = element("p", advice, class_="soft")
    else:
        head = Markup()
    return joined(
        head,
        # The same group may be in both, and a page may have no two buttons with the same id.
        _unreported(failures, partial(shown, read_only=True)) if failures.unreported else "",
        _reported(failures, partial(shown, read_only=read_only)),
    )


def _unreported(failures: Failures, shown: Callable[[FailureGroup], Markup]) -> Markup:
    """Show the failures of a run that has no report."""
    run = (
        f"run {failures.unreported}, {'which is open' if failures.is_open else 'without a report'}"
    )
    if not failures.first_groups:
        return element("p", f"No image has failed for good in {run}.", class_="soft")
    total = sum(group.count for group in failures.first_groups)
    source = f"Of the first {counted(total, 'failure')} of {run}."
    return joined(element("p", source, class_="soft"), *map(shown, failures.first_groups))


def _reported(failures: Failures, shown: Callable[[FailureGroup], Markup]) -> Markup:
    """Show the failures of the latest report."""
    if not failures.run_id:
        return notice(ATTENTION, "No run has written a report yet.")
    source = f"As the report of run {failures.run_id} has them, of {moment(failures.ended_at)}."
    head = element("p", source, class_="soft")
    if not failures.groups:
        return joined(head, notice(OK, "No image failed."))
    more = counted(failures.unlisted, "image")
    return joined(
        head,
        *map(shown, failures.groups),
        element("p", f"And {more} of further groups.") if failures.unlisted else "",
    )


def _group(group: FailureGroup, *, has_thumbnails: bool, read_only: bool) -> Markup:
    examples = (
        explained_link(
            example,
            thumbnail_of(example) if has_thumbnails else "",
            element("code", example),
        )
        for example in group.examples
    )
    button = action("requeue", "Queue again…", {"fingerprint": group.fingerprint})
    return failure_box(
        group,
        element("div", *examples, class_="examples pictures"),
        command(group.command) if read_only else button,
    )
