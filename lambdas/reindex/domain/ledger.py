"""The ledger: what every upload added to the progress table, and what was removed from it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Ledger:
    """A number of ids and the sum of their hashes: of an upload, or of the table.

    The Tally compares the two, so that no id is lost unnoticed.

    Attributes:
        count: Ids that were new to the table.
        id_sum: Sum of their hashes, modulo 2**64.
    """

    count: int = 0
    id_sum: int = 0

    def __add__(self, other: Ledger) -> Ledger:
        return Ledger(self.count + other.count, (self.id_sum + other.id_sum) % 2**64)

    def __sub__(self, other: Ledger) -> Ledger:
        return Ledger(self.count - other.count, (self.id_sum - other.id_sum) % 2**64)


@dataclass(frozen=True, slots=True)
class UploadRecord:
    """The ledger's record of an upload.

    Attributes:
        brought: Its new ids that were recorded so far.
        done: True if all of them are recorded; an upload that died is never done.
        forgotten: Those of its ids that were removed from the table since.
    """

    brought: Ledger
    done: bool
    forgotten: Ledger = Ledger()


#: The name of the ledger's sum of folded uploads; no upload has this name.
FOLDED: Final = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Forgetting:
    """An operation that removed images from the progress table.

    Attributes:
        name: Unique.
        at: Start, epoch seconds.
        by: ARN of the caller.
        what: Description of the chosen images.
        images: Those that were removed so far.
    """

    name: str
    at: float
    by: str
    what: str
    images: Ledger = Ledger()
