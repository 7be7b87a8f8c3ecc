"""The history and the present facts of one image, as lines of text. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from reindex.domain import stamps
from reindex.domain.failures import Failure
from reindex.domain.progress import ProgressRow, iso
from reindex.domain.provenance import Indexed
from reindex.domain.states import CODES
from reindex.domain.submissions import SubmissionRow
from reindex.image.truth import UserData
from reindex.repairs.image_evidence import Comparison, Evidence, NoIndex, Unknown
from reindex.settings import PARTS_BY_KEY
from reindex.steps.trace import submission_events
from reindex.stores.interfaces.function_logs import LoggedLine
from reindex.stores.interfaces.library import ObjectHistory
from reindex.stores.interfaces.queues import Depth
from reindex.text import counted

#: Uploads are named by the moment at which they began, or by their run, which is.
_STAMP = re.compile(r"\d{8}-\d{6}")

#: The keys that every line of the log has in addition to its message.
_USUAL_KEYS = frozenset(
    {
        "level",
        "location",
        "message",
        "timestamp",
        "service",
        "request_id",
        "xray_trace_id",
        "exception",
        "stack_trace",
        "exception_name",
    }
)


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened to an image.

    Attributes:
        at: Epoch seconds.
        source: Who says so: a part of the library or of the product.
        text: What happened, for people.
    """

    at: float
    source: str
    text: str

    def to_json(self) -> dict[str, Any]:
        """Return it as it is printed."""
        return {"at": iso(self.at), "source": self.source, "text": self.text}


@dataclass(frozen=True, slots=True)
class Fact:
    """Something that is so now.

    Attributes:
        name: Of what.
        text: How it is, for people.
        fine: True if it is as it should be; None when that cannot be said.
    """

    name: str
    text: str
    fine: bool | None

    def to_json(self) -> dict[str, Any]:
        """Return it as it is printed."""
        return {"name": self.name, "text": self.text, "fine": self.fine}


def events(evidence: Evidence) -> list[Event]:
    """Return what happened to the image, in order of time."""
    found = [
        *_original_events(evidence.original),
        *_user_events(evidence.user_data),
        *_submission_events(evidence.submissions),
        *_row_events(evidence.row),
        *_run_events(evidence),
        *_document_events(evidence.document),
        *_gate_events(evidence),
        *map(_log_event, evidence.logs.lines),
    ]
    return sorted(found, key=lambda event: event.at)


def _original_events(original: ObjectHistory | Failure) -> Iterator[Event]:
    if isinstance(original, Failure):
        return
    if original.versions is None:
        if original.last_modified and original.size is not None:
            yield _stored(original.last_modified, original.size, "")
        return
    for version in original.versions:
        if version.size is None:
            name = f" (marker {version.version_id})"
            yield Event(version.at.timestamp(), "original", f"deleted{name}")
        else:
            # An object that was stored while the bucket kept no versions.
            unversioned = version.version_id in {"null", ""}
            name = "" if unversioned else f" (version {version.version_id})"
            yield _stored(version.at, version.size, name)


def _submission_events(submissions: Sequence[SubmissionRow] | Unknown) -> Iterator[Event]:
    for row in () if isinstance(submissions, Unknown) else submissions:
        for event in submission_events(row):
            yield Event(event.at, event.where, event.what)


def _stored(at: datetime, size: int, name: str) -> Event:
    return Event(at.timestamp(), "original", f"stored, {counted(size, 'byte')}{name}")


def _user_events(data: UserData | Failure) -> Iterator[Event]:
    if isinstance(data, Failure):
        return
    rows: list[tuple[Mapping[str, Any], str, str]] = [
        *((lease, "createdAt", f"lease {lease.get('access', '')}") for lease in data.leases),
        *((usage, "last_modified", f"usage {_usage(usage)}") for usage in data.usages),
    ]
    if data.edits:
        rows.append((data.edits, "lastModified", "metadata edited"))
    if data.status:
        what = "deleted (soft)" if data.status.get("isDeleted") else "deletion taken back"
        rows.append((data.status, "deleteTime", f"{what} by {data.status.get('deletedBy', '?')}"))
    for collection in (data.collections or {}).get("collections", ()):
        if isinstance(collection, Mapping):
            path = collection.get("path", ())
            name = "/".join(map(str, path)) if isinstance(path, list) else "?"
            rows.append((collection.get("actionData", {}), "date", f"put into collection {name}"))
    for row, field, text in rows:
        at = _moment(row.get(field)) if isinstance(row, Mapping) else None
        if at is not None:
            yield Event(at, "user data", text)
    for crop in data.crops:
        yield Event(
            crop.last_modified.timestamp(), "crops", f"{crop.uri.rpartition('/')[2]} stored"
        )


def _usage(usage: Mapping[str, Any]) -> str:
    return " ".join(str(usage.get(name, "")) for name in ("usage_type", "usage_status")).strip()


