"""Holds the progress table, the index and the last report against each other."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from reindex.batches import in_batches, pages_of
from reindex.domain.digest import add_hashes, digest, pair_hash
from reindex.domain.failures import IndexGone
from reindex.domain.ledger_balance import unbalanced
from reindex.domain.progress import ProgressRow
from reindex.domain.provenance import PROVENANCE, Indexed, Provenance
from reindex.domain.run_records import RunRecord
from reindex.domain.states import State
from reindex.domain.tally import PREFIX_LENGTH, Prefix, Tally
from reindex.steps.scanning import scan_all
from reindex.stores.interfaces.index import Index
from reindex.stores.interfaces.progress_table import ProgressTable
from reindex.stores.interfaces.run_files import RunFiles
from reindex.stores.interfaces.runs import Runs

#: Images looked at together.
CHUNK = 500


@dataclass(frozen=True, slots=True)
class Difference:
    """A difference between the certificate and the index.

    Attributes:
        about: An image id; or a prefix of ids, an upload or the whole, in words.
        what: How it differs.
    """

    about: str
    what: str


@dataclass(slots=True)
class Certified:
    """The counts of a certification.

    Attributes:
        index: The concrete index.
        images: Rows of the progress table.
        verified: Those that are verified.
        documents: Documents that a reindex wrote.
        others: Documents that none did.
        differences: What is not as it should be.
    """

    index: str = ""
    images: int = 0
    verified: int = 0
    documents: int = 0
    others: int = 0
    differences: int = 0


@dataclass(slots=True)
class _IndexSide:
    """The documents that reindexes wrote, counted and summed as in a tally."""

    prefixes: dict[str, Prefix] = field(default_factory=dict)

    def count(self, image_id: str, provenance: Provenance) -> None:
        prefix = self.prefixes.setdefault(image_id[:PREFIX_LENGTH], Prefix())
        prefix.count += 1
        prefix.pairs = add_hashes([pair_hash(image_id, provenance.digest)], prefix.pairs)


@dataclass(frozen=True, slots=True)
class Certifying:
    """Recomputes the certificate from the table and from the index.

    Memory is bounded: sums per prefix of ids find the prefixes that differ, and only their
    images are then looked at one by one.

    Attributes:
        alias: The alias that people search through.
        preserve: Dotted fields that the index holds and the truth does not.
        segments: Parts of the table that are scanned at once.
    """

    table: ProgressTable
    runs: Runs
    index: Index
    files: RunFiles
    alias: str
    preserve: Sequence[str]
    segments: int

    def differences(self, counted: Certified, *, deep: bool) -> Iterator[Difference]:
        """Every difference, as it is found.

        Args:
            counted: Filled on the way.
            deep: Also derive each document's digest again from what the index holds of it.

        Raises:
            StoreUnavailable: A service does not answer.
            IndexMisconfigured: The alias does not have exactly one index.
        """
        for difference in self._all(counted, deep=deep):
            counted.differences += 1
            yield difference

    def _all(self, counted: Certified, *, deep: bool) -> Iterator[Difference]:
        run = self.runs.current()
        counted.index = self._index(run)
        tally = Tally()
        before = self.runs.uploads()
        for page in scan_all(self.table, self.segments):
            tally.count(page.rows, page.unreadable)
            counted.images += len(page.rows) + len(page.unreadable)
            counted.verified += sum(row.state is State.VERIFIED for row in page.rows)
            for image_id, why in page.unreadable.items():
                yield Difference(image_id, f"its row cannot be read: {why}")
        for problem in unbalanced(before, self.runs.uploads(), tally.uploads):
            yield Difference("the uploads", problem)
        if run:
            yield from self._against_report(run, tally, counted.index)
        side = _IndexSide()
        yield from self._read_index(side, counted, deep=deep)
        suspect = _differing(tally.prefixes, side.prefixes)
        if suspect:
            yield from self._missing(suspect, counted.index)
            yield from self._surplus(suspect, counted.index)

    def _index(self, run: RunRecord | None) -> str:
        """Return the index that images are verified in: in a migration's rounds, the target."""
        if run and run.round_mark and run.index:
            # It is gone once the migration was aborted.
            with suppress(IndexGone):
                self.index.uuid(run.index)
                return run.index
        return self.index.resolve(self.alias)

    def _against_report(self, run: RunRecord, tally: Tally, index: str) -> Iterator[Difference]:
        if run.index != index:
            yield Difference("the alias", f"names {index}, run {run.run_id} wrote to {run.index}")
        if run.report is None:
            return
        stored = json.loads(self.files.get(run.report)).get("certificate", {}).get("prefixes")
        if stored is None:
            # A round that had only what changed counted nothing else.
            return
        reported = {
            name: Prefix(prefix["count"], int(prefix["pairs"], 16))
            for name, prefix in stored.items()
        }
        for name in sorted(_differing(reported, tally.prefixes)):
            before, now = reported.get(name, Prefix()), tally.prefixes.get(name, Prefix())
            what = (
                "are other images, or other documents, than then"
                if before.count == now.count
                else f"are {now.count} by the table, were {before.count}"
            )
            yield Difference(f"ids {name}…", f"verified images {what} by run {run.run_id}'s report")

    def _read_index(
        self, side: _IndexSide, counted: Certified, *, deep: bool
    ) -> Iterator[Difference]:
        for image_id, source in self.index.scan(counted.index, ["*"] if deep else [PROVENANCE]):
            provenance = Provenance.of(source)
            if provenance is None or provenance.is_live:
                # Of images that have a row all the same, each is then looked at.
                counted.others += 1
                continue
            counted.documents += 1
            side.count(image_id, provenance)
            if deep and digest(source, self.preserve) != provenance.digest:
                yield Difference(image_id, "its document was changed since it was reindexed")

    def _missing(self, prefixes: Collection[str], index: str) -> Iterator[Difference]:
        """Yield verified images of some prefixes whose document is not, or not any more, there."""
        for page in scan_all(self.table, self.segments):
            verified = [
                row
                for row in page.rows
                if row.state is State.VERIFIED and row.id[:PREFIX_LENGTH] in prefixes
            ]
            for chunk in in_batches(verified, CHUNK):
                found = self.index.read(index, [row.id for row in chunk], [PROVENANCE])
                for row in chunk:
                    document = found.get(row.id)
                    what = _flaw(row, document)
                    if what:
                        yield Difference(row.id, what)

    def _surplus(self, prefixes: Collection[str], index: str) -> Iterator[Difference]:
        """Documents of reindexes, of some prefixes, whose image is not verified."""
        documents = (
            (image_id, provenance)
            for image_id, source in self.index.scan(index, [PROVENANCE])
            if image_id[:PREFIX_LENGTH] in prefixes and (provenance := Provenance.of(source))
        )
        for chunk in pages_of(documents, CHUNK):
            found = self.table.read([image_id for image_id, _ in chunk])
            for image_id, provenance in chunk:
                row = found.rows.get(image_id)
                if image_id in found.unreadable:
                    continue
                if row is None:
                    if provenance.is_live:
                        continue
                    yield Difference(image_id, "the index holds it, the table does not know it")
                elif row.state is not State.VERIFIED:
                    yield Difference(image_id, f"the index holds it, its row says {row.state}")


def _flaw(row: ProgressRow, document: Indexed | None) -> str:
    """Return the problem of a verified image's document; empty if it has none."""
    if document is None:
        return "verified, but the index holds no document of it"
    provenance = document.provenance
    if provenance is None:
        return "verified, but the index holds a document that no reindex wrote"
    if provenance.digest != row.digest:
        return f"verified, but the index holds another projection, of run {provenance.run_id}"
    return ""


def _differing(ours: Mapping[str, Prefix], theirs: Mapping[str, Prefix]) -> set[str]:
    return {name for name in ours.keys() | theirs.keys() if ours.get(name) != theirs.get(name)}
