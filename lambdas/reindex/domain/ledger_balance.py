"""Checks that the progress table holds every id that the uploads' ledger records."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from reindex.domain.ledger import FOLDED, Ledger, UploadRecord


def known_before(ledgers: Sequence[Mapping[str, UploadRecord]]) -> dict[str, UploadRecord]:
    """Return the ledger as it was before the first of several scans.

    Args:
        ledgers: The ledger that each scan read at its beginning.
    """
    names = set.intersection(*(set(ledger) for ledger in ledgers)) if ledgers else set()
    known = {
        name: min((ledger[name] for ledger in ledgers), key=_recorded) for name in names - {FOLDED}
    }
    # An upload that was folded between two scans is only in the later sum, not in ``names``.
    if sums := [ledger[FOLDED] for ledger in ledgers if FOLDED in ledger]:
        most = max(record.brought.count for record in sums)
        known[FOLDED] = min((r for r in sums if r.brought.count == most), key=_recorded)
    return known


def _recorded(record: UploadRecord) -> tuple[bool, int, int]:
    return record.done, record.brought.count, record.forgotten.count


def unbalanced(
    before: Mapping[str, UploadRecord],
    after: Mapping[str, UploadRecord],
    found: Mapping[str, Ledger],
) -> list[str]:
    """Return the differences between the ledger and the rows of the table, as messages.

    - The table must hold all ids of an upload that was done before the scan began, except those
      that were forgotten.
    - An upload that was not done, or died, may have more ids in the table than it has recorded,
      by up to one chunk; the ids that it did record must be there.
    - An upload that began during the scan must only be in the ledger after the scan.
    - The rows of folded uploads are compared with the sum of these.

    Args:
        before: The ledger before the scan.
        after: The ledger after the scan.
        found: The scanned rows, by the upload that they name.
    """
    problems = []
    of_folded = Ledger()
    for name in sorted((before.keys() | found.keys()) - {FOLDED}):
        there = found.get(name, Ledger())
        if name in before:
            record = before[name]
            if not _balances(record, after.get(name, record), there):
                problems.append(_missing(f"upload {name}", record, there))
        elif name not in after:
            of_folded += there
    if FOLDED in before:
        record = before[FOLDED]
        if not _balances(record, after.get(FOLDED, record), of_folded):
            problems.append(_missing("folded uploads", record, of_folded))
    elif of_folded.count:
        problems.append(f"{of_folded.count} images of the table were not brought by any upload")
    return problems


def _balances(before: UploadRecord, after: UploadRecord, there: Ledger) -> bool:
    """Return True if the rows of an upload are the ids it brought, without the forgotten ones."""
    if before.forgotten == after.forgotten:
        left = before.brought - before.forgotten
        return there == left if before.done else there.count >= left.count
    # Rows were forgotten during the scan, so each may or may not have been counted.
    least = before.brought.count - after.forgotten.count
    most = before.brought.count - before.forgotten.count
    return least <= there.count and (there.count <= most or not before.done)


def _missing(name: str, record: UploadRecord, there: Ledger) -> str:
    forgotten = f", {record.forgotten.count} were forgotten" if record.forgotten.count else ""
    return (
        f"{name} brought {record.brought.count} images{forgotten}, "
        f"but the table holds {there.count} of it: ids were lost or changed"
    )


def proved(
    before: Mapping[str, UploadRecord], after: Mapping[str, UploadRecord]
) -> dict[str, UploadRecord]:
    """Return the uploads that a balanced scan has proved: done before it, and unchanged since.

    Args:
        before: The ledger before the scan.
        after: The ledger after the scan.
    """
    return {
        name: record
        for name, record in before.items()
        if name != FOLDED and record.done and after.get(name) == record
    }


def ledger_to_json(ledger: Mapping[str, UploadRecord]) -> dict[str, Any]:
    """Return the values that a ledger is stored as."""
    return {name: asdict(record) for name, record in ledger.items()}


def ledger_from_json(raw: Mapping[str, Any]) -> dict[str, UploadRecord]:
    """Read a stored ledger, including that of a release before 0.2."""
    return {
        name: UploadRecord(
            Ledger(**record["brought"]), record["done"], Ledger(**record.get("forgotten", {}))
        )
        for name, record in raw.items()
    }
