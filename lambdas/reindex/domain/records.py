"""The values that travel between the parts, and their forms on the wire."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from types import NoneType
from typing import Any, Final, Self

from reindex.domain import stamps
from reindex.domain.failures import Failure
from reindex.domain.migration import RoundMark
from reindex.domain.states import Phase
from reindex.text import MAX_ID_BYTES, well_formed

#: What a message on the low-priority queue is about.
SUBJECT = "reingest-image"

#: A value of this one-key form stands for the JSON text at a key of the run's bucket
#: (the claim check pattern): nothing is ever too big to travel.
CLAIM_CHECK = "claimCheck"

#: Kinds of counts in the run record beside the states: images verified without a write, for the
#: index held their document already; images that failed, and will be tried again; images that
#: wait for a live writer to settle.
UNCHANGED = "unchanged"
RETRIED = "retried"
WAITING = "waiting"

#: The run that documents of the live lane name in their provenance.
LIVE = "live"

#: What stands before the document in a message.
_IMAGE = ', "image": '

#: What the fields of a message must be.
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
    """A message on the queue that is not one of ours, or not whole."""


class UnreadableAnswer(ValueError):
    """What the projection answered is not an answer to what it was asked."""


def claim_check(key: str) -> str:
    """The JSON text that stands for the JSON text stored at ``key``."""
    return json.dumps({CLAIM_CHECK: key})


def claimed_key(value: Mapping[str, Any]) -> str | None:
    """The key a value stands for, if it is a claim check."""
    found: str | None = value[CLAIM_CHECK] if value.keys() == {CLAIM_CHECK} else None
    return found


def key_claimed_by(text: str) -> str | None:
    """The key that a JSON text stands for, if it is a claim check."""
    return claimed_key(json.loads(text)) if text.startswith(f'{{"{CLAIM_CHECK}"') else None


@dataclass(frozen=True, slots=True)
class Guard:
    """The version of a document that a write expects to replace (optimistic concurrency)."""

    seq_no: int
    primary_term: int

    @property
    def is_valid(self) -> bool:
        """Whether an index can have given it."""
        return all(type(n) is int and n >= 0 for n in (self.seq_no, self.primary_term))


#: The field of a document that says which projection it is.
PROVENANCE: Final = "esInfo.reindex"

#: The part of it that says when that was.
PROVENANCE_TIME: Final = "esInfo.reindex.projectedAt"


@dataclass(frozen=True, slots=True)
class Provenance:
    """Which projection a document is: ``esInfo.reindex``.

    Attributes:
        digest: Of the projection.
        run_id: The run that projected it.
        stage: The deployment that did; empty in documents of releases before 0.2.
    """

    digest: str
    run_id: str
    stage: str = ""

    @classmethod
    def of(cls, source: Mapping[str, Any]) -> Provenance | None:
        """Read it from a document; None when no reindex wrote that document.

        Others can write the index, so whatever is not of our form counts as theirs.
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
        """Whether the live lane wrote it, and no run."""
        return self.run_id == LIVE

    def is_of(self, digest: str | None, run_id: str | None) -> bool:
        """Whether it is that projection."""
        return (self.digest, self.run_id) == (digest, run_id)


@dataclass(frozen=True, slots=True)
class Indexed:
    """What the index held of an image when it was asked, in real time.

    Attributes:
        guard: The version found.
        source: The fields asked for, as they are stored: to be passed on, not relied on.
        provenance: Which projection it is; None when no reindex wrote it.
        modified_at: Epoch seconds of its latest time stamp; None when it has none.
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
        index_uuid: Of that index, for its name may be given to another; None in messages of
            releases before 0.2.
        guard: The version to replace; None to create.
        preserved: What the index holds that the truth does not; merged into the document.
        projected_at: ISO 8601.
        image: The document, or its claim check, as JSON text that fits a line of a bulk: it is
            passed on as it is, unless something is preserved.
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
            # Not isinstance: a boolean is no number here.
            if type(getattr(message, name)) not in kinds:
                expected = " or ".join(kind.__name__ for kind in kinds)
                raise UnreadableMessage(f"{name} is no {expected}")
        if message.guard and not message.guard.is_valid:
            raise UnreadableMessage("the guard is no version")
        if not 0 < len(message.id.encode(errors="replace")) <= MAX_ID_BYTES:
            raise UnreadableMessage(f"the id is empty, or longer than {MAX_ID_BYTES} bytes")
        return message


def _read(body: str) -> tuple[Any, str]:
    """The values of a message but for its document, and the text of that, which comes last.

    An object that is cut off and closed again is JSON only if the cut was at its own level, and
    not inside one of its values: then what was cut off is the document, if that is JSON.

    Raises:
        ValueError: It is not JSON.
        TypeError: Its document is no object.
        KeyError: It has no document.
    """
    head, cut, tail = body.partition(_IMAGE)
    text = tail[:-1]
    # An escape may be half of a character, which no document can hold.
    is_line = "\n" not in text and "\\u" not in text
    if cut and tail.startswith("{") and tail.endswith("}") and is_line:
        with suppress(ValueError):
            values = json.loads(head + "}")
            # What it says is of no interest here, and to keep it would cost as much again.
            json.loads(text)
            return values, text
    values = json.loads(body)
    return values, document_text(values["image"])


def document_text(document: object) -> str:
    """A document as JSON text that fits a line of a bulk.

    Raises:
        TypeError: It is no object.
        ValueError: It holds a number that JSON does not have.
    """
    if not isinstance(document, dict):
        raise TypeError("the document is no object")
    text = json.dumps(document, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return well_formed(text)


@dataclass(frozen=True, slots=True)
class OutgoingMessage:
    """A message about to be sent, its document still the text the projection answered with.

    Attributes:
        image: JSON text of the document or of its claim check; never parsed on the way.
        preserved: JSON text likewise.
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
        """The JSON text that :meth:`Message.parse` reads."""
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
    """One image's projection: its document as JSON text (or a claim check), and its digest."""

    id: str
    digest: str
    image: str


