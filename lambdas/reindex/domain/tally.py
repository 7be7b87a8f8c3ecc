"""Counts over the rows of the progress table; the counts of its segments can be added."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from itertools import islice
from typing import Any, Self

from reindex.domain.digest import add_hashes, id_hash, pair_hash
from reindex.domain.ledger import Ledger
from reindex.domain.progress import ProgressRow
from reindex.domain.states import State

#: Length of the id prefixes that divide the certificate: 256 parts for hexadecimal ids.
PREFIX_LENGTH = 2

#: Number of example ids for each kind of failure.
EXAMPLES = 5

#: Largest number of kinds of failure; further kinds are counted by code only.
MAX_KINDS = 200

#: Failures of an open run that are grouped before the Tally does it for all: about so many.
FIRST_FAILURES = 1_000


@dataclass(slots=True)
class Kind:
    """Failures that share a fingerprint."""

    code: str
    message: str
    count: int = 0
    examples: list[str] = field(default_factory=list)


def failed_kinds(rows: Iterable[ProgressRow]) -> dict[str, Kind]:
    """Return the kinds of failure of the rows that failed for good, by fingerprint."""
    tally = Tally()
    tally.count((row for row in rows if row.failure and row.state.phase is None), {})
    return tally.kinds


@dataclass(slots=True)
class Prefix:
    """Count and checksum of the verified images with one id prefix.

    Attributes:
        count: Number of verified images.
        pairs: Sum of the hashes of their (id, digest) pairs, modulo 2**64.
    """

    count: int = 0
    pairs: int = 0


@dataclass(slots=True)
class Tally:
    """Counts over rows; two tallies can be added.

    Attributes:
        states: Rows by state.
        this_run: Rows whose last transition was made by this run, by state.
        codes: Rows by failure code.
        kinds: Failures by fingerprint.
        prefixes: Verified images by id prefix.
        uploads: Rows by the upload that brought them.
        runs: Verified images by the run whose projection the index was found to hold.
        unreadable: Number of rows that cannot be read.
        unreadable_examples: Error messages of some of them, by id.
    """

    states: Counter[str] = field(default_factory=Counter)
    this_run: Counter[str] = field(default_factory=Counter)
    codes: Counter[str] = field(default_factory=Counter)
    kinds: dict[str, Kind] = field(default_factory=dict)
    prefixes: dict[str, Prefix] = field(default_factory=dict)
    uploads: dict[str, Ledger] = field(default_factory=dict)
    runs: Counter[str] = field(default_factory=Counter)
    unreadable: int = 0
    unreadable_examples: dict[str, str] = field(default_factory=dict)

    @property
    def total(self) -> int:
        """Rows that can be read."""
        return self.states.total()

    @property
    def unfinished(self) -> int:
        """Rows with work left."""
        return sum(self.states[state] for state in State if state.phase)

    @property
    def id_sum(self) -> int:
        """Sum of the ids' hashes, modulo 2**64."""
        return sum(self.uploads.values(), Ledger()).id_sum

    def count(
        self,
        rows: Iterable[ProgressRow],
        unreadable: Mapping[str, str],
        run_id: str | None = None,
    ) -> None:
        """Count some rows.

        Args:
            rows: The rows that can be read.
            unreadable: Error messages of the other rows, by id.
            run_id: The current run, for :attr:`this_run`.
        """
        self._count_unreadable(len(unreadable), unreadable)
        for row in rows:
            self.states[row.state] += 1
            self._count_upload(row.upload, Ledger(1, id_hash(row.id)))
            if row.run_id == run_id:
                self.this_run[row.state] += 1
            if row.failure:
                self.codes[row.failure.code] += 1
                self._count_kind(
                    row.failure.fingerprint,
                    Kind(row.failure.code, row.failure.message, 1, [row.id]),
                )
            if row.state is State.VERIFIED:
                prefix = self.prefixes.setdefault(row.id[:PREFIX_LENGTH], Prefix())
                prefix.count += 1
                prefix.pairs = add_hashes([pair_hash(row.id, row.digest or "")], prefix.pairs)
                self.runs[row.run_id or ""] += 1

    def add(self, other: Tally) -> None:
        """Add the counts of another segment."""
        self.states += other.states
        self.this_run += other.this_run
        self.codes += other.codes
        self.runs += other.runs
        self._count_unreadable(other.unreadable, other.unreadable_examples)
        for upload, ledger in other.uploads.items():
            self._count_upload(upload, ledger)
        for fingerprint, kind in other.kinds.items():
            self._count_kind(fingerprint, kind)
        for name, theirs in other.prefixes.items():
            ours = self.prefixes.setdefault(name, Prefix())
            ours.count += theirs.count
            ours.pairs = add_hashes([theirs.pairs], ours.pairs)

    def _count_unreadable(self, count: int, examples: Mapping[str, str]) -> None:
        self.unreadable += count
        left = EXAMPLES - len(self.unreadable_examples)
        self.unreadable_examples |= dict(islice(examples.items(), max(0, left)))

    def _count_upload(self, upload: str, more: Ledger) -> None:
        self.uploads[upload] = self.uploads.get(upload, Ledger()) + more

    def _count_kind(self, fingerprint: str, found: Kind) -> None:
        known = self.kinds.get(fingerprint)
        if known:
            known.count += found.count
            known.examples = (known.examples + found.examples)[:EXAMPLES]
        elif len(self.kinds) < MAX_KINDS:
            self.kinds[fingerprint] = found

    def to_json(self) -> dict[str, Any]:
        """Return the values that the tally is stored as."""
        return {
            "states": dict(self.states),
            "this_run": dict(self.this_run),
            "codes": dict(self.codes),
            "kinds": {name: asdict(kind) for name, kind in self.kinds.items()},
            "prefixes": {name: asdict(prefix) for name, prefix in self.prefixes.items()},
            "uploads": {name: asdict(ledger) for name, ledger in self.uploads.items()},
            "runs": dict(self.runs),
            "unreadable": self.unreadable,
            "unreadable_examples": self.unreadable_examples,
        }

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Self:
        """Read a stored tally."""
        return cls(
            states=Counter(raw["states"]),
            this_run=Counter(raw["this_run"]),
            codes=Counter(raw["codes"]),
            kinds={name: Kind(**kind) for name, kind in raw["kinds"].items()},
            prefixes={name: Prefix(**prefix) for name, prefix in raw["prefixes"].items()},
            uploads={name: Ledger(**ledger) for name, ledger in raw["uploads"].items()},
            runs=Counter(raw["runs"]),
            unreadable=raw["unreadable"],
            unreadable_examples=raw["unreadable_examples"],
        )
