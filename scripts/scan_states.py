"""``reindex scan-states``."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from contextlib import nullcontext
from dataclasses import asdict
from typing import IO, TYPE_CHECKING, Any

import click

from reindex.domain.states import CODES, State

from .session import Session, example, on_stack

if TYPE_CHECKING:
    from reindex.domain.progress import ProgressRow

#: Parts of the table that are read at once: beyond, one machine gains nothing.
_SEGMENTS = 8


@click.command(
    epilog=example(
        "reindex scan-states",
        "reindex scan-states --state known_error --state unknown_error --out failed.jsonl",
        "reindex scan-states --state not_found --out - | jq -r .id",
    )
)
@click.option("--out", metavar="FILE|-", help="Write each row as a line of JSON; - is stdout.")
@click.option(
    "--state",
    "states",
    type=click.Choice([state.value for state in State]),
    multiple=True,
    help="Only rows in this state; may be given again.",
)
@click.option(
    "--segments",
    type=click.IntRange(1, 64),
    default=_SEGMENTS,
    show_default=True,
    help="Parts of the table that are read at once.",
)
@on_stack
def scan_states(
    session: Session, *, out: str | None, states: tuple[str, ...], segments: int
) -> None:
    """Count the images by state.

    By a consistent scan of the whole progress table, its parts read at once.

    The table of counts goes to stdout, or to stderr when the rows go there.
    """
    from reindex.steps.scanning import scan_all

    from .terminal import console, error_console, progress

    if out and out != "-":
        session.on_interrupt(f"{out} holds only a part of the rows")
    wanted = frozenset(map(State, states)) or frozenset(State)
    counts: Counter[State] = Counter()
    with (
        click.open_file(out, "w", encoding="utf-8") if out else nullcontext() as file,
        progress("Scanning") as advance,
    ):
        scanned, unreadable = 0, 0
        for page in scan_all(session.wiring.table, segments):
            scanned += len(page.rows)
            unreadable += len(page.unreadable)
            found = [row for row in page.rows if row.state in wanted]
            counts.update(row.state for row in found)
            if file:
                _write(file, found)
                _write_unreadable(file, page.unreadable)
            advance(scanned, f"{scanned:,} rows")
    where = error_console() if out == "-" else console()
    where.print(_table(counts, wanted, unreadable))


def as_json(row: ProgressRow) -> dict[str, Any]:
    """Return a row for scripts: its attributes and the state's numeric code; no empty ones."""
    values = asdict(row) | {"code": CODES[row.state]}
    return {name: value for name, value in values.items() if value is not None}


def _write(file: IO[Any], rows: Iterable[ProgressRow]) -> None:
    for row in rows:
        file.write(json.dumps(as_json(row), ensure_ascii=False) + "\n")


def _write_unreadable(file: IO[Any], unreadable: Mapping[str, str]) -> None:
    for image_id, reason in unreadable.items():
        row = {"id": image_id, "unreadable": reason}
        file.write(json.dumps(row, ensure_ascii=False) + "\n")


def _table(counts: Counter[State], wanted: Collection[State], unreadable: int) -> Any:
    from .terminal import table

    made = table("state", "code", "images", right=("code", "images"))
    for state, code in CODES.items():
        if state in wanted:
            made.add_row(state, str(code), f"{counts[state]:,}")
    if unreadable:
        made.add_row("unreadable", "", f"{unreadable:,}")
    made.add_section()
    made.add_row("all", "", f"{counts.total() + unreadable:,}")
    return made
