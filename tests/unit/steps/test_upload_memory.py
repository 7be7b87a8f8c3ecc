"""An upload of any length takes the memory of a short one."""

from __future__ import annotations

import tracemalloc
from collections.abc import Sequence
from typing import Any

import pytest

from reindex.composition.run import RunSteps
from reindex.domain.progress import ProgressRow, to_values
from reindex.steps.upload import CHUNK
from tests.twins.ports import MemoryPorts
from tests.twins.runs import MemoryRuns
from tests.unit.steps.world import ManualClock

#: Bytes of an upload's own: a chunk's rows, several times over.
_BUDGET = 4_000_000


class _Forgetful:
    """A table and a work list that take everything, and keep nothing."""

    def insert(self, rows: Sequence[ProgressRow]) -> set[str]:
        return {to_values(row)["id"] for row in rows}

    def add(self, chunks: Sequence[Any]) -> None:
        assert chunks


def _peak(count: int) -> int:
    store: Any = _Forgetful()
    runs = MemoryRuns()
    ports = MemoryPorts(table=store, work_list=store, runs=runs, clock=ManualClock())
    upload = RunSteps(ports).upload("upload-1", only_new=False)
    tracemalloc.start()
    try:
        done = upload.upload(f"{number:040x}" for number in range(count))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert done.new == runs.uploads()["upload-1"].brought.count == count
    return peak


@pytest.mark.parametrize("chunks", [2, 30])
def test_an_upload_is_streamed(chunks: int) -> None:
    assert _peak(chunks * CHUNK) < _BUDGET
