"""Makes the page of an audit: the classes with counts, examples and the command for each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reindex.reports.audit_summary import FOLDER, shrunk_in_words
from reindex.reports.markup import Markup, element, joined
from reindex.reports.page import moment, page_of, section, table


def page(summary: Mapping[str, Any]) -> str:
    """Return the page of an audit.

    Args:
        summary: As :func:`reindex.reports.audit_summary.summary` returns it.
    """
    found = [each for each in summary["classes"] if each["count"]]
    word = "found nothing" if summary["clean"] else "found faults"
    return page_of(
        f"The audit {word}: {summary['audit_id']}",
        _verdict(summary, word),
        *(_class(each) for each in found),
        _listings(summary),
        _clean(summary),
    )


def _verdict(summary: Mapping[str, Any], word: str) -> Markup:
    problems = [element("li", shrunk_in_words(each)) for each in summary["shrunk"]]
    mood = "ok" if summary["clean"] else "bad" if problems else "attention"
    found = any(each["count"] for each in summary["classes"])
    return element(
        "header",
        element("h1", element("strong", f"{'✓' if summary['clean'] else '!'} The audit {word}")),
        element("ul", *problems) if problems else "",
        *(element("p", note) for note in summary["notes"]),
        element(
            "p",
            f"From {moment(summary['started_at'])} to {moment(summary['ended_at'])}. ",
            "All images were projected. " if summary["deep"] else "",
            "Nothing was changed.",
        ),
        element(
            "p",
            "The commands below take files of ids, which this writes: ",
            element("code", f"reindex audit --last --lists {FOLDER}", class_="command"),
        )
        if found
        else "",
        class_=mood,
    )


def _class(found: Mapping[str, Any]) -> Markup:
    examples = [element("code", f"{each} ") for each in found["examples"]]
    confirmed = "" if found["looked_again"] else " Not looked at again: they are too many."
    command = found["command"]
    return section(
        f"{found['title']}: {found['count']:,}",
        element("p", found["advice"], confirmed),
        element("p", "For example ", joined(*examples), class_="soft"),
        element("code", command, class_="command") if command else "",
    )


def _listings(summary: Mapping[str, Any]) -> Markup:
    rows = [(name.replace("_", " "), f"{n:,}") for name, n in summary["listed"].items()]
    return section("What was listed", table(("listing", "entries"), rows, numbers=[1]))


def _clean(summary: Mapping[str, Any]) -> Markup:
    fine = [each["title"] for each in summary["classes"] if not each["count"]]
    if not fine:
        return Markup("")
    return section("Nothing found", element("ul", *(element("li", title) for title in fine)))
