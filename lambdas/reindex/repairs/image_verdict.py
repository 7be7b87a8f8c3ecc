"""Why an image is found or not, and the one command that leads on. Pure: facts in, verdict out.

The rules are asked in order; the first that applies decides. Those come first that make what
follows meaningless: a cluster that cannot be asked, an original that is gone.
"""

from __future__ import annotations

import math
import shlex
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from reindex.domain import outcomes
from reindex.domain.failures import (
    Failure,
    IndexRefused,
    OriginalNotFound,
    SourceArchived,
    SourceForbidden,
)
from reindex.domain.progress import ProgressRow, RecordedFailure
from reindex.domain.states import State
from reindex.repairs.image_evidence import (
    Comparison,
    Evidence,
    IndexFacts,
    IndexProblem,
    LatestRun,
    NoIndex,
    Unknown,
)
from reindex.steps.batch_index import BACKLOG_FULL
from reindex.steps.gates import CLUSTER_RED, LIVE_QUEUE_DEEP, OVER_BUDGET
from reindex.stores.interfaces.library import ObjectHistory
from reindex.stores.interfaces.queues import Depth
from reindex.text import counted

#: Fields that a sentence names; the facts name them all.
_NAMED_FIELDS = 3

#: The command that shows the run's progress.
_STATUS = "reindex status --watch"


class Cause(StrEnum):
    """Why an image is found, or not."""

    SEARCHABLE = "searchable"
    NO_THUMBNAIL = "no_thumbnail"
    WRONG_SECRET = "wrong_secret"  # noqa: S105 - a cause, and no secret
    INDEX_UNUSABLE = "index_unusable"
    CLUSTER_RED = "cluster_red"
    UNKNOWN_ID = "unknown_id"
    ORIGINAL_DELETED = "original_deleted"
    ORPHAN = "orphan"
    HIDDEN = "hidden"
    SOFT_DELETED = "soft_deleted"
    FORBIDDEN = "forbidden"
    ARCHIVED = "archived"
    CANNOT_BE_PROJECTED = "cannot_be_projected"
    NEVER_UPLOADED = "never_uploaded"
    UNREADABLE_ROW = "unreadable_row"
    DEAD_LETTER = "dead_letter"
    INDEX_REFUSES = "index_refuses"
    FAILED = "failed"
    RUN_PAUSED = "run_paused"
    RUN_HELD = "run_held"
    RUN_DEAD = "run_dead"
    SCHEDULE_OFF = "schedule_off"
    QUEUE_FULL = "queue_full"
    INDEXER_OFF = "indexer_off"
    NO_RUN = "no_run"
    IN_WORK = "in_work"
    STALE = "stale"
    DOCUMENT_LOST = "document_lost"
    UNDECIDED = "undecided"


#: Causes of images that a search finds, and whose document is true.
_FINE = frozenset({Cause.SEARCHABLE, Cause.NO_THUMBNAIL})


@dataclass(frozen=True, slots=True)
class Verdict:
    """The conclusion from the evidence.

    Attributes:
        cause: Why the image is found, or not.
        sentence: The same for people: one sentence.
        command: The one command that leads on.
    """

    cause: Cause
    sentence: str
    command: str

    @property
    def is_fine(self) -> bool:
        """True if a search finds the image, and its document is true."""
        return self.cause in _FINE


def verdict(evidence: Evidence) -> Verdict:
    """Decide why an image is found, or not."""
    for rule in _RULES:
        if found := rule(evidence):
            return found
    return _undecided(evidence)


def _no_index(e: Evidence) -> Verdict | None:
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


def _no_original(e: Evidence) -> Verdict | None:
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


def _true_document(e: Evidence) -> Verdict | None:
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
            _again(e),
        )
    return Verdict(
        Cause.SEARCHABLE,
        "A search finds it, and its document is what would be projected now.",
        f"reindex project {shlex.quote(e.image_id)}",
    )


