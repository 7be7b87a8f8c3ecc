"""Every method of every interface, and every exception that it declares."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Any, NamedTuple

from reindex.domain.failures import (
    IndexGone,
    IndexMisconfigured,
    ProjectorDied,
    SourceArchived,
    SourceForbidden,
    SourceUnavailable,
    StoreUnavailable,
)
from reindex.stores import interfaces
from reindex.stores.attributes import MalformedItem

#: The interfaces of a world's stores.
INTERFACES: dict[str, tuple[type, ...]] = {
    "table": (interfaces.ProgressTable,),
    "work_list": (interfaces.WorkList,),
    "runs": (interfaces.Runs,),
    "phases": (interfaces.Phases,),
    "backlog": (interfaces.Backlog, interfaces.Deliveries),
    "dead_letters": (interfaces.DeadLetters,),
    "index": (interfaces.Index,),
    "files": (interfaces.RunFiles,),
    "library": (interfaces.Originals,),
    "projector": (interfaces.Projector,),
    "live_queue": (interfaces.Queue,),
}

_SILENT = (StoreUnavailable("the service did not answer"),)
_OF_AN_IMAGE = (
    SourceUnavailable("S3 did not answer.", "SlowDown"),
    SourceForbidden("S3 refused us.", "AccessDenied"),
    SourceArchived("It is archived.", "InvalidObjectState"),
)
#: What a method may raise; what nobody declared, and what is a defect, stand beside it.
_RAISED: dict[str, tuple[Exception, ...]] = {
    "index": (
        *_SILENT,
        IndexMisconfigured("index_closed_exception"),
        IndexGone("index_not_found_exception"),
    ),
    "library": _OF_AN_IMAGE,
    "projector": (*_SILENT, ProjectorDied("Runtime.OutOfMemory")),
}
#: Of single methods, what they raise besides.
_RAISED_BY: dict[tuple[str, str], tuple[Exception, ...]] = {
    ("runs", "current"): (MalformedItem("run record: there is no such phase"),),
    ("files", "get"): (KeyError("there is no such file"),),
}


class Fault(NamedTuple):
    """A method that raises."""

    port: str
    method: str
    error: Exception

    def __str__(self) -> str:
        return f"{self.port}.{self.method} raises {type(self.error).__name__}"


def methods(port: str) -> Iterator[str]:
    """The methods that a port declares."""
    for interface in INTERFACES[port]:
        for name, _ in inspect.getmembers(interface, inspect.isfunction):
            if not name.startswith("_"):
                yield name


def faults(*, undeclared: bool = True) -> list[Fault]:
    """A fault for each method and each exception."""
    found: dict[tuple[str, str, Any], Fault] = {}
    for port in INTERFACES:
        errors = _RAISED.get(port, _SILENT)
        for method in methods(port):
            own = _RAISED_BY.get((port, method), ())
            for error in (*errors, *own, *([ValueError("a defect")] if undeclared else [])):
                found[port, method, type(error)] = Fault(port, method, error)
    return list(found.values())
