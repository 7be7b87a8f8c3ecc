"""Writes what each verb needs into ``docs/security.md``: ``python -m tests.calls.operators``."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from tests.calls.operator_policy import policy
from tests.calls.record import DOES_WHAT_OTHERS_DO, Needs, Record, verbs

PAGE: Final = Path(__file__).parents[2] / "docs" / "security.md"

_BEGIN: Final = "<!-- permissions of verbs: made by python -m tests.calls.operators -->\n"
_END: Final = "<!-- end of the permissions of verbs -->\n"

_POLICY: Final = """\
This policy is enough for the verbs that change nothing. `${STAGE}` is the stage, `${stage}` the
same in lower case; the others are names in the stack's outputs (of a queue's URL or an ARN, the
last part). In a checkout `python -m tests.calls.operators --policy VERB…` prints that of other
verbs.
"""

#: Beginnings of the names of actions that change nothing.
_READS: Final = (
    *("BatchGet", "Describe", "FilterLog", "Get", "List"),
    *("PartiQLSelect", "Query", "Scan"),
)

#: The first call of every verb that works on a stage.
_FIRST: Final = ("stack", "cloudformation:DescribeStacks")


def table(record: Record) -> str:
    """Return what each verb needs, in Markdown."""
    lines = "".join(f"| `{verb}` | {_row(verb, record)} |\n" for verb in verbs())
    return f"| verb | reads | changes and calls |\n| --- | --- | --- |\n{lines}"


def _row(verb: str, record: Record) -> str:
    if others := DOES_WHAT_OTHERS_DO.get(verb):
        reading = [other for other in others if changes_nothing(record.verbs[other])]
        changing = [other for other in others if other not in reading]
        return " | ".join(f"as {', '.join(map(_code, found))}" for found in (reading, changing))
    needs = record.verbs[verb]
    return f"{_cell(needs, reads=True)} | {_cell(needs, reads=False)}"


def _code(name: str) -> str:
    return f"`{name}`"


def _cell(needs: Needs, *, reads: bool) -> str:
    return "; ".join(_parts(needs, reads=reads)) or "nothing"


def _parts(needs: Needs, *, reads: bool) -> Iterator[str]:
    for resource, actions in needs.items():
        wanted = [
            _code(action)
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


def changes_nothing(needs: Needs) -> bool:
    """Return whether all actions that a verb needs change nothing."""
    return all(is_read(action) for actions in needs.values() for action in actions)


def lookers_policy(record: Record) -> str:
    """Return the policy for all verbs that change nothing on AWS, as a JSON block of Markdown."""
    harmless = [verb for verb, needs in record.verbs.items() if changes_nothing(needs)]
    return f"```json\n{_text(policy(record, sorted(harmless)))}\n```\n"


def _text(found: Mapping[str, Any]) -> str:
    """A policy as JSON, with a line for each part of a statement."""
    statements = ",\n".join(
        "    {\n"
        + ",\n".join(f'      "{name}": {json.dumps(value)}' for name, value in statement.items())
        + "\n    }"
        for statement in found["Statement"]
    )
    return f'{{\n  "Version": "{found["Version"]}",\n  "Statement": [\n{statements}\n  ]\n}}'


def page(text: str, record: Record) -> str:
    """Return the page with the table and the policy as they should be."""
    before, _, rest = text.partition(_BEGIN)
    _, _, after = rest.partition(_END)
    made = f"{table(record)}\n{_POLICY}\n{lookers_policy(record)}"
    return f"{before}{_BEGIN}\n{made}\n{_END}{after}"


def write() -> None:
    """Write the page."""
    text = PAGE.read_text(encoding="utf-8")
    PAGE.write_text(page(text, Record.read()), encoding="utf-8")


def main() -> None:
    """Write the page, check it, or print the policy for the verbs that are named."""
    arguments = argparse.ArgumentParser("python -m tests.calls.operators", description=__doc__)
    arguments.add_argument("--check", action="store_true", help="only look if it is up to date")
    arguments.add_argument("--policy", nargs="+", metavar="VERB", help="print the policy for verbs")
    found = arguments.parse_args()
    record = Record.read()
    if found.policy:
        print(_text(policy(record, found.policy)))
        return
    if not found.check:
        write()
        return
    text = PAGE.read_text(encoding="utf-8")
    if text != page(text, record):
        sys.exit("docs/security.md is out of date: python -m tests.calls.operators")


if __name__ == "__main__":
    main()
