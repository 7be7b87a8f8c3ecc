"""A store whose calls can go wrong: every method of every interface is wrapped in one place."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

#: The stores that steps ask, by the names that a world has for them.
PORTS = (
    "table",
    "work_list",
    "runs",
    "phases",
    "backlog",
    "dead_letters",
    "index",
    "files",
    "library",
    "projector",
    "live_queue",
)


class Wrapped:
    """Passes everything on to a store, and tells of each call before and after it."""

    def __init__(self, port: str, store: Any, faults: Faults) -> None:
        self.__dict__.update(_port=port, _store=store, _faults=faults)

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._store, name)
        if name.startswith("_") or not callable(found):
            return found

        def call(*args: Any, **named: Any) -> Any:
            call = Call(self._port, name, args, named)
            self._faults.before(call)
            answer = found(*args, **named)
            self._faults.after(call)
            return answer

        return call

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(self._store, name, value)


@dataclass(frozen=True)
class Call:
    """One call of a store's method."""

    port: str
    method: str
    args: tuple[Any, ...]
    named: Mapping[str, Any]

    def __str__(self) -> str:
        return f"{self.port}.{self.method}"


@dataclass
class Faults:
    """What goes wrong with the stores of a world.

    Attributes:
        raising: Given a call, the exception that it raises; None for a call that succeeds.
        landing: The same, asked once the call has done its work: its answer is lost.
        calls: Calls so far.
    """

    raising: Callable[[Call], BaseException | None] = lambda _: None
    landing: Callable[[Call], BaseException | None] = lambda _: None
    calls: int = field(default=0)

    @classmethod
    def over(cls, world: Any) -> Faults:
        """Wrap all stores of a world."""
        faults = cls()
        for port in PORTS:
            setattr(world, port, Wrapped(port, getattr(world, port), faults))
        return faults

    def stop(self) -> None:
        """Let every call succeed from now on."""
        self.raising = self.landing = lambda _: None

    def before(self, call: Call) -> None:
        self.calls += 1
        error = self.raising(call)
        if error:
            raise error

    def after(self, call: Call) -> None:
        error = self.landing(call)
        if error:
            raise error


def plain(store: Any) -> Any:
    """The store behind a wrapped one; any other as it is."""
    return store._store if isinstance(store, Wrapped) else store
