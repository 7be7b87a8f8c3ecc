"""The result of a comparison of two indices, for a terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Group, RenderableType

from reindex.text import counted

from .terminal import grid, table

#: Fields shown; the others are in the JSON and on the page.
_SHOWN = 40


def view(found: Mapping[str, Any]) -> RenderableType:
    """Return it for a terminal: its head, the fields that differ, what the searches found."""
    documents = found["documents"]
    head = grid()
    head.add_row("old", f"{found['old']}, {counted(documents['old'], 'document')}")
    head.add_row("new", f"{found['new']}, {counted(documents['new'], 'document')}")
    head.add_row("missing in new", _documents(found["missing"]))
    head.add_row("in new only", _documents(found["extra"]))
    head.add_row("fields", f"{len(found['fields']):,}")
    parts: list[RenderableType] = [head]
    differing = [field for field in found["fields"] if field["differs"]]
    if differing:
        parts += ["", _fields(differing[:_SHOWN])]
        if len(differing) > _SHOWN:
            more = counted(len(differing) - _SHOWN, "field")
            parts.append(f"And {more} more: --html or --json.")
    if found["searches"]:
        parts += ["", _searches(found["searches"])]
    return Group(*parts)


def _fields(fields: Sequence[Mapping[str, Any]]) -> RenderableType:
    numbers = ("old", "new", "lost", "gained", "found old", "found new")
    shown = table("field", *numbers, "for example", "", right=numbers)
    for field in fields:
        lost = field["lost"]
        shown.add_row(
            field["path"],
            f"{field['fill_before']:g}%",
            f"{field['fill_after']:g}%",
            f"{lost['count']:,}",
            f"{field['gained']:,}",
            _count(field["searchable"]["before"]),
            _count(field["searchable"]["after"]),
            lost["examples"][0] if lost["examples"] else "",
            "" if field["allowed"] else "falls too far",
        )
    return shown


def _searches(searches: Sequence[Mapping[str, Any]]) -> RenderableType:
    numbers = ("old", "new", "overlap", "still found")
    shown = table("search", *numbers, "not found", right=numbers)
    for search in searches:
        before, after = search["before"], search["after"]
        shown.add_row(
            search["name"],
            _count(before["count"]),
            _count(after["count"]),
            f"{search['overlap']:.0%}",
            f"{search['still_found']} of {len(before['top'])}",
            ", ".join(search["not_found"]),
        )
    return shown


def _count(number: int | None) -> str:
    return "-" if number is None else f"{number:,}"


def _documents(found: Mapping[str, Any]) -> str:
    examples = f", such as {', '.join(found['examples'])}" if found["count"] else ""
    return f"{found['count']:,}{examples}"