def _moment(value: Any) -> float | None:
    """Read a time as DynamoDB holds it, whose numbers are decimals."""
    is_number = not isinstance(value, str) and hasattr(value, "__float__")
    return stamps.parse(float(value) if is_number else value)


def _row_events(row: ProgressRow | Unknown | None) -> Iterator[Event]:
    if not isinstance(row, ProgressRow):
        return
    stamp = _STAMP.search(row.upload)
    if stamp:
        at = datetime.strptime(stamp[0], "%Y%m%d-%H%M%S").replace(tzinfo=UTC).timestamp()
        yield Event(at, "progress table", f"upload {row.upload}, which brought the id, began")
    run = f" by run {row.run_id}" if row.run_id else ""
    if row.failure:
        detail = f" ({row.failure.detail})" if row.failure.detail else ""
        failed = stamps.parse(row.failure.at)
        if failed is not None:
            text = f"failed with {row.failure.code}: {row.failure.message}{detail}"
            yield Event(failed, "progress table", text)
    changed = stamps.parse(row.updated_at)
    if changed is not None:
        tries = f", after {counted(row.attempts, 'failure')}" if row.attempts else ""
        yield Event(changed, "progress table", f"{row.state} ({CODES[row.state]}){run}{tries}")
    if row.due_at:
        yield Event(row.due_at, "progress table", f"due for the {row.state.phase} phase")


def _run_events(e: Evidence) -> Iterator[Event]:
    if e.run is None or isinstance(e.run, Unknown):
        return
    run = e.run.record
    yield Event(run.started_at, "run", f"{run.run_id} began")
    if run.ended_at:
        why = f": {run.reason}" if run.reason else ""
        yield Event(run.ended_at, "run", f"{run.run_id} {run.status}{why}")


def _document_events(document: Indexed | Unknown | None) -> Iterator[Event]:
    if not isinstance(document, Indexed):
        return
    if document.modified_at is not None:
        yield Event(document.modified_at, "index", "latest change that the document knows of")
    if document.provenance:
        projected = stamps.parse(document.source["esInfo"]["reindex"].get("projectedAt"))
        if projected is not None:
            yield Event(projected, "index", f"projected by run {document.provenance.run_id}")


def _gate_events(e: Evidence) -> Iterator[Event]:
    if isinstance(e.gates, Unknown):
        return
    for sample in e.gates:
        for gate, seconds in sample.held.items():
            waited = f" for {seconds:.0f} s" if seconds else ""
            yield Event(sample.at, "run", f"{sample.phase} phase held{waited}: {gate}")


def _log_event(line: LoggedLine) -> Event:
    said = line.values
    more = " ".join(f"{name}={value}" for name, value in said.items() if name not in _USUAL_KEYS)
    parts = [said.get("level", ""), said["message"], said.get("exception_name", ""), more]
    text = " ".join(str(part) for part in parts if part)
    return Event(line.at, f"log of {line.function}", text)


def facts(evidence: Evidence) -> list[Fact]:
    """Return what is so now, in the order of the way from the original to the search."""
    return [
        _original_fact(evidence.original),
        *_thumbnail_fact(evidence),
        _user_fact(evidence.user_data),
        *_submission_fact(evidence.submissions),
        _row_fact(evidence),
        _run_fact(evidence),
        _queue_fact(evidence),
        _letters_fact(evidence),
        *_index_facts(evidence),
        *_logs_fact(evidence),
    ]


def _unknown(name: str, why: Unknown) -> Fact:
    return Fact(name, f"not known: {why.reason}", None)


def _original_fact(original: ObjectHistory | Failure) -> Fact:
    if isinstance(original, Failure):
        detail = f" ({original.detail})" if original.detail else ""
        return Fact("original", f"{original.code}: {original.message}{detail}", fine=False)
    where = f"s3://{original.bucket}/{original.key}"
    if not original.exists:
        return Fact("original", f"none at {where}", fine=False)
    archived = ", archived" if original.archived else ""
    versions = f", {counted(len(original.versions), 'version')}" if original.versions else ""
    text = f"{where}, {counted(original.size or 0, 'byte')}, {original.storage_class}"
    return Fact("original", f"{text}{archived}{versions}", fine=not original.archived)


def _thumbnail_fact(e: Evidence) -> Iterator[Fact]:
    if isinstance(e.thumbnail, Unknown):
        yield _unknown("thumbnail", e.thumbnail)
    elif e.thumbnail is not None:
        yield Fact("thumbnail", "there" if e.thumbnail else "none", fine=e.thumbnail)


def _user_fact(data: UserData | Failure) -> Fact:
    if isinstance(data, Failure):
        return Fact("user data", f"{data.code}: {data.message}", fine=False)
    counts = [
        *((counted(len(data.usages), "usage"),) if data.usages else ()),
        *((counted(len(data.leases), "lease"),) if data.leases else ()),
        *((counted(len(data.crops), "object") + " of crops",) if data.crops else ()),
        *(part for part in PARTS_BY_KEY if getattr(data, part) is not None),
    ]
    return Fact("user data", ", ".join(counts) or "none", fine=True)


