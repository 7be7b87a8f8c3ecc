"""The uploads' ledger held against what the table holds: nothing may be missing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from reindex.domain.records import Ledger, UploadRecord


def known_before(ledgers: Sequence[Mapping[str, UploadRecord]]) -> dict[str, UploadRecord]:
    """What was in the ledger before any of several scans began.

    Args:
        ledgers: As each of them found it at its beginning.
    """
    names = set.intersection(*(set(ledger) for ledger in ledgers)) if ledgers else set()
    return {
        name: min((ledger[name] for ledger in ledgers), key=lambda r: (r.done, r.brought.count))
        for name in names
    }


def unbalanced(
    before: Mapping[str, UploadRecord],
    after: Mapping[str, UploadRecord],
    found: Mapping[str, Ledger],
) -> list[str]:
    """What does not balance between what the uploads brought and what the table holds.

    An upload that was done before the scan began has all its rows in it. One that was not, or
    that died, has said too little, by at most its last chunk: its rows name it, so that the
    table itself tells what it brought. None of what it did say may be missing. One that began
    during the scan is only required to be known by its end.

    Args:
        before: The ledger before the scan.
        after: The ledger after it.
        found: The scan's rows by the upload that they name.
    """
    problems = []
    for name in sorted(before.keys() | found.keys()):
        there = found.get(name, Ledger())
        if name not in before:
            if name not in after:
                problems.append(f"{there.count} images of the table were not brought by any upload")
            continue
        brought = before[name].brought
        balanced = there == brought if before[name].done else there.count >= brought.count
        if not balanced:
            problems.append(
                f"upload {name} brought {brought.count} images, "
                f"but the table holds {there.count} of it: ids were lost or changed"
            )
    return problems


def ledger_to_json(ledger: Mapping[str, UploadRecord]) -> dict[str, Any]:
    """Return a ledger as it is stored."""
    return {name: asdict(record) for name, record in ledger.items()}


def ledger_from_json(raw: Mapping[str, Any]) -> dict[str, UploadRecord]:
    """Read a stored ledger."""
    return {
        name: UploadRecord(Ledger(**record["brought"]), record["done"])
        for name, record in raw.items()
    }
