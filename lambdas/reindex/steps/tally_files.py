"""The files of a tally in the run's bucket."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from reindex.stores.interfaces.run_files import RunFiles

#: Prefix of the segments' files in the run's bucket.
TALLIES = "tallies/"


def part_key(run_id: str, round_: int, segment: int, part: int) -> str:
    """Return the key of the count of one part of a segment."""
    return f"{TALLIES}{run_id}/{round_:02d}/{segment:03d}-{part:03d}.json"


def total_key(run_id: str, round_: int) -> str:
    """Return the key of the sum of all segments."""
    return f"{TALLIES}{run_id}/{round_:02d}/total.json"


def put_json(files: RunFiles, key: str, value: Mapping[str, Any]) -> None:
    """Write a JSON object."""
    files.put(key, json.dumps(value).encode())


def get_json(files: RunFiles, key: str) -> dict[str, Any]:
    """Read a JSON object.

    Raises:
        KeyError: There is no such file.
    """
    found: dict[str, Any] = json.loads(files.get(key))
    return found
