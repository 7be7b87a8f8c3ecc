"""Writes ``docs/failures.md`` from the failures themselves: ``python -m scripts.failure_pages``."""

from __future__ import annotations

import inspect
from pathlib import Path

from reindex.domain.failures import UNEXPLAINED, DeadLettered, OriginalNotFound, ReindexFailure
from reindex.domain.states import State

PAGE = Path(__file__).parents[1] / "docs" / "failures.md"

_HEAD = """\
# Failures

<!-- Made by python -m scripts.failure_pages. What is to change here changes in failures.py. -->

Why an image could not be reindexed. `reindex scan-states` counts images by state, `reindex
report` groups failures by code and message, and `reindex requeue --code CODE` queues those with
a code again. A failure that is tried again rests in its state only after `max_attempts`.

| code | rests as | tried again | what it means | what to do |
| --- | --- | --- | --- | --- |
"""

#: The check's own failures end an image as inconsistent.
_CHECKS = {"document_missing", "document_superseded"}


def page() -> str:
    """Return the page as it should be."""
    return _HEAD + "".join(map(_row, ReindexFailure.__subclasses__()))


def _row(failure: type[ReindexFailure]) -> str:
    meaning, _, remedy = inspect.cleandoc(failure.__doc__ or "").partition("\n\n")
    again = "yes" if failure.retryable else "no"
    cells = (
        f"`{failure.code}`",
        f"`{_rests_as(failure.code)}`",
        again,
        *(" ".join(text.split()) for text in (meaning, remedy)),
    )
    return f"| {' | '.join(cells)} |\n"


def _rests_as(code: str) -> State:
    if code == OriginalNotFound.code:
        return State.NOT_FOUND
    if code in _CHECKS:
        return State.INCONSISTENT
    if code == DeadLettered.code:
        return State.QUEUED
    return State.UNKNOWN_ERROR if code in UNEXPLAINED else State.KNOWN_ERROR


def main() -> None:
    """Write the page."""
    PAGE.write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()
