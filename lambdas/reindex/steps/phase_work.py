"""The common interface of the two phases: how many rows may be processed, and their processing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from reindex.domain.progress import ProgressRow
from reindex.domain.run_records import RunRecord
from reindex.domain.states import Phase
from reindex.settings import Pace

#: Rows in progress at once, in each of a worker's lanes.
PAGE_SIZE = 500


@dataclass(frozen=True, slots=True)
class Deadline:
    """Until when a tick starts work, and until when its function lives.

    Attributes:
        soft: Epoch seconds after which no page is started.
        hard: Epoch seconds after which nothing is started.
    """

    soft: float
    hard: float


@dataclass(frozen=True, slots=True)
class Capacity:
    """The number of rows that may be processed now.

    Attributes:
        rows: How many.
        held_by: The gate that holds the others; None when none does.
        is_probe: True if these rows are only to find out if the gate still has its reason: no
            more are worked on in this tick.
    """

    rows: int
    held_by: str | None = None
    is_probe: bool = False


@dataclass(slots=True)
class PageResult:
    """The outcome of a page of rows; a row that is in no field was not changed.

    Attributes:
        transitions: Rows that changed, by what they became.
        outcomes: Images by failure code, or ``ok``: see :mod:`reindex.domain.outcomes`.
        after: The rows that changed, as they are now.
        overtaken: Ids of rows that another changed first.
        problem: What kept the other rows from being worked; None when nothing did.
        is_uncertain: True if the other rows may have changed all the same: a call was not answered.
    """

    transitions: Counter[str] = field(default_factory=Counter)
    outcomes: Counter[str] = field(default_factory=Counter)
    after: list[ProgressRow] = field(default_factory=list)
    overtaken: set[str] = field(default_factory=set)
    problem: Exception | None = None
    is_uncertain: bool = False

    def rest_of(self, rows: Iterable[ProgressRow]) -> list[ProgressRow]:
        """Return the rows of the page that were left as they were."""
        gone = {row.id for row in self.after} | self.overtaken
        return [row for row in rows if row.id not in gone]


class PhaseWork(Protocol):
    """The work of a phase."""

    @property
    def phase(self) -> Phase:
        """Which phase it is."""
        ...

    @property
    def pace(self) -> Pace:
        """Its speed limits and waits."""
        ...

    @property
    def lanes(self) -> int:
        """The number of chunks that a worker processes concurrently."""
        ...

    def capacity(self, run: RunRecord) -> Capacity:
        """Return the number of rows that may be processed now."""
        ...

    def page(self, run: RunRecord, rows: Sequence[ProgressRow], deadline: Deadline) -> PageResult:
        """Work on rows that are due."""
        ...
