"""The uploads' ledger held against what the table holds: nothing may be missing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from reindex.domain.records import FOLDED, Ledger, UploadRecord


def known_before(ledgers: Sequence[Mapping[str, UploadRecord]]) -> dict[str, UploadRecord]:
    """What was in the ledger before any of several scans began.

    Args:
        ledgers: As each of them found it at its beginning.
    """
    names = set.intersection(*(set(ledger) for ledger in ledgers)) if ledgers else set()
    known = {
        name: min((ledger[name] for ledger in ledgers), key=_said) for name in names - {FOLDED}
    }
    # Uploads that were folded between two scans are in the later sum, and in no intersection.
    if sums := [ledger[FOLDED] for ledger in ledgers if FOLDED in ledger]:
        most = max(record.brought.count for record in sums)
        known[FOLDED] = min((r for r in sums if r.brought.count == most), key=_said)
    return known


def _said(record: UploadRecord) -> tuple[bool, int, int]:
    return record.done, record.brought.count, record.forgotten.count


def unbalanced(
    before: Mapping[str, UploadRecord],
    after: Mapping[str, UploadRecord],
    found: Mapping[str, Ledger],
) -> list[str]:
    """What does not balance between what the uploads brought and what the table holds.

    An upload that was done before the scan began has all its rows in it, but for those that were
    forgotten. One that was not done, or that died, has said too little, by at most its last chunk:
    its rows name it, so that the table itself tells what it brought. None of what it did say may be
    missing. One that began during the scan is only required to be known by its end. The rows of
    uploads that were folded are held against the sum of these.

    Args:
        before: The ledger before the scan.
        after: The ledger after it.
        found: The scan's rows by the upload that they name.
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
    """Whether what is there of an upload is what it brought, without what was forgotten."""
    if before.forgotten == after.forgotten:
        left = before.brought - before.forgotten
        return there == left if before.done else there.count >= left.count
    # Some were forgotten during the scan: each was counted, or was not.
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
    """The uploads that a balanced scan has proved for good: done before it, and unchanged since.

    Args:
        before: The ledger before the scan.
        after: The ledger after it.
    """
    return {
        name: record
        for name, record in before.items()
        if name != FOLDED and record.done and after.get(name) == record
    }


def ledger_to_json(ledger: Mapping[str, UploadRecord]) -> dict[str, Any]:
    """Return a ledger as it is stored."""
    return {name: asdict(record) for name, record in ledger.items()}


def ledger_from_json(raw: Mapping[str, Any]) -> dict[str, UploadRecord]:
    """Read a stored ledger, of a release before 0.2 too."""
    return {
        name: UploadRecord(
            Ledger(**record["brought"]), record["done"], Ledger(**record.get("forgotten", {}))
        )
        for name, record in raw.items()
    }
