"""Files of image ids, as people and other programs write them."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import IO, Any

import click

from reindex.text import well_formed


def open_ids(file: str) -> AbstractContextManager[IO[Any]]:
    """Open a file of ids, one per line; ``-`` is stdin.

    A byte order mark is dropped. A byte that is no UTF-8 spoils its own line, which is then no
    id, and no other.

    Raises:
        OSError: It cannot be opened.
    """
    return click.open_file(file, encoding="utf-8-sig", errors="surrogateescape")


def read_ids(file: str) -> list[str]:
    """Read all ids of a file, without blank lines.

    Raises:
        OSError: It cannot be read.
        ClickException: There is none.
    """
    with open_ids(file) as lines:
        ids = [well_formed(text) for line in lines if (text := line.strip())]
    if not ids:
        raise click.ClickException(f"no ids in {file}")
    return ids
