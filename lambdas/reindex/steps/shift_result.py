"""The result of a tick's work."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from reindex.domain.run_records import RunRecord


@dataclass(slots=True)
class ShiftResult:
    """The outcome of one tick's work.

    Attributes:
        latest: The run as last read; None when it ended, moved on or was paused meanwhile.
        transitions: Rows that changed, by what they became.
        progressed: True if any row changed that does not merely test a gate.
        held_by: The gate that held it last; None when none did.
        gate_seconds: Seconds that it waited, by the gate it waited for.
        noted: The gate that the run record names.
        unforeseen: What failed last that no gate accounts for, be it one image's or all's.
        error: What the work ended in; None when it ended well.
    """

    latest: RunRecord | None
    transitions: Counter[str] = field(default_factory=Counter)
    progressed: bool = False
    held_by: str | None = None
    gate_seconds: dict[str, float] = field(default_factory=dict)
    noted: str | None = None
    unforeseen: str | None = None
    error: str | None = None
