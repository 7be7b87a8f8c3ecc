"""Reads many images concurrently."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from itertools import islice
from multiprocessing import resource_tracker
from typing import Self

from .image_sources import OBJECTS_AT_ONCE, Described, LocalFile, Source

#: Local files up to which this process reads them itself: others take a while to start.
_FEW = 32

#: Images read ahead of the one to be written: bounds memory, keeps everyone busy.
_AHEAD = 64


class Readers:
    """Reads images concurrently: many local files by processes, all others by threads.

    Reading a local file is nearly all computation, reading an object nearly all waiting.
    """

    def __init__(self, read: Callable[[Source], Described]) -> None:
        self._read = read
        self._stack = ExitStack()
        self._threads: Executor = self._open(ThreadPoolExecutor(OBJECTS_AT_ONCE))
        self._processes: Executor | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def in_order(self, sources: Iterable[Source]) -> Iterator[Described]:
        """Yield the description of each image, in the order of the sources."""
        waiting: deque[Future[Described]] = deque()
        rest = iter(sources)
        for source in islice(rest, _FEW):
            waiting.append(self._threads.submit(self._read, source))
        for source in rest:
            reader = self._reader(source)
            with _interrupts_held_back():
                waiting.append(reader.submit(self._read, source))
            if len(waiting) > _AHEAD:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()

    def _reader(self, source: Source) -> Executor:
        if not isinstance(source, LocalFile):
            return self._threads
        if self._processes is None:
            # Python would start it with the first process, without blocking interrupts.
            resource_tracker.ensure_running()
            self._processes = self._open(
                ProcessPoolExecutor(
                    os.cpu_count(),
                    # A fork would inherit this process's threads in whatever state they are.
                    mp_context=multiprocessing.get_context("spawn"),
                )
            )
        return self._processes

    def _open(self, pool: Executor) -> Executor:
        self._stack.callback(pool.shutdown, cancel_futures=True)
        return pool


@contextmanager
def _interrupts_held_back() -> Iterator[None]:
    """Let no interrupt through for a moment, nor ever to a process that is started in it.

    A terminal interrupts all processes of a command; it is for this one to end the others.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
