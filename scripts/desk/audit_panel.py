"""The panel of the last audit: its findings by class, with the command for each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from reindex.reports.audit_summary import FOLDER, shrunk_in_words
from reindex.reports.markup import Markup, element, joined
from reindex.reports.page import moment
from reindex.steps.audit_files import latest_summary
from reindex.stores.interfaces.run_files import RunFiles

from .views import ATTENTION, BAD, OK, command, explained_link, notice

#: Seconds between looks for a newer audit.
KEEP_SECONDS: Final = 300.0


@dataclass(frozen=True, slots=True)
class AuditReader:
    """Reads the last audit."""

    files: RunFiles

    def read(self) -> Mapping[str, Any] | None:
        """Return the summary of the last audit that has ended; None before the first.

        Raises:
            StoreUnavailable: S3 does not answer.
        """
        return latest_summary(self.files)


def view(summary: Mapping[str, Any] | None) -> Markup:
    """Show an audit.

    Args:
        summary: As :mod:`reindex.reports.audit_summary` describes it; None before the first.
    """
    if summary is None:
        return notice(ATTENTION, "No audit has been made yet.", command("reindex audit"))
    found = [each for each in summary["classes"] if each["count"]]
    return joined(_verdict(summary, found), *map(_class, found))


def _verdict(summary: Mapping[str, Any], found: Sequence[Mapping[str, Any]]) -> Markup:
    page = element("a", "The whole audit", href=f"audits/{summary['audit_id']}")
    deep = " All images were projected." if summary["deep"] else ""
    details = [
        *map(shrunk_in_words, summary["shrunk"]),
        *summary["notes"],
        element("p", f"Ended {moment(summary['ended_at'])}.{deep} ", page, "."),
    ]
    if summary["clean"]:
        return notice(OK, "The last audit found nothing.", *details)
    if found:
        details += [
            "The commands below take files of ids, which this writes:",
            command(f"reindex audit --last --lists {FOLDER}"),
        ]
    mood = BAD if summary["shrunk"] else ATTENTION
    return notice(mood, "The last audit found something.", *details)


def _class(found: Mapping[str, Any]) -> Markup:
    unconfirmed = "" if found["looked_again"] else " Not looked at again: they are too many."
    return element(
        "div",
        element("b", f"{found['count']:,}"),
        element(
            "div",
            element("p", element("strong", found["title"])),
            element("p", found["advice"], unconfirmed),
            element("div", *map(explained_link, found["examples"]), class_="examples"),
            command(found["command"]) if found["command"] else "",
        ),
        class_="kind",
    )
