"""Writes what each verb needs into ``docs/security.md``: ``python -m tests.calls.operators``.

With ``--check`` it only looks whether that is up to date.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from tests.calls.record import Needs, Record, verbs

PAGE: Final = Path(__file__).parents[2] / "docs" / "security.md"

_BEGIN: Final = "<!-- permissions of verbs: made by python -m tests.calls.operators -->\n"
_END: Final = "<!-- end of the permissions of verbs -->\n"

#: How the names of actions that change nothing begin.
_READS: Final = (
    *("BatchGet", "Describe", "FilterLog", "Get", "List"),
    *("PartiQLSelect", "Query", "Scan"),
)

#: What every verb that works on a stage reads first.
_FIRST: Final = ("stack", "cloudformation:DescribeStacks")


def table(record: Record) -> str:
    """Return what each verb needs, in Markdown."""
    lines = (
        f"| `{verb}` | {_cell(record.verbs[verb], reads=True)} "
        f"| {_cell(record.verbs[verb], reads=False)} |\n"
        for verb in verbs()
        if verb in record.verbs
    )
    return f"| verb | reads | changes |\n| --- | --- | --- |\n{''.join(lines)}"


def _cell(needs: Needs, *, reads: bool) -> str:
    return "; ".join(_parts(needs, reads=reads)) or "nothing"


def _parts(needs: Needs, *, reads: bool) -> Iterator[str]:
    for resource, actions in needs.items():
        wanted = [
            f"`{action}`"
            for action in actions
            if is_read(action) is reads and (resource, action) != _FIRST
        ]
        if wanted:
            name, _, within = resource.partition(": ")
            place = f"{name} `{within}`" if within else name
            yield f"{place}: {', '.join(wanted)}"


def is_read(action: str) -> bool:
    """Return whether an action changes nothing."""
    return action.partition(":")[2].startswith(_READS)


def page(text: str, record: Record) -> str:
    """Return the page with the table as it should be."""
    before, _, rest = text.partition(_BEGIN)
    _, _, after = rest.partition(_END)
    return f"{before}{_BEGIN}\n{table(record)}\n{_END}{after}"


def main() -> None:
    """Write the table, or check it."""
    text = PAGE.read_text(encoding="utf-8")
    new = page(text, Record.read())
    if "--check" not in sys.argv[1:]:
        PAGE.write_text(new, encoding="utf-8")
    elif text != new:
        sys.exit("docs/security.md is out of date: python -m tests.calls.operators")


if __name__ == "__main__":
    main()
