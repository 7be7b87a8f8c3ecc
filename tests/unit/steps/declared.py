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
from reindex.stores.attributes import MalformedItem
from reindex.stores.interfaces.index import Index
from reindex.stores.interfaces.library import Originals
from reindex.stores.interfaces.phases import Phases
from reindex.stores.interfaces.progress_table import ProgressTable
from reindex.stores.interfaces.projection import Projector
from reindex.stores.interfaces.queues import Backlog, DeadLetters, Deliveries, Queue
from reindex.stores.interfaces.run_files import RunFiles
from reindex.stores.interfaces.runs import Runs
from reindex.stores.interfaces.work_list import WorkList

#: The interfaces of a world's stores.
INTERFACES: dict[str, tuple[type, ...]] = {
    "table": (ProgressTable,),
    "work_list": (WorkList,),
    "runs": (Runs,),
    "phases": (Phases,),
    "backlog": (Backlog, Deliveries),
    "dead_letters": (DeadLetters,),
    "index": (Index,),
    "files": (RunFiles,),
    "library": (Originals,),
    "projector": (Projector,),
    "live_queue": (Queue,),
}

_SILENT = (StoreUnavailable("the service did not answer"),)
_OF_AN_IMAGE = (
    SourceUnavailable("S3 did not answer.", "SlowDown"),
    SourceForbidden("S3 refused us.", "AccessDenied"),
    SourceArchived("It is archived.", "InvalidObjectState"),
)
#: The exceptions that a method declares; tests add undeclared ones and defects.
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