def _red(e: Evidence) -> Verdict | None:
    red = isinstance(e.index, IndexFacts) and e.index.health == "red"
    if not red and not (e.open_run and e.open_run.record.held_by == CLUSTER_RED):
        return None
    return Verdict(
        Cause.CLUSTER_RED,
        "The cluster is red: some shard has no copy that answers, and no run goes on until it "
        "has one.",
        f"curl {shlex.quote(f'{e.place.cluster_url}/_cluster/allocation/explain?pretty')}",
    )


def _unreadable_source(e: Evidence) -> Verdict | None:
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
        cause, f"{what}: {failure.message.rstrip('.')}{detail}.", _requeue(e, failure.code)
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


def _unread(e: Evidence) -> Verdict | None:
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
    return _undecided(e, missing[0]) if missing else None


def _undecided(e: Evidence, what: str = "what was found fits no rule") -> Verdict:
    return Verdict(
        Cause.UNDECIDED,
        f"It cannot be decided yet: {what.rstrip('.')}.",
        f"reindex explain {shlex.quote(e.image_id)}",
    )


def _never_uploaded(e: Evidence) -> Verdict | None:
    if e.row is not None:
        return None
    if e.has_document:
        return _stale(e)
    return Verdict(
        Cause.NEVER_UPLOADED,
        "The original is there, but its id was never uploaded, so no run knows of it.",
        _again(e),
    )


def _dead_letter(e: Evidence) -> Verdict | None:
    reasons = [] if isinstance(e.letters, Unknown) else e.letters.reasons
    waits = isinstance(e.row, ProgressRow) and e.row.state in {State.ENQUEUED, State.INCONSISTENT}
    if not reasons or not waits:
        return None
    return Verdict(
        Cause.DEAD_LETTER,
        f"Its message was set aside in the dead-letter queue: {reasons[0].rstrip('.')}.",
        "reindex dlq --requeue",
    )


def _failed(e: Evidence) -> Verdict | None:
    row = e.row
    if not isinstance(row, ProgressRow) or row.state not in {
        State.KNOWN_ERROR,
        State.UNKNOWN_ERROR,
        State.INCONSISTENT,
    }:
        return None
    if row.failure is None:
        return Verdict(Cause.FAILED, f"It ended {row.state}; its row gives no reason.", _again(e))
    detail = f" ({row.failure.detail})" if row.failure.detail else ""
    said = f"{row.failure.message.rstrip('.')}{detail}"
    if row.failure.code == IndexRefused.code:
        return Verdict(
            Cause.INDEX_REFUSES,
            f"The index refused its document: mend the mapping, and queue the image again: {said}.",
            _requeue(e, row.failure.code),
        )
    return Verdict(
        Cause.FAILED,
        f"It failed after {counted(row.attempts, 'attempt')} ({row.failure.code}): {said}.",
        _requeue(e, row.failure.code),
    )


def _waiting(e: Evidence) -> Verdict | None:
    """Explain an image with work left: what keeps the work from being done."""
    row = e.row
    if not isinstance(row, ProgressRow) or row.state.phase is None:
        return None
    run = e.run
    if isinstance(run, Unknown):
        return _undecided(e, f"the run: {run.reason}")
    if run is None or not run.record.is_open:
        return Verdict(
            Cause.NO_RUN,
            f"It is {row.state}, and no run is open that would go on with it.",
            "reindex start --watch",
        )
    return next(filter(None, _held(e, run, row)))


def _held(e: Evidence, run: LatestRun, row: ProgressRow) -> Iterator[Verdict | None]:
    record, name = run.record, run.record.run_id
    if not run.is_running:
        yield Verdict(
            Cause.RUN_DEAD,
            f"The execution of run {name} has ended and left its record open: another start takes "
            "its work over.",
            "reindex start --watch",
        )
    if record.paused:
        yield Verdict(
            Cause.RUN_PAUSED, f"It is {row.state}, and run {name} is paused.", "reindex resume"
        )
    if not run.ticks and not record.opening:
        yield Verdict(
            Cause.SCHEDULE_OFF,
            f"Somebody turned off the schedule of the {record.phase} phase of run {name}.",
            "reindex abort && reindex start --watch",
        )
    waiting = e.queue.total if isinstance(e.queue, Depth) else 0
    if waiting and e.indexer_enabled is False:
        yield Verdict(
            Cause.INDEXER_OFF,
            f"The low-priority queue holds {counted(waiting, 'message')}, and the event source "
            "mapping that gives them to the indexer is disabled.",
            f"aws lambda update-event-source-mapping --uuid {e.place.indexer_mapping} --enabled",
        )
    if record.held_by:
        yield _gate(e, run, record.held_by, waiting)
    yield Verdict(
        Cause.IN_WORK,
        f"It is {row.state}, and run {name} is at work in its {record.phase or 'next'} phase"
        + (f", with {counted(waiting, 'message')} on the queue." if waiting else "."),
        _STATUS,
    )


