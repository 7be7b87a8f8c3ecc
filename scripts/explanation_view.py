"""The source of each field of ``originalMetadata``, for a terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.console import Group, RenderableType

from .terminal import table

#: Characters of a value that are shown: the whole is in the JSON.
_SHOWN = 200


def view(described: Mapping[str, Any]) -> RenderableType:
    """Return an image's decisions: each field with what won first, then what was passed over.

    Args:
        described: As the command prints it as JSON, with its ``explanation``.
    """
    rows = table("field", "value", "from", "passed over because")
    for name, decision in described["explanation"].items():
        if "value" in decision:
            rows.add_row(name, _short(decision["value"]), decision["source"], "")
        else:
            rows.add_row(name, "(nothing)", "", "")
        for other in decision.get("passedOver", ()):
            rows.add_row("", f"- {_short(other['value'])}", other["source"], other["why"])
    return Group(f"{described['source']}:", rows, "")


def _short(value: str | list[str]) -> str:
    text = value if isinstance(value, str) else "; ".join(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
