from __future__ import annotations

import io
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reindex.domain.failures import SourceUnavailable
from reindex.image.ranged import (
    BLOCK,
    FIRST_BLOCKS,
    MAX_CACHED_BLOCKS,
    TAIL_BLOCKS,
    WHOLE_BLOCKS,
    Joined,
    Memory,
    RangedFile,
    Window,
    open_bytes,
    open_path,
)

FIRST = FIRST_BLOCKS * BLOCK


class Store:
    """An object that remembers what was fetched of it."""

    def __init__(self, size: int) -> None:
        self.data = os.urandom(1024) * (size // 1024 + 1)
        self.data = self.data[:size]
        self.fetched: list[tuple[int, int]] = []

    def fetch(self, start: int, length: int) -> bytes:
        assert 0 <= start < start + length <= len(self.data)
        self.fetched.append((start, length))
        return self.data[start : start + length]

    def open(self) -> RangedFile:
        return RangedFile(self.fetch, len(self.data))


def test_reads_within_the_first_blocks_cost_one_request() -> None:
    store = Store(10 * 1024 * 1024)
    file = store.open()
    assert file.pread(0, 2) == store.data[:2]
    assert file.pread(FIRST - 5, 5) == store.data[FIRST - 5 : FIRST]
    assert store.fetched == [(0, FIRST)]
    assert (file.requests, file.bytes_read) == (1, FIRST)


def test_a_small_object_is_fetched_whole() -> None:
    store = Store(WHOLE_BLOCKS * BLOCK)
    file = store.open()
    file.pread(0, 1)
    assert file.pread(0, file.size) == store.data
    assert store.fetched == [(0, len(store.data))]


def test_an_empty_object_is_never_fetched() -> None:
    store = Store(0)
    assert store.open().pread(0, 10) == b""
    assert store.fetched == []


@pytest.mark.parametrize("size", [FIRST - 1, FIRST, FIRST + 1, 10 * FIRST])
def test_a_given_head_is_not_fetched_again(size: int) -> None:
    store = Store(size)
    file = RangedFile(store.fetch, size, head=store.data[:FIRST])
    assert file.pread(0, 100) == store.data[:100]
    assert file.readall() == store.data
    assert sum(length for _, length in store.fetched) == max(0, size - FIRST)
    assert file.requests == 1 + len(store.fetched)
    assert file.bytes_read == size


def test_sequential_reads_increase_the_read_ahead() -> None:
    store = Store(10 * 1024 * 1024)
    file = store.open()
    for offset in range(0, 1024 * 1024, 8192):
        file.pread(offset, 8)
    lengths = [length for _, length in store.fetched]
    assert lengths == sorted(lengths)
    assert lengths[-1] > lengths[0]
    assert file.requests <= 7


def test_a_jump_fetches_few_blocks() -> None:
    store = Store(10 * 1024 * 1024)
    file = store.open()
    for offset in (0, 5_000_000, 3_000_000, 8_000_000):
        assert file.pread(offset, 8) == store.data[offset : offset + 8]
    assert file.requests == 4
    assert file.bytes_read <= 4 * FIRST


def test_a_jump_to_the_end_fetches_all_of_the_tail() -> None:
    store = Store(10 * 1024 * 1024 + 77)
    file = store.open()
    file.pread(0, 8)
    file.pread(file.size - 8, 8)
    start = file.size - (TAIL_BLOCKS - 1) * BLOCK
    assert file.pread(start, BLOCK) == store.data[start : start + BLOCK]
    assert file.requests == 2


def test_adjacent_missing_blocks_are_one_request_and_cached_ones_are_not_fetched_again() -> None:
    store = Store(10 * 1024 * 1024)
    file = store.open()
    file.pread(0, 1)
    file.pread(60 * BLOCK, 1)
    store.fetched.clear()
    assert file.pread(50 * BLOCK, 20 * BLOCK) == store.data[50 * BLOCK : 70 * BLOCK]
    assert len(store.fetched) == 2
    again = [b for start, length in store.fetched for b in range(start, start + length, BLOCK)]
    assert 60 * BLOCK not in again


def test_the_cache_size_is_limited() -> None:
    store = Store(12 * 1024 * 1024)
    file = store.open()
    for offset in range(0, file.size, BLOCK):
        file.pread(offset, 8)
    assert len(file._blocks) <= MAX_CACHED_BLOCKS
    assert file.pread(0, file.size) == store.data
    assert len(file._blocks) <= MAX_CACHED_BLOCKS


@pytest.mark.parametrize("returned", [b"", b"short"])
def test_a_response_of_another_length_means_the_object_changed(returned: bytes) -> None:
    with pytest.raises(SourceUnavailable):
        RangedFile(lambda _start, _length: returned, 1000).pread(0, 10)


@given(
    size=st.integers(1, 400_000),
    reads=st.lists(st.tuples(st.integers(0, 420_000), st.integers(0, 90_000)), max_size=12),
)
def test_any_reads_return_the_objects_bytes_and_fetch_them_once(
    size: int, reads: list[tuple[int, int]]
) -> None:
    store = Store(size)
    file = store.open()
    for offset, length in reads:
        assert file.pread(offset, length) == store.data[offset : offset + length]
    blocks = [b for start, length in store.fetched for b in range(start, start + length, BLOCK)]
    assert len(blocks) == len(set(blocks))
    assert file.bytes_read <= size
    assert file.requests == len(store.fetched)


def test_it_has_the_interface_of_a_file() -> None:
    store = Store(300_000)
    with store.open() as file:
        assert file.readable()
        assert file.seekable()
        assert file.seek(-10, os.SEEK_END) == 299_990
        assert file.read() == store.data[-10:]
        assert file.tell() == 300_000
        assert file.seek(5) == 5
        assert file.seek(5, os.SEEK_CUR) == 10
        assert io.BufferedReader(file).read(20) == store.data[10:30]
        with pytest.raises(ValueError, match="beginning"):
            file.seek(-1)


def test_a_local_file_is_read_in_ranges_or_whole(tmp_path: Path) -> None:
    path = tmp_path / "object"
    path.write_bytes(bytes(300_000))
    with open_path(path) as ranged, open_path(path, whole=True) as whole:
        assert ranged.pread(0, 4) == whole.pread(0, 4) == bytes(4)
        assert ranged.bytes_read == FIRST
        assert whole.bytes_read == 300_000
    assert ranged.closed
    ranged.close()


@given(
    data=st.binary(max_size=60),
    cuts=st.tuples(st.integers(0, 60), st.integers(0, 60)),
    offset=st.integers(-3, 70),
    length=st.integers(-3, 70),
)
def test_windows_and_joined_sources_are_slices(
    data: bytes, cuts: tuple[int, int], offset: int, length: int
) -> None:
    start, end = sorted(cuts)
    window = Window(open_bytes(data), start, end - start)
    joined = Joined([Memory(data[:start]), Memory(data[start:end]), Memory(data[end:])])
    valid = offset >= 0 < length
    assert joined.size == len(data)
    assert joined.pread(offset, length) == (data[offset : offset + length] if valid else b"")
    part = data[start:end]
    assert window.size == len(part)
    assert window.pread(offset, length) == (part[offset : offset + length] if valid else b"")
