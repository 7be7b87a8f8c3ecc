"""Files of image ids, as people and other programs write them."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from itertools import islice
from typing import IO, Any

import click

from reindex.text import well_formed

#: Ids that are turned to bytes at once.
_IDS_AT_ONCE = 1_000


def open_ids(file: str) -> AbstractContextManager[IO[Any]]:
    """Open a file of ids, one per line; ``-`` means stdin.

    A byte order mark is dropped. A byte that is not UTF-8 makes only its own line an
    invalid id.

    Raises:
        OSError: It cannot be opened.
    """
    return click.open_file(file, encoding="utf-8-sig", errors="surrogateescape")


def ids_of(lines: Iterable[str], *, lower: bool) -> Iterator[str]:
    """Return the ids of a file's lines; empty for a blank line.

    Args:
        lines: Of the file.
        lower: Turn them to lower case.
    """
    from reindex.steps.upload import ids_of_lines

    ids = ids_of_lines(lines)
    return map(str.lower, ids) if lower else ids


def as_file(ids: Iterable[str]) -> IO[bytes]:
    """Return a file of ids, one per line, that is written while it is read.

    What was no UTF-8 when it was read is the same bytes again.
    """
    return io.BufferedReader(_Lines(iter(ids)), 1 << 20)


class _Lines(io.RawIOBase):
    def __init__(self, ids: Iterator[str]) -> None:
        self._ids = ids
        self._rest = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview, /) -> int:  # type: ignore[override]
        # An empty id is a line, too: only without one the file has ended.
        if not self._rest:
            ids = islice(self._ids, _IDS_AT_ONCE)
            self._rest = "".join(f"{id_}\n" for id_ in ids).encode(errors="surrogateescape")
        piece, self._rest = self._rest[: len(buffer)], self._rest[len(buffer) :]
        buffer[: len(piece)] = piece
        return len(piece)


def read_ids(file: str) -> Iterator[str]:
    """Read the ids of a file one by one, without blank lines.

    Raises:
        OSError: It cannot be read.
        ClickException: There is none.
    """
    found = False
    with open_ids(file) as lines:
        for line in lines:
            if text := line.strip():
                found = True
                yield well_formed(text)
    if not found:
        raise click.ClickException(f"no ids in {file}")
