"""The rules on the original."""

from __future__ import annotations

import shlex

from reindex.domain.failures import Failure, OriginalNotFound, SourceArchived, SourceForbidden
from reindex.domain.progress import ProgressRow, RecordedFailure
from reindex.repairs.image_evidence import Evidence
from reindex.repairs.image_verdict.commands import requeue_command
from reindex.repairs.image_verdict.verdicts import Cause, Verdict
from reindex.stores.interfaces.library import ObjectHistory


def no_original(e: Evidence) -> Verdict | None:
    """Return a verdict if the original does not exist."""
    if not isinstance(e.original, ObjectHistory) or e.original.exists:
        return None
    again = _restore_command(e.original)
    when = _deleted(e.original)
    if e.has_document:
        return Verdict(
            Cause.ORPHAN,
            f"The original {when}, yet the index holds a document of it: restore the original, or "
            "delete the document as the library deletes images.",
            again or f"aws s3 ls s3://{e.original.bucket}/{e.original.key}",
        )
    if e.row is None and not e.original.versions:
        return Verdict(
            Cause.UNKNOWN_ID,
            "Nothing is known under this id: no original, no document, no row; is it spelled as "
            "the library spells it?",
            f"aws s3 ls s3://{e.original.bucket}/{e.original.key}",
        )
    return Verdict(
        Cause.ORIGINAL_DELETED,
        f"The original {when}, so there is nothing to find: restore it, and upload the id again.",
        again or f"aws s3 ls s3://{e.original.bucket}/{e.original.key}",
    )


def _deleted(original: ObjectHistory) -> str:
    deletion = next(iter(original.versions or ()), None)
    if deletion and deletion.size is None:
        return f"was deleted at {deletion.at:%Y-%m-%d %H:%M:%S} UTC"
    return "does not exist"


def _restore_command(original: ObjectHistory) -> str | None:
    """Remove the marker that hides an older version; None when there is none."""
    versions = list(original.versions or ())
    if not versions or versions[0].size is not None or all(v.size is None for v in versions):
        return None
    return (
        f"aws s3api delete-object --bucket {original.bucket} --key {shlex.quote(original.key)} "
        f"--version-id {versions[0].version_id}"
    )


def unreadable_source(e: Evidence) -> Verdict | None:
    """Return a verdict if the original is archived, or the image cannot be projected."""
    if isinstance(e.original, ObjectHistory) and e.original.archived:
        return Verdict(
            Cause.ARCHIVED,
            f"The original is in an archive ({e.original.storage_class}): it must be restored "
            "before it can be read, and then be uploaded again.",
            f"aws s3api restore-object --bucket {e.original.bucket} "
            f"--key {shlex.quote(e.original.key)} --restore-request Days=7",
        )
    failure = _failure_to_project(e)
    if failure is None:
        return None
    cause = {
        SourceForbidden.code: Cause.FORBIDDEN,
        SourceArchived.code: Cause.ARCHIVED,
    }.get(failure.code, Cause.CANNOT_BE_PROJECTED)
    detail = f" ({failure.detail})" if failure.detail else ""
    what = {
        Cause.FORBIDDEN: "A source of truth refuses to let it be read: "
        "grant what is named here, its KMS key too, and queue the image again",
    }.get(cause, f"It cannot be projected ({failure.code})")
    return Verdict(
        cause, f"{what}: {failure.message.rstrip('.')}{detail}.", requeue_command(e, failure.code)
    )


def _failure_to_project(e: Evidence) -> Failure | RecordedFailure | None:
    """Why the image cannot be projected, here or by the functions; None when it can."""
    if isinstance(e.original, Failure):
        return e.original
    if isinstance(e.user_data, Failure):
        return e.user_data
    if isinstance(e.comparison, Failure) and e.comparison.code != OriginalNotFound.code:
        return e.comparison
    if isinstance(e.row, ProgressRow) and e.row.state.phase is None and e.row.failure:
        # The functions' permissions are not those of the operator.
        forbidden = e.row.failure.code == SourceForbidden.code
        return e.row.failure if forbidden else None
    return None
