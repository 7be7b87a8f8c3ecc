"""Writes ``docs/cli.md`` from the command's own help: ``python -m scripts.help_pages``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import click

from .command import reindex

PAGE = Path(__file__).parents[1] / "docs" / "cli.md"

_HEAD = """\
# The reindex command

<!-- Made by python -m scripts.help_pages. What is to change here changes in scripts/. -->
"""

#: Columns of the help, whatever the terminal has.
_WIDTH = 88


def page() -> str:
    """Return the page as it should be."""
    sections = (f"## {title}\n\n```text\n{text}\n```\n" for title, text in _helps())
    return "\n".join((_HEAD, *sections))


def _helps() -> Iterator[tuple[str, str]]:
    """Yield the help of the command and of each verb."""
    top = _context(reindex, "reindex", None)
    yield "reindex", reindex.get_help(top)
    for name in reindex.list_commands(top):
        verb = reindex.commands[name]
        inner = _context(verb, name, top)
        yield f"reindex {name}", verb.get_help(inner)
        if isinstance(verb, click.Group):
            for action in verb.list_commands(inner):
                command = verb.commands[action]
                yield (
                    f"reindex {name} {action}",
                    command.get_help(_context(command, action, inner)),
                )


def _context(command: click.Command, name: str, parent: click.Context | None) -> click.Context:
    return click.Context(
        command,
        info_name=name,
        parent=parent,
        terminal_width=_WIDTH,
        max_content_width=_WIDTH,
        help_option_names=["-h", "--help"],
    )


def main() -> None:
    """Write the page."""
    PAGE.write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()
