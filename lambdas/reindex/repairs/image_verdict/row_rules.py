"""The rules on the row of the progress table."""

from __future__ import annotations

import shlex

from reindex.domain.failures import IndexRefused
from reindex.domain.progress import ProgressRow
from reindex.domain.states import State
from reindex.repairs.image_evidence import Evidence, IndexFacts, Unknown
from reindex.repairs.image_verdict.commands import requeue_command, upload_command
from reindex.repairs.image_verdict.document_rules import stale_document
from reindex.repairs.image_verdict.verdicts import Cause, Verdict, undecided
from reindex.text import counted


def unread_fact(e: Evidence) -> Verdict | None:
    """Return the verdict if a fact is unknown that the following rules need; else None."""
    facts = {
        "the progress table": e.row,
        "the document": e.document,
        "the comparison with the truth": e.comparison if e.has_document else None,
        "the search through the alias": e.index.found if isinstance(e.index, IndexFacts) else None,
    }
    if isinstance(e.row, Unknown) and "progress row" in e.row.reason:
        key = shlex.quote(f'{{"id": {{"S": "{e.image_id}"}}}}')
        return Verdict(
            Cause.UNREADABLE_ROW,
            f"Its row in the progress table cannot be read: {e.row.reason}.",
            f"aws dynamodb get-item --table-name {e.place.progress_table} --key {key}",
        )
    missing = [
        f"{name}: {fact.reason}" for name, fact in facts.items() if isinstance(fact, Unknown)
    ]
    return undecided(e, missing[0]) if missing else None


def never_uploaded(e: Evidence) -> Verdict | None:
    """Return a verdict if the image has no row."""
    if e.row is not None:
        return None
    if e.has_document:
        return stale_document(e)
    return Verdict(
        Cause.NEVER_UPLOADED,
        "The original is there, but its id was never uploaded, so no run knows of it.",
        upload_command(e),
    )


def dead_letter(e: Evidence) -> Verdict | None:
    """Return a verdict if the image waits for a message that is in the dead-letter queue."""
    reasons = [] if isinstance(e.letters, Unknown) else e.letters.reasons
    waits = isinstance(e.row, ProgressRow) and e.row.state in {State.ENQUEUED, State.INCONSISTENT}
    if not reasons or not waits:
        return None
    return Verdict(
        Cause.DEAD_LETTER,
        f"Its message was set aside in the dead-letter queue: {reasons[0].rstrip('.')}.",
        "reindex dlq --requeue",
    )


def failed_row(e: Evidence) -> Verdict | None:
    """Return a verdict if the image has failed."""
    row = e.row
    if not isinstance(row, ProgressRow) or row.state not in {
        State.KNOWN_ERROR,
        State.UNKNOWN_ERROR,
        State.INCONSISTENT,
    }:
        return None
    if row.failure is None:
        return Verdict(
            Cause.FAILED, f"It ended {row.state}; its row gives no reason.", upload_command(e)
        )
    detail = f" ({row.failure.detail})" if row.failure.detail else ""
    said = f"{row.failure.message.rstrip('.')}{detail}"
    if row.failure.code == IndexRefused.code:
        return Verdict(
            Cause.INDEX_REFUSES,
            f"The index refused its document: mend the mapping, and queue the image again: {said}.",
            requeue_command(e, row.failure.code),
        )
    return Verdict(
        Cause.FAILED,
        f"It failed after {counted(row.attempts, 'attempt')} ({row.failure.code}): {said}.",
        requeue_command(e, row.failure.code),
    )
