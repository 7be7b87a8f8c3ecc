"""Times as people give them to the command."""

from __future__ import annotations

import re
from datetime import datetime

import click

_AGE = re.compile(r"(\d+)([smhd])")
_SECONDS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}


def epoch_of(text: str, now: float) -> float:
    """Read an age (``30m``, ``12h``, ``7d``) or an ISO 8601 time as epoch seconds.

    Raises:
        UsageError: It is neither.
    """
    if age := _AGE.fullmatch(text):
        return now - int(age[1]) * _SECONDS[age[2]]
    try:
        return datetime.fromisoformat(text).astimezone().timestamp()
    except ValueError:
        raise click.UsageError(f"{text!r} is no age (30m, 12h, 7d) and no ISO 8601 time.") from None
