"""The rules on the document in the index."""

from __future__ import annotations

import shlex

from reindex.domain.progress import ProgressRow
from reindex.domain.states import State
from reindex.repairs.image_evidence import Comparison, Evidence, IndexFacts, IndexProblem, NoIndex
from reindex.repairs.image_verdict.commands import upload_command
from reindex.repairs.image_verdict.verdicts import Cause, Verdict
from reindex.steps.gates import CLUSTER_RED

#: Fields that a sentence names; the facts name them all.
_NAMED_FIELDS = 3


def unusable_index(e: Evidence) -> Verdict | None:
    """Return a verdict if the index cannot be read."""
    if not isinstance(e.index, NoIndex):
        return None
    reason = e.index.reason.rstrip(".")
    if e.index.problem is IndexProblem.REJECTED:
        secret = shlex.quote(e.place.secret or "")
        return Verdict(
            Cause.WRONG_SECRET,
            f"The cluster rejects the credentials of the stage's secret: {reason}.",
            f"aws secretsmanager put-secret-value --secret-id {secret} "
            "--secret-string file://secret.json",
        )
    return Verdict(
        Cause.INDEX_UNUSABLE,
        f"The index cannot be asked; {e.index.problem}: {reason}.",
        f"curl {shlex.quote(f'{e.place.cluster_url}/_alias/{e.place.alias}?pretty')}",
    )


def true_document(e: Evidence) -> Verdict | None:
    """Return a verdict if the document is what would be projected now."""
    is_same = isinstance(e.comparison, Comparison) and e.comparison.same
    if not e.has_document or not is_same or not isinstance(e.index, IndexFacts):
        return None
    if e.soft_deletion:
        by = e.soft_deletion.get("deletedBy", "somebody")
        return Verdict(
            Cause.SOFT_DELETED,
            f"Its document is true and says that {by} deleted it at "
            f"{e.soft_deletion.get('deleteTime', 'an unknown time')}: the library's search hides "
            "such images.",
            f"aws dynamodb get-item --table-name {e.place.status_table} --key "
            + shlex.quote(f'{{"id": {{"S": "{e.image_id}"}}}}'),
        )
    if e.index.found is False:
        return Verdict(
            Cause.HIDDEN,
            f"Its document is true, yet a search through {e.place.alias} does not find it: a "
            "filter of the alias hides it, or the index has not been refreshed since it was "
            "written.",
            f"curl {shlex.quote(f'{e.place.cluster_url}/_alias/{e.place.alias}?pretty')}",
        )
    if e.index.found is not True:
        return None
    if e.thumbnail is False:
        return Verdict(
            Cause.NO_THUMBNAIL,
            "A search finds it, and its document is true, but it has no thumbnail to show: let "
            "the library make one, and upload the id again.",
            upload_command(e),
        )
    return Verdict(
        Cause.SEARCHABLE,
        "A search finds it, and its document is what would be projected now.",
        f"reindex project {shlex.quote(e.image_id)}",
    )


def red_cluster(e: Evidence) -> Verdict | None:
    """Return a verdict if a shard of the cluster has no copy that answers."""
    red = isinstance(e.index, IndexFacts) and e.index.health == "red"
    if not red and not (e.open_run and e.open_run.record.held_by == CLUSTER_RED):
        return None
    return Verdict(
        Cause.CLUSTER_RED,
        "The cluster is red: some shard has no copy that answers, and no run goes on until it "
        "has one.",
        f"curl {shlex.quote(f'{e.place.cluster_url}/_cluster/allocation/explain?pretty')}",
    )


def stale_document(e: Evidence) -> Verdict | None:
    """Return a verdict if the document is not what would be projected now."""
    if not isinstance(e.comparison, Comparison) or e.comparison.same:
        return None
    fields = e.comparison.fields
    named = ", ".join(fields[:_NAMED_FIELDS])
    more = f" and {len(fields) - _NAMED_FIELDS} more" if len(fields) > _NAMED_FIELDS else ""
    return Verdict(
        Cause.STALE,
        f"Its document is not what would be projected now: it differs in {named}{more}.",
        upload_command(e),
    )


def lost_document(e: Evidence) -> Verdict | None:
    """Return a verdict if the image has a row, and the index has no document of it."""
    row = e.row
    if not isinstance(row, ProgressRow) or e.document is not None:
        return None
    was = (
        f"The index held its document at {row.updated_at}, and holds none now: something deleted it"
        if row.state is State.VERIFIED
        else f"It had no original at {row.updated_at}, and has one now"
    )
    return Verdict(Cause.DOCUMENT_LOST, f"{was}.", upload_command(e))
