"""The result of a rehearsal, for a terminal."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from rich.console import Group, RenderableType

from reindex.text import counted

from .terminal import grid, table

#: Fields shown; the others are in the JSON and on the page.
_SHOWN = 40

#: Characters of an example.
_LONGEST = 40

_KINDS = ("lost", "changed", "gained")


def view(rehearsed: Mapping[str, Any]) -> RenderableType:
    """Return it for a terminal: its head, the fields that change, what fails or is refused."""
    cost = rehearsed["forecast"]
    head = grid()
    head.add_row("index", rehearsed["index"])
    head.add_row("images", f"{rehearsed['images']:,}")
    head.add_row("compared", f"{rehearsed['compared']:,}, {rehearsed['identical']:,} unchanged")
    head.add_row("without a document", f"{rehearsed['new']:,}")
    head.add_row(
        "whole library",
        f"{counted(cost['images'], 'image')}, about {cost['hours']:,.1f} h and "
        f"${cost['dollars']:,.2f}; bound by: {cost['bound_by']}",
    )
    parts: list[RenderableType] = [head]
    moving = [f for f in rehearsed["fields"] if any(f[kind] for kind in _KINDS)]
    if moving:
        fields = table(
            "field", "now", "then", *_KINDS, "for example", right=("now", "then", *_KINDS)
        )
        for f in moving[:_SHOWN]:
            fields.add_row(
                f["path"],
                f"{f['fill_before']:g}%",
                f"{f['fill_after']:g}%",
                *(f"{f[kind]:,}" for kind in _KINDS),
                _example(f["examples"]),
            )
        parts += ["", fields]
        if len(moving) > _SHOWN:
            parts.append(f"And {counted(len(moving) - _SHOWN, 'field')} more: --html or --json.")
    for title, groups in (
        ("not projected", rehearsed["failures"]),
        ("refused", {group["message"]: group for group in rehearsed["refused"]}),
    ):
        if groups:
            found = table(title, "images", "message", "for example", right=("images",))
            for name, group in sorted(groups.items(), key=lambda pair: -pair[1]["count"]):
                found.add_row(name, f"{group['count']:,}", group["message"], group["examples"][0])
            parts += ["", found]
    return Group(*parts)


def _example(examples: Mapping[str, Any]) -> str:
    for kind in _KINDS:
        for example in examples.get(kind, ()):
            return f"{_short(example['before'])} → {_short(example['after'])}"
    return ""


def _short(value: Any) -> str:
    if value is None:
        return "nothing"
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
