"""A seekable file that fetches an object in ranges.

Metadata is mostly in a file's first kilobytes, so an original is not fetched whole: a
:class:`RangedFile` fetches the blocks that its reader touches, and counts bytes and requests. It
is independent of S3: the caller supplies the function that fetches a range.
"""

from __future__ import annotations

import io
import os
from collections import OrderedDict
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, Self

from reindex.domain.failures import SourceUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import TracebackType

    Fetch = Callable[[int, int], bytes]
    """Returns exactly the ``length`` bytes from ``start``; always asked inside the object."""

BLOCK = 16 * 1024
"""Block size of the cache in bytes: every fetch starts at a multiple of it."""

FIRST_BLOCKS = 3
"""Number of blocks in the first request. For 19 photos in 20 the metadata is in the first 48 KiB; a
second request for the twentieth costs less than more bytes for all."""

WHOLE_BLOCKS = 6
"""An object of at most this many blocks is fetched whole, which is cheaper than a second
request."""

MAX_AHEAD_BLOCKS = 16
"""Read-ahead doubles with sequential reads, up to this limit (long colour profiles, depth maps,
thermal images); a jump resets it."""

TAIL_BLOCKS = 4
"""A read near the end of an object fetches this many last blocks, because TIFF directories are
often written after the values they point to."""

MAX_CACHED_BLOCKS = 256
"""Size of the cache: the 4 MiB of most recently used blocks."""


class Source(Protocol):
    """Bytes that can be read at any offset: a file, a part of a file, or memory."""

    @property
    def size(self) -> int:
        """Length in bytes."""

    def pread(self, offset: int, length: int) -> bytes:
        """Return up to ``length`` bytes from ``offset``; fewer, or none, past the end."""


class Memory:
    """A :class:`Source` over bytes in memory."""

    __slots__ = ("_data", "size")

    def __init__(self, data: bytes) -> None:
        self._data = data
        self.size = len(data)

    def pread(self, offset: int, length: int) -> bytes:
        """See :meth:`Source.pread`."""
        return self._data[offset : offset + length] if offset >= 0 < length else b""


class Window:
    """A :class:`Source` over a part of another, clipped to the other's size."""

    __slots__ = ("_base", "_source", "size")

    def __init__(self, source: Source, base: int, size: int) -> None:
        self._source = source
        self._base = base
        self.size = max(0, min(size, source.size - base))

    def pread(self, offset: int, length: int) -> bytes:
        """See :meth:`Source.pread`."""
        if not 0 <= offset < self.size:
            return b""
        return self._source.pread(self._base + offset, min(length, self.size - offset))


class Joined:
    """A :class:`Source` over several sources in sequence (a block split over segments)."""

    __slots__ = ("_parts", "size")

    def __init__(self, parts: list[Source]) -> None:
        self._parts = parts
        self.size = sum(part.size for part in parts)

    def pread(self, offset: int, length: int) -> bytes:
        """See :meth:`Source.pread`."""
        if offset < 0:
            return b""
        found = []
        for part in self._parts:
            if length <= 0:
                break
            if offset < part.size:
                piece = part.pread(offset, length)
                found.append(piece)
                length -= len(piece)
                offset = 0
            else:
                offset -= part.size
        return b"".join(found)


