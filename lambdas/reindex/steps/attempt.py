"""Calls that may fail without a consequence for the work."""

from __future__ import annotations

import logging
from collections.abc import Callable

log = logging.getLogger(__name__)


def attempt(problem: str, call: Callable[[], object]) -> bool:
    """Do what is for those who watch, or makes the next tick easier, and no work depends on.

    Args:
        problem: What to log when it fails, however it does.
        call: Does it.

    Returns:
        Whether it was done.
    """
    try:
        call()
    except Exception as error:  # noqa: BLE001 - nothing of this may keep a tick from its end
        log.warning(problem, extra={"reason": f"{type(error).__name__}: {error}"})
        return False
    return True
