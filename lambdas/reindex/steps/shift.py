"""The work of one admitted tick, in lanes, until its time is up."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from reindex.domain.run_records import RunRecord
from reindex.steps.lane import Lane
from reindex.steps.page_work import LaneTools
from reindex.steps.phase_work import Deadline
from reindex.steps.shift_result import ShiftResult

#: Seconds by which a lease outlives its function's time-out, against clocks that differ.
LEASE_MARGIN = 5

#: Seconds of a function's time kept for recording what was done, and for the end of the tick.
CLOSING_SECONDS = 15


@dataclass(frozen=True, slots=True)
class Shift(LaneTools):
    """Works chunks of a phase for the time of one tick, in lanes that do not wait on each other."""

    def work(self, run: RunRecord, holder: str) -> ShiftResult:
        """Work until time is up or nothing is left; whatever goes wrong is in the result.

        Args:
            run: As it was admitted.
            holder: Names this invocation.
        """
        now = self.clock.now()
        deadline = Deadline(
            soft=now + self.rules.tick_seconds,
            hard=now + self.rules.function_seconds - CLOSING_SECONDS,
        )
        until = now + self.rules.function_seconds + LEASE_MARGIN
        lanes = [
            Lane(
                self,
                f"{holder}-{number}",
                number == 0,
                deadline,
                until,
                ShiftResult(run, noted=run.held_by),
            )
            for number in range(self.phase_work.lanes)
        ]
        if len(lanes) == 1:
            return lanes[0].work()
        with ThreadPoolExecutor(len(lanes), thread_name_prefix="lane") as pool:
            return _together([*pool.map(Lane.work, lanes)])


def _together(results: Sequence[ShiftResult]) -> ShiftResult:
    """Return the results of a tick's lanes as one result."""
    progressed = any(result.progressed for result in results)
    total = ShiftResult(
        results[0].latest if all(result.latest for result in results) else None,
        progressed=progressed,
        held_by=next((result.held_by for result in results if result.held_by), None),
        # A defect that others make progress beside is in the log, and no reason to end the phase.
        error=None if progressed else next((r.error for r in results if r.error), None),
    )
    for result in results:
        total.transitions += result.transitions
        for gate, seconds in result.gate_seconds.items():
            # Lanes wait at the same time: the longest wait is the tick's.
            total.gate_seconds[gate] = max(seconds, total.gate_seconds.get(gate, 0.0))
    return total