class RangedFile(io.RawIOBase):
    """A read-only, seekable file whose bytes are fetched when they are first read.

    Args:
        fetch: Returns ``length`` bytes of the object from ``start``.
        size: The object's length in bytes.
        first_blocks: Number of blocks in the first request, see :data:`FIRST_BLOCKS`.
        head: The result of the first request, if it was already made: whole blocks, or the whole
            object.
        on_close: Called once, when the file is closed.

    Attributes:
        size: The object's length in bytes.
        bytes_read: Bytes fetched so far, including the head.
        requests: Requests so far, including that for the head; adjacent missing blocks are
            fetched with one request.
    """

    def __init__(
        self,
        fetch: Fetch,
        size: int,
        *,
        first_blocks: int = FIRST_BLOCKS,
        head: bytes = b"",
        on_close: Callable[[], None] | None = None,
    ) -> None:
        super().__init__()
        self.size = size
        self.bytes_read = len(head)
        self.requests = 1 if head else 0
        self._fetch = fetch
        self._on_close = on_close
        self._first_blocks = first_blocks
        self._ahead = first_blocks
        self._fetched_to = -(-len(head) // BLOCK)
        self._position = 0
        # Every reader returns to the head, so it is never evicted from the cache.
        self._head = head
        self._blocks: OrderedDict[int, bytes] = OrderedDict()

    def pread(self, offset: int, length: int) -> bytes:
        """Return up to ``length`` bytes from ``offset``; fewer, or none, past the end.

        Raises:
            SourceUnavailable: ``fetch`` returned another number of bytes than requested: the
                object was replaced since its size was read.
        """
        if offset < 0 or length <= 0 or offset >= self.size:
            return b""
        end = min(offset + length, self.size)
        if end <= len(self._head):
            return self._head[offset:end]
        return b"".join(self._pieces(offset, end))

    def _pieces(self, offset: int, end: int) -> Iterator[bytes]:
        """Yield the bytes of [offset, end), fetching at most half of the cache's size at a time."""
        while offset < end:
            step = min(end, offset + (MAX_CACHED_BLOCKS // 2) * BLOCK)
            self._fetch_missing(offset, step)
            while offset < step:
                if offset < len(self._head):
                    piece = self._head[offset:step]
                else:
                    block = offset // BLOCK
                    self._blocks.move_to_end(block)
                    piece = self._blocks[block][offset - block * BLOCK : step - block * BLOCK]
                yield piece
                offset += len(piece)

    def _fetch_missing(self, offset: int, end: int) -> None:
        """Fetch the missing blocks of [offset, end), with one request for each gap."""
        if not self._head:
            self._fetch_head(end if offset < self._first_blocks * BLOCK else 0)
        offset = max(offset, len(self._head))
        if offset >= end:
            return
        first, last = offset // BLOCK, -(-end // BLOCK)
        run: int | None = None
        for block in range(first, last):
            if block in self._blocks:
                self._blocks.move_to_end(block)
                if run is not None:
                    self._fetch_blocks(run, block)
                    run = None
            elif run is None:
                run = block
        if run is not None:
            self._fetch_blocks(*self._with_read_ahead(run, last))
        while len(self._blocks) > MAX_CACHED_BLOCKS:
            self._blocks.popitem(last=False)

    def _fetch_head(self, end: int) -> None:
        blocks = max(self._first_blocks, -(-end // BLOCK))
        if self.size <= max(WHOLE_BLOCKS, self._first_blocks) * BLOCK:
            blocks = -(-self.size // BLOCK)
        self._head = self._request(0, min(blocks * BLOCK, self.size))
        self._fetched_to = blocks

    def _with_read_ahead(self, first: int, last: int) -> tuple[int, int]:
        """Return the blocks to fetch for [first, last): extended to read ahead, without overlap."""
        total = -(-self.size // BLOCK)
        if 0 <= first - self._fetched_to <= self._ahead:
            self._ahead = min(self._ahead * 2, MAX_AHEAD_BLOCKS)
        else:
            self._ahead = FIRST_BLOCKS
            head = -(-len(self._head) // BLOCK)
            while first > max(total - TAIL_BLOCKS, head) and first - 1 not in self._blocks:
                first -= 1
        stop = max(last, min(first + self._ahead, total))
        if total - stop < max(TAIL_BLOCKS, self._ahead // 2):
            stop = total
        while last < stop and last not in self._blocks:
            last += 1
        return first, last

    def _fetch_blocks(self, first: int, last: int) -> None:
        data = self._request(first * BLOCK, min(last * BLOCK, self.size) - first * BLOCK)
        for block in range(first, last):
            at = (block - first) * BLOCK
            self._blocks[block] = data[at : at + BLOCK]
        self._fetched_to = last

    def _request(self, start: int, length: int) -> bytes:
        data = self._fetch(start, length)
        self.requests += 1
        self.bytes_read += len(data)
        if len(data) != length:
            raise SourceUnavailable(
                "The original changed while it was read.",
                f"{len(data)} bytes from {start} where {length} were asked for",
            )
        return data

    def readable(self) -> bool:
        """Return True."""
        return True

    def seekable(self) -> bool:
        """Return True."""
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        """Set the position; nothing is fetched."""
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self.size}[whence]
        if base + offset < 0:
            raise ValueError("seek before the beginning")
        self._position = base + offset
        return self._position

    def tell(self) -> int:
        """Return the position."""
        return self._position

    def readinto(self, buffer: bytearray | memoryview, /) -> int:  # type: ignore[override]
        """Read into ``buffer`` from the position; return the number of bytes read."""
        data = self.pread(self._position, len(buffer))
        buffer[: len(data)] = data
        self._position += len(data)
        return len(data)

    def close(self) -> None:
        """Close the file; a second call does nothing."""
        if not self.closed and self._on_close is not None:
            self._on_close()
        super().close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
        /,
    ) -> None:
        self.close()


def open_path(path: str | Path, *, whole: bool = False) -> RangedFile:
    """Open a local file for ranged reading.

    Args:
        path: The file.
        whole: Fetch the whole file with the first request.

    Raises:
        OSError: The file cannot be opened.
    """
    descriptor = os.open(path, os.O_RDONLY)
    size = os.fstat(descriptor).st_size
    return RangedFile(
        lambda start, length: os.pread(descriptor, length, start),
        size,
        first_blocks=max(1, -(-size // BLOCK)) if whole else FIRST_BLOCKS,
        on_close=lambda: os.close(descriptor),
    )


def open_bytes(data: bytes) -> RangedFile:
    """Open bytes in memory as a file that was fetched whole."""
    return RangedFile(
        lambda start, length: data[start : start + length],
        len(data),
        first_blocks=max(1, -(-len(data) // BLOCK)),
    )
