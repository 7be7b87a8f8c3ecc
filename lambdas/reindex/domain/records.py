"""The values that functions, queues and tables exchange, and their JSON forms."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from types import NoneType
from typing import Any, Final, Self

from reindex.domain import stamps
from reindex.domain.failures import Failure
from reindex.domain.rounds import RoundMark
from reindex.domain.states import Phase
from reindex.text import MAX_ID_BYTES, well_formed

#: The subject of a message on the low-priority queue.
SUBJECT = "reingest-image"

#: An object with this one key refers to a JSON text in the run's bucket, for values that are too
#: large for a message or an answer (the claim check pattern).
CLAIM_CHECK = "claimCheck"

#: Kinds of counts in the run record in addition to the states: images verified without a write
#: because the index already held their document; images that failed and will be retried; images
#: that wait because a live writer changed them recently.
UNCHANGED = "unchanged"
RETRIED = "retried"
WAITING = "waiting"

#: The run id in the provenance of documents that the live lane wrote.
LIVE = "live"

#: The text before the document in a message.
_IMAGE = ', "image": '

#: The types of the fields of a message.
_MESSAGE_FIELDS = {
    "id": (str,),
    "rev": (int,),
    "run_id": (str,),
    "digest": (str,),
    "index": (str,),
    "index_uuid": (str, NoneType),
    "preserved": (dict,),
}


class UnreadableMessage(ValueError):
    """A message on the queue is of another program, or incomplete."""


class UnreadableAnswer(ValueError):
    """The projection's answer has another form, or is about other ids than those requested."""


def claim_check(key: str) -> str:
    """Return the claim check of the JSON text stored at ``key``."""
    return json.dumps({CLAIM_CHECK: key})


def claimed_key(value: Mapping[str, Any]) -> str | None:
    """Return the key of a claim check; None if the value is not one."""
    found: str | None = value[CLAIM_CHECK] if value.keys() == {CLAIM_CHECK} else None
    return found


def key_claimed_by(text: str) -> str | None:
    """Return the key of a claim check; None if the JSON text is not one."""
    return claimed_key(json.loads(text)) if text.startswith(f'{{"{CLAIM_CHECK}"') else None


@dataclass(frozen=True, slots=True)
class Guard:
    """The version of a document that a write expects to replace (optimistic concurrency)."""

    seq_no: int
    primary_term: int

    @property
    def is_valid(self) -> bool:
        """True if it can be the version of a document."""
        return all(type(n) is int and n >= 0 for n in (self.seq_no, self.primary_term))


#: The field of a document that holds its provenance.
PROVENANCE: Final = "esInfo.reindex"

#: The part of it that says when that was.
PROVENANCE_TIME: Final = "esInfo.reindex.projectedAt"


@dataclass(frozen=True, slots=True)
class Provenance:
    """The projection that wrote a document: ``esInfo.reindex``.

    Attributes:
        digest: Of the projection.
        run_id: The run that projected it.
        stage: The deployment of that run; empty in documents of releases before 0.2.
    """

    digest: str
    run_id: str
    stage: str = ""

    @classmethod
    def of(cls, source: Mapping[str, Any]) -> Provenance | None:
        """Read it from a document; None if no reindex wrote that document.

        Other programs write to the index, so a field of another form is treated as theirs.
        """
        es_info = source.get("esInfo")
        found = es_info.get("reindex") if isinstance(es_info, Mapping) else None
        if not isinstance(found, Mapping):
            return None
        values = [found.get(name, "") for name in ("digest", "runId", "stage")]
        if not all(isinstance(value, str) for value in values) or not values[0]:
            return None
        return cls(*values)

    @property
    def is_live(self) -> bool:
        """True if the live lane wrote the document, and not a run."""
        return self.run_id == LIVE

    def is_of(self, digest: str | None, run_id: str | None) -> bool:
        """Return True if it names this digest and this run."""
        return (self.digest, self.run_id) == (digest, run_id)


@dataclass(frozen=True, slots=True)
class Indexed:
    """An image's document, as a realtime read of the index found it.

    Attributes:
        guard: The version found.
        source: The requested fields as they are stored: any program may have written them.
        provenance: The projection that wrote it; None if no reindex did.
        modified_at: Epoch seconds of its latest time stamp; None if it has none.
    """

    guard: Guard
    source: Mapping[str, Any]
    provenance: Provenance | None
    modified_at: float | None

    @classmethod
    def of(cls, guard: Guard, source: Mapping[str, Any]) -> Indexed:
        """Read a stored document."""
        return cls(guard, source, Provenance.of(source), stamps.modified_at(source))