def _gate(e: Evidence, run: LatestRun, gate: str, waiting: int) -> Verdict | None:
    name = run.record.run_id
    match gate:
        case _ if gate == BACKLOG_FULL:
            return Verdict(
                Cause.QUEUE_FULL,
                f"The low-priority queue is full ({waiting:,} of {e.place.max_backlog:,} "
                "messages): the run goes on as the indexer empties it.",
                _STATUS,
            )
        case _ if gate == LIVE_QUEUE_DEEP:
            return Verdict(
                Cause.QUEUE_FULL,
                "The library's own ingestion queue is deep: the run goes on when that has been "
                "worked off.",
                _STATUS,
            )
        case _ if gate == OVER_BUDGET:
            return Verdict(
                Cause.RUN_HELD,
                f"Run {name} is held: it would cost ${run.dollars:,.2f}, and its budget is "
                f"${run.record.budget or 0:,.2f}.",
                f"reindex resume --budget {math.ceil(run.dollars)}",
            )
        case _ if outcomes.is_gate(gate):
            return Verdict(
                Cause.RUN_HELD,
                f"Run {name} is held by a gate ({gate}): mend the cause, and let it go on.",
                "reindex resume",
            )
        case _ if gate.startswith("the queue is not"):
            # The check waits for messages that are under way: that is its work.
            return None
    return Verdict(Cause.RUN_HELD, f"Run {name} is held by a gate: {gate}.", _STATUS)


def _stale(e: Evidence) -> Verdict | None:
    if not isinstance(e.comparison, Comparison) or e.comparison.same:
        return None
    fields = e.comparison.fields
    named = ", ".join(fields[:_NAMED_FIELDS])
    more = f" and {len(fields) - _NAMED_FIELDS} more" if len(fields) > _NAMED_FIELDS else ""
    return Verdict(
        Cause.STALE,
        f"Its document is not what would be projected now: it differs in {named}{more}.",
        _again(e),
    )


def _lost(e: Evidence) -> Verdict | None:
    row = e.row
    if not isinstance(row, ProgressRow) or e.document is not None:
        return None
    was = (
        f"The index held its document at {row.updated_at}, and holds none now: something deleted it"
        if row.state is State.VERIFIED
        else f"It had no original at {row.updated_at}, and has one now"
    )
    return Verdict(Cause.DOCUMENT_LOST, f"{was}.", _again(e))


_RULES: tuple[Callable[[Evidence], Verdict | None], ...] = (
    _no_index,
    _no_original,
    _true_document,
    _red,
    _unreadable_source,
    _unread,
    _never_uploaded,
    _dead_letter,
    _failed,
    _waiting,
    _stale,
    _lost,
)


def _again(e: Evidence) -> str:
    """Return the command that has the image projected anew."""
    name = shlex.quote(e.image_id)
    if e.open_run:
        return f"echo {name} | reindex upload-ids -"
    return f"echo {name} | reindex start --source file --file - --watch"


def _requeue(e: Evidence, code: str) -> str:
    """Return the command that queues all images again that failed as this one did."""
    row = e.row
    if not isinstance(row, ProgressRow) or row.state.phase or not row.failure:
        return _again(e)
    if row.failure.code != code:
        return _again(e)
    command = f"reindex requeue --fingerprint {row.failure.fingerprint} --yes"
    return command if e.open_run else f"{command} && reindex start --watch"
