"""Time that a simulation owns, with threads of which one runs at a time.

Each thread sleeps in simulated time, and the one that wakes first continues, so that shared state
changes in the order of that time. Equal moments go in the order in which they were asked for: a
simulation that is repeated takes the same course. A thread's own work takes no simulated time.
"""

from __future__ import annotations

import heapq
import itertools
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from threading import Lock, Thread
from types import TracebackType
from typing import Any, Self


class SimulatedTime:
    """A clock, and the turns of all who live by it.

    Args:
        start: Epoch seconds.
    """

    def __init__(self, start: float) -> None:
        self._now = start
        self._turns: list[tuple[float, int, Lock]] = []
        self._numbers = itertools.count()

    def now(self) -> float:
        """Epoch seconds."""
        return self._now

    def sleep(self, seconds: float) -> None:
        """Let others go on until this thread's time has come."""
        until = self._now + max(0.0, seconds)
        if not self._turns or self._turns[0][0] > until:
            self._now = until
            return
        turn = self._turn(until)
        self.pass_on()
        turn.acquire()

    def start(self, work: Callable[[], object]) -> None:
        """Let a thread begin now, when this one next waits."""
        turn = self._turn(self._now)

        def run() -> None:
            turn.acquire()
            try:
                work()
            finally:
                self.pass_on()

        Thread(target=run, daemon=True).start()

    def _turn(self, at: float) -> Lock:
        turn = Lock()
        turn.acquire()
        self.wake(turn, at)
        return turn

    def wake(self, turn: Lock, at: float | None = None) -> None:
        """Let the thread that waits for a lock continue, now or at a time."""
        moment = self._now if at is None else at
        heapq.heappush(self._turns, (moment, next(self._numbers), turn))

    def pass_on(self) -> None:
        """Give the turn to the next thread.

        Raises:
            RuntimeError: All wait for each other.
        """
        if not self._turns:
            raise RuntimeError("nobody is left to go on")
        self._now, _, turn = heapq.heappop(self._turns)
        turn.release()


class SimulatedFuture:
    """What a call in a :class:`SimulatedPool` comes to."""

    def __init__(self, time: SimulatedTime, call: Callable[[], Any]) -> None:
        self._time = time
        self._call = call
        self._waiting: list[Lock] = []
        self._answer: Any = None
        self._error: BaseException | None = None
        self.done_as: int | None = None
        """Its number among those that are done; None while it is not."""

    def run(self, number: Iterator[int]) -> None:
        """Make the call."""
        try:
            self._answer = self._call()
        except BaseException as error:  # noqa: BLE001 - handed to the thread that asks for the result
            self._error = error
        self.done_as = next(number)
        for turn in self._waiting:
            self._time.wake(turn)

    def result(self) -> Any:
        """Wait for the call, and return what it returned, or raise what it raised."""
        if self.done_as is None:
            turn = Lock()
            turn.acquire()
            self._waiting.append(turn)
            self._time.pass_on()
            turn.acquire()
        if self._error is not None:
            raise self._error
        return self._answer

    def wait(self) -> None:
        """Wait for the call, whatever it comes to."""
        try:
            self.result()
        except BaseException:
            if self._error is None:
                raise


class SimulatedPool:
    """A replacement for ``ThreadPoolExecutor``, as far as the steps use one."""

    def __init__(
        self,
        time: SimulatedTime,
        max_workers: int,
        thread_name_prefix: str = "",
    ) -> None:
        self._time = time
        self._free = max_workers
        self._waiting: deque[SimulatedFuture] = deque()
        self._all: list[SimulatedFuture] = []
        self._done = itertools.count()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for future in self._all:
            future.wait()

    def submit(self, function: Callable[..., Any], *args: Any) -> SimulatedFuture:
        """Call something as soon as a thread is free."""
        future = SimulatedFuture(self._time, partial(function, *args))
        self._all.append(future)
        self._waiting.append(future)
        if self._free:
            self._free -= 1
            self._time.start(self._serve)
        return future

    def map(self, function: Callable[..., Any], *items: Iterable[Any]) -> Iterator[Any]:
        """Call something with each item; the answers come in the items' order."""
        futures = [self.submit(function, *each) for each in zip(*items, strict=True)]
        return (future.result() for future in futures)

    def _serve(self) -> None:
        while self._waiting:
            self._waiting.popleft().run(self._done)
        self._free += 1


def as_completed(futures: Sequence[SimulatedFuture]) -> Iterator[SimulatedFuture]:
    """The calls of a pool in the order in which they were done, when all are."""
    for future in futures:
        future.wait()
    yield from sorted(futures, key=lambda future: future.done_as or 0)