@dataclass(frozen=True, slots=True)
class Message:
    """One ``reingest-image`` message: a document, and the guard it is written under.

    Attributes:
        id: The image id.
        rev: Of the row when it was queued.
        run_id: The run that projected it.
        digest: Of the document.
        index: The concrete index, pinned for the run.
        index_uuid: Of that index, because its name may be reused; None in messages of releases
            before 0.2.
        guard: The version to replace; None to create.
        preserved: The preserved fields, to be merged into the document.
        projected_at: ISO 8601.
        image: The document or its claim check, as JSON text that fits a line of a bulk. It is
            sent unparsed unless there are preserved fields.
    """

    id: str
    rev: int
    run_id: str
    digest: str
    index: str
    index_uuid: str | None
    guard: Guard | None
    preserved: Mapping[str, Any]
    projected_at: str
    image: str

    @classmethod
    def parse(cls, body: str) -> Self:
        """Read a message.

        Raises:
            UnreadableMessage: It is not JSON, not about ``reingest-image``, or lacks a field.
        """
        try:
            raw, image = _read(body)
            if raw["subject"] != SUBJECT:
                raise UnreadableMessage(f"the subject is not {SUBJECT}")
            guard = raw["guard"]
            message = cls(
                id=raw["id"],
                rev=raw["rev"],
                run_id=raw["run_id"],
                digest=raw["digest"],
                index=raw["index"],
                index_uuid=raw.get("index_uuid"),
                guard=Guard(guard["seq_no"], guard["primary_term"]) if guard else None,
                preserved=raw["preserved"],
                projected_at=raw["projected_at"],
                image=image,
            )
        except (ValueError, TypeError, KeyError, RecursionError) as error:
            raise UnreadableMessage(f"{type(error).__name__}: {error}") from error
        for name, kinds in _MESSAGE_FIELDS.items():
            # "type", not "isinstance": a boolean is an int in Python, and must be rejected here.
            if type(getattr(message, name)) not in kinds:
                expected = " or ".join(kind.__name__ for kind in kinds)
                raise UnreadableMessage(f"{name} is no {expected}")
        if message.guard and not message.guard.is_valid:
            raise UnreadableMessage("the guard is no version")
        if not 0 < len(message.id.encode(errors="replace")) <= MAX_ID_BYTES:
            raise UnreadableMessage(f"the id is empty, or longer than {MAX_ID_BYTES} bytes")
        return message


def _read(body: str) -> tuple[Any, str]:
    """Return the values of a message without its document, and the document's text.

    The document is the last value, so the text is split before it instead of parsed as a whole. If
    the head, closed with a brace, is valid JSON, the split was not inside another value, and the
    rest is the document.

    Raises:
        ValueError: It is not JSON.
        TypeError: Its document is not an object.
        KeyError: It has no document.
    """
    head, cut, tail = body.partition(_IMAGE)
    text = tail[:-1]
    # A \u escape may be half of a surrogate pair, which a document must not contain.
    is_line = "\n" not in text and "\\u" not in text
    if cut and tail.startswith("{") and tail.endswith("}") and is_line:
        with suppress(ValueError):
            values = json.loads(head + "}")
            # This only checks that it is JSON. The parsed document would double the memory used.
            json.loads(text)
            return values, text
    values = json.loads(body)
    return values, document_text(values["image"])


