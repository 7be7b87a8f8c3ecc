"""Gathering: the ids of a run's source go into the progress table, before anything else.

The state machine has the source cut into parts, and works some of them side by side. Every
invocation is an upload of its own: one that died has said too little in the ledger, as any
upload that dies, and its rows tell the rest. So a part can be tried again from any place, and
even shown other ids than before, and conservation still holds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from reindex.options import RunOptions, Source
from reindex.source_kinds import TABLE
from reindex.steps.ambient import Clock, Meter
from reindex.steps.preflight import PreflightFailed, in_the_way
from reindex.steps.upload import Upload
from reindex.stores.interfaces import Cursor, IdSource, Part, Phases, ProgressTable, Runs

#: The most parts. Each takes eleven of the 25,000 events that an execution may have, and seven
#: more for each further invocation.
MAX_PARTS = 256

#: After so long, or so many ids, a part hands over to a further invocation: the ids in hand are
#: remembered, to drop duplicates.
PART_SECONDS = 600
PART_IDS = 200_000


@dataclass(frozen=True, slots=True)
class Gathering:
    """Brings the ids of a run's source into the progress table.

    Attributes:
        source: Opens a source of ids.
    """

    table: ProgressTable
    runs: Runs
    phases: Phases
    source: Callable[[Source], IdSource]
    clock: Clock
    meter: Meter

    def plan(self, execution: str, told: Any) -> dict[str, Any]:
        """Look whether a run may be opened, and cut its source into parts.

        Args:
            execution: The execution's ARN.
            told: Its input.

        Returns:
            ``{"parts": [...]}``; none when there is nothing to gather.

        Raises:
            SettingsError: The input is not what a run may be told.
            PreflightFailed: Another run is open; nothing has been touched.
            SourceUnusable: The source is not what it should be.
            IndexMisconfigured: The ids are in the index, and its alias does not name one.
            StoreUnavailable: A service does not answer.
        """
        options = RunOptions.of(told)
        if obstacle := in_the_way(self.runs.current(), execution, self.phases):
            raise PreflightFailed([obstacle])
        if options.source.kind == TABLE:
            return {"parts": []}
        # A limit is one count, which parts worked side by side could not share.
        at_most = MAX_PARTS if options.limit is None else 1
        return {"parts": list(self.source(options.source).parts(at_most))}

    def part(
        self, upload: str, told: Any, part: Part, cursor: Mapping[str, Any] | None
    ) -> dict[str, Any]:
        """Upload the ids of a part, or as many of them as fit one invocation.

        Args:
            upload: Names this invocation and no other: what it brings is said under this name.
            told: The execution's input.
            part: As :meth:`plan` cut it.
            cursor: As the invocation before returned it; None for the first.

        Returns:
            ``{"next": cursor}`` to go on from; None at the part's end.

        Raises:
            SourceUnusable: The source is not what it should be.
            StoreUnavailable: A service does not answer; what was uploaded so far stands.
        """
        options = RunOptions.of(told)
        stint = _Stint(
            self.source(options.source),
            part,
            options.limit,
            self.clock,
            after=cursor["after"] if cursor else None,
            taken=cursor["taken"] if cursor else 0,
        )
        uploading = Upload(self.table, self.runs, self.clock, upload, only_new=options.only_new)
        done = uploading.upload(stint.ids())
        self.meter.count("ImagesGathered", done.new + done.queued_again)
        return {
            "next": None if stint.after is None else {"after": stint.after, "taken": stint.taken}
        }


@dataclass(slots=True)
class _Stint:
    """What one invocation takes of a part.

    Attributes:
        after: Where the part goes on; None at its end, once all ids were taken.
        taken: Ids, those of the invocations before included.
    """

    source: IdSource
    part: Part
    limit: int | None
    clock: Clock
    after: Cursor | None
    taken: int

    def ids(self) -> Iterator[str]:
        """Ids, page by page, until the part or the invocation is at its end."""
        enough, end = self.taken + PART_IDS, self.clock.now() + PART_SECONDS
        while True:
            page = self.source.page(self.part, self.after)
            ids = page.ids if self.limit is None else page.ids[: self.limit - self.taken]
            yield from ids
            self.taken += len(ids)
            self.after = None if self.taken == self.limit else page.next
            if self.after is None or self.taken >= enough or self.clock.now() > end:
                return
