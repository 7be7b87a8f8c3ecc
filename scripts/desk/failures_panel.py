"""The panel of failures: the groups of the latest report, with examples and their thumbnails."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from reindex.reports.failure_groups import FailureGroup, failure_box, failure_groups
from reindex.reports.markup import Markup, element, joined
from reindex.reports.page import moment
from reindex.steps.tally import report_key
from reindex.stores.interfaces.run_files import RunFiles
from reindex.stores.interfaces.runs import Runs
from reindex.text import counted

from .views import ATTENTION, OK, action, command, explained_link, notice, thumbnail_of

#: Seconds between looks for a newer report.
KEEP_SECONDS: Final = 300.0


@dataclass(frozen=True, slots=True)
class Failures:
    """The failures that the latest report lists.

    Attributes:
        run_id: Of the report; empty when there is none.
        ended_at: Of that run, ISO 8601.
        groups: The largest first.
        unlisted: Images of groups that the report does not list.
        is_open: True if a run is open, whose failures are in no report yet.
    """

    run_id: str = ""
    ended_at: str = ""
    groups: Sequence[FailureGroup] = ()
    unlisted: int = 0
    is_open: bool = False


@dataclass(frozen=True, slots=True)
class FailuresReader:
    """Reads the failures of the latest report."""

    runs: Runs
    files: RunFiles

    def read(self) -> Failures:
        """Return the failures of the latest report.

        Raises:
            StoreUnavailable: A service does not answer.
        """
        run = self.runs.current()
        run_id = run and (run.run_id if run.report else run.last_reported)
        is_open = bool(run and run.is_open)
        if not run_id:
            return Failures(is_open=is_open)
        try:
            report = json.loads(self.files.get(report_key(run_id)))
        except KeyError:
            return Failures(is_open=is_open)
        groups = failure_groups(report)
        listed = sum(group.count for group in groups)
        failed = sum(report.get("failure_codes", {}).values())
        return Failures(run_id, report["ended_at"], groups, max(0, failed - listed), is_open)


def view(failures: Failures, *, has_thumbnails: bool, read_only: bool) -> Markup:
    """Show the failures.

    Args:
        failures: What failed.
        has_thumbnails: True if the library keeps thumbnails.
        read_only: True if nothing can be changed here.
    """
    if not failures.run_id:
        return notice(ATTENTION, "No run has written a report yet.")
    source = f"As the report of run {failures.run_id} has them, of {moment(failures.ended_at)}."
    if failures.is_open:
        source += " Those of the open run are grouped when it ends."
    head = element("p", source, class_="soft")
    if not failures.groups:
        return joined(head, notice(OK, "No image failed."))
    more = counted(failures.unlisted, "image")
    return joined(
        head,
        element(
            "p",
            "Once the cause is fixed, queue these images again; the next run reindexes them.",
            class_="soft",
        ),
        *(_group(group, has_thumbnails, read_only) for group in failures.groups),
        element("p", f"And {more} of further groups.") if failures.unlisted else "",
    )


def _group(group: FailureGroup, has_thumbnails: bool, read_only: bool) -> Markup:  # noqa: FBT001 - of one call
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