def document_text(document: object) -> str:
    """Return a document as JSON text that fits a line of a bulk.

    Raises:
        TypeError: It is not an object.
        ValueError: It holds a number that JSON does not have, such as NaN.
    """
    if not isinstance(document, dict):
        raise TypeError("the document is no object")
    text = json.dumps(document, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return well_formed(text)


@dataclass(frozen=True, slots=True)
class OutgoingMessage:
    """A message to send; its document is the unparsed text of the projection's answer.

    Attributes:
        image: JSON text of the document or of its claim check.
        preserved: JSON text of the preserved fields.
    """

    id: str
    rev: int
    run_id: str
    digest: str
    index: str
    index_uuid: str | None
    guard: Guard | None
    preserved: str
    projected_at: str
    image: str

    def body(self) -> str:
        """Return the JSON text that :meth:`Message.parse` reads."""
        head = json.dumps(
            {
                "subject": SUBJECT,
                "id": self.id,
                "rev": self.rev,
                "run_id": self.run_id,
                "digest": self.digest,
                "index": self.index,
                "index_uuid": self.index_uuid,
                "guard": asdict(self.guard) if self.guard else None,
                "projected_at": self.projected_at,
            }
        )
        return f'{head[:-1]}, "preserved": {self.preserved}{_IMAGE}{self.image}}}'


@dataclass(frozen=True, slots=True)
class Projected:
    """One image's projection: its digest, and its document or claim check as JSON text."""

    id: str
    digest: str
    image: str


@dataclass(frozen=True, slots=True)
class ProjectionAnswer:
    """The projection lambda's answer. Each requested id is in one of the first three.

    Attributes:
        images: The documents.
        failures: By id, why there is no document.
        later: Ids that there was no time for. They have not failed, and are requested again.
        bytes_read: Of originals.
        requests: To the originals bucket.
    """

    images: Sequence[Projected] = ()
    failures: Mapping[str, Failure] = field(default_factory=dict)
    later: Sequence[str] = ()
    bytes_read: int = 0
    requests: int = 0

    @classmethod
    def joined(cls, answers: Sequence[ProjectionAnswer]) -> Self:
        """Return the answers to parts of a batch as one answer."""
        return cls(
            images=[image for answer in answers for image in answer.images],
            failures={id_: f for answer in answers for id_, f in answer.failures.items()},
            later=[id_ for answer in answers for id_ in answer.later],
            bytes_read=sum(answer.bytes_read for answer in answers),
            requests=sum(answer.requests for answer in answers),
        )

    def to_event(self) -> dict[str, Any]:
        """Return the JSON object that the lambda returns."""
        return {
            "images": [asdict(image) for image in self.images],
            "failures": [{"id": id_, **asdict(f)} for id_, f in self.failures.items()],
            "later": [*self.later],
            "bytesRead": self.bytes_read,
            "requests": self.requests,
        }

    @classmethod
    def from_event(cls, event: Any, ids: Sequence[str]) -> Self:
        """Read the lambda's answer.

        Args:
            event: The JSON object that it returned.
            ids: The requested ids.

        Raises:
            UnreadableAnswer: It is not of our form, or does not answer for exactly those ids.
        """
        try:
            answer = cls(
                images=[Projected(i["id"], i["digest"], i["image"]) for i in event["images"]],
                failures={
                    f["id"]: Failure(f["code"], f["message"], f["detail"], f["retryable"])
                    for f in event["failures"]
                },
                later=tuple(event.get("later", ())),
                bytes_read=event["bytesRead"],
                requests=event["requests"],
            )
            texts = [t for i in answer.images for t in (i.id, i.digest, i.image)]
            texts += [*answer.later, *(f.code for f in answer.failures.values())]
            numbers = [answer.bytes_read, answer.requests]
        except (TypeError, KeyError, AttributeError) as error:
            raise UnreadableAnswer(f"{type(error).__name__}: {error}") from error
        if not all(isinstance(text, str) for text in texts):
            raise UnreadableAnswer("an id, a digest, an image or a code is no text")
        if not all(type(number) is int for number in numbers):
            raise UnreadableAnswer("bytesRead or requests is no number")
        answered = [*(i.id for i in answer.images), *answer.failures, *answer.later]
        if sorted(answered) != sorted(ids):
            raise UnreadableAnswer("it does not answer for exactly the ids it was asked for")
        return answer


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRecord:
    """The record of a run: item ``current`` of the ``runs`` table.

    Attributes:
        run_id: The execution's name.
        execution: ARN of the state machine's execution.
        index: The concrete index behind the alias, pinned at Preflight; empty before.
        index_uuid: Of that index, because its name may be reused.
        misfits: Fields of the index whose mapping, made by other documents, may reject values from
            files. Documents are written without those values. Only some names, for people.
        alias: The alias that was resolved.
        status: ``open``, or how it ended: ``succeeded``, ``failed``, ``aborted``.
        phase: The phase that is on; None between phases.
        opening: True while the phase is opened and has no task token yet.
        task_token: Of the open phase.
        paused: True if an operator paused it.
        round: How often the Tally has sent the run back, from 0.
        started_at: Epoch seconds.
        progressed_at: Epoch seconds of the last progress.
        held_by: The gate that throttles it now; None if none does.
        quiet_since: Epoch seconds since when every reading of the backlog was zero.
        ended_at: Epoch seconds; None while open.
        reason: Why it failed; None if it did not.
        report: Key of its report in the run's bucket.
        total: Images that had work left when it began.
        counts: Images by what became of them: a state, ``unchanged``, ``retried`` or ``waiting``.
        skip_unchanged: True to skip the write if the index holds the projected document.
        options: Its options, from :meth:`reindex.domain.options.RunOptions.as_recorded`. JSON text,
            because a query may hold numbers that DynamoDB cannot. Empty in records of releases
            before 0.2.
        budget: US dollars that it may cost by its estimate; None for any.
        failed_ticks: Consecutive ticks that ended in an error.
        gathered: Ids that its source brought, by what became of them.
        unreported: True if the previous run ended without a report, which this run then writes.
        last_reported: The last run before it that has a report.
        unfinished: Runs since the last successful one, oldest first: their messages may still be on
            the queue.
        recent_projections: Outcomes of the last projections: see :mod:`reindex.domain.outcomes`.
        recent_writes: Outcomes of the last writes to the index: see the same module.
        bulks: What its indexers sent: see :class:`reindex.domain.indexer_pace.BulkCounts`.
        indexer_pace: How many bulks run concurrently: see
            :class:`reindex.domain.indexer_pace.IndexerPace`.
        speeds: Of each phase: see :mod:`reindex.reports.run_estimate`.
        migration: Of a round of a migration: see :class:`reindex.domain.rounds.RoundMark`.
    """

    run_id: str
    execution: str
    index: str = ""
    index_uuid: str | None = None
    misfits: Sequence[str] = field(default_factory=list)
    alias: str
    status: str = "open"
    phase: Phase | None = None
    opening: bool = False
    task_token: str | None = None
    paused: bool = False
    round: int = 0
    started_at: float
    progressed_at: float
    held_by: str | None = None
    quiet_since: float | None = None
    ended_at: float | None = None
    reason: str | None = None
    report: str | None = None
    total: int = 0
    counts: Mapping[str, int] = field(default_factory=dict)
    skip_unchanged: bool = False
    options: str = ""
    budget: float | None = None
    failed_ticks: int = 0
    gathered: Mapping[str, int] = field(default_factory=dict)
    unreported: bool = False
    last_reported: str | None = None
    unfinished: Sequence[str] = field(default_factory=list)
    recent_projections: Mapping[str, int] = field(default_factory=dict)
    recent_writes: Mapping[str, int] = field(default_factory=dict)
    bulks: Mapping[str, int] = field(default_factory=dict)
    indexer_pace: Mapping[str, Any] = field(default_factory=dict)
    speeds: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    migration: Mapping[str, Any] = field(default_factory=dict)

    @property
    def is_open(self) -> bool:
        """True if the run has not ended."""
        return self.status == "open"

    @property
    def known_options(self) -> dict[str, Any] | None:
        """The options it was started with, and its present budget; None if they are not known."""
        if not self.options:
            return None
        options: dict[str, Any] = json.loads(self.options)
        return options if self.budget is None else {**options, "budget": self.budget}

    @property
    def round_mark(self) -> RoundMark | None:
        """The migration that it is a round of; None for an ordinary run."""
        return RoundMark.from_json(self.migration)

    @property
    def is_reported(self) -> bool:
        """True if it has a report, or did nothing that needs one."""
        return self.report is not None or (not self.index and not self.unreported)


def run_id_of(execution: str) -> str:
    """Return the id of an execution's run: the execution's name, which ends its ARN."""
    return execution.rpartition(":")[2]


@dataclass(frozen=True, slots=True)
class Ledger:
    """A number of ids and the sum of their hashes: of an upload, or of the table.

    The Tally compares the two, so that no id is lost unnoticed.

    Attributes:
        count: Ids that were new to the table.
        id_sum: Sum of their hashes, modulo 2**64.
    """

    count: int = 0
    id_sum: int = 0

    def __add__(self, other: Ledger) -> Ledger:
        return Ledger(self.count + other.count, (self.id_sum + other.id_sum) % 2**64)

    def __sub__(self, other: Ledger) -> Ledger:
        return Ledger(self.count - other.count, (self.id_sum - other.id_sum) % 2**64)


@dataclass(frozen=True, slots=True)
class UploadRecord:
    """The ledger's record of an upload.

    Attributes:
        brought: Its new ids that were recorded so far.
        done: True if all of them are recorded; an upload that died is never done.
        forgotten: Those of its ids that were removed from the table since.
    """

    brought: Ledger
    done: bool
    forgotten: Ledger = Ledger()


#: The name of the ledger's sum of folded uploads; no upload has this name.
FOLDED: Final = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Forgetting:
    """An operation that removed images from the progress table.

    Attributes:
        name: Unique.
        at: Start, epoch seconds.
        by: ARN of the caller.
        what: Description of the chosen images.
        images: Those that were removed so far.
    """

    name: str
    at: float
    by: str
    what: str
    images: Ledger = Ledger()