@dataclass(frozen=True, slots=True)
class ProjectionAnswer:
    """What the projection lambda answers: every id asked for is in one of the three.

    Attributes:
        images: The documents.
        failures: Why others have none, by id.
        later: Ids that no time was left for: they have not failed, and are asked for again.
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
        """Answers to parts of a batch, as one."""
        return cls(
            images=[image for answer in answers for image in answer.images],
            failures={id_: f for answer in answers for id_, f in answer.failures.items()},
            later=[id_ for answer in answers for id_ in answer.later],
            bytes_read=sum(answer.bytes_read for answer in answers),
            requests=sum(answer.requests for answer in answers),
        )

    def to_event(self) -> dict[str, Any]:
        """The answer as the lambda returns it."""
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
            event: What it answered.
            ids: What it was asked for.

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
    """What the ticks need to know of the run: item ``current`` of the ``runs`` table.

    Attributes:
        run_id: Names the run for life; the execution's name.
        execution: ARN of the state machine's execution.
        index: The concrete index behind the alias, pinned at Preflight; empty before.
        index_uuid: Of that index, for its name may be given to another.
        misfits: Its fields, of other documents' making, that may refuse what files bring along:
            documents are written without it. Some of them, for people.
        alias: The alias that was resolved.
        status: ``open``, or how it ended: ``succeeded``, ``failed``, ``aborted``.
        phase: The phase that is on; None between phases.
        opening: The phase is being opened: its token is still to come.
        task_token: Ends the phase.
        paused: An operator holds it.
        round: How often the Tally has sent the run back, from 0.
        started_at: Epoch seconds.
        progressed_at: Epoch seconds of the last thing that moved.
        held_by: The gate that holds it now.
        quiet_since: Epoch seconds since when every reading of the backlog was zero.
        ended_at: Epoch seconds; None while open.
        reason: Why it failed.
        report: Key of its report in the run's bucket.
        total: Images that had work left when it began.
        counts: What moved so far, by kind: a state, ``unchanged``, ``retried`` or ``waiting``.
        skip_unchanged: Whether a document that is what was just projected is left unwritten.
        options: What it was started with, as :meth:`reindex.domain.options.RunOptions.as_recorded`
            says it: JSON text, for a query may hold numbers that DynamoDB does not. Empty in
            records of releases before 0.2.
        budget: US dollars that it may cost by its estimate; None for any.
        failed_ticks: Ticks in a row that ended in an error.
        gathered: Ids that its source brought, by what became of them.
        unreported: The run before it ended without a report: this one may be begun for that.
        last_reported: The last run before it that has a report.
        unfinished: Runs before it that did not succeed, the latest last, since one that did: what
            they sent may still be on the queue.
        recent_projections: Outcomes of the last projections: see :mod:`reindex.domain.outcomes`.
        recent_writes: Outcomes of the last writes to the index, likewise.
        bulks: What its indexers sent: see :class:`reindex.domain.indexer_pace.BulkCounts`.
        indexer_pace: How many bulks go on side by side: see
            :class:`reindex.domain.indexer_pace.IndexerPace`.
        speeds: How fast each phase works: see :mod:`reindex.reports.run_estimate`.
        migration: Of a round of a migration: see :class:`reindex.domain.migration.RoundMark`.
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
        """Whether the run has not ended."""
        return self.status == "open"

    @property
    def known_options(self) -> dict[str, Any] | None:
        """What it was started with, its budget as it is now; None when that is not known."""
        if not self.options:
            return None
        options: dict[str, Any] = json.loads(self.options)
        return options if self.budget is None else {**options, "budget": self.budget}

    @property
    def round_mark(self) -> RoundMark | None:
        """What it is a round of; None for an ordinary run."""
        return RoundMark.from_json(self.migration)

    @property
    def is_reported(self) -> bool:
        """Whether it has a report, or did nothing that wants one."""
        return self.report is not None or (not self.index and not self.unreported)


def run_id_of(execution: str) -> str:
    """The id of an execution's run: the execution's name, which ends its ARN."""
    return execution.rpartition(":")[2]


@dataclass(frozen=True, slots=True)
class Ledger:
    """What an upload brought, or what is there: conservation holds one against the other.

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
    """What is known of one upload.

    Attributes:
        brought: Its ids that were new, as far as it has said.
        done: Whether it has said everything; one that died never does.
        forgotten: Those of its ids that were taken out of the table since.
    """

    brought: Ledger
    done: bool
    forgotten: Ledger = Ledger()


#: The name under which the ledger holds the sum of the uploads that were folded; no upload has it.
FOLDED: Final = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Forgetting:
    """An operation that took images out of the progress table.

    Attributes:
        name: Names it, and no other.
        at: When it began, epoch seconds.
        by: Who did it: the ARN of the caller.
        what: Which images were chosen, in words.
        images: Those that have left so far.
    """

    name: str
    at: float
    by: str
    what: str
    images: Ledger = Ledger()
