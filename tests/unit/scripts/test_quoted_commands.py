"""Every command that a page, a message or the documentation names is one that there is."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from scripts.command import reindex

ROOT = Path(__file__).parents[3]
PLACES = [
    ROOT / "README.md",
    *sorted((ROOT / "docs").glob("*.md")),
    *sorted((ROOT / "lambdas").rglob("*.py")),
    *sorted((ROOT / "scripts").rglob("*.py")),
    *sorted((ROOT / "cdk").glob("*.py")),
]

#: A command in a code span, or at the beginning of a line of a block; in code, in a string, too.
_QUOTED = re.compile(r"(?:`|^|&& |\| )reindex ([^`\"\n#|&]+)", re.MULTILINE)
_IN_CODE = re.compile(r"(?:`|\"|&& |\| )reindex ([^`\"\n#|&]+)")


def quoted(path: Path) -> Iterator[list[str]]:
    """The words of each command that a file names."""
    pattern = _IN_CODE if path.suffix == ".py" else _QUOTED
    for found in pattern.finditer(path.read_text()):
        yield found[1].replace("…", " ").split()


def problem(words: list[str]) -> str | None:
    """Return the problem of a command; None if it exists, or is not one of this project."""
    assert isinstance(reindex, click.Group)
    options = {name for parameter in reindex.params for name in parameter.opts}
    while words and words[0].split("=")[0] in options:
        takes_value = "=" not in words[0] and words[0] not in {"--help", "--version", "--debug"}
        words = words[2 if takes_value else 1 :]
    if not words or not re.fullmatch(r"[a-z][a-z-]+[.,;:]?", words[0]):
        return None
    verb = reindex.commands.get(words[0].rstrip(".,;:"))
    if verb is None:
        return f"there is no verb {words[0]}"
    if isinstance(verb, click.Group) and len(words) > 1 and re.match(r"[a-z]", words[1]):
        action = verb.commands.get(words[1].rstrip(".,;:)"))
        if action is None:
            return f"{words[0]} has no action {words[1]}"
        verb, words = action, words[1:]
    known = {
        name for parameter in verb.params for name in (*parameter.opts, *parameter.secondary_opts)
    }
    named = {word.split("=")[0].rstrip(".,;:)") for word in words[1:] if word.startswith("--")}
    unknown = named - known - {"--help", "--debug", "--"}
    return f"{words[0]} has no option {', '.join(sorted(unknown))}" if unknown else None


@pytest.mark.parametrize("path", PLACES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_command_that_is_named_exists(path: Path) -> None:
    assert [found for words in quoted(path) if (found := problem(words))] == []


def test_a_command_that_does_not_exist_would_be_found() -> None:
    assert problem(["dlq", "--list"]) == "dlq has no option --list"
    assert problem(["migrate", "swich"]) == "migrate has no action swich"
    assert problem(["migrate", "switch", "--no"]) == "switch has no option --no"
    assert problem(["--stage", "X", "scann"]) == "there is no verb scann"
