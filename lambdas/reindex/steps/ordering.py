"""Puts a long work list in order of ids, so that one listing of crops serves many images.

Chunks are created in the order in which their rows were found: by id from the listing of a bucket,
in no order from a scan of the table or from an index. A chunk of ids that are far apart costs a
LIST of crops for each image; one of neighbours costs two for all (:mod:`reindex.stores.folders`).
So a long list is sorted before it is processed, by an external sort: it is cut by ranges of ids
that have about as many rows each, and then each range is sorted by itself.

The list is valid in any order, so a failure here loses nothing: old chunks are removed only after
all of their rows are listed anew, and a row that is listed twice is processed once.
"""

from __future__ import annotations

import gzip
import json
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import accumulate
from typing import Any, Final

from reindex.batches import in_batches
from reindex.domain.chunks import ListedChunk, TakenChunk, UnreadableChunk, chunks_of
from reindex.domain.progress import ProgressRow, from_values, to_values
from reindex.domain.states import Phase
from reindex.steps.ambient import Clock
from reindex.stores.interfaces.run_files import RunFiles
from reindex.stores.interfaces.work_list import WorkList

#: Rows of a list above which it is put in order: below, all its LISTs cost a quarter of a dollar.
ORDER_ABOVE: Final = 50_000

#: Rows of a range, which one invocation sorts in memory: some 150 MB.
RANGE_ROWS: Final = 150_000

#: Rows that one invocation cuts, which it reads chunk by chunk, and those it holds in memory.
GROUP_ROWS: Final = 1_000_000
HELD_ROWS: Final = 150_000

#: Chunks whose ids tell where to cut; an even choice of them.
SAMPLED: Final = 40

#: Share of the chunks that may reach into others' ranges in a list that counts as ordered.
DISORDER: Final = 0.05

#: Files that are read at once.
READERS: Final = 8

#: Prefix of the pieces in the run's bucket.
PREFIX: Final = "order/"


