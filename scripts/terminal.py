"""The output of the verbs: results to stdout, progress to stderr and only on a terminal."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import click
from rich.console import Console, RenderableType
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from reindex.text import printable

#: Columns if the output is a file or a pipe: wide enough that no text is cut.
_WIDTH_OF_A_PIPE = 160

Advance = Callable[[float, str], None]
"""Shows how much is done in all, and a few words about it."""


def console() -> Console:
    """Return the console for results. Markup in texts is not interpreted."""
    return _plain(Console(markup=False, highlight=False, emoji=False))


def error_console() -> Console:
    """Return the console for progress and notes."""
    return _plain(Console(markup=False, highlight=False, emoji=False, stderr=True))


def _plain(made: Console) -> Console:
    if not made.is_terminal:
        made.width = _WIDTH_OF_A_PIPE
    return made


def show(what: RenderableType) -> None:
    """Print a result."""
    console().print(what)


class _PrintableTable(Table):
    """A table whose cells show control characters and never send them to the terminal."""

    def add_row(self, *cells: RenderableType | None, **style: Any) -> None:
        """Add a row."""
        super().add_row(
            *(printable(cell) if isinstance(cell, str) else cell for cell in cells), **style
        )


def note(text: str) -> None:
    """Print one line for people; control characters in it are shown, not sent."""
    click.echo(printable(text))


def grid() -> Table:
    """Return an empty table of names and values without headings."""
    made = _PrintableTable.grid(padding=(0, 2))
    made.add_column(style="bold")
    made.add_column(overflow="fold")
    return made


def table(*columns: str, right: Sequence[str] = ()) -> Table:
    """Return a table without lines, so that it can be cut and grepped.

    Args:
        columns: Their headings.
        right: Headings of those whose values are numbers.
    """
    made = _PrintableTable(box=None, pad_edge=False, show_edge=False, header_style="bold")
    for column in columns:
        made.add_column(column, justify="right" if column in right else "left", overflow="fold")
    return made


def show_counts(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table whose last column is a number; nothing without rows."""
    if not rows:
        return
    made = table(*heads, right=heads[-1:])
    for row in rows:
        made.add_row(*row)
    show(made)


@contextmanager
def progress(doing: str, total: float | None = None) -> Iterator[Advance]:
    """Show a progress bar during a long operation, if stderr is a terminal.

    Args:
        doing: Name of the operation.
        total: The amount of work; None if it is not known.
    """
    err = error_console()
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        *((TimeRemainingColumn(),) if total else ()),
        TextColumn("{task.fields[words]}", markup=False),
    )
    with Progress(*columns, console=err, disable=not err.is_terminal, transient=True) as bar:
        task = bar.add_task(doing, total=total, words="")
        yield lambda done, words: bar.update(task, completed=done, words=words)