def _submission_fact(submissions: Sequence[SubmissionRow] | Unknown) -> Iterator[Fact]:
    if isinstance(submissions, Unknown):
        yield _unknown("submission", submissions)
    elif submissions:
        latest = max(submissions, key=lambda row: row.submitted_at)
        why = f": {latest.failure.code}: {latest.failure.message}" if latest.failure else ""
        times = f", {counted(len(submissions), 'submission')}" if len(submissions) > 1 else ""
        text = f"{latest.ref.id} is {latest.state.value}{why}{times}"
        yield Fact("submission", text, fine=latest.failure is None)


def _row_fact(e: Evidence) -> Fact:
    row = e.row
    if isinstance(row, Unknown):
        return _unknown("progress row", row)
    if row is None:
        return Fact("progress row", "none: the id was never uploaded", fine=False)
    waits = f", waited {counted(row.waits, 'time')} for a live writer" if row.waits else ""
    text = f"{row.state} ({CODES[row.state]}) since {row.updated_at}, {row.rev} writes{waits}"
    return Fact("progress row", text, fine=row.state.value == "verified")


def _run_fact(e: Evidence) -> Fact:
    if isinstance(e.run, Unknown):
        return _unknown("run", e.run)
    if e.run is None:
        return Fact("run", "none was ever started", fine=True)
    run = e.run.record
    if not run.is_open:
        return Fact("run", f"{run.run_id} {run.status}; none is open", fine=True)
    if not e.run.is_running:
        return Fact("run", f"{run.run_id}: its record is open, its execution has ended", fine=False)
    held = "paused" if run.paused else f"held by: {run.held_by}" if run.held_by else "at work"
    off = "" if e.run.ticks or run.opening else ", its schedule is off"
    phase = f"{run.phase} phase" if run.phase else "between phases"
    fine = not (run.paused or run.held_by or off)
    return Fact("run", f"{run.run_id} is open, {phase}, {held}{off}", fine=fine)


def _queue_fact(e: Evidence) -> Fact:
    if not isinstance(e.queue, Depth):
        return _unknown("low-priority queue", e.queue)
    off = ", and its event source mapping is disabled" if e.indexer_enabled is False else ""
    text = f"{e.queue.visible + e.queue.delayed:,} waiting, {e.queue.in_flight:,} in flight{off}"
    return Fact("low-priority queue", text, fine=not off)


def _letters_fact(e: Evidence) -> Fact:
    if isinstance(e.letters, Unknown):
        return _unknown("dead letters", e.letters)
    of_image = len(e.letters.reasons)
    looked = f"{e.letters.looked_at:,} of {max(e.letters.total, e.letters.looked_at):,} looked at"
    if of_image:
        text = f"{counted(of_image, 'message')} of this image ({looked}): {e.letters.reasons[0]}"
        return Fact("dead letters", text, fine=False)
    whole = e.letters.looked_at >= e.letters.total
    return Fact("dead letters", f"none is of this image ({looked})", fine=True if whole else None)


def _index_facts(e: Evidence) -> Iterator[Fact]:
    if isinstance(e.index, NoIndex):
        yield Fact("index", f"{e.index.problem}: {e.index.reason}", fine=False)
        return
    if isinstance(e.index.health, Unknown):
        yield _unknown("cluster", e.index.health)
    else:
        yield Fact("cluster", e.index.health, fine=e.index.health != "red")
    document = e.index.document
    if isinstance(document, Unknown):
        yield _unknown("document", document)
        return
    if document is None:
        yield Fact("document", f"none in {e.index.name}", fine=False)
        return
    by = (
        f"of run {document.provenance.run_id}, digest {document.provenance.digest}"
        if document.provenance
        else "written by no reindex"
    )
    version = f"version {document.guard.seq_no} of {document.guard.primary_term}"
    yield Fact("document", f"in {e.index.name}, {by}, {version}", fine=True)
    yield _comparison_fact(e.comparison)
    if isinstance(e.index.found, Unknown):
        yield _unknown("search", e.index.found)
    else:
        found = "finds it" if e.index.found else "does not find it"
        yield Fact("search", f"through {e.place.alias} {found}", fine=e.index.found)


def _comparison_fact(comparison: Comparison | Failure | Unknown | None) -> Fact:
    match comparison:
        case Comparison(same=True):
            return Fact("truth", "the document is what would be projected now", fine=True)
        case Comparison(fields=names):
            return Fact("truth", f"the document differs in {', '.join(names)}", fine=False)
        case Failure():
            return Fact("truth", f"cannot be projected: {comparison.message}", fine=False)
        case Unknown():
            return _unknown("truth", comparison)
        case None:
            return Fact("truth", "not compared", None)


def _logs_fact(e: Evidence) -> Iterator[Fact]:
    for function, why in e.logs.unread.items():
        yield Fact(f"log of {function}", f"not known: {why}", None)