@dataclass(frozen=True, slots=True)
class Ordering:
    """Puts the index phase's chunks in order; no tick works while it does."""

    work_list: WorkList
    files: RunFiles
    clock: Clock

    def plan(self, run_id: str, round_: int) -> dict[str, Any]:
        """Decide where to cut, and who reads what.

        Args:
            run_id: Of the run.
            round_: Of the tally that listed them, or of the opening.

        Returns:
            ``{"groups": [0, …], "ranges": [0, …]}``: both empty when there is nothing to put in
            order.
        """
        key = _plan_key(run_id, round_)
        now = self.clock.now()
        chunks = sorted(self.work_list.free(Phase.INDEX, now), key=lambda c: (c.first, c.name))
        rows = sum(chunk.count for chunk in chunks)
        plan: dict[str, Any] = {"bounds": [], "groups": []}
        if rows > ORDER_ABOVE and _disorder(chunks) > DISORDER:
            ids = self._sampled_ids(chunks)
            count = -(-rows // RANGE_ROWS)
            plan = {
                "bounds": [ids[len(ids) * n // count] for n in range(1, count)] if ids else [],
                "groups": [[[c.name, c.due_at] for c in group] for group in _groups(chunks)],
            }
        if not self.files.create(key, json.dumps(plan).encode()):
            plan = json.loads(self.files.get(key))
        groups = len(plan["groups"])
        ranges = len(plan["bounds"]) + 1 if groups else 0
        return {"groups": list(range(groups)), "ranges": list(range(ranges))}

    def cut(self, run_id: str, round_: int, group: int) -> dict[str, Any]:
        """Cut a group's chunks by the ranges of the plan.

        A chunk that cannot be read is left out: the Tally's scan finds its rows.

        Returns:
            ``{"next": None}``.
        """
        plan = self._plan(run_id, round_)
        pieces: dict[int, list[str]] = {}
        held = flushes = 0
        for rows in self._rows_of(map(_listed, plan["groups"][group])):
            for row in rows:
                text = json.dumps(to_values(row), separators=(",", ":"))
                pieces.setdefault(bisect_right(plan["bounds"], row.id), []).append(text)
            held += len(rows)
            if held >= HELD_ROWS:
                self._flush(run_id, round_, f"{group:04d}-{flushes:03d}", pieces)
                held, flushes = 0, flushes + 1
        self._flush(run_id, round_, f"{group:04d}-{flushes:03d}", pieces)
        return {"next": None}

    def sort(self, run_id: str, round_: int, number: int) -> dict[str, Any]:
        """Put the rows of a range on the list, in order of their ids.

        Returns:
            ``{"next": None}``.
        """
        latest: dict[str, ProgressRow] = {}
        keys = self.files.keys(f"{_folder(run_id, round_)}{number:04d}/")
        with ThreadPoolExecutor(READERS) as pool:
            for some in in_batches(keys, READERS):
                for text in pool.map(self.files.get, some):
                    for line in gzip.decompress(text).decode().splitlines():
                        row = from_values(json.loads(line))
                        if row.id not in latest or latest[row.id].rev < row.rev:
                            latest[row.id] = row
        name = f"{run_id}-{round_ + 1:02d}-in-order-{number:04d}"
        self.work_list.add(chunks_of(latest.values(), name))
        return {"next": None}

    def replace(self, run_id: str, round_: int) -> dict[str, Any]:
        """Take the chunks of the plan off the list: all that was in them is listed anew.

        Returns:
            ``{"next": None}``.
        """
        for group in self._plan(run_id, round_)["groups"]:
            self.work_list.remove(Phase.INDEX, list(map(_listed, group)))
        return {"next": None}

    def _plan(self, run_id: str, round_: int) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.files.get(_plan_key(run_id, round_)))
        return found

    def _sampled_ids(self, chunks: Sequence[ListedChunk]) -> list[str]:
        step = max(1, len(chunks) // SAMPLED)
        return sorted(row.id for rows in self._rows_of(chunks[::step]) for row in rows)

    def _rows_of(self, chunks: Iterable[ListedChunk]) -> Iterator[Sequence[ProgressRow]]:
        with ThreadPoolExecutor(READERS) as pool:
            for some in in_batches(list(chunks), READERS):
                yield from pool.map(self._read, some)

    def _read(self, chunk: ListedChunk) -> Sequence[ProgressRow]:
        try:
            return self.work_list.rows(TakenChunk(chunk.name, Phase.INDEX, chunk.due_at, ""))
        except UnreadableChunk:
            return ()

    def _flush(self, run_id: str, round_: int, name: str, pieces: dict[int, list[str]]) -> None:
        for number, lines in pieces.items():
            key = f"{_folder(run_id, round_)}{number:04d}/{name}.json.gz"
            body = gzip.compress("\n".join(lines).encode(), compresslevel=1)
            self.files.put(key, body, "application/gzip")
        pieces.clear()


def _disorder(chunks: Sequence[ListedChunk]) -> float:
    """Return the share of chunks that begin before one of those before them ends.

    Args:
        chunks: Sorted by their first id.
    """
    ends = accumulate((chunk.last for chunk in chunks), max)
    reaching = sum(chunk.first <= end for chunk, end in zip(chunks[1:], ends, strict=False))
    return reaching / len(chunks) if chunks else 0.0


def _groups(chunks: Iterable[ListedChunk]) -> Iterator[list[ListedChunk]]:
    group: list[ListedChunk] = []
    for chunk in chunks:
        group.append(chunk)
        if sum(each.count for each in group) >= GROUP_ROWS:
            yield group
            group = []
    if group:
        yield group


def _listed(stored: Sequence[Any]) -> ListedChunk:
    name, due_at = stored
    return ListedChunk(name, due_at)


def _folder(run_id: str, round_: int) -> str:
    # An opening scan is number -1.
    return f"{PREFIX}{run_id}/{round_ + 1:02d}/"


def _plan_key(run_id: str, round_: int) -> str:
    return f"{_folder(run_id, round_)}plan.json"
