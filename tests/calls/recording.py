"""Switches the recording of AWS calls on, for the processes that local servers and tests start."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

#: Names the folder that calls are written to: for the tests one for all clouds, and for the
#: processes that they start (``hook/sitecustomize.py`` reads it) that of their cloud.
VARIABLE: Final = "IMAGE_REINDEX_CALLS"

_HOOK: Final = Path(__file__).with_name("hook")


@dataclass(frozen=True, slots=True)
class RecordedCall:
    """An AWS call as a process made it.

    Attributes:
        function: Name of the deployed function; None for a command.
        command: The command line of the process.
        service: As botocore names it, such as ``dynamodb``.
        operation: Of that service's API.
        parameters: Those that name resources.
    """

    function: str | None
    command: tuple[str, ...]
    service: str
    operation: str
    parameters: Mapping[str, Any]


def folder_of(url: str) -> Path | None:
    """Return the folder for the calls of the processes that work on a cloud.

    Args:
        url: Of the cloud.

    Returns:
        None if recording is off.
    """
    root = os.environ.get(VARIABLE)
    if not root:
        return None
    folder = Path(root, url.rpartition(":")[2])
    folder.mkdir(exist_ok=True)
    return folder


def environment(url: str) -> dict[str, str]:
    """Return the variables that make a Python process record its calls; none if that is off.

    Args:
        url: Of the cloud that it works on.
    """
    folder = folder_of(url)
    return {VARIABLE: str(folder), "PYTHONPATH": str(_HOOK)} if folder else {}


def recorded(folder: Path) -> Iterator[RecordedCall]:
    """Read the calls that processes have written to a folder."""
    for path in sorted(folder.glob("*.jsonl")):
        for line in path.read_text(encoding="utf-8").splitlines():
            found = json.loads(line)
            yield RecordedCall(**{**found, "command": tuple(found["command"])})
