"""The panel of submissions that failed, grouped by their reason."""

from __future__ import annotations

import shlex
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from reindex.domain.failures import Failure
from reindex.domain.submissions import SubmissionRow
from reindex.reports.markup import Markup, element, joined
from reindex.reports.page import moment
from reindex.steps.submissions import Wanted, failed_submissions
from reindex.stores.interfaces.submissions import Submissions
from reindex.text import counted

from .views import OK, action, command, notice, scrolled_table

#: Submissions of a group that are shown.
_EXAMPLES: Final = 5


@dataclass(frozen=True, slots=True)
class FailedGroup:
    """Submissions that failed for one reason.

    Attributes:
        failure: Of the latest.
        rows: The latest first.
    """

    failure: Failure
    rows: Sequence[SubmissionRow]


@dataclass(frozen=True, slots=True)
class SubmissionsReader:
    """Reads the failed submissions."""

    submissions: Submissions

    def read(self) -> list[FailedGroup]:
        """Return the failed submissions, the largest group first.

        Raises:
            StoreUnavailable: A service does not answer.
        """
        groups: dict[str, list[SubmissionRow]] = defaultdict(list)
        for row in failed_submissions(self.submissions, Wanted()):
            if row.failure:
                groups[row.failure.fingerprint].append(row)
        made = [
            FailedGroup(rows[-1].failure, rows[::-1])
            for rows in groups.values()
            if rows[-1].failure
        ]
        return sorted(made, key=lambda group: (-len(group.rows), group.failure.code))


def view(groups: Sequence[FailedGroup], *, read_only: bool) -> Markup:
    """Show the failed submissions.

    Args:
        groups: What failed.
        read_only: True if nothing can be changed here.
    """
    note = element("p", "Read when the page is opened or this panel refreshed.", class_="soft")
    if not groups:
        return joined(note, notice(OK, "No submission has failed."))
    return joined(note, *(_group(group, read_only) for group in groups))


def _group(group: FailedGroup, read_only: bool) -> Markup:  # noqa: FBT001 - of one call
    failure = group.failure
    fingerprint = failure.fingerprint
    detail = f" ({failure.detail})" if failure.detail else ""
    again = command(f"reindex resubmit --fingerprint {shlex.quote(fingerprint)} --yes")
    button = action("resubmit", "Submit again…", {"fingerprint": fingerprint})
    rows = [
        (
            element("code", row.ref.id),
            moment(row.submitted_at),
            element("code", row.ref.key),
            _log(row),
        )
        for row in group.rows[:_EXAMPLES]
    ]
    heads = ("id", "submitted", "file", "log of what was not foreseen")
    return element(
        "div",
        element("b", f"{len(group.rows):,}"),
        element(
            "div",
            element("p", element("code", failure.code, class_="code"), failure.message, detail),
            scrolled_table(f"Failed submissions: {failure.code}", heads, rows),
            _more(len(group.rows) - len(rows)),
            again if read_only else button,
        ),
        class_="kind",
    )


def _more(count: int) -> Markup:
    if count <= 0:
        return Markup()
    more = f"And {counted(count, 'submission')} more: reindex submissions --failed lists them."
    return element("p", more, class_="soft")


def _log(row: SubmissionRow) -> str:
    return f"{row.log.group} {row.log.stream}" if row.is_unexpected and row.log else ""
